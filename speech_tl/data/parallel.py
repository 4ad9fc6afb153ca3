"""One function over many rows: in threads where decoders work, in forked processes where the interpreter does."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from speech_tl.data.manifest import BLOCK_ROWS

Found = TypeVar("Found")
Work = Callable[[np.ndarray], Found]
"""From row numbers `(rows,)` to what is found about them."""

ROWS_WORTH_A_PROCESS = 10_000
"""To start another takes as long as to look at so many rows."""
MOST_PROCESSES = 8

_ROWS_A_THREAD = 32


def in_threads(work: Work[Found], rows: np.ndarray, threads: int) -> Iterator[tuple[np.ndarray, Found]]:
    """Some of `rows` at a time, in order, and what is found; an interrupt drops what has not begun."""
    parts = _parts(rows, _ROWS_A_THREAD)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        yield from zip(parts, pool.map(work, parts), strict=True)


def in_processes(work: Work[Found], rows: np.ndarray) -> Iterator[tuple[np.ndarray, Found]]:
    """The same for work that two threads would only take from each other; in this process where rows are few."""
    parts = _parts(rows, BLOCK_ROWS)
    processes = min(_processors(), MOST_PROCESSES, len(rows) // ROWS_WORTH_A_PROCESS)
    if processes < 2 or sys.platform != "linux":  # elsewhere a process cannot take over what is in memory here
        yield from ((part, work(part)) for part in parts)
        return
    with multiprocessing.get_context("fork").Pool(processes, _take_over, (work,)) as pool:
        yield from zip(parts, pool.imap(_work_on, parts), strict=True)


def _parts(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _take_over(work: Work[Any]) -> None:
    """In a new process: what it works on came with the fork."""
    global _inherited
    _inherited = work


def _work_on(rows: np.ndarray) -> Any:
    return _inherited(rows)


_inherited: Work[Any]
