"""Which rows of a manifest are wanted, and which of them another has: nothing is both learnt from and tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from speech_tl.data.check import Progress, check_manifest
from speech_tl.data.manifest import DataOptions, Excluded, Manifest
from speech_tl.errors import BadInput

FIRST = 3  # rows named in a message

Place = tuple[str, str, float]
"""(table, file, second) at which an utterance begins."""

Rows = Mapping[str, Manifest]
"""Test sets by what they are called."""


@dataclass(frozen=True)
class Selection:
    """Rows of a manifest, as options choose them.

    Attributes:
        who: whose they are, as messages begin: "guard us", "keep=replay", "unlabelled".
        root: a manifest, a folder that holds one, a saved dataset or hf:owner/name.
        split: which split; None, or a manifest without splits, means every row.
        where: rows with these values.
        utterances: at most so many, drawn with `seed`; None is all.
        with_text: whether there must be texts.
    """

    who: str
    root: str
    split: str | None
    where: Mapping[str, Any]
    utterances: int | None = None
    seed: int = 0
    with_text: bool = True

    def read(self) -> Manifest:
        """The rows; no audio is opened.

        Raises:
            BadInput: nothing there, no such split, value or column, or no text where there must be some.
        """
        try:
            manifest = Manifest.read(self.root)
            if self.with_text:
                manifest.require_text()
            if self.split is not None and any(manifest.texts("split")):
                manifest = Manifest.read(self.root, split=self.split)
            return manifest.where(self.where).sample(self.utterances, self.seed)
        except BadInput as error:
            raise BadInput(f"{self.who}: {error}") from error


def usable_rows(
    who: str, manifest: Manifest, examined: Manifest, limits: DataOptions, progress: Progress | None, **how: Any
) -> tuple[Manifest, list[Excluded]]:
    """The rows that can be used, all with a duration, and those excluded.

    Args:
        who: whose they are, for messages.
        manifest: the rows.
        examined: the same rows with the columns that matter for what they are used for.
        limits: the shortest and the longest utterance.
        progress: called with (rows done, rows in all).
        how: what else `check_manifest` is told.

    Raises:
        BadInput: no row can be used.
    """
    shortest_s, longest_s = limits.min_duration_s, limits.max_duration_s
    check = check_manifest(examined, progress=progress, min_duration_s=shortest_s, max_duration_s=longest_s, **how)
    try:
        return check.usable_with_durations(manifest), check.excluded
    except BadInput as error:
        raise BadInput(f"{who}: {error}") from error


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
