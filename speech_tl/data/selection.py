"""Which rows of a manifest are wanted, and which of them another has: nothing is both learnt from and tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput

FIRST = 3  # rows named in a message

Place = tuple[str, str, float]
"""(table, file, second) at which an utterance begins."""

Rows = Mapping[str, Manifest]
"""Test sets by what they are called."""


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
