"""Hypotheses in a table, one utterance a row: CSV, TSV or JSON lines; with the references beside them or without."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from speech_tl.data.manifest import Utterance
from speech_tl.errors import BadInput
from speech_tl.scoring.files import json_object
from speech_tl.scoring.wer import KEYS
from speech_tl.text import read_text

SEPARATORS = {".csv": ",", ".tsv": "\t", ".jsonl": None, ".ndjson": None}

# The better name first: utterances.jsonl, which `evaluate` writes, holds raw and scored texts.
ID = ("id", "audio")
HYPOTHESIS = ("hypothesis_raw", "hypothesis", "text")
REFERENCE = ("reference_raw", "reference", "text")

SECONDS = ("start", "end", "duration")

Row = tuple[str, dict[str, Any]]
"""Where a row stands, for messages; its cells."""


def read_table(path: str | Path) -> tuple[dict[str, str], list[Utterance] | None]:
    """The hypotheses by id, and the utterances with their references where the table has these.

    Raises:
        BadInput: another encoding or form, other columns, an id twice, a cell that is no text, or no row at all.
    """
    separator = SEPARATORS[Path(path).suffix.lower()]
    rows = list(_json_rows(path) if separator is None else _separated_rows(path, separator))
    if not rows:
        raise BadInput(f"{path}: holds no hypothesis; expected one row an utterance")
    names = list(dict.fromkeys(name for _, cells in rows for name in cells))
    identity, hypothesis = _named(ID, names, path), _named(HYPOTHESIS, names, path)
    texts = _texts(rows, identity, hypothesis)
    reference = next((name for name in REFERENCE if name in names and name != hypothesis), None)
    if reference is None:
        return texts, None
    used = {identity, hypothesis, reference, *KEYS, "text", *SECONDS}
    return texts, [_utterance(row, identity, reference, used) for row in rows]


def _named(wanted: Sequence[str], names: Sequence[str], path: str | Path) -> str:
    """The first of the columns wanted that is there."""
    found = next((name for name in wanted if name in names), None)
    if found is None:
        there = ", ".join(names[:8])
        raise BadInput(
            f"{path}: no column {' or '.join(wanted[-2:])} (there are: {there}); expected id or audio, and hypothesis "
            "(or text); references may stand beside them in the column reference"
        )
    return found


def _texts(rows: Iterable[Row], identity: str, hypothesis: str) -> dict[str, str]:
    """The hypotheses by id, each id once."""
    found: dict[str, str] = {}
    for where, cells in rows:
        name = _text(cells, identity, where)
        if not name:
            raise BadInput(f"{where}: {identity} is empty; expected what names the utterance")
        if name in found:
            raise BadInput(f"{where}: {identity} {name} for the second time; expected one row an utterance")
        found[name] = _text(cells, hypothesis, where)
    return found


def _utterance(row: Row, identity: str, reference: str, used: set[str]) -> Utterance:
    """One row with its reference; columns that are neither texts nor counts are kept for grouping."""
    where, cells = row
    seconds = {name: _seconds(cells.get(name), name, where) for name in SECONDS}
    return Utterance(
        id=_text(cells, identity, where),
        audio=str(cells.get("audio") or ""),
        text=_text(cells, reference, where),
        start_s=seconds["start"] or 0.0,
        end_s=seconds["end"],
        duration_s=seconds["duration"],
        columns={name: value for name, value in cells.items() if name not in used},
    )


def _text(cells: Mapping[str, Any], name: str, where: str) -> str:
    """A cell that must be text."""
    value = cells.get(name)
    if not isinstance(value, str):
        raise BadInput(f'{where}: {name} is {json.dumps(value)}, expected text ("" where there is none)')
    return value


def _seconds(value: Any, name: str, where: str) -> float | None:
    """A cell that must be a number of seconds or empty."""
    try:
        return None if value in (None, "") else float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{where}: {name} is {value!r}, expected seconds such as 2.5") from None


def _separated_rows(path: str | Path, separator: str) -> Iterator[Row]:
    """Rows of a CSV or TSV file with a header."""
    table = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=separator)
    header: list[str] = []
    try:
        for cells in table:
            if not cells:
                continue
            where = f"{path}, line {table.line_num}"
            if not header:
                header = _header(cells, separator, path)
            elif len(cells) != len(header):
                sizes = f"{len(cells)} cells under {len(header)} columns"
                raise BadInput(f"{where}: {sizes}; a text that holds {separator!r} needs quotes")
            else:
                yield where, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise BadInput(f"{path}, line {table.line_num}: not readable ({error})") from None


def _header(cells: Sequence[str], separator: str, path: str | Path) -> list[str]:
    """The names of the columns."""
    names = [cell.strip() for cell in cells]
    other = next((mark for mark in ",;\t|" if mark != separator and mark in names[0]), None)
    if len(names) == 1 and other:
        raise BadInput(f"{path}: found {other!r} where {separator!r} was expected between the columns")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"{path}, line 1: column {twice!r} is there twice; rename one of them")
    return names


def _json_rows(path: str | Path) -> Iterator[Row]:
    """Rows of a file of JSON objects, one a line."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, json_object(line, where)
