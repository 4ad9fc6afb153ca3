"""Hypotheses in a table, one utterance a row: CSV, TSV or JSON lines; with the references beside them or without."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from speech_tl.data.columns import standard_names
from speech_tl.data.manifest import Utterance
from speech_tl.data.separated import SEPARATORS as SEPARATED
from speech_tl.data.separated import read_rows
from speech_tl.errors import BadInput
from speech_tl.scoring.files import json_object, seconds_in
from speech_tl.scoring.wer import AUDIO_FINGERPRINT, KEYS, LOOPED
from speech_tl.text.encodings import as_utf8

TABLES = (*SEPARATED, ".jsonl", ".ndjson")

# The better name first: utterances.jsonl, which `evaluate` writes, holds raw and scored texts.
ID = ("id", "audio")
HYPOTHESIS = ("hypothesis_raw", "pred_text", "hypothesis", "text")  # NeMo writes pred_text beside the reference
REFERENCE = ("reference_raw", "reference", "text")

SECONDS = ("start", "end", "duration")

Row = tuple[str, dict[str, Any]]
"""Where a row stands, for messages; its cells."""


def read_table(path: str | Path) -> tuple[dict[str, str], list[Utterance] | None, list[str]]:
    """The hypotheses by id, the utterances with their references where the table has these, and notes about how.

    Files are read as manifests are: any line ends and separators, lone quotation marks, Windows-1252, NaN.

    Raises:
        BadInput: another encoding or form, other columns, an id twice, a cell that is no text, or no row at all.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such file")
    notes: list[str] = []
    rows = list((_separated_rows if Path(path).suffix.lower() in SEPARATED else _json_rows)(path, notes))
    if not rows:
        raise BadInput(f"{path}: holds no hypothesis; expected one row an utterance")
    names = list(dict.fromkeys(name for _, cells in rows for name in cells))
    renamed = {theirs: ours for theirs, ours in standard_names(names).items() if ours in (*ID, *HYPOTHESIS, *SECONDS)}
    if renamed:
        rows = [(where, {renamed.get(name, name): cell for name, cell in cells.items()}) for where, cells in rows]
        notes.append(f"column {', '.join(f'{theirs!r} is read as {ours}' for theirs, ours in renamed.items())}")
    known = [renamed.get(name, name) for name in names]
    identity, hypothesis = _named(ID, known, names, path), _named(HYPOTHESIS, known, names, path)
    texts = _texts(rows, identity, hypothesis)
    reference = next((name for name in REFERENCE if name in known and name != hypothesis), None)
    if reference is None:
        return texts, None, notes
    used = {identity, hypothesis, reference, *KEYS, AUDIO_FINGERPRINT, LOOPED, "text", *SECONDS}
    return texts, [_utterance(row, identity, reference, used) for row in rows], notes


def _named(wanted: Sequence[str], known: Sequence[str], names: Sequence[str], path: str | Path) -> str:
    """The first of the columns wanted that is there, as `known`; `names` is what the file calls them."""
    found = next((name for name in wanted if name in known), None)
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
    seconds = {name: seconds_in(cells[name], name, where) for name in SECONDS if cells.get(name) not in (None, "")}
    return Utterance(
        id=_text(cells, identity, where),
        audio=str(cells.get("audio") or ""),
        text=_text(cells, reference, where),
        start_s=seconds.get("start", 0.0),
        end_s=seconds.get("end"),
        duration_s=seconds.get("duration"),
        columns={name: value for name, value in cells.items() if name not in used},
    )


def _text(cells: Mapping[str, Any], name: str, where: str) -> str:
    """A cell that must be text."""
    value = cells.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return json.dumps(value)
    if not isinstance(value, str):
        raise BadInput(f'{where}: {name} is {json.dumps(value)}, expected text ("" where there is none)')
    return value


def _separated_rows(path: str | Path, notes: list[str]) -> Iterator[Row]:
    """Rows of a CSV or TSV file with a header."""
    if not Path(path).stat().st_size:
        return
    table = read_rows(Path(path))
    if table.faults:
        raise BadInput(f"{path}, {table.faults[min(table.faults)].detail}")
    notes.extend(table.notes)
    for number, cells in zip(table.lines, table.rows, strict=True):
        yield f"{path}, line {number}", dict(zip(table.header, cells, strict=True))


def _json_rows(path: str | Path, notes: list[str]) -> Iterator[Row]:
    """Rows of a file of JSON objects, one a line; NaN, as pandas writes it, is an empty text."""
    data, note = as_utf8(Path(path).read_bytes(), str(path))
    notes.extend([note] if note else [])
    empty = 0
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        cells = json_object(line, where)
        for name, value in cells.items():
            if isinstance(value, float) and math.isnan(value):
                cells[name] = "" if name in HYPOTHESIS else None
                empty += name in HYPOTHESIS
        yield where, cells
    if empty:
        notes.append(f"{empty} hypotheses are NaN: read as empty")
