"""Target speech without transcripts: which rows that is, which of them may be heard, and how they join train's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from speech_tl.data.check import Progress
from speech_tl.data.embedded import JoinedAudio
from speech_tl.data.manifest import DataOptions, Excluded, Manifest, open_data
from speech_tl.data.selection import Selection, refuse_test_rows, shared_indices, usable_rows
from speech_tl.data.table import Table
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

OPTION = "unlabelled"

HEARD = ("id", "text", "start", "end", "duration", "speaker", "channel")
"""What training looks at in a row, beside the audio."""

SECONDS = ("start", "end", "duration")


def read_unlabelled(root: str | None, split: str | None, where: Mapping[str, Any], data: DataOptions) -> Manifest:
    """The rows that options choose; no audio is opened.

    Args:
        root: a manifest, as `data.root`; None takes the train rows of that, whether they were drawn as labelled or not.
        split: of another manifest that has splits.
        where: keep rows with these values.
        data: the target's options.

    Raises:
        BadInput: nothing there, no such split, value or column.
    """
    if root is not None:
        return Selection(OPTION, root, split, where, with_text=False).read()
    whole = {"train_minutes": None, "train_limit": None, "dev_limit": None, "test_limit": None}
    try:
        return open_data(data.model_copy(update=whole)).manifest.split("train").where(where)
    except BadInput as error:
        raise BadInput(f"{OPTION}: {error}") from error


def checked_unlabelled(
    manifest: Manifest,
    data: DataOptions,
    labelled: Manifest,
    tests: Mapping[str, Manifest],
    progress: Progress | None = None,
) -> tuple[Manifest, list[Excluded]]:
    """The rows that may be heard and can be, all with a duration; those set aside.

    Args:
        manifest: from `read_unlabelled`; its texts, if any, are not looked at.
        data: for the shortest and the longest utterance.
        labelled: what is learnt from with its transcripts, and is left out here.
        tests: what is selected or reported on, by what it is called.
        progress: called with (rows done, rows in all).

    Raises:
        BadInput: a row is in a test set, or none is left.
    """
    refuse_test_rows(OPTION, OPTION, manifest, tests)
    known = set(shared_indices(manifest, labelled))
    manifest = manifest.select([row for row in range(len(manifest)) if row not in known])
    if not len(manifest):
        raise BadInput(
            f"{OPTION}: every row is learnt from with its transcript already; draw fewer with data.train_minutes, or "
            f"give other speech with {OPTION}.root"
        )
    heard = manifest.without_column("text")  # no text is no fault here
    usable, excluded = usable_rows(OPTION, manifest, heard, data, progress, depth="headers")
    return usable, [replace(row, split=OPTION) for row in excluded]


def joined(first: Manifest, second: Manifest) -> Manifest:
    """The rows of one manifest and behind them those of another, with the columns that training looks at."""
    import pyarrow as pa

    parts = [part for part in (first, second) if len(part)]
    columns = {"audio": _column(parts, lambda part: [utterance.audio for utterance in part], pa.string())}
    for name in HEARD:
        kind = pa.float64() if name in SECONDS else pa.string()
        columns[name] = _column(parts, partial(_cells, name=name), kind)
    embedded = None
    if any(part.embedded for part in parts):
        embedded = JoinedAudio([(part.audio_bytes, part.rows) for part in parts])
    return Manifest(Table(columns, first.root, None, embedded), first.source)


def shared_speakers(one: Manifest, other: Manifest) -> list[str]:
    """Known speakers of both."""
    return sorted(set(filter(None, one.texts("speaker"))) & set(filter(None, other.texts("speaker"))))


def _column(parts: Sequence[Manifest], cells: Callable[[Manifest], list[Any]], kind: pa.DataType) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([pa.array(cells(part), type=kind) for part in parts])


def _cells(part: Manifest, name: str) -> list[Any]:
    """A column as training needs it: numbers, or text."""
    if name == "duration":
        return [None if np.isnan(seconds) else float(seconds) for seconds in part.durations_s()]
    cells = part.column("id") if name == "id" else part.texts(name)
    return cells if name in SECONDS else [None if cell is None else str(cell) for cell in cells]
