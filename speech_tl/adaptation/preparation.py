"""Before anything is measured: the data read, split and checked, the guards too, and the model that shall learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from speech_tl.adaptation.augmentation import AugmentationSources
from speech_tl.adaptation.text_style import TextStyle, style_gap
from speech_tl.data.augment import Augmenter, Chain, Ladder
from speech_tl.data.check import RUN_DEPTH, CheckResult, check_manifest, tag_list
from speech_tl.data.guards import Guard, checked_guard, read_guard, read_guard_dev
from speech_tl.data.leaks import TRAIN_AND_TEST, Leaks, find_leaks
from speech_tl.data.manifest import Excluded, Manifest, open_data, the_language
from speech_tl.data.test_set import TestSet
from speech_tl.data.unlabelled import checked_unlabelled, joined, read_unlabelled, shared_speakers
from speech_tl.decoding.fused import require_fused
from speech_tl.decoding.suta import require_frames
from speech_tl.errors import BadInput
from speech_tl.evaluation import require_columns
from speech_tl.models.load import load_model, only_language
from speech_tl.models.random_initialisation import new_model
from speech_tl.recipe import Recipe
from speech_tl.retention.collection import require_fit
from speech_tl.retention.source_speech import Sources, checked_sources, read_sources
from speech_tl.scoring.interpolation import TARGET
from speech_tl.scoring.significance import too_few
from speech_tl.screen import Screen
from speech_tl.text import (
    Normaliser,
    default_normaliser,
    get_normaliser,
    normaliser_for,
    same_language,
)
from speech_tl.text.ngrams import open_ngrams
from speech_tl.text.ngrams.texts import require_unseen
from speech_tl.training.batches import epoch_seconds
from speech_tl.training.train import steps_of_epochs

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel


@dataclass
class Data:
    """The utterances of a run after the check.

    Attributes:
        train, dev, test: usable utterances.
        language: of the speech, as far as recipe or manifest say, else the only one that the checkpoint writes.
        normaliser: what WERs are measured with; tags that it drops are not learnt either.
        check: what the check found.
        guards: other test sets that must not be spoilt.
        augmenter: what training utterances are heard through, its recordings read.
        ladder: the test set in noise, where the recipe wants it measured.
        sources: the recipe's retention methods, and the source speech that they hear.
        new_model: loads the recipe's model once more, as it was prepared the first time.
        style: capitals and marks of the train texts, and what is done about them.
        unlabelled: speech without transcripts to learn from; None where the recipe wants none.
        unheard: its rows that were set aside.
        in_noise: what it is heard through a second time; None where once is enough.
        notes: sentences for the report.
        facts: for the report: source, fingerprint, counts.
        tables: everything that is learnt from, selected or reported on, before any row was set aside, by its name.
    """

    train: Manifest
    dev: Manifest
    test: Manifest
    language: str | None
    normaliser: Normaliser
    check: CheckResult
    guards: list[Guard]
    augmenter: Augmenter
    ladder: Ladder | None
    new_model: Callable[[], AcousticModel]
    style: TextStyle
    sources: Sources = field(default_factory=Sources)
    unlabelled: Manifest | None = None
    unheard: list[Excluded] = field(default_factory=list)
    in_noise: Chain | None = None
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Manifest] = field(default_factory=dict)

    @property
    def test_set(self) -> TestSet:
        """The target's test split, as it is measured."""
        return TestSet("test", self.test, self.normaliser, self.language, facts=self.facts)

    def dev_set(self, model: AcousticModel) -> TestSet:
        """The target's dev split; where nobody says the language, it is that of the model."""
        return TestSet("dev", self.dev, self.normaliser, self.language or model.language)

    def dev_sets(self, model: AcousticModel) -> list[TestSet]:
        """The target's dev split and the dev parts of the guards, where they were asked for."""
        target = replace(self.dev_set(model), name=TARGET)
        return [target, *(guard.dev for guard in self.guards if guard.dev is not None)]

    @property
    def excluded(self) -> list[Excluded]:
        """All rows set aside before training, the guards' too, which have "guard NAME" for a split."""
        guards = [replace(row, split=f"guard {guard.name}") for guard in self.guards for row in guard.excluded]
        return [*self.check.excluded, *self.unheard, *guards]

    def leaks(self, screen: Screen) -> Leaks:
        """What train and test share, as the report has it. Recordings are decoded for it: not before training starts,
        which would wait for minutes where there are many.
        """
        shared = self.check.shared_speakers, self.check.shared_sentences
        with screen.progress("comparing the audio of train and test") as update:
            heard = self.train if self.unlabelled is None else joined(self.train, self.unlabelled)
            return find_leaks(heard, self.test, *shared, update, self.normaliser.language)


def prepare(recipe: Recipe, screen: Screen) -> tuple[AcousticModel, Data]:
    """Read, split and check what a recipe's `data` describes; load the model and have the strategy prepare it.

    Raises:
        BadInput: no data, no text, no usable rows in a split or a guard, a speaker in both train and test, no such
            model, a strategy that does not fit the model or the length of the training, or a retention method
            that cannot work.
    """
    options = recipe.data
    split = open_data(options, needs_train=recipe.unlabelled is None)
    require_columns(split.manifest, recipe.scoring.by, "scoring.by")
    rows = _unlabelled_rows(recipe)
    if recipe.unlabelled is not None:
        split = replace(split, manifest=_transcribed(split.manifest, recipe.unlabelled.ignore_text))
    normaliser = normaliser_of(recipe, split.manifest)
    language = normaliser.language
    read = read_sources(recipe.keep, options.split_seed)
    guards = _guards(recipe, language, normaliser, screen)
    augmentation = AugmentationSources.of(recipe, screen)
    texts = [text for text in split.manifest.split("train").column("text") if text]

    def new_model() -> AcousticModel:
        model = load_for(recipe, texts, normaliser)
        recipe.strategy.prepare(model, recipe.seed)
        return model

    model = new_model()
    require_frames(model, recipe.decoding)
    require_fused(model, recipe.decoding)
    require_fit(recipe.keep, model, recipe.strategy, anew=_from_random_weights(recipe))
    _require_one_rate(recipe, model)
    with screen.progress("checking the data") as update:
        check = check_manifest(
            split.manifest,
            model=model,
            normaliser=normaliser,
            depth=RUN_DEPTH,
            progress=update,
            min_duration_s=options.min_duration_s,
            max_duration_s=options.max_duration_s,
        )
    _refuse_shared_speakers(recipe, check, split.basis)
    parts = _parts(split.manifest, check, needs_train=rows is None)
    unlabelled: Manifest | None = None
    unheard: list[Excluded] = []
    learnt = parts["train"]
    if rows is not None:
        unlabelled, unheard = _unlabelled(recipe, rows, parts, guards, model, check.one_voice, screen)
        learnt = joined(parts["train"], unlabelled)
    sources = checked_sources(recipe.keep, read, options, model, unheard_rows(parts, guards), screen)
    recipe.strategy.require_steps(model, _steps(recipe, sources, learnt))
    unseen = _language_model_note(recipe, parts, guards)
    ladder = augmentation.opened(recipe, parts | {"train": learnt}, model.sample_rate)
    style = _style(recipe, model, parts["train"], normaliser, screen)
    return model, Data(
        **parts,
        language=language,
        normaliser=normaliser,
        check=check,
        augmenter=augmentation.augmenter,
        ladder=ladder,
        new_model=new_model,
        style=style,
        unlabelled=unlabelled,
        unheard=unheard,
        in_noise=None if unlabelled is None else _in_noise(recipe, unlabelled, model.sample_rate),
        sources=sources,
        guards=[guard.set_to(_set_to(recipe, model, language, guard.test)) for guard in guards],
        notes=[
            *([style.note] if style.note else []),
            *([unseen] if unseen else []),
            *_reading_notes(split.manifest, rows, sources, guards),
            *_notes(split.note, check, normaliser, model, sources, guards),
        ],
        facts=_facts(recipe, split.manifest, check, parts, language, unlabelled)
        | {"text_style": style.facts(options.text_style)}
        | ({"sources": sources.facts()} if sources.utterances else {}),
        tables=_tables(split.manifest, rows, read, guards),
    )


def _language_model_note(recipe: Recipe, parts: Mapping[str, Manifest], guards: Sequence[Guard]) -> str | None:
    """What a reader must know of the language model's texts.

    Raises:
        BadInput: there is no such model, or it was made from sentences of dev, test or a guard.
    """
    if recipe.decoding.lm is None:
        return None
    open_ngrams(recipe.decoding.lm)
    measured = {name: parts[name] for name in ("dev", "test")}
    measured |= {f"guard {guard.name}": guard.test.utterances for guard in guards}
    notes = [require_unseen(recipe.decoding.lm, rows.texts("text"), name) for name, rows in measured.items()]
    return next(filter(None, notes), None)


def _style(recipe: Recipe, model: AcousticModel, train: Manifest, normaliser: Normaliser, screen: Screen) -> TextStyle:
    """What the train texts have of the capitals and marks that the checkpoint writes, and what follows."""
    anew = starts_anew(recipe, model)
    with screen.progress("capitals and marks of the train texts") as update:
        gap = style_gap(model, train if not anew else train.select([]), recipe.decoding, recipe.seed, update)
    return TextStyle.of(recipe.data.text_style, gap, normaliser, anew=anew)


def normaliser_of(recipe: Recipe, manifest: Manifest) -> Normaliser:
    """What a run scores with; its `language` is that of the speech, as far as recipe, manifest or checkpoint say.

    Raises:
        BadInput: no such normaliser; or no such checkpoint, which is asked where nobody else says the language.
    """
    language = recipe.model.language or recipe.data.language or the_language(manifest)
    asked = not (language or any(manifest.texts("language")))
    return normaliser_for(recipe.scoring.normaliser, language, only_language(recipe.model) if asked else None)


def _tables(
    target: Manifest, unlabelled: Manifest | None, sources: Mapping[str, Manifest], guards: Sequence[Guard]
) -> dict[str, Manifest]:
    """What a run reads, by the name that a message gives it."""
    tables = {name: target.split(name) for name in ("train", "dev", "test")}
    tables |= {} if unlabelled is None else {"unlabelled": unlabelled}
    tables |= {f"keep={method}": source for method, source in sources.items()}
    return tables | {name: rows for guard in guards for name, rows in guard.tables.items()}


def _require_one_rate(recipe: Recipe, model: AcousticModel) -> None:
    """Refuse rates of a strategy's own for an optimizer that has one for all."""
    if recipe.training.optimizer == "muon" and recipe.strategy.rates(model):
        raise BadInput(
            "training.optimizer=muon has one learning rate: leave the strategy's own rates at 1, or use adamw"
        )


def _steps(recipe: Recipe, sources: Sources, learnt: Manifest) -> int:
    """How many steps the training has, source speech among its batches."""
    retention = sources.retention()
    epoch_s = epoch_seconds(retention.mixed(learnt))
    return recipe.training.max_steps or steps_of_epochs(epoch_s, recipe.training.shortened(retention.batch_share))


def _unlabelled_rows(recipe: Recipe) -> Manifest | None:
    """Speech without transcripts, as the recipe chooses it; None where it wants none."""
    wanted = recipe.unlabelled
    return None if wanted is None else read_unlabelled(wanted.root, wanted.split, wanted.where, recipe.data)


def _transcribed(manifest: Manifest, ignore_text: bool) -> Manifest:
    """The rows whose transcripts are used: all of dev and test, and those of train that have one."""
    known = [
        row
        for row, (split, text) in enumerate(zip(manifest.texts("split"), manifest.texts("text"), strict=True))
        if split != "train" or ((text or "").strip() and not ignore_text)
    ]
    return manifest.select(known)


def _unlabelled(
    recipe: Recipe,
    rows: Manifest,
    parts: dict[str, Manifest],
    guards: list[Guard],
    model: AcousticModel,
    one_voice: bool,
    screen: Screen,
) -> tuple[Manifest, list[Excluded]]:
    """The speech without transcripts that can be heard, and what of it was set aside.

    Raises:
        BadInput: it has test utterances or test speakers, or nobody could write the first labels.
    """
    if not len(parts["train"]) and starts_anew(recipe, model):
        raise BadInput(
            f"unlabelled: model {recipe.model.source} cannot write yet, so that it has no labels to learn from: give "
            "some transcribed train utterances, or a model that was adapted before"
        )
    tests = unheard_rows(parts, guards)
    with screen.progress("checking the speech without transcripts") as update:
        unlabelled, unheard = checked_unlabelled(rows, recipe.data, parts["train"], tests, update)
    if not (one_voice or recipe.data.allow_speaker_overlap):
        _refuse_speakers(_bare_source(recipe), shared_speakers(unlabelled, parts["test"]))
    return unlabelled, unheard


def _in_noise(recipe: Recipe, unlabelled: Manifest, sample_rate: int) -> Chain | None:
    """What speech without transcripts is heard through a second time.

    Raises:
        BadInput: noise that cannot be used.
    """
    options = recipe.unlabelled
    if options is None or not options.min_agreement:
        return None
    try:
        return Augmenter(options.heard_through).chain("train", unlabelled, sample_rate=sample_rate, seed=recipe.seed)
    except BadInput as error:
        raise BadInput(f"unlabelled.{error}") from error


def _guards(recipe: Recipe, language: str | None, normaliser: Normaliser, screen: Screen) -> list[Guard]:
    """Every guard, read and checked; all are read first, so that a wrong path is told at once.

    Args:
        recipe: whose guards.
        language, normaliser: of the target, for guards that have none of their own.
        screen: where to show progress.
    """
    seed, with_dev = recipe.data.split_seed, any(method.reads_guards for method in recipe.keep)
    read = {name: read_guard(name, options, seed) for name, options in recipe.guards.items()}
    devs = {name: read_guard_dev(name, recipe.guards[name], read[name], seed) for name in read if with_dev}
    for method in recipe.keep:
        method.require_guards(devs)
    guards = []
    for name, manifest in read.items():
        options = recipe.guards[name]
        spoken = options.language or the_language(manifest) or language
        same = same_language(spoken, language)
        rules = get_normaliser(options.normaliser or (normaliser.name if same else default_normaliser(spoken)), spoken)
        with screen.progress(f"checking guard {name}") as update:
            guards.append(
                checked_guard(
                    name,
                    options,
                    manifest,
                    recipe.data,
                    language=spoken,
                    normaliser=rules,
                    dev=devs.get(name),
                    progress=update,
                )
            )
    return guards


def _set_to(recipe: Recipe, model: AcousticModel, language: str | None, guard: TestSet) -> str | None:
    """What a model that writes several languages is set to for a guard; None where the target's setting serves."""
    switches = getattr(model, "multilingual", False) and not starts_anew(recipe, model)
    return guard.language if switches and guard.language not in (language, model.language) else None


def _notes(
    of_split: str | None,
    check: CheckResult,
    normaliser: Normaliser,
    model: AcousticModel,
    sources: Sources,
    guards: list[Guard],
) -> list[str]:
    """For the report: what a reader of the figures must know about data and model."""
    notes = [*([of_split] if of_split else []), *model.remarks, *sources.notes]
    if check.tags:
        fate = "neither learnt nor scored" if any(map(normaliser.drops, check.tags)) else "learnt and scored as words"
        notes.append(f"tags in the texts are {fate} (normaliser {normaliser.name}): {tag_list(check.tags)}")
    if model.head_is_new:
        notes.append("the checkpoint had no CTC head: before is its untrained head, so every gain is included")
    return notes + [_set_aside(guard) for guard in guards if guard.excluded]


def _reading_notes(manifest: Manifest, unlabelled: Manifest | None, sources: Sources, guards: list[Guard]) -> list[str]:
    """For the report: how the tables were understood, each once."""
    read = {
        "": manifest,
        "unlabelled": unlabelled,
        **sources.utterances,
        **{f"guard {guard.name}": guard.test.utterances for guard in guards},
    }
    told: dict[str, str] = {}
    for name, table in read.items():
        if table is None:
            continue
        for note in table.notes:
            told.setdefault(f"{table.source} {note}", f"{name}: {note}" if name else f"data: {note}")
    return list(told.values())


def _set_aside(guard: Guard) -> str:
    """For the report: how many of a guard's rows are in no figure."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in (guard.test.facts or {})["excluded"].items())
    return f"guard {guard.name}: {len(guard.excluded)} rows set aside ({kinds})"


def _parts(manifest: Manifest, check: CheckResult, *, needs_train: bool) -> dict[str, Manifest]:
    """The usable utterances of each split, all with a duration."""
    usable = check.usable_with_durations(manifest)
    parts = {name: usable.split(name) for name in ("train", "dev", "test")}
    for name, part in parts.items():
        if not len(part) and (needs_train or name != "train"):
            raise BadInput(f"{manifest.source}: no usable utterance in split {name} (`speech-tl check` says why)")
    return parts


def unheard_rows(parts: Mapping[str, Manifest], guards: Sequence[Guard]) -> dict[str, Manifest]:
    """What is selected or reported on, which nothing may learn from, by what it is called."""
    tests = {f"{name} of the target": parts[name] for name in ("dev", "test")}
    tests |= {f"guard {guard.name}": guard.test.utterances for guard in guards}
    devs = {guard.name: guard.dev for guard in guards if guard.dev is not None}
    return tests | {f"the dev part of guard {name}": dev.utterances for name, dev in devs.items()}


def small_test_set(test_set: TestSet) -> str | None:
    """Why a test set is too small for any claim, before anything is decoded; None where it is not."""
    rate, utterances = test_set.rate, test_set.utterances
    texts = [test_set.normaliser(text or "") for text in utterances.texts("text")]
    units = sum(len(text.split()) if rate == "wer" else len(text) for text in texts)
    return too_few([speaker or None for speaker in utterances.texts("speaker")], units, rate)


def _facts(
    recipe: Recipe,
    manifest: Manifest,
    check: CheckResult,
    parts: dict[str, Manifest],
    language: str | None,
    unlabelled: Manifest | None,
) -> dict[str, Any]:
    """What a report says about the data."""
    facts: dict[str, Any] = {
        "source": recipe.data.root,
        "split": "test",
        "fingerprint": manifest.fingerprint(),
        "language": language,
        "utterances": {name: len(part) for name, part in parts.items()},
        "hours": {name: round(float(part.durations_s().sum()) / 3600, 3) for name, part in parts.items()},
        "speakers": {name: check.speakers_by_split.get(name, 0) for name in parts},
        "excluded": dict(Counter(row.problem for row in check.excluded)),
    }
    if unlabelled is not None:
        facts["unlabelled"] = {
            "source": _bare_source(recipe),
            "fingerprint": unlabelled.fingerprint(),
            "utterances": len(unlabelled),
            "hours": round(float(unlabelled.durations_s().sum()) / 3600, 3),
            "speakers": len(set(filter(None, unlabelled.texts("speaker")))),
        }
    return facts


def _refuse_shared_speakers(recipe: Recipe, check: CheckResult, basis: str) -> None:
    """Refuse voices in both train and test, unless they are wanted, or one voice had to be split here."""
    speakers = check.shared_speakers.get(TRAIN_AND_TEST, [])
    if not (basis == "sentence" or recipe.data.allow_speaker_overlap):
        _refuse_speakers(recipe.data.root, speakers)


def _bare_source(recipe: Recipe) -> str | None:
    """Where speech without transcripts is from."""
    return (recipe.unlabelled and recipe.unlabelled.root) or recipe.data.root


def _refuse_speakers(source: str | None, speakers: Sequence[str]) -> None:
    """Refuse voices that are learnt from and tested with."""
    if speakers:
        named = ", ".join(speakers[:3]) + (" ..." if len(speakers) > 3 else "")
        raise BadInput(
            f"{source}: {len(speakers)} speakers are in both train and test ({named}): give them one "
            "split each, or allow it with data.allow_speaker_overlap=true"
        )


def load_for(recipe: Recipe, texts: list[str], normaliser: Normaliser) -> AcousticModel:
    """The recipe's model, ready to learn: with the characters of the train texts, random weights if asked.

    Its language is the normaliser's, and tags that this drops are no part of the texts, nor of any label.
    """
    import transformers

    transformers.set_seed(recipe.seed)
    options, texts = recipe.model, [normaliser.without_tags(text) for text in texts]
    language = normaliser.language
    if options.source.startswith("new:"):
        model = new_model(options.source, texts, options.shape, language)
    else:
        model = load_model(
            options.source,
            language=language,
            task=options.task,
            texts=texts,
            from_scratch=options.from_scratch,
            revision=options.revision,
        )
    model.scored_by = normaliser
    model.set_audio_context(options.audio_context, options.full_context_share)
    if recipe.training.packing:
        model.set_packing(recipe.training.timestamp_share)
    problem = model.training_problem()
    if problem:
        raise BadInput(problem)
    return model


def starts_anew(recipe: Recipe, model: AcousticModel) -> bool:
    """Whether there is no published checkpoint that could have written before: before is then measured on `model`."""
    return _from_random_weights(recipe) or model.head_is_new


def _from_random_weights(recipe: Recipe) -> bool:
    """Whether no weight is a checkpoint's."""
    return recipe.model.from_scratch or recipe.model.source.startswith("new:")


def published(recipe: Recipe, language: str | None) -> AcousticModel:
    """The checkpoint as it is published, without the characters that a run adds, set to a language."""
    options = recipe.model
    return load_model(options.source, language=language, task=options.task, revision=options.revision)
