"""Decoded frames on one time line: gaps and late starts filled, joined clocks gone on with, one sample rate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import soxr

GAP_S = 0.1
"""Timestamps that are off by less are rounded or jitter, not a gap (FFmpeg's aresample takes the same)."""
LONGEST_JUMP_S = 10.0
"""In formats that restart their clock (MPEG-TS), a jump by more is a new clock, as FFmpeg has it."""
LONGEST_GAP_S = 3600.0
"""A jump by more is a broken timestamp or a new clock: nobody waits for silence that a few wrong bytes ask for."""
SILENCE_BLOCK_S = 10.0


class Clock:
    """Tells gaps from clocks that were set anew."""

    def __init__(self, restarts: bool, longest_s: float | None = None) -> None:
        """At 0. `restarts`: the format's clock may be set anew midway; `longest_s`: no time beyond is believed."""
        self.shift_s = 0.0
        self.restarts = restarts
        self.longest_s = longest_s

    def gap_s(self, time_s: float, position_s: float) -> float:
        """Seconds of silence before a frame stamped `time_s`, where samples reach `position_s`; 0 where none."""
        off_s = time_s + self.shift_s - position_s
        if position_s == 0.0 and 0.001 < off_s <= GAP_S:
            return off_s  # a late start is exact: nothing was rounded yet
        if abs(off_s) <= GAP_S:
            return 0.0
        beyond = self.longest_s is not None and time_s + self.shift_s > self.longest_s + LONGEST_JUMP_S
        if off_s < 0 or off_s > LONGEST_GAP_S or beyond or (self.restarts and off_s > LONGEST_JUMP_S):
            self.shift_s -= off_s  # joined recordings: what follows goes on from here
            return 0.0
        return off_s


class Converter:
    """Blocks of any rate and channels -> the first rate, each with its second; a change starts a new resampler."""

    def __init__(self, sample_rate: int) -> None:
        """Blocks come out at `sample_rate`, in Hz."""
        self.sample_rate = sample_rate
        self.stream: soxr.ResampleStream | None = None
        self.shape = (sample_rate, 0)
        self.base_s = 0.0  # where the stretch of one rate began
        self.taken = self.given = 0  # samples of it, in and out

    def begin_at(self, second: float) -> None:
        """Say at which second the first block begins, if not at 0."""
        self.base_s = second

    def push(self, samples: np.ndarray, rate: int) -> Iterator[tuple[float, np.ndarray]]:
        """Take in samples `(samples, channels)` at `rate`; yield what is ready, each block with its second."""
        if self.shape != (rate, samples.shape[1]):
            yield from self.flush()
            self.shape = rate, samples.shape[1]
            other = rate != self.sample_rate
            self.stream = soxr.ResampleStream(rate, self.sample_rate, samples.shape[1], "float32") if other else None
        self.taken += len(samples)
        yield from self._out(samples if self.stream is None else self.stream.resample_chunk(samples))

    def flush(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield what is still on its way: nothing of this rate follows."""
        rate, channels = self.shape
        if self.stream is not None:
            rest = self.stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)
            wanted = max(0, round(self.taken * self.sample_rate / rate) - self.given)
            yield from self._out(rest[:wanted])
        self.base_s += self.taken / rate
        self.taken = self.given = 0
        self.stream = None
        self.shape = rate, 0

    def _out(self, block: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        if len(block):
            at_s = self.base_s + self.given / self.sample_rate
            self.given += len(block)
            yield at_s, block


def silence(seconds: float, rate: int, channels: int) -> Iterator[np.ndarray]:
    """Zeros `(samples, channels)`, in pieces: a gap may be hours long."""
    left, most = round(seconds * rate), round(SILENCE_BLOCK_S * rate)
    while left > 0:
        yield np.zeros((min(left, most), channels), np.float32)
        left -= most
