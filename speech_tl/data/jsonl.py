"""JSON lines (or one JSON array) -> columns of text; a value that is not text is kept as JSON writes it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.data.columns import standard_names
from speech_tl.data.table import Fault, Table, refuse_broken
from speech_tl.errors import BadInput
from speech_tl.text.encodings import as_utf8

if TYPE_CHECKING:
    import pyarrow as pa

JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")

_ROWS = 50_000
_SURROGATE = re.compile("[\ud800-\udfff]")
_EXPECTED = 'expected one object a line, such as {"audio": ..., "text": ...}'

Row = dict[str, Any]


def read_jsonl(path: Path) -> Table:
    """The rows of a file of JSON objects, one a line, or of one array of them.

    NaN, as pandas writes it, is nothing. A line that cannot be read, and a list or an object where text is expected,
    are faults of their row.

    Raises:
        BadInput: another encoding than `as_utf8` reads, no rows, or more broken rows than a table has.
    """
    import pyarrow as pa

    faults: dict[int, Fault] = {}
    notes: list[str] = []
    parts, height = [], 0
    for rows in _batches(path, faults, notes):
        names = dict.fromkeys(name for row in rows for name in row)
        ours = standard_names(list(names))
        cells = {}
        for name in names:
            values = [row.get(name) for row in rows]
            if ours.get(name, name) in ("audio", "text"):
                values = _plain(values, ours.get(name, name), height, faults)
            cells[_whole(name)] = _column([v if type(v) is str else _as_text(v) for v in values], height, faults)
        if not cells and rows:
            cells = {"audio": pa.nulls(len(rows), pa.string())}
        parts.append(pa.table(cells))
        height += len(rows)
    if not height:
        raise BadInput(f"{path}: the manifest has no rows; {_EXPECTED}")
    refuse_broken(path, {row: fault for row, fault in faults.items() if fault.kind == "malformed"}, height)
    table = pa.concat_tables(parts, promote_options="default")
    columns = dict(zip(table.column_names, table.columns, strict=True))
    return Table(columns, path.resolve().parent, notes=notes, faults=faults)


def _batches(path: Path, faults: dict[int, Fault], notes: list[str]) -> Iterator[list[Row]]:
    """Some rows at a time; a broken line is an empty row and a fault."""
    rows: list[Row] = []
    done = 0
    for number, line in _lines(path, notes):
        try:
            found = _objects(line, number)
        except BadInput as error:
            faults[done + len(rows)] = Fault("malformed", str(error))
            found = [{}]
        rows.extend(found)
        if len(rows) >= _ROWS:
            yield rows
            done, rows = done + len(rows), []
    if rows:
        yield rows


def _lines(path: Path, notes: list[str]) -> Iterator[tuple[int, bytes]]:
    """The lines that say something, with their numbers, in UTF-8; a file that is one array is one line."""
    with path.open("rb") as stream:
        start = stream.read(64)
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            data, note = as_utf8(path.read_bytes(), str(path))
            notes.append(note)
            yield from _numbered(iter(data.splitlines(keepends=True)))
        elif start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[") and _is_array(path):
            yield 1, as_utf8(path.read_bytes(), str(path))[0]
        else:
            stream.seek(0)
            yield from _decodable(path, stream, notes)


def _is_array(path: Path) -> bool:
    return path.read_bytes().rstrip().endswith(b"]")


def _decodable(path: Path, stream: Iterator[bytes], notes: list[str]) -> Iterator[tuple[int, bytes]]:
    """The lines; from the first that is not UTF-8 on they are read in the encoding that explains the whole file."""
    for number, line in _numbered(stream):
        try:
            if not line.isascii():
                line.decode()
        except UnicodeDecodeError:
            data, note = as_utf8(path.read_bytes(), str(path))
            notes.append(note)
            yield from (later for later in _numbered(iter(data.splitlines(keepends=True))) if later[0] >= number)
            return
        yield number, line


def _numbered(lines: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    number = 0
    for line in lines:
        for part in line.splitlines() if b"\r" in line else (line,):
            number += 1
            bare = part.removeprefix(b"\xef\xbb\xbf") if number == 1 else part
            if bare.strip():
                yield number, bare


def _objects(line: bytes, number: int) -> list[Row]:
    """The object of a line, or those of an array; a BadInput's message becomes the fault of the row."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else str(error).split(";")[0][:80]
        raise BadInput(f"line {number} is not JSON ({why}); {_EXPECTED}") from None
    if isinstance(found, list) and number == 1 and len(found) and all(isinstance(row, dict) for row in found):
        return found
    if not isinstance(found, dict):
        raise BadInput(f"line {number} is no JSON object; {_EXPECTED}")
    if number == 1 and len(found) > 1 and all(isinstance(value, dict) for value in found.values()):
        raise BadInput(f'line {number} is one object of columns; {_EXPECTED} (pandas: orient="records", lines=True)')
    return [found]


def _plain(values: list[Any], name: str, height: int, faults: dict[int, Fault]) -> list[Any]:
    """Values of audio or text; lists and objects, which are neither, become faults."""
    if not any(isinstance(value, (list, dict)) for value in values):
        return values
    kept = []
    for row, value in enumerate(values, height):
        if isinstance(value, dict) and name == "audio" and isinstance(value.get("path"), str):
            value = value["path"]
        elif isinstance(value, (list, dict)):
            kind = "an object" if isinstance(value, dict) else "a list"
            said, expected = json.dumps(value, ensure_ascii=False)[:60], "a path" if name == "audio" else "a string"
            fault = Fault(f"{name}_not_a_string", f"row {row + 1}: {name} is {kind}, {said}; expected {expected}")
            faults.setdefault(row, fault)
            value = None
        kept.append(value)
    return kept


def _as_text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # an integer of thousands of digits, lists a thousand deep
        return None


def _column(values: list[str | None], height: int, faults: dict[int, Fault]) -> pa.Array:
    """An array of text; half a character (a lone surrogate) makes its row a fault."""
    import pyarrow as pa

    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        for row, value in enumerate(values):
            if half := _SURROGATE.search(value or ""):
                said = f"row {height + row + 1}: half a character ({half.group()!a}) in the text"
                faults.setdefault(height + row, Fault("malformed", said))
        return pa.array([value and _whole(value) for value in values], pa.string())


def _whole(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)
