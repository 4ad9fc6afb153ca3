"""What a long run shows while it works: stages, progress with time left. Silent unless someone wants to look."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from speech_tl.text.printing import literal, printable

if TYPE_CHECKING:
    from rich.console import Console

Update = Callable[..., None]
"""Called with (done, total) and maybe `note=`, a few words to stand beside the bar."""

SECONDS_BETWEEN_LINES = 30.0
"""On a screen that is no terminal (a log file), progress is a line this often."""

SECONDS_OF_SILENCE = 0.5
"""After so long without a line a command says that it is loading: importing torch takes seconds."""

_loading: threading.Timer | None = None


def announce_loading() -> None:
    """Say so on standard error if the command shows nothing within half a second and torch must still be imported."""
    global _loading
    if "torch" in sys.modules:
        return
    _loading = threading.Timer(SECONDS_OF_SILENCE, lambda: print("loading torch ...", file=sys.stderr, flush=True))
    _loading.daemon = True
    _loading.start()


def _something_is_shown() -> None:
    """From now on the user sees that the command is alive."""
    if _loading is not None:
        _loading.cancel()


class Screen:
    """Shows lines and progress on a rich console, or nothing at all."""

    def __init__(self, console: Console | None = None) -> None:
        """None is silent: for the Python interface and tests."""
        self.console = console

    def line(self, text: str) -> None:
        """One line, `printable` and otherwise as it is: not wrapped, so that a path can be copied."""
        if self.console is not None:
            _something_is_shown()
            self.console.print(literal(text), soft_wrap=True)

    @contextmanager
    def progress(self, title: str) -> Iterator[Update]:
        """A bar with time left on a terminal, a line now and then elsewhere; yields its update function."""
        if self.console is None:
            yield lambda done, total, note="": None
        elif self.console.is_terminal:
            yield from self._bar(title)
        else:
            yield self._lines(title)

    def _bar(self, title: str) -> Iterator[Update]:
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = [TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f}%")]
        columns += [TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
        columns += [TextColumn("{task.fields[note]}", markup=False)]
        with Progress(*columns, console=self.console) as bars:
            task = bars.add_task(printable(title), total=None, note="")

            def update(done: float, total: float, note: str = "") -> None:
                bars.update(task, completed=done, total=total, note=printable(note))

            yield update

    def _lines(self, title: str) -> Update:
        started = last = time.monotonic()
        announced = False

        def update(done: float, total: float, note: str = "") -> None:
            nonlocal last, announced
            now = time.monotonic()
            if not announced:  # not before work begins: what fails at once shall be one line
                announced = True
                self.line(f"{title} ...")
            if now - last < SECONDS_BETWEEN_LINES or not done:
                return
            last = now
            left_s = max(0.0, (now - started) / done * (total - done))
            self.line(f"{title}: {done / total:.0%}, {clock(left_s)} left {note}".rstrip())

        return update


def clock(seconds: float) -> str:
    """A duration for people: "45 s", "12 min", "3 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
