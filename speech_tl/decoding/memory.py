"""What the C library does with freed memory while batches of ever new shapes are decoded on a CPU."""

from __future__ import annotations

import contextlib
import ctypes
import functools

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""glibc's names in <malloc.h>."""

KEPT_BYTES = 1 << 30
"""Freed memory up to so much stays with the process for the next batch."""


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


def _call(name: str, *arguments: int) -> None:
    """A function of glibc; nothing happens where the C library has none of that name."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        getattr(ctypes.CDLL(None), name)(*arguments)
