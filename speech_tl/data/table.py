"""What a reader of tables hands on: columns of Arrow arrays, what was understood, and the rows nobody can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

MOST_FAULTS = 0.25
"""Above this share of broken rows the file is refused: it is something else than it seems."""


@dataclass(frozen=True)
class Fault:
    """Why a row cannot be used, as its table alone tells: `kind` as a check counts it, `detail` for people."""

    kind: str
    detail: str


class EmbeddedAudio(Protocol):
    """Whole encoded files by row, read when asked for."""

    def __len__(self) -> int:
        """How many rows there are."""

    def __getitem__(self, row: int) -> bytes | None:
        """The file of a row; None where the row has only a path."""


@dataclass
class Table:
    """What a reader found: `columns` by name, the folder audio paths are relative to, and audio kept as bytes.

    Attributes:
        columns: one Arrow array a column, all of one length.
        root: folder that relative audio paths start from.
        rows: the rows in use, in order; None for all.
        audio_bytes: whole encoded files, one a row, where the table embeds them.
        notes: what a person should know about how it was read, one sentence each.
        faults: rows that cannot be used, counted from 0.
        renamed: columns that are read under another name, by the name they have in the source.
    """

    columns: dict[str, pa.ChunkedArray]
    root: Path
    rows: np.ndarray | None = None
    audio_bytes: EmbeddedAudio | None = field(default=None, repr=False)
    notes: list[str] = field(default_factory=list)
    faults: dict[int, Fault] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many rows the columns have."""
        return len(next(iter(self.columns.values()), ()))


def refuse_broken(source: str | Path, faults: Mapping[int, Fault], rows: int) -> None:
    """Refuse a table of `rows` rows of which too many are broken.

    Raises:
        BadInput: names the first, and how many there are.
    """
    if len(faults) > MOST_FAULTS * rows:
        others = f" (and {len(faults) - 1} more of {rows} rows)" if len(faults) > 1 else ""
        raise BadInput(f"{source}: {faults[min(faults)].detail}{others}")
