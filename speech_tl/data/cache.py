"""What need not be computed again each epoch: arrays of utterances in memory-mapped files that all processes share."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from speech_tl.text import write_atomically

SLACK_SAMPLES = 200
"""Room beyond what a manifest says an utterance lasts: manifests round to hundredths of a second."""


class RowStore:
    """One array `(length, width)` an utterance, in a file of fixed places: written by whoever has it, read by all.

    Each row is written whole before its length is, so that a reader finds it whole or not at all; after a power cut,
    which may take back any part of a file, its checksum says whether it is. Rows may be written again with the same
    content.

    Attributes:
        bytes: what it takes on disk.
        new: whether it was just made, with nothing in it.
    """

    def __init__(self, folder: Path, places: np.ndarray, width: int, dtype: str) -> None:
        """Open or make the files of a store.

        Args:
            folder: where they lie.
            places: `(rows,)`, the most entries of `width` numbers that a row may have.
            width: numbers of an entry.
            dtype: of the numbers.

        Raises:
            OSError: there is no room.
        """
        self.folder, self.width, self.dtype = folder, width, np.dtype(dtype)
        self.starts = np.concatenate([[0], np.cumsum(places)]).astype(np.int64)
        self._maps: dict[str, np.memmap] = {}
        rows, entries = len(places), int(self.starts[-1])
        sizes = {"entries": entries * self.width * self.dtype.itemsize, "notes": 8 * rows}
        sizes |= {"sums": 4 * rows, "lengths": 4 * rows}
        self.bytes, self.new = sum(sizes.values()), not (folder / "lengths").exists()
        for name, size in sizes.items():
            _reserve(folder / name, size)

    def __getstate__(self) -> dict[str, Any]:
        """Another process maps the files itself."""
        return {**self.__dict__, "_maps": {}}

    def put(self, row: int, values: np.ndarray, note: float) -> bool:
        """Keep `values` `(length, width)` and a number beside them; False where they are longer than their place."""
        start, end = self.starts[row : row + 2]
        if not 0 < len(values) <= end - start:
            return False
        self._map("entries", self.dtype).reshape(-1, self.width)[start : start + len(values)] = values
        self._map("notes", np.float64)[row] = note
        self._map("sums", np.uint32)[row] = _sum(np.asarray(values, self.dtype), note)
        self._map("lengths", np.int32)[row] = len(values)
        return True

    def get(self, row: int) -> tuple[np.ndarray, float] | None:
        """The values, as they lie in the file, and the number; None where nothing was kept, or not what was put."""
        length = int(self._map("lengths", np.int32)[row])
        if not length:
            return None
        start = int(self.starts[row])
        values = self._map("entries", self.dtype).reshape(-1, self.width)[start : start + length]
        note = float(self._map("notes", np.float64)[row])
        return (values, note) if _sum(values, note) == self._map("sums", np.uint32)[row] else None

    def has(self, rows: list[int]) -> bool:
        """Whether all of `rows` are kept."""
        return bool((self._map("lengths", np.int32)[rows] > 0).all())

    def forget(self, rows: np.ndarray) -> None:
        """Drop `rows`."""
        self._map("lengths", np.int32)[rows] = 0

    def kept(self) -> np.ndarray:
        """Indices of what is kept."""
        return np.flatnonzero(self._map("lengths", np.int32))

    def _map(self, name: str, dtype: Any) -> np.memmap:
        if name not in self._maps:
            self._maps[name] = np.memmap(self.folder / name, dtype, "r+")
        return self._maps[name]


class WaveformStore:
    """Waveforms in 16 bits an utterance: decoded and resampled once.

    What a 16-bit recording holds comes back to the bit. Anything else is rounded to 1/32767 of its own peak, 96 dB
    below it, the first time too, so that every epoch hears the same.
    """

    def __init__(self, rows: RowStore) -> None:
        """Keep waveforms in `rows`, which are one int16 wide."""
        self.rows = rows

    def waveform(self, row: int, load: Callable[[], np.ndarray]) -> np.ndarray:
        """The waveform `(samples,)` of a row, float32: kept, or loaded and kept."""
        found = self.rows.get(row)
        if found is None:
            samples, step = in_16_bits(load())
            self.rows.put(row, samples[:, None], step)
        else:
            samples, step = found[0][:, 0], found[1]
        return samples * np.float32(step)


def in_16_bits(waveform: np.ndarray) -> tuple[np.ndarray, float]:
    """int16 `(samples,)` and what they are to be multiplied by."""
    scaled = waveform * np.float32(32768)
    samples = np.rint(scaled)
    if np.array_equal(samples, scaled) and samples.min() >= -32768 and samples.max() <= 32767:
        return samples.astype(np.int16), 1 / 32768
    step = float(np.abs(waveform).max()) / 32767 or 1.0
    return np.rint(waveform / np.float32(step)).astype(np.int16), step


def open_store(folder: Path, key: dict[str, Any], places: np.ndarray, width: int, dtype: str) -> RowStore:
    """The store in `folder`, with what an earlier run left there if that was of the same `key`; else a new one.

    Raises:
        OSError: there is no room.
    """
    written = json.dumps(key | {"width": width, "dtype": dtype, "entries": int(places.sum())}, sort_keys=True)
    note = folder / "key.json"
    if not note.is_file() or note.read_text(encoding="utf-8") != written:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    store = RowStore(folder, places, width, dtype)
    write_atomically(note, written)
    return store


def _sum(values: np.ndarray, note: float) -> int:
    """A checksum of a row."""
    return zlib.crc32(np.ascontiguousarray(values).view(np.uint8).data, zlib.crc32(np.float64(note).tobytes()))


def _reserve(path: Path, size: int) -> None:
    """A file of `size` bytes that the disk has room for: writing into a hole of a full disk would kill the process."""
    with path.open("ab"):
        pass
    if path.stat().st_size == size:
        return
    with path.open("r+b") as stream:
        stream.truncate(size)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, size)
