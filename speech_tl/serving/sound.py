"""From an upload to sound: decoded by a child process into a temporary file, read again in blocks."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from speech_tl.audio.untrusted import UntrustedDecoder
from speech_tl.errors import AudioError

IN_MEMORY = 8_000_000
"""Bytes of decoded sound that stay in memory: two minutes at 16 kHz. More goes into a file."""

BLOCK_S = 30.0
SHOWN_CHARACTERS = 80


class Stopped(Exception):
    """Nobody waits for this recording any more."""


class DecodedUpload:
    """One recording as float32, shorter than a limit, known to be whole before anything is recognised.

    Attributes:
        duration_s: its length in seconds.
    """

    def __init__(self, samples: BinaryIO, sample_rate: int, duration_s: float) -> None:
        """`samples` is a file of float32, closed with this."""
        self._samples, self._rate, self.duration_s = samples, sample_rate, duration_s

    def blocks(self) -> Iterator[np.ndarray]:
        """Consecutive pieces of `BLOCK_S` seconds."""
        self._samples.seek(0)
        while data := self._samples.read(4 * round(BLOCK_S * self._rate)):
            yield np.frombuffer(data, np.float32)

    def close(self) -> None:
        """Let go of the file."""
        self._samples.close()


def decoded(
    decoder: UntrustedDecoder, upload: BinaryIO, sample_rate: int, name: str, stop: threading.Event
) -> DecodedUpload:
    """Decode what a client sent.

    Args:
        decoder: its child reads a copy in a file of ours; the client's name for it is for messages only.
        upload: the whole file, at its beginning.
        sample_rate: Hz of the result.
        name: what messages call it.
        stop: set when nobody waits for it any more.

    Raises:
        AudioError: it cannot be decoded, or is too long.
        Stopped: `stop` was set.
    """
    samples = 0
    kept = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (it goes with the result)
    try:
        with tempfile.NamedTemporaryFile(prefix="speech_tl-", suffix=".upload") as copy:
            shutil.copyfileobj(upload, copy)
            copy.flush()
            if not copy.tell():
                raise AudioError(f"{name}: empty; nothing was uploaded", "empty")
            for block in decoder.blocks(copy.name, sample_rate, block_s=BLOCK_S, name=name):
                if stop.is_set():
                    raise Stopped
                kept.write(block.data)
                samples += len(block)
    except BaseException:
        kept.close()
        raise
    return DecodedUpload(kept, sample_rate, samples / sample_rate)


def shown_name(name: str | None) -> str:
    """A client's name for its file, short and in one line, without its folders.

    >>> shown_name("../../etc/passwd")
    'passwd'
    """
    last = "".join(c for c in (name or "").replace("\\", "/").rpartition("/")[2] if c.isprintable())
    return last[:SHOWN_CHARACTERS] or "the upload"
