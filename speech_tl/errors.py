"""What can go wrong because of the input, as one clear line each. Floor 0: imports nothing of the project."""

from __future__ import annotations

from collections.abc import Sequence


class BadInput(ValueError):
    """A mistake in what the user gave: the message is one line that names it and says what to do (exit code 2)."""


class AudioError(BadInput):
    """One audio file cannot be used.

    Attributes:
        kind: one of "missing", "folder", "empty", "unreadable", "truncated", "nan", "silent".
    """

    def __init__(self, message: str, kind: str) -> None:
        """Keep the one-line `message` and the machine-readable `kind`."""
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type[AudioError], tuple[str, str]]:
        """Let the error cross the border of a loader's worker process with its kind."""
        return type(self), (str(self), self.kind)


class Interrupted(Exception):
    """The user stopped the work; the message says how to go on (exit code 130)."""


class PartlyDone(Exception):
    """The work was done except for what `failures` lists, one line each (exit code 1)."""

    def __init__(self, message: str, failures: Sequence[str] = ()) -> None:
        """Keep the summary line and one line for each failure."""
        super().__init__(message)
        self.failures = list(failures)
