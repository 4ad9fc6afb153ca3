"""Rows of a corpus -> manifest.csv, each with its length and nothing in it that cannot be heard."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from speech_tl.data.corpora.bars import bar
from speech_tl.errors import AudioError
from speech_tl.text import write_atomically

Row = dict[str, Any]
"""One utterance (or noise, or room): `audio` is a path; the other keys are the manifest's columns."""

FIRST_COLUMNS = (
    "audio", "text", "label", "speaker", "accent", "language", "gender", "split", "start", "end", "duration",
)  # fmt: skip
_THREADS = 8


def measure(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """(rows with `duration` in seconds, rows set aside with `problem`): those whose audio is missing or unreadable.

    Only headers are read. A row that has a duration, or start and end, keeps it, but its file must be there.
    """
    with ThreadPoolExecutor(_THREADS) as pool, bar("measuring", total=len(rows)) as shown:
        problems = []
        for problem in pool.map(_measured, rows, chunksize=64):
            problems.append(problem)
            shown.update(1)
    kept = [row for row, problem in zip(rows, problems, strict=True) if problem is None]
    aside = [{**row, "problem": problem} for row, problem in zip(rows, problems, strict=True) if problem is not None]
    return kept, aside


def _measured(row: Row) -> str | None:
    """Why the row cannot be used; None when it can, and then it has its duration."""
    from speech_tl.audio import probe

    if row.get("end") not in (None, ""):
        row["duration"] = float(row["end"]) - float(row.get("start") or 0)
    if row.get("duration") not in (None, ""):
        return None if os.path.isfile(row["audio"]) else f"{row['audio']}: no such file"
    try:
        row["duration"] = probe(row["audio"]).duration_s
    except AudioError as error:
        return str(error)
    return None


def write_table(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows as CSV, audio relative to the table's folder; columns that no row fills are left out."""
    filled = {name for row in rows for name, value in row.items() if value not in (None, "")}
    others = dict.fromkeys(name for row in rows for name in row if name not in FIRST_COLUMNS and name in filled)
    columns = [name for name in FIRST_COLUMNS if name in filled] + list(others)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    folder = path.resolve().parent
    for row in rows:
        writer.writerow([_cell(name, row.get(name), folder) for name in columns])
    return write_atomically(path, text.getvalue())


def _cell(name: str, value: Any, folder: Path) -> str:
    if value is None:
        return ""
    if name == "audio":
        return relative(Path(value), folder)
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return " ".join(str(value).split())  # a line end inside a sentence is not part of it


def relative(path: Path, folder: Path) -> str:
    """`path` as seen from `folder`, with slashes; whole where it lies on another drive."""
    try:
        return Path(os.path.relpath(os.path.abspath(path), folder)).as_posix()
    except ValueError:
        return path.as_posix()


def summary(rows: Sequence[Row]) -> str:
    """Rows, hours, speakers and splits in one line."""
    hours = sum(float(row.get("duration") or 0) for row in rows) / 3600
    parts = [f"{len(rows)} rows", f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"]
    speakers = {row["speaker"] for row in rows if row.get("speaker")}
    parts += [f"{len(speakers)} speaker{'s' if len(speakers) > 1 else ''}"] if speakers else []
    splits = Counter(row.get("split") or "" for row in rows)
    parts += [f"{name} {splits[name]}" for name in ("train", "dev", "test") if splits[name]]
    return ", ".join(parts)


def counted(values: Iterable[str], most: int = 30) -> str:
    """The values there are, most frequent first, with their counts."""
    found = Counter(values).most_common()
    more = f", and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(f"{value} ({count})" for value, count in found[:most]) + more
