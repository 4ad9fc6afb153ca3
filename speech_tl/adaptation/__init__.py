"""The story of a run: measure, train, measure again, report."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from speech_tl.adaptation.before_and_after import BeforeAndAfter
from speech_tl.adaptation.context import settle_context
from speech_tl.adaptation.merging import merge_and_check
from speech_tl.adaptation.phases import Phases
from speech_tl.adaptation.plan_text import plan_text, with_recipe
from speech_tl.adaptation.preparation import Data, prepare, published, small_test_set, starts_anew
from speech_tl.adaptation.restored_texts import seconds_to_restore, with_restored_texts
from speech_tl.adaptation.rounds import Rounds, of_rounds, trained_in_plan
from speech_tl.adaptation.worker_processes import (
    end_with_launcher,
    is_worker,
    join_training,
    learn,
    wait_for_report,
    was_restarted,
)
from speech_tl.data.check import write_excluded
from speech_tl.data.guards import Guard
from speech_tl.data.leaks import leak_notes
from speech_tl.data.manifest import Excluded
from speech_tl.models.load import load_model
from speech_tl.recipe import Recipe
from speech_tl.reporting.ladder import climbed
from speech_tl.reporting.model_card import write_model_card
from speech_tl.reporting.page import build_report, write_report
from speech_tl.reporting.report import Report
from speech_tl.retention.base import Trained
from speech_tl.scoring.dev_choice import too_small
from speech_tl.scoring.wer import Evaluation
from speech_tl.screen import Screen, Update
from speech_tl.training.estimate import Estimate, estimate
from speech_tl.training.run_folder import Disk, RunFolder
from speech_tl.training.train import TrainingResult

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

MANY_ROWS = 5000
"""From here on it takes a second to look at the files of a run's data."""


REPORT_S = 5.0
"""About what scores, plots and pages take."""


@dataclass
class AdaptationResult:
    """What a run gave.

    Attributes:
        report: every figure; `as_dict()` of it is what report.json holds.
        before, after: the test split by the untouched and by the adapted model.
        guards: the same of every guard, (before, after) by name.
        folder: the run's folder.
        model: the adapted model.
    """

    report: Report
    before: Evaluation
    after: Evaluation
    guards: dict[str, tuple[Evaluation, Evaluation]]
    folder: Path
    model: AcousticModel


def adapt(
    recipe: Recipe, out: str | Path | None = None, *, resume: bool = False, screen: Screen | None = None
) -> AdaptationResult:
    """Run a recipe: before, train, after, report.

    In a script that torchrun starts, the first process does that; the others help it to train, wait, and return the
    same. Processes that it starts anew (--max-restarts) go on from the last checkpoint.

    Args:
        recipe: what to do.
        out: the run's folder; None is runs/NAME.
        resume: continue a run that was killed or interrupted, from its last checkpoint.
        screen: where to show progress; None is silent.

    Raises:
        BadInput: anything the recipe, the data or the folder make impossible, another run that works in the folder
            among them; nothing is half-written then.
    """
    phases, folder, screen = Phases(), run_path(recipe, out), screen or Screen()
    end_with_launcher()
    resume = resume or was_restarted(folder)
    if is_worker():
        join_training(recipe, folder, resume)
        wait_for_report(folder)
        return read_result(recipe, folder)
    run = RunFolder(folder, recipe.to_yaml(), resume, recipe.training.keep_checkpoints)
    with run.held(screen.line):
        return _adapted(recipe, run, screen, phases)


def _adapted(recipe: Recipe, run: RunFolder, screen: Screen, phases: Phases) -> AdaptationResult:
    """The run itself, in a folder that nobody else writes into."""
    with phases.of("preparation"):
        model, data = prepare(recipe, screen)
        with _comparing(data, screen) as update:
            run.open(_disk(recipe, model), data.facts, data.tables, recipe.seed, model.device.type, update)
    phases.open(run.path / "training" / "phases.json")
    write_excluded(run.path / "excluded.jsonl", data.excluded)
    with phases.of("text_restoration"):
        data = with_restored_texts(model, data, recipe, run.path / "training", screen)

    test_sets = BeforeAndAfter(recipe, data, run, screen)
    rounds = _rounds(recipe, data, run, screen, phases)
    if rounds is not None:
        rounds.first_labels()
    weights_open = test_sets.weights_open(model)
    if not weights_open:
        with phases.of("before"):
            before = test_sets.before(model)
    model, trained = run.training(
        model, lambda: rounds.adapted(model) if rounds else (model, _train(model, data, recipe, run, screen, phases))
    )
    if rounds is not None:
        rounds.tidy()
    if weights_open:
        with phases.of("choices"):
            settled = test_sets.settle_weights(model)
        trained.figures["lm_weights"] = settled
        trained.notes.append(settled["finding"])
        with phases.of("before"):
            before = test_sets.before(model)
    with phases.of("after"):
        after = test_sets.after(model, before)

    run.require_there()
    write_excluded(run.path / "excluded.jsonl", [*data.excluded, *_lost_while_training(data, trained)])
    with phases.of("report"):
        leaks = data.leaks(screen)
    guards = {name: (before.guards[name], after.guards[name]) for name in before.guards}
    report = build_report(
        recipe.model_dump(mode="json"),
        before.test,
        after.test,
        shortened=after.shortened,
        greedy=(before.greedy, after.greedy) if before.greedy and after.greedy else None,
        guards=guards,
        guard_limits={guard.name: guard.test.limit for guard in data.guards if guard.test.limit is not None},
        ladder=climbed(data.ladder, before.ladder, after.ladder) if data.ladder else None,
        leaks=leaks,
        by=recipe.scoring.by,
        training=trained.figures | phases.figures(trained.figures),
        model=model.describe() | {name: before.test.model.get(name) for name in ("source", "revision")},
        data=data.facts,
        notes=[*leak_notes(leaks), *data.notes, *trained.notes],
        seed=recipe.seed,
    )
    run.require_there()
    write_report(report, run.path, before.test, after.test, run.log(), recipe.report.audio)
    run.require_there()
    write_model_card(report, run.model_folder)
    return AdaptationResult(report, before.test, after.test, guards, run.path, model)


def plan(recipe: Recipe, screen: Screen | None = None, *, verbose: bool = False) -> str:
    """What `adapt` would do with a recipe, and about how long it would take: reads, measures, and writes nothing.

    Args:
        recipe: what would be done.
        screen: where to show progress; None is silent.
        verbose: put the resolved recipe before the plan, as YAML; the plan is then in YAML comments.

    Returns:
        Data, model, steps, time and memory, a line a fact.

    Raises:
        BadInput: as `adapt`.
    """
    screen, started = screen or Screen(), time.perf_counter()
    model, data = prepare(recipe, screen)
    reading_s = time.perf_counter() - started
    trainable, total = model.parameter_counts()
    screen.line("a few steps and decoding batches, to measure ...")
    restoring_s = seconds_to_restore(model, data, recipe)  # before the steps change the model
    guess, told = foreseen(recipe, model, data)
    measured = time.perf_counter()
    notes = [
        *leak_notes(data.leaks(screen)),
        *data.notes,
        *told,
        *_not_chosen(recipe, model, data, guess.dev_utterances),
    ]
    report_s = time.perf_counter() - measured + REPORT_S
    described = model.describe() | {
        "source": recipe.model.source,
        "trainable": trainable,
        "parameters": total,
        "device": model.device.type,
        "normaliser": f"{data.normaliser.name} ({data.normaliser.reason})",
    }
    disk, guards = _disk(recipe, model), {guard.name: (guard.test.facts or {}) | _size(guard) for guard in data.guards}
    ladder = (data.ladder.told, data.ladder.hours) if data.ladder else None
    retention_hours = data.sources.retention().hours_to_decode(data.dev_sets(model), recipe.seed)
    facts = data.facts | {"retention_hours": retention_hours, "restoring_s": restoring_s}
    facts |= {"too_few": small_test_set(data.test_set)}
    text = plan_text(
        facts,
        data.excluded,
        notes,
        described,
        guess,
        disk,
        guards,
        ladder,
        reading_s=reading_s,
        report_s=report_s,
    )
    return with_recipe(recipe.to_yaml(), text) if verbose else text


def read_result(recipe: Recipe, folder: Path) -> AdaptationResult:
    """What a run gave, read from its folder."""
    report = Report.read(folder / "report.json")
    before, after = (Evaluation.read(folder / side) for side in ("before", "after"))
    guards = {
        name: (
            Evaluation.read(folder / "guards" / name / "before"),
            Evaluation.read(folder / "guards" / name / "after"),
        )
        for name in report.guards
    }
    language = before.data.get("language")
    model = load_model(folder / "model", language=language, task=recipe.model.task)
    return AdaptationResult(report, before, after, guards, folder, model)


def foreseen(recipe: Recipe, model: AcousticModel, data: Data) -> tuple[Estimate, list[str]]:
    """How long a run would take, measured in a few steps that change the model; and what must be said of that."""
    guess = estimate(
        model,
        data.train if data.unlabelled is None else trained_in_plan(recipe, data),
        data.dev,
        data.test,
        recipe.training,
        recipe.decoding,
        data.augmenter,
        recipe.seed,
        recipe.strategy,
        data.sources.retention(),
    )
    if data.unlabelled is None:
        return guess, []
    guess, told = of_rounds(guess, recipe, data)
    return guess, [told]


def _size(guard: Guard) -> dict[str, str | None]:
    """Whether a guard is too small for any claim."""
    return {"too_few": small_test_set(guard.test)}


def _not_chosen(recipe: Recipe, model: AcousticModel, data: Data, decoded: int) -> list[str]:
    """What dev, of which so many utterances are decoded, or a guard's dev part will not choose: they are too small."""
    small = too_small(data.dev_set(model).drawn(decoded, recipe.seed))
    notes = [f"{small}: the run keeps its last weights and chooses nothing on dev"] if small else []
    return [*notes, *data.sources.retention().undecided(data.dev_sets(model), recipe.seed)]


def run_path(recipe: Recipe, out: str | Path | None) -> Path:
    """The folder of a run: as wanted, else runs/NAME."""
    return Path(out) if out else Path("runs") / recipe.name


def _disk(recipe: Recipe, model: AcousticModel) -> Disk:
    """What a run takes of the disk."""
    models = 1 if recipe.unlabelled is None else 2 + recipe.unlabelled.rounds
    return Disk.of(*model.parameter_counts(), models=models, keep_checkpoints=recipe.training.keep_checkpoints)


def _comparing(data: Data, screen: Screen) -> AbstractContextManager[Update]:
    """What is shown while the data is compared with that of a run that is resumed: nothing, where it takes no time."""
    if sum(map(len, data.tables.values())) > MANY_ROWS:
        return screen.progress("taking the data's fingerprint")
    return nullcontext(lambda done, total, note="": None)


def _rounds(recipe: Recipe, data: Data, run: RunFolder, screen: Screen, phases: Phases) -> Rounds | None:
    """The rounds of pseudo-labels, where the recipe has speech without transcripts."""
    if data.unlabelled is None:
        return None

    def train(model: AcousticModel, data: Data, inside: RunFolder) -> TrainingResult:
        return _train(model, data, recipe, inside, screen, phases)

    return Rounds(recipe, data, run, screen, train, phases)


def _train(
    model: AcousticModel, data: Data, recipe: Recipe, run: RunFolder, screen: Screen, phases: Phases
) -> TrainingResult:
    """Train on what fits the model, merge what the strategy added, do what retention methods do after training, and
    settle how the result is decoded.
    """
    retention = data.sources.retention()
    with screen.progress("training") as update:

        def show(step: int, steps: int, latest: dict[str, float]) -> None:
            update(step, steps, note=" ".join(f"{name} {value:.3f}" for name, value in latest.items()))
            phases.tick()

        trained = learn(model, data, recipe, run.path / "training", run.resumed, retention, show, screen.line)
    run.require_there()
    with phases.of("choices"):
        merging, notes = merge_and_check(model, data, recipe, run.path / "adapter", screen)
        kept, told = retention.after_training(_trained(model, data, recipe, screen, trained))
        limit = trained.figures.get("validation", {}).get("utterances")
        option = recipe.model.audio_context
        found = settle_context(model, data.dev_set(model), option, recipe.decoding, recipe.seed, screen, limit)
    trained.figures.update(merging | kept)
    trained.notes.extend([*notes, *told])
    if found is not None:
        trained.figures["audio_context"] = found
        trained.notes.append(found["finding"])
        run.add_to_log({"step": trained.figures["steps"], "audio_context": found})
    return trained


def _trained(model: AcousticModel, data: Data, recipe: Recipe, screen: Screen, trained: TrainingResult) -> Trained:
    """What retention methods decide by."""
    return Trained(
        model=model,
        strategy=recipe.strategy,
        dev_sets=data.dev_sets(model),
        decoding=recipe.decoding,
        seed=recipe.seed,
        published=lambda language: published(recipe, language or data.language or recipe.model.language),
        anew=starts_anew(recipe, model),
        figures=trained.figures,
        screen=screen,
    )


def _lost_while_training(data: Data, trained: TrainingResult) -> list[Excluded]:
    """Rows of train, or of the source speech in the batches, that turned out unreadable in the loader."""
    rows, targets = [], len(data.train)
    mixed_in = data.sources.retention().mixed_in
    for index, problem in sorted(trained.problems.items()):
        split, part, place = "train", data.train, index
        if index >= targets:
            assert mixed_in is not None, "there are no other rows"
            (split, part), place = mixed_in, index - targets
        utterance, row = part[place], int(part.rows[place]) + 1
        rows.append(Excluded(utterance.id, utterance.audio, row, split, "unreadable", problem))
    return rows
