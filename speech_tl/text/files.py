"""Files written whole or not at all, and folders that could take them."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from speech_tl.errors import BadInput

UNFINISHED = ".unfinished"
"""How the hidden names end that files and folders have until they are whole, and again while they are removed."""

TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}" + re.escape(UNFINISHED))

NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF)
"""What file systems say that keep no order of folders' entries, or none that anybody could ask for."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary neighbour to write to, which takes the place of `path` when all went well and vanishes otherwise.

    Its content is on the disk before it has the name, and the name before this ends: neither a kill nor a power cut
    leaves half a file.

    Raises:
        OSError: the folder cannot be made or written.
    """
    path = Path(path)
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_names(path.parent)


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """The same for a whole folder: an empty one to write into, which takes the place of `path`.

    Raises:
        OSError: it cannot be made or written.
    """
    path = Path(path)
    make_folder(path.parent)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED))
    try:
        yield temporary
        temporary.chmod(0o755)
        sync(temporary)
        discard(path)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_names(path.parent)


def write_atomically(path: str | Path, data: str | bytes) -> Path:
    """Write `data` to `path` whole or not at all; half characters, as names of files may have, become "?".

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing half-written is left behind.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data.encode("utf-8", "replace") if isinstance(data, str) else data)
    return Path(path)


def make_folder(path: str | Path) -> Path:
    """Make a folder, and what is missing above it, so that a power cut does not take it back.

    Raises:
        OSError: it cannot be made.
    """
    path = Path(path)
    missing = [place for place in (path, *path.absolute().parents) if not place.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for place in reversed(missing):
        sync_names(place.absolute().parent)
    return path


def sync(path: str | Path) -> None:
    """Have the disk hold a file, or a folder with all that is in it, before this ends.

    Raises:
        OSError: the disk is full or broken.
    """
    path = Path(path)
    if not path.is_dir():
        with path.open("r+b") as stream:
            os.fsync(stream.fileno())
        return
    for inner in sorted(path.iterdir()):
        sync(inner)
    sync_names(path)


def discard(folder: str | Path) -> None:
    """Remove a folder, of which nobody finds a part under its name; nothing happens where there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        return
    hidden = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}{UNFINISHED}")
    try:
        folder.rename(hidden)
    except OSError:  # Windows, where a file in it is open
        hidden = folder
    shutil.rmtree(hidden, ignore_errors=True)


def sweep(folder: str | Path, *, below: bool = True) -> None:
    """Remove what a killed process had not finished writing or removing in a folder, and in all `below` it."""
    folder, pattern = Path(folder), f".*{UNFINISHED}"
    for place in list(folder.rglob(pattern) if below else folder.glob(pattern)):
        if not TEMPORARY.fullmatch(place.name):
            continue
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)


def sync_names(folder: Path) -> None:
    """Have the disk hold the names in a folder, where the platform and the file system can say so."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def require_writable(folder: str | Path) -> None:
    """Refuse, before any work, a folder that could not be made or written; touches nothing.

    Raises:
        BadInput: something on its way is a file, or may not be written.
    """
    if re.match(r"(s3|gs|hf|https):/", os.fspath(folder)):
        raise BadInput(f"{folder}: this is written on a disk here; copy it there afterwards, or give a folder")
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


def read_noted(path: str | Path) -> Any:
    """What a run noted for itself as JSON.

    Raises:
        BadInput: it is damaged.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise damaged(path) from error


def damaged(path: str | Path) -> BadInput:
    """What to say of a file that a run wrote whole and cannot read any more."""
    return BadInput(f"{path} is damaged: remove it, and --resume makes it anew")


def _is_utf8(line: bytes) -> bool:
    """Whether a line can be read; UTF-16 without a mark shows by its zero bytes."""
    try:
        return "\0" not in line.decode("utf-8")
    except UnicodeDecodeError:
        return False
