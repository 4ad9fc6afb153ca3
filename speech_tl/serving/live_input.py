"""The sound of a live session as a client sends it: samples, or a container that a browser writes as it records."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

import numpy as np
import soxr

from speech_tl.audio.untrusted_stream import FORMATS, StreamDecoder
from speech_tl.serving.problems import Problem

PCM16 = "pcm16"
KNOWN = (PCM16, *FORMATS)

Add = Callable[[np.ndarray], None]
"""Takes float32 samples at the model's rate."""


class LiveInput(Protocol):
    """What a client's binary messages go into."""

    async def feed(self, data: bytes) -> None:
        """The next message."""

    async def end(self) -> None:
        """There are no more: what is still on its way is added."""

    async def close(self) -> None:
        """Let go of everything."""


async def open_input(format: str, rate: int, own_rate: int, add: Add) -> LiveInput:
    """The input for one of `KNOWN`.

    Args:
        format: of the messages.
        rate: of plain samples, in Hz; a container has its own.
        own_rate: the model's.
        add: given the samples.
    """
    if format == PCM16:
        return _Samples(rate, own_rate, add)
    opened = _Container(StreamDecoder(format, own_rate), add)
    await opened.start()
    return opened


class _Samples:
    """16-bit little-endian mono."""

    def __init__(self, rate: int, own_rate: int, add: Add) -> None:
        self._resampler = None if rate == own_rate else soxr.ResampleStream(rate, own_rate, 1, dtype="float32")
        self._add = add

    async def feed(self, data: bytes) -> None:
        if len(data) % 2:
            raise Problem(400, "a message of an odd number of bytes: expected 16-bit samples")
        waveform = _floats(data)
        self._add(waveform if self._resampler is None else self._resampler.resample_chunk(waveform))

    async def end(self) -> None:
        if self._resampler is not None:
            self._add(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))

    async def close(self) -> None:
        """There is nothing."""


class _Container:
    """WebM or Ogg, decoded by a child process while it arrives."""

    def __init__(self, decoder: StreamDecoder, add: Add) -> None:
        self._decoder, self._add = decoder, add

    async def start(self) -> None:
        await self._decoder.start()
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        half = b""
        while data := await self._decoder.read():
            data = half + data
            half = data[len(data) // 2 * 2 :]
            self._add(_floats(data[: len(data) // 2 * 2]))

    async def feed(self, data: bytes) -> None:
        await self._decoder.feed(data)

    async def end(self) -> None:
        self._decoder.end()
        await self._reading
        if not await self._decoder.succeeded():
            raise Problem(400, f"the sound cannot be decoded: expected one of {', '.join(FORMATS)}, from its beginning")

    async def close(self) -> None:
        await self._decoder.close()
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self._reading


def _floats(data: bytes) -> np.ndarray:
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768
