"""One live run a folder: a lock that the operating system gives back when the process dies, however it dies."""

from __future__ import annotations

import errno
import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from speech_tl.errors import BadInput
from speech_tl.text import sync_names

fcntl: ModuleType | None
msvcrt: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
try:
    import msvcrt
except ImportError:  # everywhere else
    msvcrt = None

LOCK = ".lock"
"""The file in the folder: JSON about who works there."""

BEAT_S = 10.0
"""The lock's time is renewed this often, in seconds, for machines that do not see each other's locks."""

WATCH_S = 2.5 * BEAT_S
"""A lock whose time stands still for so long is a dead run's."""

LOCKED_BYTE = 1 << 30
"""Windows keeps others from reading what is locked, hence a byte behind the text."""

ATTEMPTS = 100
"""To open a lock that its owner is removing at this moment."""

Tell = Callable[[str], None]


class Busy(BadInput):
    """A live run works in the folder."""


@dataclass(frozen=True)
class Owner:
    """Who works in a folder.

    Attributes:
        host: name of the machine.
        process: number of the process there.
        since: local time at which it began.
        token: no two locks have the same.
    """

    host: str
    process: int
    since: str
    token: str

    @classmethod
    def this(cls) -> Owner:
        """This process, now."""
        began = time.strftime("%Y-%m-%d %H:%M:%S")
        return cls(platform.node(), os.getpid(), began, os.urandom(8).hex())

    def __str__(self) -> str:
        """For messages."""
        return f"process {self.process} on {self.host}, since {self.since}"


class RunLock:
    """A lock that is held; see `locked`."""

    _held: ClassVar[dict[str, RunLock]] = {}
    """By resolved path. A second one in this process would open the file, and POSIX gives a lock up with the first
    descriptor that is closed."""
    _guard = threading.Lock()

    def __init__(self, file: Path, descriptor: int) -> None:
        """Keep an open, locked file."""
        self.file, self._descriptor = file, descriptor
        self._done = threading.Event()
        threading.Thread(target=self._beat, name="run lock", daemon=True).start()

    def there(self) -> bool:
        """Whether the file is still in its folder: not when the folder was removed, moved, or made anew."""
        return _is_same(self._descriptor, self.file)

    def free(self) -> None:
        """Remove the file and let go."""
        self._done.set()
        remove = self.there()
        if fcntl is not None and remove:  # while it is locked, so that nobody's else is removed
            self.file.unlink(missing_ok=True)
        os.close(self._descriptor)
        if fcntl is None and remove:  # Windows removes no open file
            with suppress(OSError):
                self.file.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._done.wait(BEAT_S):
            with suppress(OSError):
                if self.there():
                    os.utime(self.file)


@contextmanager
def locked(folder: Path, tell: Tell = lambda line: None) -> Iterator[RunLock]:
    """Hold the lock of a folder, which is made if need be, and removed again if nothing was written into it.

    Where the file system has no locks, or another machine's name is in the file, the file's time is watched for a
    while: a live run renews it.

    Args:
        folder: where one run may work at a time.
        tell: hears what takes a while.

    Raises:
        Busy: another live process, or this one, works in the folder.
        BadInput: it cannot be written.
    """
    made = [place for place in (folder, *folder.absolute().parents) if not place.exists()]
    file, key = folder / LOCK, str(folder.resolve() / LOCK)
    with RunLock._guard:
        if key in RunLock._held:
            raise Busy(_busy(folder, "this very process"))
        try:
            lock = RunLock(file, _taken(file, tell))
            for place in made:
                sync_names(place.absolute().parent)
        except OSError as error:
            _remove_empty(made)
            raise BadInput(f"output folder {folder} cannot be written: {error.strerror}") from error
        RunLock._held[key] = lock
    try:
        yield lock
    finally:
        with RunLock._guard:
            del RunLock._held[key]
            lock.free()
        _remove_empty(made)


def wait_until_free(folder: Path, tell: Tell = lambda line: None) -> None:
    """Return when no live run works in a folder; `tell` hears once whom it waits for."""
    told = False
    while folder.is_dir():
        try:
            with locked(folder, tell):
                return
        except Busy as busy:
            if not told:
                tell(f"waiting: {busy}")
            told = True
            time.sleep(BEAT_S / 10)


def _taken(file: Path, tell: Tell) -> int:
    """An open descriptor of the lock's file, with this process in it."""
    descriptor, certain = _open_locked(file)
    try:
        found, this = _owner(descriptor), Owner.this()
        if found is not None and not (certain and found.host == this.host):
            tell(f"{file.parent}: {found} worked here; watching for {WATCH_S:.0f} s whether it still does")
            if _beats(file):
                raise Busy(_busy(file.parent, str(found)))
        _write(descriptor, json.dumps(asdict(this)))
        if not certain:
            time.sleep(min(1.0, BEAT_S))  # of several that found it free at once, the one that wrote last has it
            found = _owner(descriptor)
            if found != this:
                raise Busy(_busy(file.parent, str(found)))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_locked(file: Path) -> tuple[int, bool]:
    """An open descriptor, and whether the operating system has locked it for this process."""
    for _ in range(ATTEMPTS):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        except (FileNotFoundError, PermissionError):  # its owner leaves, and takes an empty folder along
            if file.is_file() or (file.parent.is_dir() and not os.access(file.parent, os.W_OK)):
                raise
            continue
        mine = _locks(descriptor)
        if mine is False:
            owner = _owner(descriptor)
            os.close(descriptor)
            raise Busy(_busy(file.parent, str(owner) if owner else "another process"))
        if _is_same(descriptor, file):
            return descriptor, mine is True
        os.close(descriptor)
    raise OSError(errno.EAGAIN, "its lock comes and goes", str(file))


def _locks(descriptor: int) -> bool | None:
    """Whether the file is locked for this process now; None where the file system or the platform has no locks.

    POSIX record locks are not handed on to workers that are forked, which may outlive a killed run for seconds.
    """
    try:
        if fcntl is not None:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            return None
    except OSError as error:
        return False if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK) else None
    return True


def _beats(file: Path) -> bool:
    """Whether somebody renews the file's time, or replaces or removes the file."""
    first, patience = _time_of(file), time.monotonic() + WATCH_S
    while time.monotonic() < patience:
        time.sleep(BEAT_S / 10)
        if _time_of(file) != first:
            return True
    return False


def _time_of(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def _is_same(descriptor: int, file: Path) -> bool:
    """Whether an open file is the one of this name."""
    try:
        here, there = os.fstat(descriptor), file.stat()
    except OSError:
        return False
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _owner(descriptor: int) -> Owner | None:
    """Who is written in an open lock; None where nobody is."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        values: dict[str, Any] = json.loads(os.read(descriptor, 4096))
        return Owner(**values)
    except (ValueError, TypeError, OSError):  # empty, or its owner is writing it at this moment
        return None


def _write(descriptor: int, text: str) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, text.encode())


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, the innermost first, as far as nothing is in them."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _busy(folder: Path, owner: str) -> str:
    return f"{folder} is in use by a run that is going on ({owner}): wait for it or stop it, or choose another --out"
