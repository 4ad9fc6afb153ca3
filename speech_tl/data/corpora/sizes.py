"""Sizes on disk: said for people, and whether there is room."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from speech_tl.errors import BadInput


def said_bytes(count: float) -> str:
    """A size for people.

    >>> said_bytes(999), said_bytes(12_300_000), said_bytes(11e9)
    ('999 bytes', '12.3 MB', '11.0 GB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} bytes"


def require_room(folder: Path, needed: int, what: str) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        BadInput: fewer than `needed` bytes are free where `folder` is (or will be).
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise BadInput(
            f"{what} needs {said_bytes(needed)}, {there} has {said_bytes(free)} free: make room or choose another --out"
        )


def is_full_disk(error: OSError) -> bool:
    """Whether the disk, the quota or the largest file that the file system takes is what stopped a write."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
