"""Ctrl-C while training: finish the step, write a checkpoint, then stop, so that `--resume` goes on from there."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

Result = TypeVar("Result")


class Interruption(TrainerCallback):
    """Listens for Ctrl-C between `__enter__` and `__exit__`; a second Ctrl-C stops at once.

    A process that was told to ignore Ctrl-C (nohup), or that handles it itself, is left as it is.
    """

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.asked = False
        self._listening = self._at_once = False
        self._process = os.getpid()

    def __enter__(self) -> Interruption:
        """Start to listen."""
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._hear)
            self._listening = True
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        """Stop to listen; what fails because workers were interrupted too is the interrupt."""
        if self._listening:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._listening = False
        if self.asked and isinstance(error, Exception):
            raise KeyboardInterrupt from error

    def at_once(self, work: Callable[[], Result]) -> Callable[[], Result]:
        """`work`, during which Ctrl-C does not wait for a step: the last checkpoint is as good as a new one."""

        def interruptible() -> Result:
            self._at_once = True
            try:
                return work()
            finally:
                self._at_once = False

        return interruptible

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a loader's worker: its end is the main process's business
            return
        if self.asked or self._at_once:
            raise KeyboardInterrupt
        self.asked = True
        os.write(2, b"\nstopping after this step (Ctrl-C again: at once)\n")

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Have a checkpoint written."""
        control.should_save |= self.asked

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Stop once it is there."""
        if self.asked:
            raise KeyboardInterrupt
