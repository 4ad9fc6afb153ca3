"""Several channels into one: the mean, or the channel that somebody is on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

CANCELLED_DB = 20.0
"""A mean so much quieter than the loudest channel is no mixture: the channels take each other away."""

LISTENED_S = 30.0
"""Seconds of sound after which the choice is made."""


def loudest_instead(blocks: Iterable[np.ndarray], sample_rate: int) -> int | None:
    """The channel, counted from 0, that must be taken because the mean of all loses it; None where the mean will do.

    Decided on the first 30 s of sound, so that a recording and every part of it are heard alike.

    Args:
        blocks: `(samples, channels)`, from the beginning.
        sample_rate: of them.
    """
    sums: np.ndarray | None = None
    mixed, heard = 0.0, 0
    for block in blocks:
        if block.shape[1] < 2:
            return None
        power = np.einsum("sc,sc->c", block, block, dtype=np.float64)
        if sums is None:
            sums = np.zeros_like(power)
        if len(power) != len(sums):
            break
        sums += power
        mean = block.mean(axis=1)
        mixed += float(np.dot(mean, mean))
        heard += int(np.count_nonzero(np.abs(block).max(axis=1) > 1e-4))
        if heard >= LISTENED_S * sample_rate:
            break
    if sums is None or not sums.max() > 0:
        return None
    cancelled = mixed < sums.max() * 10 ** (-CANCELLED_DB / 10)
    return int(sums.argmax()) if cancelled else None


def mixed(block: np.ndarray, channel: int | None) -> np.ndarray:
    """`(samples, channels)` as `(samples,)`: one channel, counted from 0, or the mean of all."""
    if block.shape[1] == 1:
        return block[:, 0]
    if channel is None or channel >= block.shape[1]:
        return block.mean(axis=1)
    return block[:, channel]
