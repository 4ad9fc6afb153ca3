"""Source speech, speech like what a model learnt from before: which rows of a manifest, and which can be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import Field

from speech_tl.data.check import Progress
from speech_tl.data.manifest import DataOptions, Manifest, the_language
from speech_tl.data.selection import Rows, Selection, refuse_test_rows, usable_rows
from speech_tl.errors import BadInput
from speech_tl.options import Options
from speech_tl.retention.base import RetentionMethod
from speech_tl.retention.collection import Retention

if TYPE_CHECKING:
    from speech_tl.data.examining import Writer
    from speech_tl.models.base import AcousticModel
    from speech_tl.screen import Screen


class SourceOptions(Options):
    """Which speech of the source domain, speech like what the model learnt from before.

    Attributes:
        root: a manifest, a folder that holds one, a saved dataset or hf:owner/name, as `data.root`.
        split: which split; None, or a manifest without splits, means every row.
        where: keep rows with these values, e.g. {accent: us}.
        utterances: at most so many, drawn with `data.split_seed`; None is all.
    """

    root: str | None = None
    split: str | None = "train"
    where: dict[str, Any] = Field({})
    utterances: int | None = Field(None, ge=1)


class SourceMethod(SourceOptions, RetentionMethod):
    """A retention method that hears source speech."""

    def read_source(self, seed: int) -> Manifest:
        """The rows that the options choose; names the method where they choose none."""
        if not self.root:
            raise BadInput(
                f"keep={self.name} needs source data, speech like what the model learnt from before: give "
                f"keep.{self.name}.root=MANIFEST"
            )
        chosen = (self.root, self.split, self.where, self.utterances, seed)
        return Selection(f"keep={self.name}", *chosen, with_text=self.reads_texts).read()


@dataclass(frozen=True)
class Sources:
    """The retention methods of a recipe, and the source speech of those that hear some.

    Attributes:
        methods: the recipe's.
        utterances: usable rows, by the method that hears them.
        notes: for the report: what was excluded.
    """

    methods: Sequence[RetentionMethod] = ()
    utterances: Mapping[str, Manifest] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def retention(self) -> Retention:
        """The methods for one training, ready to begin."""
        return Retention(self.methods, self.utterances)

    def texts_read(self) -> dict[str, Manifest]:
        """The source speech whose texts are learnt from, by method."""
        reading = [method.name for method in self.methods if method.reads_texts]
        return {name: self.utterances[name] for name in reading if name in self.utterances}

    def facts(self) -> dict[str, dict[str, Any]]:
        """Where the speech is from and how much of it, by method."""
        return {
            name: {
                "source": source.source,
                "utterances": len(source),
                "hours": round(float(source.durations_s().sum()) / 3600, 3),
                "fingerprint": source.fingerprint(),
            }
            for name, source in self.utterances.items()
        }


def read_sources(methods: Sequence[RetentionMethod], seed: int) -> dict[str, Manifest]:
    """The rows of every method that hears source speech; no audio is opened.

    Raises:
        BadInput: a method that needs source speech has none.
    """
    read = {method.name: method.read_source(seed) for method in methods}
    return {name: rows for name, rows in read.items() if rows is not None}


def checked_sources(
    methods: Sequence[RetentionMethod],
    read: Mapping[str, Manifest],
    data: DataOptions,
    model: AcousticModel,
    tests: Rows,
    screen: Screen,
) -> Sources:
    """The usable rows of what `read_sources` gave.

    Args:
        methods: the recipe's.
        read: by method.
        data: the target's options, for the shortest and the longest utterance.
        model: whose characters the texts must fit.
        tests: what is reported or selected on, none of which may be heard.
        screen: where to show progress.

    Raises:
        BadInput: nothing usable, a row that is in a test set, or a language that the model is not set to.
    """
    by_name, sources, notes = {method.name: method for method in methods}, {}, []
    for name, manifest in read.items():
        _refuse_another_language(name, manifest, model)
        writer = model if by_name[name].reads_texts else None
        with screen.progress(f"checking the source of {name}") as update:
            sources[name], note = checked_source(name, manifest, data, writer, tests, update)
        notes += [note] if note else []
    return Sources(methods, sources, notes)


def _refuse_another_language(name: str, manifest: Manifest, model: AcousticModel) -> None:
    """A model that is told which language it writes would learn the source under the wrong one."""
    spoken = the_language(manifest)
    if getattr(model, "multilingual", False) and spoken and model.language and spoken != model.language:
        raise BadInput(
            f"keep={name}: {manifest.source} is in {spoken} and the model is set to {model.language}: give source "
            f"speech in {model.language}, or use keep=l2_sp, which needs none"
        )


def checked_source(
    name: str,
    manifest: Manifest,
    data: DataOptions,
    model: Writer | None,
    tests: Rows,
    progress: Progress | None = None,
) -> tuple[Manifest, str | None]:
    """The usable rows of a source, all with a duration, by the same limits as train's.

    Args:
        name: of the method that hears it.
        manifest: from `read_sources`.
        data: the target's options, for the shortest and the longest utterance.
        model: whose characters the texts must fit; None where nobody reads them.
        tests: what is reported or selected on, none of which may be heard.
        progress: called with (rows done, rows in all).

    Returns:
        The rows, and a sentence for the report where some were excluded.

    Raises:
        BadInput: no row can be used, or one is in a test set.
    """
    refuse_test_rows(f"keep={name}", f"keep.{name}", manifest, tests)
    # What they are for elsewhere is no matter here: rows of any split are learnt from, and judged like train's.
    readable = manifest.without_column("split")
    readable = readable if model is not None else readable.without_column("text")
    rules = None if model is None else model.scored_by
    usable, excluded = usable_rows(
        f"keep={name}", manifest, readable, data, progress, model=model, normaliser=rules, depth="headers"
    )
    if not excluded:
        return usable, None
    counted = f"{name}: {len(excluded)} of {len(manifest)} rows of {manifest.source}"
    return usable, f"{counted} set aside; first: {excluded[0].detail}"
