"""Text: normalisers with names, nearest names for messages, files written whole. Floor 0."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write_atomically(path: str | Path, data: str | bytes) -> Path:
    """Write `data` to `path` whole or not at all: a temporary neighbour first, then a rename.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing half-written is left behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data.encode("utf-8") if isinstance(data, str) else data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice spelt most like `word`, for "did you mean"; None when nothing comes close."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return found[0] if found else None
