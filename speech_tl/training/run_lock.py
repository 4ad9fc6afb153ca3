"""One live run a folder: a lock that the operating system lets go of when its process ends, however it ends."""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from speech_tl.errors import BadInput

LOCK = ".lock"


class RunLock:
    """The lock of one folder.

    The file says who holds it; whether anybody does, the operating system knows: a run that was killed blocks nobody.
    On another machine that shares the folder nobody can know, and the file's word is taken.
    """

    def __init__(self, folder: Path) -> None:
        """Of `folder`, which need not be there yet; nothing is taken."""
        self.path = folder / LOCK
        self._handle: int | None = None

    def refuse_if_held(self) -> None:
        """Look whether a run is going on in the folder, and take nothing.

        Raises:
            BadInput: one is; says which process, where and since when.
        """
        if self.path.is_file():
            handle = os.open(self.path, os.O_RDWR)
            try:
                self._require(handle)
                _unlock(handle)
            finally:
                os.close(handle)

    def take(self) -> None:
        """Hold the lock until `release` or the end of this process; the folder is made if need be.

        Raises:
            BadInput: another run has it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                self._require(handle)
            except BadInput:
                os.close(handle)
                raise
            if self._is_of_the_file(handle):
                break
            os.close(handle)  # its holder removed it between opening and locking
        holder = {"process": os.getpid(), "host": platform.node(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(holder).encode(), 0) if hasattr(os, "pwrite") else os.write(
            handle, json.dumps(holder).encode()
        )
        self._handle = handle

    def release(self) -> None:
        """Let go; the file is removed."""
        if self._handle is None:
            return
        with suppress(OSError):
            self.path.unlink()
        os.close(self._handle)
        self._handle = None

    def _require(self, handle: int) -> None:
        """Lock the open file, or say who has it."""
        holder = _holder(self.path)
        elsewhere = holder.get("host") not in (None, platform.node())
        if elsewhere or not _locked(handle):
            who = f"process {holder.get('process', '?')} on {holder.get('host', '?')}, since {holder.get('since', '?')}"
            hint = f" (if that machine's run is dead, delete {self.path})" if elsewhere else ""
            raise BadInput(
                f"a run is going on in {self.path.parent} ({who}): wait for it, or choose another --out{hint}"
            )

    def _is_of_the_file(self, handle: int) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.fstat(handle), os.stat(self.path))
        return False


def _holder(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8") or "{}")
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _locked(handle: int) -> bool:
    """Whether the lock could be had, without waiting."""
    try:
        try:
            import fcntl
        except ImportError:
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(handle: int) -> None:
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_UN)
