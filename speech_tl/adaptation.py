"""The story of a run: measure, train, measure again, report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.data.check import RUN_DEPTH, CheckResult, check_manifest, write_excluded
from speech_tl.data.manifest import Excluded, Manifest, open_data
from speech_tl.errors import BadInput
from speech_tl.evaluation import evaluate_utterances, require_columns, the_language
from speech_tl.models.fresh import new_model
from speech_tl.models.load import load_model
from speech_tl.recipe import Recipe
from speech_tl.reporting.page import build_report, write_report
from speech_tl.reporting.plan import plan_text
from speech_tl.reporting.screen import Screen
from speech_tl.scoring.wer import Evaluation
from speech_tl.text import default_normaliser, get_normaliser
from speech_tl.training.estimate import estimate
from speech_tl.training.run_folder import BYTES_A_PARAMETER, RunFolder
from speech_tl.training.train import TrainingResult, train

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel


@dataclass
class AdaptationResult:
    """What a run gave.

    Attributes:
        report: what report.json holds.
        before, after: the test split by the untouched and by the adapted model.
        folder: the run's folder.
        model: the adapted model.
    """

    report: dict[str, Any]
    before: Evaluation
    after: Evaluation
    folder: Path
    model: AcousticModel


@dataclass
class Data:
    """The utterances of a run after the check.

    Attributes:
        train, dev, test: usable utterances.
        language: of the speech, as far as recipe or manifest say.
        normaliser: name of what WERs are measured with.
        check: what the check found.
        notes: sentences for the report.
        facts: for the report: source, fingerprint, counts.
    """

    train: Manifest
    dev: Manifest
    test: Manifest
    language: str | None
    normaliser: str
    check: CheckResult
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def adapt(
    recipe: Recipe, out: str | Path | None = None, *, resume: bool = False, screen: Screen | None = None
) -> AdaptationResult:
    """Run a recipe: before, train, after, report.

    Args:
        recipe: what to do.
        out: the run's folder; None is runs/NAME.
        resume: continue a run that was killed or interrupted, from its last checkpoint.
        screen: where to show progress; None is silent.

    Raises:
        BadInput: anything the recipe, the data or the folder make impossible; nothing is half-written then.
    """
    screen = screen or Screen()
    run = RunFolder(run_path(recipe, out), recipe.to_yaml(), resume)
    model, data = prepare(recipe, screen)
    run.open(model.parameter_counts()[1], data.facts, recipe.seed, model.device.type)
    write_excluded(run.path / "excluded.jsonl", data.check.excluded)

    before = run.evaluation("before", lambda: _measure(untouched(recipe, data, model), data, recipe, screen, "before"))
    model, trained = run.training(model, lambda: _train(model, data, recipe, run, screen))
    after = run.evaluation("after", lambda: _measure(model, data, recipe, screen, "after"))

    write_excluded(run.path / "excluded.jsonl", [*data.check.excluded, *_lost_while_training(data, trained)])
    report = build_report(
        recipe.model_dump(mode="json"),
        before,
        after,
        by=recipe.scoring.by,
        training=trained.figures,
        model=model.describe() | {"source": recipe.model.source},
        data=data.facts,
        notes=[*data.notes, *trained.notes],
        seed=recipe.seed,
    )
    write_report(report, run.path, before, after, run.log())
    return AdaptationResult(report, before, after, run.path, model)


def plan(recipe: Recipe, screen: Screen | None = None) -> str:
    """What `adapt` would do with a recipe, and about how long it would take: reads, measures, and writes nothing.

    Returns:
        The resolved recipe as YAML, followed by data, model, steps, time and memory as comments.

    Raises:
        BadInput: as `adapt`.
    """
    screen = screen or Screen()
    model, data = prepare(recipe, screen)
    recipe.strategy.prepare(model)
    trainable, total = model.parameter_counts()
    screen.line("three steps and one decoding batch, to measure ...")
    guess = estimate(
        model, data.train, data.dev, data.test, recipe.training, recipe.decoding, recipe.augment, recipe.seed
    )
    described = model.describe() | {
        "source": recipe.model.source,
        "trainable": trainable,
        "device": model.device.type,
        "normaliser": data.normaliser,
    }
    aside, disk = data.check.excluded, total * BYTES_A_PARAMETER
    return plan_text(recipe.to_yaml(), data.facts, aside, data.notes, described, guess, disk)


def run_path(recipe: Recipe, out: str | Path | None) -> Path:
    """The folder of a run: as wanted, else runs/NAME."""
    return Path(out) if out else Path("runs") / recipe.name


# ---- data and model


def prepare(recipe: Recipe, screen: Screen) -> tuple[AcousticModel, Data]:
    """Read, split and check what a recipe's `data` describes, and load the model that shall learn from it.

    Raises:
        BadInput: no data, no text, no usable rows in a split, a speaker in both train and test, or no such model.
    """
    options = recipe.data
    split = open_data(options)
    require_columns(split.manifest, recipe.scoring.by, "scoring.by")
    language = recipe.model.language or options.language or the_language(split.manifest)
    normaliser = get_normaliser(recipe.scoring.normaliser or default_normaliser(language)).name
    model = load_for(recipe, [text for text in split.manifest.split("train").column("text") if text], language)
    with screen.progress("checking the data") as update:
        check = check_manifest(
            split.manifest,
            model=model,
            depth=RUN_DEPTH,
            progress=update,
            min_duration_s=options.min_duration_s,
            max_duration_s=options.max_duration_s,
        )
    notes = ([split.note] if split.note else []) + _overlap_notes(recipe, check, split.basis)
    if model.head_is_new:
        notes.append("the checkpoint had no CTC head: before is its untrained head, so every gain is included")
    parts = _parts(split.manifest, check)
    facts = _facts(recipe, split.manifest, check, parts, language)
    return model, Data(**parts, language=language, normaliser=normaliser, check=check, notes=notes, facts=facts)


def _parts(manifest: Manifest, check: CheckResult) -> dict[str, Manifest]:
    """The usable utterances of each split, all with a duration."""
    usable = check.usable(manifest).with_column("duration", check.durations_s[check.clean_indices].tolist())
    parts = {name: usable.split(name) for name in ("train", "dev", "test")}
    for name, part in parts.items():
        if not len(part):
            raise BadInput(f"{manifest.source}: no usable utterance in split {name} (`speech-tl check` says why)")
    return parts


def _facts(
    recipe: Recipe, manifest: Manifest, check: CheckResult, parts: dict[str, Manifest], language: str | None
) -> dict[str, Any]:
    """What a report says about the data."""
    return {
        "source": recipe.data.root,
        "split": "test",
        "fingerprint": manifest.fingerprint(),
        "language": language,
        "utterances": {name: len(part) for name, part in parts.items()},
        "hours": {name: round(float(part.durations_s().sum()) / 3600, 3) for name, part in parts.items()},
        "speakers": {name: check.speakers_by_split.get(name, 0) for name in parts},
        "excluded": dict(Counter(row.problem for row in check.excluded)),
    }


def _overlap_notes(recipe: Recipe, check: CheckResult, basis: str) -> list[str]:
    """Refuse, or say, what train and test share."""
    notes = []
    speakers = check.shared_speakers.get(("train", "test"), [])
    if speakers and basis != "sentence":
        named = ", ".join(speakers[:3]) + (" ..." if len(speakers) > 3 else "")
        if not recipe.data.allow_speaker_overlap:
            raise BadInput(
                f"{recipe.data.root}: {len(speakers)} speakers are in both train and test ({named}): give them one "
                "split each, or allow it with data.allow_speaker_overlap=true"
            )
        notes.append(f"{len(speakers)} speakers are in both train and test ({named}): new voices may fare worse")
    sentences = check.shared_sentences.get(("train", "test"), [])
    if sentences:
        notes.append(f"{len(sentences)} sentences of test are also spoken in train, e.g. {sentences[0]!r}")
    return notes


def load_for(recipe: Recipe, texts: list[str], language: str | None) -> AcousticModel:
    """The recipe's model, ready to learn: with the characters of the train texts, random weights if asked."""
    import transformers

    transformers.set_seed(recipe.seed)
    options = recipe.model
    if options.source.startswith("new:"):
        model = new_model(options.source, texts, options.shape)
    else:
        model = load_model(
            options.source,
            language=language,
            task=options.task,
            texts=texts,
            from_scratch=options.from_scratch,
            revision=options.revision,
        )
    if options.audio_context != "auto":
        model.audio_context = options.audio_context
    problem = model.training_problem()
    if problem:
        raise BadInput(problem)
    return model


def untouched(recipe: Recipe, data: Data, model: AcousticModel) -> AcousticModel:
    """The checkpoint as published, without the characters that were added; `model` where it could not write before."""
    options = recipe.model
    if options.source.startswith("new:") or options.from_scratch or model.head_is_new:
        return model
    return load_model(options.source, language=data.language, task=options.task, revision=options.revision)


# ---- measure and train


def _measure(model: AcousticModel, data: Data, recipe: Recipe, screen: Screen, title: str) -> Evaluation:
    """Decode and score the test split."""
    with screen.progress(f"{title}: decoding {len(data.test)} test utterances") as update:
        evaluation = evaluate_utterances(model, data.test, data.normaliser, recipe.decoding, data.facts, update)
    wer = evaluation.score.wer
    screen.line(f"{title}: WER {wer:.1%} ({evaluation.normaliser})" if wer is not None else f"{title}: no words")
    return evaluation


def _train(model: AcousticModel, data: Data, recipe: Recipe, run: RunFolder, screen: Screen) -> TrainingResult:
    """Apply the strategy and train on what fits the model."""
    recipe.strategy.prepare(model)
    with screen.progress("training") as update:

        def show(step: int, steps: int, latest: dict[str, float]) -> None:
            update(step, steps, note=" ".join(f"{name} {value:.3f}" for name, value in latest.items()))

        return train(
            model,
            data.train,
            data.dev,
            recipe.training,
            run.path / "training",
            seed=recipe.seed,
            augment=recipe.augment,
            decoding=recipe.decoding,
            normaliser=get_normaliser(data.normaliser),
            resume=run.resumed,
            progress=show,
        )


def _lost_while_training(data: Data, trained: TrainingResult) -> list[Excluded]:
    """Train rows that turned out unreadable in the loader."""
    rows = []
    for index, problem in sorted(trained.problems.items()):
        utterance, row = data.train[index], int(data.train.rows[index]) + 1
        rows.append(Excluded(utterance.id, utterance.audio, row, "train", "unreadable", problem))
    return rows
