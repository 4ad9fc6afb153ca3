"""SIGTERM, which schedulers and `kill` send, is heard like Ctrl-C. Floor 0."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from speech_tl.errors import Terminated


class Termination:
    """Raises `Terminated` on SIGTERM between `__enter__` and `__exit__`, in the process and thread that entered.

    A process that ignores SIGTERM or handles it itself is left as it is.

    Attributes:
        asked: whether SIGTERM came.
    """

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.asked = self._listening = False
        self._process = os.getpid()

    def __enter__(self) -> Termination:
        """Start to listen."""
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self.hear)
            self._listening = True
        return self

    def __exit__(self, *error: object) -> None:
        """Stop to listen."""
        if self._listening:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._listening = False

    def hear(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler; a worker that was forked meanwhile dies of it as it would have."""
        if os.getpid() != self._process:
            die_of(number)
            return
        self.asked = True
        raise Terminated

    @staticmethod
    def listens() -> bool:
        """Whether somebody does at this moment."""
        return isinstance(getattr(signal.getsignal(signal.SIGTERM), "__self__", None), Termination)


def die_of(number: int) -> None:
    """End this process by a signal, as if nobody had listened to it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
