"""Speech like what a model learnt from: which rows of a manifest, and which of them can be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from speech_tl.data.check import Progress, check_manifest
from speech_tl.data.examining import Writer
from speech_tl.data.manifest import DataOptions, Manifest
from speech_tl.errors import BadInput
from speech_tl.options import Options

FIRST = 3  # rows named in a message

Place = tuple[str, str, float]
"""(table, file, second) at which an utterance begins."""

Rows = Mapping[str, Manifest]
"""Test sets by what they are called."""


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


def chosen_rows(
    root: str, split: str | None, where: Mapping[str, Any], utterances: int | None, seed: int, *, with_text: bool = True
) -> Manifest:
    """The rows of a manifest that options choose; no audio is opened.

    Raises:
        BadInput: nothing there, no such split, value or column, or no text where there must be some.
    """
    manifest = Manifest.read(root)
    if with_text:
        manifest.require_text()
    if split is not None and any(manifest.texts("split")):
        manifest = Manifest.read(root, split=split)
    return manifest.where(where).sample(utterances, seed)


def read_source(name: str, options: SourceOptions, seed: int, *, with_text: bool) -> Manifest:
    """The rows of a source, as its options choose them; no audio is opened.

    Raises:
        BadInput: no root, or as `chosen_rows`; names the way of keeping that wants it.
    """
    if not options.root:
        raise BadInput(
            f"keep={name} needs source data, speech like what the model learnt from before: give "
            f"keep.{name}.root=MANIFEST"
        )
    try:
        chosen = (options.root, options.split, options.where, options.utterances)
        return chosen_rows(*chosen, seed, with_text=with_text)
    except BadInput as error:
        raise BadInput(f"keep={name}: {error}") from error


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
        name: of the way of keeping that wants it.
        manifest: from `read_source`.
        data: the target's options, for the shortest and the longest utterance.
        model: whose characters the texts must fit; None where nobody reads them.
        tests: what is reported or selected on, none of which may be heard.
        progress: called with (rows done, rows in all).

    Returns:
        The rows, and a sentence for the report where some were set aside.

    Raises:
        BadInput: no row can be used, or one is in a test set.
    """
    refuse_test_rows(f"keep={name}", f"keep.{name}", manifest, tests)
    limits_s = {"min_duration_s": data.min_duration_s, "max_duration_s": data.max_duration_s}
    # What they are for elsewhere is no matter here: rows of any split are learnt from, and judged like train's.
    readable = manifest.without_column("split")
    readable = readable if model is not None else readable.without_column("text")
    scored_by = None if model is None else model.scored_by
    check = check_manifest(readable, model=model, normaliser=scored_by, depth="headers", progress=progress, **limits_s)
    try:
        usable = check.usable(manifest)
    except BadInput as error:
        raise BadInput(f"keep={name}: {error}") from error
    usable = usable.with_column("duration", check.durations_s[check.clean_indices].tolist())
    aside, note = check.excluded, None
    if aside:
        note = f"{name}: {len(aside)} of {len(manifest)} rows of {manifest.source} set aside; first: {aside[0].detail}"
    return usable, note


def shared_rows(ours: Manifest, theirs: Manifest) -> list[str]:
    """Ids in `ours` of the utterances that are also in `theirs`: the same piece of the same file."""
    return [ours[row].id for row in shared_indices(ours, theirs)]


def shared_indices(ours: Manifest, theirs: Manifest) -> list[int]:
    """Indices in `ours` of the utterances that are also in `theirs`; a row of all channels holds each of them."""
    places: dict[Place, set[int | None]] = {}
    for row in range(len(theirs)):
        place, channel = place_of(theirs, row)
        places.setdefault(place, set()).add(channel)
    found = []
    for row in range(len(ours)):
        place, channel = place_of(ours, row)
        channels = places.get(place, set())
        if channels and (channel is None or None in channels or channel in channels):
            found.append(row)
    return found


def first_of(names: Sequence[str]) -> str:
    """The first few names, and whether there are more."""
    return ", ".join(names[:FIRST]) + (" ..." if len(names) > FIRST else "")


def refuse_test_rows(said: str, option: str, manifest: Manifest, tests: Rows) -> None:
    """Refuse rows that a figure is measured on, whatever manifest has them.

    Args:
        said: what the message begins with.
        option: whose `split` and `where` choose the rows.
        manifest: the rows.
        tests: what a figure is measured on.

    Raises:
        BadInput: names the first of them.
    """
    for test, rows in tests.items():
        if shared := shared_rows(manifest, rows):
            raise BadInput(
                f"{said}: {len(shared)} utterances of {manifest.source} are also in {test} ({first_of(shared)}): "
                f"choose others with {option}.split or {option}.where"
            )


def place_of(manifest: Manifest, row: int) -> tuple[Place, int | None]:
    """Where an utterance's audio lies, and its channel; inside a table its name alone would say little."""
    utterance = manifest[row]
    return (manifest.source if manifest.embedded else "", utterance.audio, utterance.start_s), utterance.channel
