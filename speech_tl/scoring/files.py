"""An evaluation's two files, summary.json and utterances.jsonl, as plain values: written whole, read with care."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from speech_tl.errors import BadInput
from speech_tl.figures import plain
from speech_tl.text import read_text, write_atomically
from speech_tl.text.parsed import json_line, json_value

SUMMARY = "summary.json"
UTTERANCES = "utterances.jsonl"


def write_json(path: str | Path, value: dict[str, Any]) -> Path:
    """Write `value` as readable JSON, whole or not at all."""
    return write_atomically(path, json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def write_rows(path: str | Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write one JSON object a line (JSONL), whole or not at all."""
    return write_atomically(path, "".join(json_line(plain(row)) + "\n" for row in rows))


def read_summary(folder: str | Path) -> dict[str, Any]:
    """The object in `folder`/summary.json.

    Raises:
        BadInput: the folder holds no evaluation, or the file is no JSON object.
    """
    path = _existing(Path(folder), SUMMARY)
    summary = json_value(read_text(path), str(path), "evaluate again")
    if not isinstance(summary, dict):
        raise BadInput(f"{path}: expected one JSON object; evaluate again")
    return summary


def read_rows(folder: str | Path, required: Sequence[str]) -> list[dict[str, Any]]:
    """The objects in `folder`/utterances.jsonl; each has at least the keys `required`.

    Raises:
        BadInput: the file is missing or empty, or a line is broken or lacks a key (the message names it).
    """
    path = _existing(Path(folder), UTTERANCES)
    lines = read_text(path).split("\n")
    rows = [_row(line, f"{path}, line {number}", required) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise BadInput(f"{path}: holds no utterance; evaluate again")
    return rows


def _row(line: str, where: str, required: Sequence[str]) -> dict[str, Any]:
    """One line's object, with the keys it must have."""
    row = json_object(line, where)
    missing = [key for key in required if key not in row]
    if missing:
        raise BadInput(f"{where}: lacks {', '.join(missing)}; expected the keys {', '.join(required)}")
    return row


def json_object(line: str | bytes, where: str) -> dict[str, Any]:
    """The object that a line of JSONL holds.

    Raises:
        BadInput: it is none; `where` names the place.
    """
    row = json_value(line, where, "expected one object a line, is the file complete?")
    if not isinstance(row, dict):
        raise BadInput(f"{where}: expected a JSON object, one an utterance")
    return row


def seconds_in(cell: Any, name: str, where: str) -> float:
    """A time in seconds: a finite number, in the digits of any script.

    Raises:
        BadInput: it is none; names place and column.
    """
    try:
        seconds = float(cell)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds) or isinstance(cell, bool):
        raise BadInput(f"{where}: {name} is {str(cell)[:60]!r}, expected seconds such as 2.5")
    return seconds


def _existing(folder: Path, name: str) -> Path:
    """`folder`/`name`, which must be there."""
    if (folder / name).is_file():
        return folder / name
    expected = f"expected the {SUMMARY} and {UTTERANCES} of an evaluation"
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; {expected}")
    if (folder / "before").is_dir() and (folder / "after").is_dir():
        raise BadInput(f"{folder} is a whole run: give {folder / 'before'} or {folder / 'after'}")
    raise BadInput(f"{folder} holds no {name}; {expected}")


SCORING_PACKAGES = ("speech_tl", "jiwer", "whisper-normalizer")
DECODING_PACKAGES = ("torch", "transformers")


def versions() -> dict[str, str]:
    """The versions that can change a figure, as far as they are installed."""
    return _versions((*SCORING_PACKAGES, *DECODING_PACKAGES))


def scoring_versions() -> dict[str, str]:
    """The versions that can change a figure of text that was written elsewhere."""
    return _versions(SCORING_PACKAGES)


def _versions(packages: Sequence[str]) -> dict[str, str]:
    """Python's and the packages' versions."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
