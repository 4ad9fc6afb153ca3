"""Progress on a terminal; silent elsewhere, so that a log holds only what was said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from speech_tl.text.printing import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """One bar; `total` may be set later, as pooch's downloader does."""

    def __init__(self, progress: Progress | None, task: TaskID | None, done: int) -> None:
        """None shows nothing; `done` is where it begins (what an earlier download left)."""
        self._progress, self._task, self._begin = progress, task, done
        self.total = 0

    def update(self, amount: int) -> None:
        """So much more is done."""
        if self._progress is not None and self._task is not None:
            total = self.total + self._begin if self.total else None
            self._progress.update(self._task, advance=amount, total=total)

    def reset(self) -> None:
        """Part of the interface that pooch calls at the end; nothing needs doing."""

    def close(self) -> None:
        """Part of the interface that pooch calls at the end; the context manager closes the bar."""


@contextmanager
def bar(title: str, *, total: int = 0, done: int = 0, bytes_: bool = False) -> Iterator[Bar]:
    """A bar for `total` things (0: not known yet), of which `done` are done; `bytes_` shows sizes and speed."""
    if not sys.stderr.isatty():
        yield Bar(None, None, done)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    amount = [DownloadColumn(), TransferSpeedColumn()] if bytes_ else [MofNCompleteColumn()]
    columns = [TextColumn("{task.description}", markup=False), BarColumn(), *amount, TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(printable(title), total=total or None, completed=done)
        made = Bar(progress, task, done)
        made.total = total - done if total else 0
        yield made
