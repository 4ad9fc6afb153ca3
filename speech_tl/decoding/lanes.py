"""Several batches at once on a CPU, each in a thread with one core of its own.

PyTorch would rather spread each operation over all cores and let them wait for each other after every one; on the short
operations of one batch much of the time goes into waiting, the more so on a machine that has other work as well.
A lane loads its batch and decodes it from beginning to end; only the texts are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeVar

import torch

from speech_tl.models.base import AcousticModel, DecodingOptions

Task = TypeVar("Task")
Done = TypeVar("Done")


def lane_count(model: AcousticModel, options: DecodingOptions, batches: int) -> int:
    """Lanes for so many batches: one a core (or as many as `options.workers`), and one where lanes are of no use."""
    if model.device.type != "cpu" or not model.shortcuts or options.beam > 1 or options.fuses or not model.has_twins():
        return 1
    if options.test_time is not None:  # it moves the weights, which twins share
        return 1
    if options.temperature:  # draws come from one generator, in order
        return 1
    cores = torch.get_num_threads()
    return max(1, min(cores if options.workers is None else options.workers, cores, batches))


def in_lanes(
    model: AcousticModel, lanes: int, work: Callable[[AcousticModel, Task], Done], tasks: Sequence[Task]
) -> Iterator[Done]:
    """`work(twin, task)` of each task, in the order of the tasks.

    Args:
        model: every lane has a twin of it: the same weights, modules of its own.
        lanes: tasks at a time.
        work: called in threads.
        tasks: small things, as all of them are held.
    """
    if lanes == 1:
        yield from (work(model, task) for task in tasks)
        return
    twins: SimpleQueue[AcousticModel] = SimpleQueue()
    for _ in range(lanes):
        twins.put(model.twin())

    def in_lane(task: Task) -> Done:
        twin = twins.get()
        try:
            return work(twin, task)
        finally:
            twins.put(twin)

    with _threads_each(max(1, torch.get_num_threads() // lanes)):
        pool = ThreadPoolExecutor(lanes)
        try:
            yield from pool.map(in_lane, tasks)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _threads_each(count: int) -> Iterator[None]:
    """Within, an operation uses so many cores, also in threads that begin here."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
