"""What libsndfile reads: files whose headers tell their whole length."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
import soundfile

from speech_tl.audio.info import AudioInfo
from speech_tl.audio.limits import MOST_VALUES, require_plausible

BLOCK_S = 30
SLACK_S = 0.3
"""By so much an MP3's header may count too many: frames that only wake the decoder up, or fill the last one."""
_SOUGHT = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW", "VORBIS", "OPUS", "MPEG_", "ALAC_")
"""Codecs that libsndfile seeks in; in others (GSM, ADPCM) a seek fails or lands elsewhere."""

HandOver = Callable[[float, float | None], Iterator[np.ndarray]]
"""Reads on from a second to another where libsndfile could not."""


class SoundfileTrack:
    """A file that libsndfile reads."""

    library = "soundfile"

    def __init__(
        self, source: str | BinaryIO, name: str, *, cut: bool = False, hand_over: HandOver | None = None
    ) -> None:
        """`name` is what messages call it; `cut`: bytes are missing at its end; `hand_over` goes on after damage."""
        self.name = name
        self.cut = cut
        self._hand_over = hand_over
        self._file = file = soundfile.SoundFile(source)
        self.exact = file.format != "MP3"  # an MP3 header without gapless tags counts whole frames
        self._sought = file.seekable() and file.subtype.startswith(_SOUGHT)
        self._begun = False
        self.sample_rate, self.channels = file.samplerate, file.channels
        require_plausible(name, self.sample_rate, self.channels)
        self.promised_s = file.frames / file.samplerate
        self.info = AudioInfo(self.promised_s, file.samplerate, file.channels, f"{file.format}/{file.subtype}")

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[np.ndarray]:
        """Blocks `(samples, channels)` at the file's own rate."""
        rate = self.sample_rate
        first = round(start_s * rate)
        last = self._file.frames if end_s is None else min(round(end_s * rate), self._file.frames)
        position = first if self._sought else 0
        warm_up, whole = self._to(position), True
        while position < last and whole:
            asked = warm_up + min(last - position, BLOCK_S * rate, max(1, MOST_VALUES // self.channels))
            block = self._read(asked)
            whole = len(block) == asked
            if not whole and self._may_hand_over(last - position - max(0, len(block) - warm_up)):
                break  # what this block holds lies before and behind the damage, and does not say where it was
            block, warm_up = block[warm_up:], 0
            wanted = block[max(0, first - position) :]
            position += len(block)
            if len(wanted):
                yield wanted
        if self._may_hand_over(last - position):
            yield from self._hand_over(max(position, first) / rate, end_s)

    def _may_hand_over(self, missing: int) -> bool:
        """Whether so many samples are too many to be missing, and the file has the bytes that hold them."""
        most = 0 if self.exact else SLACK_S * self.sample_rate
        return self._hand_over is not None and not self.cut and missing > most

    def _read(self, samples: int) -> np.ndarray:
        try:
            return self._file.read(samples, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            return np.zeros((0, self.channels), np.float32)

    def _to(self, position: int) -> int:
        """Go there; returns the samples to drop: an MP3 decoder is wrong until it has frames that later ones need."""
        if not position and not self._begun:
            self._begun = True
            return 0
        self._begun = True
        warm_up = 0 if self.exact else min(position, self.sample_rate)
        self._file.seek(position - warm_up)
        return warm_up

    def missing(self, position_s: float) -> bool:
        """Whether samples that were promised are gone, after all was decoded up to `position_s`."""
        if self.cut:
            return True
        if self.exact:
            return position_s * self.sample_rate < self._file.frames - 1
        return position_s < self.promised_s / 2  # the bytes are there: broken frames were skipped, as players do

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class PartOfFile:
    """The bytes `first` to `last` of a file, to be read as if they were all."""

    def __init__(self, source: str | BinaryIO, first: int, last: int) -> None:
        """A path is opened; an open file is shared, and told where to read each time."""
        self._own = isinstance(source, str)
        self._stream = open(source, "rb") if self._own else source  # noqa: SIM115 (closed by close)
        self._first, self._size, self._at = first, last - first, 0
        self.name = source if self._own else getattr(source, "name", "")

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As files do."""
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        """As files do."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """As files do."""
        left = max(0, self._size - self._at)
        self._stream.seek(self._first + self._at)
        data = self._stream.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data

    def readinto(self, buffer: memoryview) -> int:
        """As files do."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        """As files do."""
        return True

    def seekable(self) -> bool:
        """As files do."""
        return True

    def write(self, data: bytes) -> int:
        """Never; soundfile asks whether there is one."""
        raise OSError("read only")

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._own:
            self._stream.close()
