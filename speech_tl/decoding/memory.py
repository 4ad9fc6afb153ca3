"""What the C library does with freed memory while batches of ever new shapes are decoded on a CPU."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""glibc's names in <malloc.h>."""

KEPT_BYTES = 1 << 30
"""Freed memory up to so much stays with the process for the next batch."""

GAPS_BYTES, GAPS_SHARE = 400e6, 0.5
"""Gaps between blocks of ever new shapes may add so much to what one batch takes, in bytes or as a share of it (the
larger counts), before freed memory goes back."""

SERVED_BYTES = 200e6
"""What runs for weeks keeps no more than this, whatever a batch takes: a server whose memory rises by half with every
hundred batches, and falls, is one whose limit nobody can choose. Batches of one live sentence stay below it."""


@functools.cache
def reuse_freed_memory() -> None:
    """Keep freed blocks of megabytes for the next batch, from now on in this process.

    By default glibc gives every large block back to the system at once and gets it again, page by page and filled with
    zeros, for the next operation. Other C libraries are left as they are.
    """
    for parameter in (MMAP_THRESHOLD, TRIM_THRESHOLD):
        _call("mallopt", parameter, KEPT_BYTES)


def give_memory_back() -> None:
    """Return freed memory to the system: the gaps between batches of ever new shapes would grow with each hour."""
    _call("malloc_trim", 0)


class FreedMemory:
    """Freed memory that a process keeps while it computes batch after batch on a CPU, and its bound.

    What batches free stays for the next one; but each has its own shapes, and the gaps between blocks add up to
    gigabytes. They are given back once they have grown beyond a bound: not after every batch, as getting a gigabyte
    anew takes about a quarter of a second.
    """

    def __init__(self, device_type: str = "cpu", most_bytes: float | None = None) -> None:
        """Begin with what the process has; on other devices than the CPU nothing is looked at.

        Args:
            device_type: what computes.
            most_bytes: kept at most; None keeps what a batch takes, and `GAPS_BYTES` or `GAPS_SHARE`.
        """
        self.on = device_type == "cpu" and resident_bytes() is not None
        self.most_bytes = most_bytes
        self.rest = self.batch = 0
        self.new = True
        if self.on:
            give_memory_back()
            self.rest = resident_bytes()

    def bound(self) -> None:
        """After a batch: give freed memory back where gaps have added up."""
        if not self.on:
            return
        above = resident_bytes() - self.rest
        if self.most_bytes is None and self.new:  # pages that came since memory was given back are what a batch takes
            self.batch, self.new = max(self.batch, above), False
        elif above > self._most():
            give_memory_back()
            self.rest, self.new = resident_bytes(), True

    def _most(self) -> float:
        return self.most_bytes or self.batch + max(GAPS_BYTES, GAPS_SHARE * self.batch)


def resident_bytes() -> int | None:
    """This process's memory as the system counts it at this moment; None where it does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, AttributeError):
        return None


def _call(name: str, *arguments: int) -> None:
    """A function of glibc; nothing happens where the C library has none of that name."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        getattr(ctypes.CDLL(None), name)(*arguments)
