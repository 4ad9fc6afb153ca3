"""Ctrl-C or SIGTERM while training: finish the step, write a checkpoint, then stop, so that `--resume` goes on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from speech_tl.errors import Terminated
from speech_tl.termination import Termination, die_of

Result = TypeVar("Result")


class Interruption(TrainerCallback):
    """Listens for Ctrl-C between `__enter__` and `__exit__`, and for SIGTERM where the command line does; a second one
    stops at once, and so does the first where several processes would wait for each other.

    A process that was told to ignore Ctrl-C (nohup), or that handles it itself, is left as it is.
    """

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.asked = False
        self._usual: dict[int, Any] = {}
        self._at_once = int(os.environ.get("WORLD_SIZE", "1")) > 1
        self._kind: type[KeyboardInterrupt] = KeyboardInterrupt
        self._process = os.getpid()

    def __enter__(self) -> Interruption:
        """Start to listen."""
        if threading.current_thread() is not threading.main_thread():
            return self
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._usual[signal.SIGINT] = signal.signal(signal.SIGINT, self._hear)
        if Termination.listens():
            self._usual[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._hear)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        """Stop to listen; what fails because workers were interrupted too is the interrupt."""
        while self._usual:
            signal.signal(*self._usual.popitem())
        if self.asked and isinstance(error, Exception):
            raise self._kind from error

    def at_once(self, work: Callable[[], Result]) -> Callable[[], Result]:
        """`work`, during which Ctrl-C does not wait for a step: the last checkpoint is as good as a new one."""

        def interruptible() -> Result:
            usual, self._at_once = self._at_once, True
            try:
                return work()
            finally:
                self._at_once = usual

        return interruptible

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a worker: Ctrl-C is the main process's business
            if number == signal.SIGTERM:
                die_of(number)
            return
        self._kind = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        if self.asked or self._at_once:
            raise self._kind
        self.asked = True
        os.write(2, b"\nstopping after this step (Ctrl-C again: at once)\n")

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Have the loader's workers outlive a signal to all processes of a job: the step needs what they load."""
        if signal.SIGTERM in self._usual:
            prepared = kw["train_dataloader"]
            loader = getattr(prepared, "base_dataloader", prepared)  # accelerate wraps it
            loader.worker_init_fn = _Spared(loader.worker_init_fn)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Have a checkpoint written."""
        control.should_save |= self.asked

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Stop once it is there."""
        if self.asked:
            raise self._kind


class _Spared:
    """Begins a loader's worker, which survives one SIGTERM.

    systemd and Slurm send it to every process of a job. A worker that dies of it fails the step that the main process
    is finishing, and all since the last checkpoint is lost. Once that process has ended, or has no more work, torch
    ends its workers; the second signal is from there, if one does not listen.
    """

    def __init__(self, begin: Callable[[int], None] | None) -> None:
        """`begin` is what the loader has for its workers already."""
        self._begin, self._asked = begin, False

    def __call__(self, worker: int) -> None:
        """In the worker; torch's own handler is there already."""
        if self._begin is not None:
            self._begin(worker)
        signal.signal(signal.SIGTERM, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            die_of(number)
        self._asked = True
