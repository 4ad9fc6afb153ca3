"""Columns under their own names and types, whatever they are called and however they are filled in."""

from __future__ import annotations

import math
import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.data.table import Fault, Table
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

SECONDS_COLUMNS = ("start", "end", "duration")
TEXT_COLUMNS = ("id", "audio", "text", "speaker", "accent", "language", "gender", "split")

NAMES: Mapping[str, Sequence[str]] = {
    "audio": (
        *("audio_filepath", "audio_path", "audio_file", "audio_file_path", "path", "wav", "wav_path", "wav_file"),
        *("file_name", "filename", "file", "file_path", "filepath"),
    ),
    "text": ("sentence", "transcription", "transcript", "normalized_text", "raw_text", "raw_transcription"),
    "start": ("offset", "start_time"),
    "end": ("end_time",),
    "speaker": ("client_id", "speaker_id", "spk_id"),
    "accent": ("accents",),
    "language": ("locale",),
}
"""What other projects call our columns (Common Voice, NeMo, Hugging Face folders), the likeliest first."""

SPLITS: Mapping[str, Sequence[str]] = {
    "train": ("train", "training", "trn"),
    "dev": ("dev", "development", "devel", "val", "valid", "validation"),
    "test": ("test", "testing", "tst", "eval", "evaluation"),
}
"""What people call the three splits, in small letters."""

_SPLIT_OF = {name: split for split, names in SPLITS.items() for name in names}
_PLACES_OF_CLIPS = ("clips", "wavs", "audio", "wav")
_NO_WORDS = ("nan", "none", "null", "na", "n/a", "<na>", "#n/a")
_CONFLICT_S = 0.5


def standard_names(names: Sequence[str]) -> dict[str, str]:
    """The columns that are read as one of ours, by the name they have; never beside a column of that very name.

    >>> standard_names(["audio_filepath", "offset", "duration", "text"])
    {'audio_filepath': 'audio', 'offset': 'start'}
    >>> standard_names(["audio", "path", "Sentence"])
    {'Sentence': 'text'}
    """
    by_key: dict[str, str] = {}
    for name in names:
        by_key.setdefault(re.sub(r"[\s-]+", "_", name.strip().casefold()), name)
    found = {}
    for ours in dict.fromkeys((*TEXT_COLUMNS, *SECONDS_COLUMNS)):
        timed = ours != "start" or by_key.keys() & {"duration", "end", "end_time"}
        candidates = (ours, *(NAMES.get(ours, ()) if timed else ()))
        theirs = next((by_key[name] for name in candidates if name in by_key), None)
        if ours not in names and theirs is not None and theirs not in found:
            found[theirs] = ours
    return found


def standard_split(name: str | None) -> str:
    """A split's name under ours, whatever its case; an unknown one as it is, without blanks around it."""
    bare = (name or "").strip()
    return _SPLIT_OF.get(bare.casefold(), bare)


def in_order(table: Table, source: str) -> Table:
    """The columns every manifest has, under their own names and types; notes and faults for what is told by them.

    Raises:
        BadInput: no column of audio files, no rows, or seconds that are no numbers.
    """
    _rename(table)
    columns = table.columns
    if "audio" not in columns:
        there = ", ".join(map(repr, columns)) or "none"
        raise BadInput(f"{source}: no column 'audio' (there are {there}); name the column of file paths 'audio'")
    if not len(columns["audio"]) or (table.rows is not None and not len(table.rows)):
        raise BadInput(f"{source}: the manifest has no rows; expected one an utterance")
    for name in TEXT_COLUMNS:
        if name in columns:
            columns[name] = _text(columns[name], name, source)
    for name in SECONDS_COLUMNS:
        if name in columns:
            columns[name] = _seconds(columns[name], name, source)
    _put_times_right(table)
    _refuse_rows_without_audio(table)
    if "split" in columns:
        _name_splits(table)
    if "text" in columns:
        _tell_of_no_words(table)
    _find_clips(table)
    return table


def _rename(table: Table) -> None:
    renamed = standard_names(list(table.columns))
    if not renamed:
        return
    table.renamed |= renamed
    table.columns = {renamed.get(name, name): column for name, column in table.columns.items()}
    said = [f"{theirs!r} is read as {ours}" for theirs, ours in renamed.items()]
    table.notes.append(f"column {', '.join(said)}")


def _text(column: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    """Text; NaN is nothing, and whole numbers that lie as floats (because of a NaN among them) are whole again."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_string(column.type):
        return column
    if pa.types.is_nested(column.type):
        raise BadInput(f"{source}: column {name!r} holds {column.type}, expected text in every row")
    if pa.types.is_floating(column.type):
        column = compute.if_else(compute.is_nan(column), pa.scalar(None, column.type), column)
        numbers = column.drop_null().to_numpy()
        if len(numbers) and (numbers == np.trunc(numbers)).all() and np.abs(numbers).max() < 2**53:
            column = column.cast(pa.int64())
    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        raise BadInput(f"{source}: column {name!r} holds {column.type}, expected text ({_brief(error)})") from error


def _brief(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]


# ---- times


def _seconds(column: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    """Numbers of seconds; an empty cell, or NaN, is unknown."""
    import pyarrow as pa
    from pyarrow import compute

    try:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            trimmed = compute.utf8_trim_whitespace(column)
            trimmed = compute.if_else(compute.equal(trimmed, ""), pa.scalar(None, trimmed.type), trimmed)
            column = trimmed
        numbers = column.cast(pa.float64())
    except pa.ArrowException:
        found = [_number(cell, row, name, source) for row, cell in enumerate(column.to_pylist(), 1)]
        numbers = pa.chunked_array([pa.array(found, pa.float64())])
    return compute.if_else(compute.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)


def _number(cell: object, row: int, name: str, source: str) -> float | None:
    """A number as people write it: with a comma too, and in the digits of any script."""
    if cell is None:
        return None
    text = str(cell).strip()
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise BadInput(f"{source}: row {row}: {name} is {text!r}, expected seconds such as 2.5") from None


def _put_times_right(table: Table) -> None:
    """The end of rows that have a start and a duration only; a duration that the end contradicts gives way."""
    import pyarrow as pa

    height = len(table.columns["audio"])
    start, end, duration = (_numbers(table.columns.get(name), height) for name in SECONDS_COLUMNS)
    open_ = np.isnan(end) & ~np.isnan(start) & ~np.isnan(duration)
    if open_.any():
        end = np.where(open_, start + duration, end)
        table.columns["end"] = pa.chunked_array([pa.array(end, mask=np.isnan(end))])
        how_many = "every row" if open_.all() else f"{int(open_.sum())} of {height} rows"
        table.notes.append(f"{how_many}: the end is start + duration")
    with np.errstate(invalid="ignore"):
        wrong = (start < 0) | (end <= np.nan_to_num(start)) | np.isinf(start) | np.isinf(end) | np.isinf(duration)
        apart = np.flatnonzero(~wrong & (np.abs(end - np.nan_to_num(start) - duration) > _CONFLICT_S))
    if len(apart):
        row = int(apart[0])
        table.notes.append(
            f"{_rows(len(apart))} of another duration than end - start, which is taken (first: row {row + 1}, "
            f"{end[row] - np.nan_to_num(start[row]):.2f} s, duration says {duration[row]:.2f} s)"
        )
        duration[apart] = (end - np.nan_to_num(start))[apart]
        table.columns["duration"] = pa.chunked_array([pa.array(duration, mask=np.isnan(duration))])
    for row in np.flatnonzero(wrong).tolist():
        said = f"start {_said(start[row])}, end {_said(end[row])}, duration {_said(duration[row])}"
        table.faults.setdefault(row, Fault("bad_times", f"row {row + 1}: {said}; expected 0 <= start < end"))


def _said(seconds: float) -> str:
    return "unknown" if math.isnan(seconds) else f"{seconds:g} s"


def _numbers(column: pa.ChunkedArray | None, height: int) -> np.ndarray:
    return np.full(height, np.nan) if column is None else np.array(column.to_numpy(), dtype=np.float64)


# ---- splits


def _name_splits(table: Table) -> None:
    """Splits under our names; rows that belong to none of the three are counted in a note."""
    import pyarrow as pa
    from pyarrow import compute

    encoded = table.columns["split"].dictionary_encode()
    if not len(encoded):
        return
    chunks = []
    spellings: dict[str, set[str]] = defaultdict(set)
    for chunk in encoded.chunks:
        written = chunk.dictionary.to_pylist()
        names = [standard_split(name) for name in written]
        for before, after in zip(written, names, strict=True):
            spellings[after].add((before or "").strip().casefold())
        chunks.append(pa.array(names, pa.string()).take(chunk.indices))
    column = table.columns["split"] = pa.chunked_array(chunks, pa.string())
    used = column if table.rows is None else column.take(table.rows)
    if table.faults:
        rows = np.arange(len(column)) if table.rows is None else table.rows
        used = column.take(rows[~np.isin(rows, list(table.faults))])
    counted = {one["values"] or "": one["counts"] for one in compute.value_counts(used).to_pylist()}
    table.notes += _notes_on_splits(counted, spellings)


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count} rows are"


def _notes_on_splits(rows: Mapping[str, int], spellings: Mapping[str, set[str]]) -> list[str]:
    notes = []
    for ours in SPLITS:
        if len(names := sorted(spellings.get(ours, ()))) > 1:
            notes.append(f"splits {' and '.join(names)} are both read as {ours} ({rows.get(ours, 0)} rows together)")
        elif names and names[0] != ours:
            notes.append(f"split {names[0]} is read as {ours}")
    others = Counter({name: count for name, count in rows.items() if name not in SPLITS})
    if others and others.keys() != {""}:
        said = [f"{count} of {name!r}" if name else f"{count} without one" for name, count in others.most_common(8)]
        more = f" and {len(others) - len(said)} more splits" if len(others) > len(said) else ""
        notes.append(f"{_rows(others.total())} in neither train, dev nor test: {', '.join(said)}{more}")
    elif others and len(rows) > 1:
        notes.append(f"{_rows(others[''])} in neither train, dev nor test: no split")
    return notes


# ---- texts and paths


def _refuse_rows_without_audio(table: Table) -> None:
    """Rows whose path is empty, such as the lines of separators that a spreadsheet leaves at the end."""
    from pyarrow import compute

    lengths = compute.fill_null(compute.binary_length(table.columns["audio"]), 0)
    if compute.min(lengths).as_py() == 0:
        for row in np.flatnonzero(lengths.to_numpy() == 0).tolist():
            table.faults.setdefault(row, Fault("malformed", f"row {row + 1}: no path of an audio file"))


def _tell_of_no_words(table: Table) -> None:
    """Texts such as "nan", which a program writes for no text and nobody says."""
    import pyarrow as pa
    from pyarrow import compute

    column = table.columns["text"]
    short = compute.less_equal(compute.binary_length(column), max(map(len, _NO_WORDS)) + 2)
    few = compute.utf8_lower(compute.utf8_trim_whitespace(column.filter(short)))
    found = Counter(few.filter(compute.is_in(few, pa.array(_NO_WORDS))).to_pylist())
    if found:
        said = ", ".join(f"{count} are {text!r}" for text, count in found.most_common())
        table.notes.append(f"texts that may stand for no text: {said}; leave such cells empty if nobody says that")


def _find_clips(table: Table) -> None:
    """Audio that lies in clips/ beside the table, as Common Voice has it, though the paths do not say so."""
    first = [audio for audio in table.columns["audio"].slice(0, 5).to_pylist() if audio]
    if table.audio_bytes is not None or not first:
        return
    if any(os.path.exists(os.path.join(table.root, audio)) for audio in first):
        return
    from speech_tl.data.paths import audio_path

    for name in _PLACES_OF_CLIPS:
        folder = Path(table.root, name)
        if folder.is_dir() and all(os.path.exists(audio_path(folder, audio)) for audio in first):
            table.root = folder
            table.notes.append(f"the audio lies in {name}/")
            return
