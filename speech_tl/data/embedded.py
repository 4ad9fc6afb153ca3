"""Audio that lies in a table: whole files as bytes, or samples, read row by row when a row is wanted."""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speech_tl.data.table import EmbeddedAudio
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

MOST_BYTES = 256 << 20
"""So much decompressed audio of a Parquet file is remembered, or one row group, whichever is more."""

MOST_RATE = 384_000
"""Samples per second, of any recording."""

DAMAGED = b"this part of the Parquet file cannot be read"
"""What no decoder takes for audio: the row is then unreadable, as a damaged file is."""


class ArrowAudio:
    """Rows of an Arrow column: bytes, {bytes, path}, samples, or {array, sampling_rate}."""

    def __init__(self, column: pa.ChunkedArray, rates: pa.ChunkedArray | None = None) -> None:
        """Keep the column, and the sample rates where they stand in a column of their own."""
        self._column = column
        self._rates = rates

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._column)

    def __getitem__(self, row: int) -> bytes | None:
        """The file of a row; samples become a WAV file."""
        return encoded(self._column[row], None if self._rates is None else self._rates[row].as_py())


class ParquetAudio:
    """The audio column of Parquet files, a row group at a time: no copy on the disk, and bounded memory."""

    def __init__(self, paths: Sequence[Path], column: str, rates: str | None = None) -> None:
        """Read where row groups begin; `rates` names a column of sample rates, where samples lie without them."""
        from pyarrow import parquet

        self._paths, self._name, self._rates = list(paths), column, rates
        self._groups: list[tuple[int, int]] = []
        first = [0]
        for place, path in enumerate(self._paths):
            metadata = parquet.read_metadata(path)
            for group in range(metadata.num_row_groups):
                self._groups.append((place, group))
                first.append(first[-1] + metadata.row_group(group).num_rows)
        self._first = np.array(first)
        self._forget()

    def __len__(self) -> int:
        """How many rows there are."""
        return int(self._first[-1])

    def __getitem__(self, row: int) -> bytes | None:
        """The file of a row; `DAMAGED` where the Parquet file is, so that one part of it ends no long run."""
        import pyarrow as pa

        at = int(np.searchsorted(self._first, row, side="right")) - 1
        with self._lock:
            try:
                return self._group(at)[row - int(self._first[at])]
            except (pa.ArrowException, OSError):
                return DAMAGED

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs: where to read."""
        hidden = ("_files", "_kept", "_lock", "_process")
        return {name: value for name, value in self.__dict__.items() if name not in hidden}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin with nothing remembered."""
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        self._files: dict[int, Any] = {}
        self._kept: OrderedDict[int, tuple[ArrowAudio, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._process = os.getpid()

    def _group(self, at: int) -> ArrowAudio:
        if at in self._kept:
            self._kept.move_to_end(at)
            return self._kept[at][0]
        if self._process != os.getpid():  # a fork shares the place in an open file with its parent
            self._files, self._process = {}, os.getpid()
        place, group = self._groups[at]
        table = self._file(place).read_row_group(group, self._columns(), use_threads=False)
        rates = table.column(self._rates) if self._rates else None
        audio = ArrowAudio(table.column(self._name), rates)
        self._kept[at] = (audio, table.nbytes)
        while len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > MOST_BYTES:
            self._kept.popitem(last=False)
        return audio

    def _file(self, place: int) -> Any:
        from pyarrow import parquet

        if place not in self._files:
            self._files[place] = parquet.ParquetFile(self._paths[place])
        return self._files[place]

    def _columns(self) -> list[str]:
        return [self._name, *([self._rates] if self._rates else [])]


class JoinedAudio:
    """The audio of several tables, one behind the other; each is given with the rows in use, None for all."""

    def __init__(self, parts: Sequence[tuple[EmbeddedAudio | None, np.ndarray]]) -> None:
        """Keep the parts; one without embedded audio has only paths."""
        self._parts = list(parts)
        self._first = np.cumsum([0, *(len(rows) for _, rows in self._parts)])

    def __len__(self) -> int:
        """How many rows there are."""
        return int(self._first[-1])

    def __getitem__(self, row: int) -> bytes | None:
        """The file of a row."""
        part = int(np.searchsorted(self._first, row, side="right")) - 1
        audio, rows = self._parts[part]
        return None if audio is None else audio[int(rows[row - int(self._first[part])])]


def is_embedded(kind: pa.DataType) -> bool:
    """Whether a column of this type holds audio, and not paths of it."""
    import pyarrow as pa

    return pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def field_names(kind: pa.StructType) -> set[str]:
    """The names of a struct's fields."""
    return {kind.field(place).name for place in range(kind.num_fields)}


def require_audio(kind: pa.DataType, rates: str | None, source: str) -> None:
    """Refuse a column of audio that is neither files nor samples with a rate.

    Raises:
        BadInput: says what would work.
    """
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        if pa.types.is_nested(kind) and rates is None:
            raise BadInput(f"{source}: the audio is samples of unknown rate; add a column 'sampling_rate'")
        return
    fields = field_names(kind)
    if not fields & {"bytes", "path"} and not fields >= {"array", "sampling_rate"}:
        raise BadInput(
            f"{source}: column 'audio' holds {{{', '.join(sorted(fields))}}}; expected a path, {{bytes, path}}, or "
            "{array, sampling_rate}"
        )


def encoded(cell: pa.Scalar, rate: float | None) -> bytes | None:
    """The file in a cell; samples become a WAV file of floats; None for a cell without audio."""
    import pyarrow as pa

    if pa.types.is_struct(cell.type):
        if not cell.is_valid:
            return None
        fields = field_names(cell.type)
        if "bytes" in fields and cell["bytes"].is_valid:
            return cell["bytes"].as_py()
        if "array" not in fields or not cell["array"].is_valid:
            return None
        return _as_wav(cell["array"], cell["sampling_rate"].as_py())
    if not pa.types.is_nested(cell.type):
        return cell.as_py()
    return _as_wav(cell, rate) if cell.is_valid else None


def _as_wav(cell: pa.ListScalar, rate: Any) -> bytes | None:
    """Samples as a WAV file; `DAMAGED` where they, or their rate, are no numbers that sound can have."""
    import pyarrow as pa

    if rate is None:
        return None
    try:
        return _wav(cell, int(rate)) if 0 < rate <= MOST_RATE else DAMAGED
    except (TypeError, ValueError, OverflowError, RuntimeError, IndexError, pa.ArrowException):
        return DAMAGED


def _wav(cell: pa.ListScalar, rate: int) -> bytes:
    import pyarrow as pa
    import soundfile

    values, kind = cell.values, cell.type.value_type
    if pa.types.is_nested(kind):  # channels of samples, or samples of channels: there are fewer channels
        samples = np.array(cell.as_py(), dtype=np.float64)
        samples = samples.T if samples.shape[0] < samples.shape[1] else samples
        kind = kind.value_type
    else:
        samples = values.to_numpy(zero_copy_only=False).astype(np.float64)
    if pa.types.is_integer(kind) and samples.size:
        full = 1 << (15 if kind.bit_width > 32 else kind.bit_width - 1)  # Python's integers are 64 bits wide
        samples = samples / full
    stream = io.BytesIO()
    soundfile.write(stream, samples.astype(np.float32), rate, format="WAV", subtype="FLOAT")
    return stream.getvalue()
