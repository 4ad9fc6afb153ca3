"""How loud a recording is at most: what tells silence, and what tells clipping, of any length in constant memory."""

from __future__ import annotations

import math

import numpy as np

SILENCE_PEAK = 10 ** (-70 / 20)
"""A waveform whose peak stays below -70 dB of full scale holds no speech that a 16-bit recording could carry."""
FULL_SCALE = 0.999


class Levels:
    """The extremes of the blocks `(samples,)` that were added, and how many samples are at full scale."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.samples = self.clipped = 0
        self.highest, self.lowest = -math.inf, math.inf

    def add(self, block: np.ndarray) -> None:
        """Take in a block `(samples,)`."""
        if not len(block):
            return
        self.samples += len(block)
        self.highest = max(self.highest, float(block.max()))
        self.lowest = min(self.lowest, float(block.min()))
        if max(self.highest, -self.lowest) >= FULL_SCALE:
            self.clipped += int(np.count_nonzero(np.abs(block) >= FULL_SCALE))

    @property
    def silent(self) -> bool:
        """Whether nothing can be heard: the peak, any constant offset aside, stays below `SILENCE_PEAK`."""
        return not self.samples or self.highest - (self.highest + self.lowest) / 2 < SILENCE_PEAK

    @property
    def clipped_share(self) -> float:
        """Share of samples at full scale (0.1 % below 1.0 or more)."""
        return self.clipped / self.samples if self.samples else 0.0


def levels_of(waveform: np.ndarray) -> Levels:
    """Of one waveform `(samples,)`."""
    levels = Levels()
    levels.add(waveform)
    return levels


def is_silent(waveform: np.ndarray) -> bool:
    """Whether nothing can be heard in `waveform` `(samples,)`, see `Levels.silent`."""
    return levels_of(waveform).silent


def clipped_share(waveform: np.ndarray) -> float:
    """Share of samples `(samples,)` at full scale; a clean recording has next to none."""
    return levels_of(waveform).clipped_share
