"""What can go wrong because of the input, as one clear line each. Floor 0: imports nothing of the project."""

from __future__ import annotations

import errno
from collections.abc import Sequence

FULL_DISK = ("No space left", "os error 28", "PytorchStreamWriter failed", "unexpected pos")
"""What safetensors and torch say when a disk is full."""


def one_line(message: str) -> str:
    """The message with what is not printable (line ends, escapes, half characters in names) spelt out.

    >>> one_line("no column 'a\\nb\\x1b'")
    "no column 'a\\\\nb\\\\u001b'"
    """
    if message.isprintable():
        return message
    return "".join(letter if letter.isprintable() else _spelt(letter) for letter in message)


def _spelt(letter: str) -> str:
    """As `text.printing` spells it; line ends and tabs as Python does."""
    return ascii(letter)[1:-1] if letter in "\n\r\t" or ord(letter) > 0xFFFF else f"\\u{ord(letter):04x}"


SYSTEM = tuple(
    getattr(errno, name)
    for name in ("ENAMETOOLONG", "ELOOP", "EIO", "EMFILE", "ENFILE", "ESTALE", "ENOTDIR", "EISDIR")
    if hasattr(errno, name)
)
"""What the system says of paths and disks that nobody looked at before; no fault of ours."""


class BadInput(ValueError):
    """A mistake in what the user gave: the message is one line that names it and says what to do (exit code 2)."""

    def __init__(self, message: str) -> None:
        """Keep the message, on one line whatever names of files and columns are in it."""
        super().__init__(one_line(message))


class AudioError(BadInput):
    """One audio file cannot be used.

    Attributes:
        kind: one of "missing", "folder", "empty", "unreadable", "truncated", "nan", "silent", "channel",
            "too_long".
    """

    def __init__(self, message: str, kind: str) -> None:
        """Keep the one-line `message` and the machine-readable `kind`."""
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type[AudioError], tuple[str, str]]:
        """Let the error cross the border of a loader's worker process with its kind."""
        return type(self), (str(self), self.kind)


class Interrupted(Exception):
    """The user stopped the work; the message says how to go on (exit code 130, or 143 where the cause is a SIGTERM)."""


class Terminated(KeyboardInterrupt):
    """SIGTERM stopped the work (exit code 143)."""


class PartlyDone(Exception):
    """The work was done except for what `failures` lists, one line each (exit code 1)."""

    def __init__(self, message: str, failures: Sequence[str] = ()) -> None:
        """Keep the summary line and one line for each failure."""
        super().__init__(message)
        self.failures = list(failures)


def disk_trouble(error: Exception) -> str | None:
    """What is wrong with the disk, when that is what stopped a command; torch and safetensors only say it in words."""
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.filename or 'output folder'}: {error.strerror}; check its permissions"
    if isinstance(error, OSError) and error.errno in SYSTEM:
        name = one_line(str(error.filename or "a file"))
        return f"{name if len(name) <= 200 else f'{name[:200]} ...'}: {error.strerror}"
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or any(words in str(error) for words in FULL_DISK):
        return "no space left on the disk: make room (an adaptation then goes on with --resume)"
    return None
