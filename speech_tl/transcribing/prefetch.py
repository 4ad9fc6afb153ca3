"""Work that runs ahead in a thread: recordings are read and cut while the model is busy with what came before."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


def prefetch(source: Iterable[Item], cost: Callable[[Item], float], most: float) -> Iterator[Item]:
    """The items of `source`, which is iterated in a thread that stops while items of more than `most` wait.

    Args:
        source: anything; what it raises is raised here, after the items before it.
        cost: of one item, in any unit.
        most: in the same unit; one item may always wait.
    """
    queue: _Queue[Item] = _Queue(cost, most)
    threading.Thread(target=queue.fill, args=(source,), daemon=True).start()
    try:
        while (item := queue.take()) is not None:
            yield item[0]
    finally:
        queue.close()


class _Queue(Generic[Item]):
    """Where one thread puts items and another takes them."""

    def __init__(self, cost: Callable[[Item], float], most: float) -> None:
        self.cost, self.most = cost, most
        self.items: deque[Item] = deque()
        self.waiting = 0.0
        self.over = False
        self.error: BaseException | None = None
        self.changed = threading.Condition()

    def fill(self, source: Iterable[Item]) -> None:
        """Put all items of `source`, as there is room for them."""
        try:
            for item in source:
                with self.changed:
                    self.changed.wait_for(lambda: self.over or not self.items or self.waiting < self.most)
                    if self.over:
                        return
                    self.items.append(item)
                    self.waiting += self.cost(item)
                    self.changed.notify_all()
        except BaseException as error:
            self.error = error
        finally:
            self.close()

    def take(self) -> tuple[Item] | None:
        """The next item, or None when there will be no more."""
        with self.changed:
            self.changed.wait_for(lambda: self.items or self.over)
            if self.items:
                item = self.items.popleft()
                self.waiting -= self.cost(item)
                self.changed.notify_all()
                return (item,)
            if self.error is not None:
                raise self.error
            return None

    def close(self) -> None:
        """Nothing more is put."""
        with self.changed:
            self.over = True
            self.changed.notify_all()
