"""CSV and TSV -> columns of text. Plain files go through Arrow; where quotation marks or line ends do not add up,
each line is looked at on its own, so that a lone mark costs one cell its mark and never the rows behind it.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from speech_tl.data.columns import standard_names
from speech_tl.data.lines import LINE, Layout, Rows, cells_of, split_lines, swallows_in
from speech_tl.data.table import Table, refuse_broken
from speech_tl.errors import BadInput
from speech_tl.text.encodings import as_utf8

SEPARATORS = {".csv": ",", ".tsv": "\t"}
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

_BOM = b"\xef\xbb\xbf"
_BLOCK = 1 << 24
_SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # as a spreadsheet writes before the header


def read_separated(path: Path) -> Table:
    """The rows of a CSV or TSV file with a header, all cells text.

    Commas are expected in .csv and tabs in .tsv; what the header shows instead is taken and told. Lines end with LF,
    CRLF or CR. A cell in quotation marks may hold separators and line ends, and marks that are doubled; a mark that
    does not open and close a cell is a character of the text, and told. A row with more or fewer cells than the
    header is a fault, named by its line.

    Raises:
        BadInput: empty, another encoding than `as_utf8` reads, a column twice, or more broken rows than a table has.
    """
    layout, data, note = _opened(path)
    table = None
    if layout.plain:
        table = _read_plain(path, layout, data)
    if table is None and data is None:  # another encoding, lone marks, or a row of another width
        data, note = as_utf8(path.read_bytes(), str(path))
        table = _read_plain(path, layout, data) if note and layout.plain else None
    if table is None and data is not None:
        table = _read_line_by_line(path, layout, data.decode())
    assert table is not None, "what was not read yet is in UTF-8 by now"
    table.notes[:0] = [*([note] if note else []), *layout.notes]
    _drop_empty_columns(table, layout)
    return table


def _opened(path: Path) -> tuple[Layout, bytes | None, str]:
    """The layout; the file in UTF-8 where it is written otherwise, and a note about that."""
    with path.open("rb") as stream:
        start = stream.read(1 << 16)
    data, note = None, ""
    first = re.split(rb"[\r\n]", start.removeprefix(_BOM).lstrip(b"\r\n"), maxsplit=1)[0]
    try:
        line = first.decode()
    except UnicodeDecodeError:
        line = "\0"
    if "\0" in line:
        data, note = as_utf8(path.read_bytes(), str(path))
        start = data[: 1 << 16]
    text = start.removeprefix(_BOM).decode("utf-8", "replace")
    return _layout(path, text), data, note


def _layout(path: Path, text: str) -> Layout:
    usual = SEPARATORS[path.suffix.lower()]
    lines = [found.group(1) for found in LINE.finditer(text)]
    at = next((number for number, line in enumerate(lines) if line.strip()), None)
    if at is None:
        raise BadInput(f"{path}: the manifest is empty; expected a header line and one line an utterance")
    stated = _SEPARATOR_LINE.fullmatch(lines[at])
    if stated and at + 1 < len(lines):
        at += 1
    separator = stated.group(1) if stated else _separator(lines[at], usual)
    header = _header(path, lines[at], separator)
    notes = []
    if separator != usual and len(header) > 1:
        notes.append(f"the columns are separated by {NAMES.get(separator, repr(separator))}, not {NAMES[usual]}")
    plain = re.search(r"\r(?!\n|\Z)", text) is None and not any(not line.strip() for line in lines[:at])
    if not plain and "\n" not in text:
        notes.append("its lines end with CR alone")
    return Layout(header, separator, at + 1, plain, notes)


def _separator(line: str, usual: str) -> str:
    """What stands between the columns: the usual, unless only another one shows a column of audio files."""
    candidates = [usual, *(mark for mark in NAMES if mark != usual)]
    columns = {mark: [cell.strip() for cell in cells_of(line, mark)[0]] for mark in candidates}
    known = [mark for mark in candidates if "audio" in {*columns[mark], *standard_names(columns[mark]).values()}]
    several = [mark for mark in candidates if len(columns[mark]) > 1]
    return next(iter([*known, *several]), usual)


def _header(path: Path, line: str, separator: str) -> list[str]:
    names = [cell.strip().removeprefix("\ufeff") for cell in cells_of(line, separator)[0]]
    names = [name or f"column_{place}" for place, name in enumerate(names, 1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(
            f"{path}: line 1 has column {twice[0]!r} twice; rename one of them, or is there no line of names?"
        )
    return names


def _drop_empty_columns(table: Table, layout: Layout) -> None:
    """Columns without name and content, as a spreadsheet leaves them behind the last."""
    from pyarrow import compute

    for place, name in enumerate(layout.header, 1):
        if name == f"column_{place}" and not compute.max(compute.utf8_length(table.columns[name])).as_py():
            del table.columns[name]


# ---- through Arrow


def _read_plain(path: Path, layout: Layout, data: bytes | None) -> Table | None:
    """The rows as Arrow reads them; None where it would not read every line as the row it is."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    seen = np.frombuffer(data, np.uint8) if data is not None else np.memmap(path, np.uint8, mode="r")
    survey = _surveyed(seen, layout)
    if survey is None:
        return None
    expected, multiline = survey
    try:
        table = arrow_csv.read_csv(
            str(path) if data is None else pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(column_names=layout.header, skip_rows=layout.skip, use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=layout.separator, newlines_in_values=multiline),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(layout.header, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise BadInput(f"{path}: the manifest has a header but no rows; expected one line an utterance") from error
        return None
    if table.num_rows != expected:
        return None
    return Table(dict(zip(layout.header, table.columns, strict=True)), path.resolve().parent)


def _surveyed(data: np.ndarray, layout: Layout) -> tuple[int, bool] | None:
    """How many rows there must be, and whether cells hold line ends; None where the marks do not add up.

    They add up where every opening mark follows a separator or a line end, every closing one is followed by one, and
    no line inside a cell looks like a row of its own.
    """
    marks, ends, returns = _places(data)
    if returns is None:
        return None
    inside = np.zeros(len(ends), dtype=bool)
    if len(marks):
        if len(marks) % 2 or not _well_placed(data, marks, layout.separator):
            return None
        inside = np.searchsorted(marks, ends) % 2 == 1
        if inside.any() and _swallows_rows(data, ends, inside, layout):
            return None
    outside = ends[~inside]
    gaps = np.diff(outside, prepend=-1)
    two = outside[gaps == 2] - 1
    blank = int((gaps == 1).sum() + (data[two] == 13).sum())
    last = len(data) > 0 and (not len(ends) or ends[-1] != len(data) - 1)
    return len(outside) + int(last) - blank - layout.skip, bool(inside.any())


def _places(data: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool | None]:
    """Where quotation marks and line feeds are; None for the third where a CR stands alone."""
    marks, ends, alone = [], [], False
    for first in range(0, len(data), _BLOCK):
        block = data[first : first + _BLOCK]
        low = np.flatnonzero(block <= 34)  # few bytes are: blanks, line ends, quotation marks
        values = block[low]
        marks.append(low[values == 34] + first)
        ends.append(low[values == 10] + first)
        returns = low[values == 13] + first + 1
        alone |= bool((data[returns[returns < len(data)]] != 10).any())
    return np.concatenate(marks), np.concatenate(ends), None if alone else True


def _well_placed(data: np.ndarray, marks: np.ndarray, separator: str) -> bool:
    """Whether the marks open and close cells, by what stands beside them; doubled ones are one mark inside."""
    start = 3 if data[:3].tobytes() == _BOM else 0
    borders = np.zeros(256, dtype=bool)
    borders[[ord(separator), 10, 13]] = True
    opening, closing = marks[::2], marks[1::2]
    before = (opening == start) | borders[data[np.maximum(opening - 1, 0)]]
    behind = (closing == len(data) - 1) | borders[data[np.minimum(closing + 1, len(data) - 1)]]
    doubled = opening[1:] == closing[:-1] + 1
    before[1:] |= doubled
    behind[:-1] |= doubled
    return bool(before.all() and behind.all())


def _swallows_rows(data: np.ndarray, ends: np.ndarray, inside: np.ndarray, layout: Layout) -> bool:
    """Whether a line inside a quoted cell looks like a row: then the mark before it was never closed."""
    outside = ends[~inside]
    first = int(outside[layout.skip - 1]) + 1 if len(outside) >= layout.skip else 0
    swallows = swallows_in(layout, _text(data, first, ends))
    behind = ends[inside]
    before = np.searchsorted(outside, behind) - 1  # the line end before the row that goes on there
    return any(
        swallows(_text(data, int(outside[row]) + 1 if row >= 0 else 0, ends), _text(data, int(end) + 1, ends))
        for row, end in zip(before, behind, strict=True)
    )


def _text(data: np.ndarray, first: int, ends: np.ndarray) -> str:
    """The line that begins at a place."""
    at = np.searchsorted(ends, first)
    return data[first : int(ends[at]) if at < len(ends) else len(data)].tobytes().decode("utf-8", "replace")


# ---- line by line


def read_rows(path: Path) -> Rows:
    """The rows of a small CSV or TSV file, read as `read_separated` reads them.

    Raises:
        BadInput: empty, an encoding that `as_utf8` does not read, or a column twice.
    """
    layout, data, note = _opened(path)
    if data is None:
        data, note = as_utf8(path.read_bytes(), str(path))
    found = split_lines(data.decode(), layout)
    found.notes[:0] = [*([note] if note else []), *layout.notes]
    return found


def _read_line_by_line(path: Path, layout: Layout, text: str) -> Table:
    import pyarrow as pa

    found = split_lines(text, layout)
    if not found.rows:
        raise BadInput(f"{path}: the manifest has a header but no rows; expected one line an utterance")
    refuse_broken(path, found.faults, len(found.rows))
    columns = (pa.chunked_array([pa.array(cells, pa.string())]) for cells in zip(*found.rows, strict=True))
    by_name = dict(zip(layout.header, columns, strict=True))
    return Table(by_name, path.resolve().parent, faults=found.faults, notes=found.notes)
