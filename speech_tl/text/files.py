"""Files written whole or not at all, and folders that could take them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from speech_tl.errors import BadInput


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary neighbour to write to, which takes the place of `path` when all went well and vanishes otherwise.

    Raises:
        OSError: the folder cannot be made or written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: str | Path, data: str | bytes) -> Path:
    """Write `data` to `path` whole or not at all; half characters, as names of files may have, become "?".

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing half-written is left behind.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data.encode("utf-8", "replace") if isinstance(data, str) else data)
    return Path(path)


def require_writable(folder: str | Path) -> None:
    """Refuse, before any work, a folder that could not be made or written; touches nothing.

    Raises:
        BadInput: something on its way is a file, or may not be written.
    """
    existing = next(p for p in [Path(folder), *Path(folder).absolute().parents] if p.exists())
    if not existing.is_dir():
        raise BadInput(f"folder {folder} cannot be made: {existing} is a file; choose another one")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise BadInput(f"folder {folder} cannot be written: no permission in {existing}; choose another one")


def read_text(path: str | Path) -> str:
    """The whole of a UTF-8 file, a byte order mark at its start left out, line ends as they are.

    Raises:
        BadInput: there is no such file, or a line is in another encoding (names it).
    """
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such file")
    data = Path(path).read_bytes()
    number = next((n for n, line in enumerate(data.split(b"\n"), 1) if not _is_utf8(line)), None)
    if number is not None:
        raise BadInput(f"{path}: line {number} is not UTF-8 text; save the file as UTF-8")
    return data.decode("utf-8-sig")


def _is_utf8(line: bytes) -> bool:
    """Whether a line can be read; UTF-16 without a mark shows by its zero bytes."""
    try:
        return "\0" not in line.decode("utf-8")
    except UnicodeDecodeError:
        return False
