"""Work ahead: everything arrives in order, no more than allowed is held, and errors and ends come through."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from speech_tl.transcribing.prefetch import prefetch


def test_everything_arrives_in_order() -> None:
    assert list(prefetch(range(1000), lambda _: 1.0, 10)) == list(range(1000))
    assert list(prefetch([], lambda _: 1.0, 10)) == []


def test_no_more_is_made_than_allowed_to_wait() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    taken = prefetch(source(), float, 20)
    assert next(taken) == 0
    time.sleep(0.2)
    assert len(made) == 8, "1 to 6 wait, they cost 21; 7 is made and held back"
    assert list(taken) == list(range(1, 50))


def test_one_item_may_wait_whatever_it_costs() -> None:
    assert list(prefetch([5, 6, 7], lambda _: 100.0, 1.0)) == [5, 6, 7]


def test_an_error_comes_after_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("third")

    taken = prefetch(source(), lambda _: 1.0, 10)
    assert [next(taken), next(taken)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(taken)


def test_it_runs_while_the_taker_is_busy_and_stops_when_nobody_takes() -> None:
    threads = threading.active_count()
    made = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        made.set()
        yield from range(1000)

    taken = prefetch(source(), lambda _: 1.0, 5)
    assert next(taken) == 1
    assert made.wait(5)
    taken.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= threads
