"""An MP3's length header (Xing, Info or VBRI) and whether it speaks of the bytes that are there.

Only such a header says how long an MP3 is; without one a decoder guesses from the first frame's bit rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from speech_tl.audio.limits import MOST_CHUNKS

_SYNC_SEARCH_BYTES = 1 << 16
_SLACK_FRAMES = 3  # encoders count the header's own frame, or do not; some leave out the last
_WARNED_SHARE = 100  # beyond one in so many bytes, libsndfile's mpg123 writes a warning to standard error
_BIT_RATES = (  # kbit/s of MPEG 1 and of MPEG 2 and 2.5, layer 3
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_SAMPLE_RATES = (44100, 48000, 32000)


@dataclass(frozen=True)
class LengthHeader:
    """What the first frame says about the rest.

    Attributes:
        duration_s: seconds, encoder delay included.
        agrees: the bytes it counts are those of the file.
        missing: it counts more bytes than there are.
    """

    duration_s: float
    agrees: bool
    missing: bool

    @classmethod
    def read(cls, stream: BinaryIO, first: int, size: int) -> LengthHeader | None:
        """The header in the first frame from byte `first` on; None where there is none, or it is no layer 3."""
        stream.seek(first)
        window = stream.read(_SYNC_SEARCH_BYTES)
        at = _first_frame(window)
        if at is None:
            return None
        frame = _Frame.read(window, at)
        counted = _counts(window, at, frame)
        if counted is None:
            return None
        frames, said_bytes = counted
        there = _without_tags(stream, size) - (first + at)
        slack = _SLACK_FRAMES * max(frame.bytes, said_bytes // max(1, frames)) + 64
        return cls(
            duration_s=frames * frame.samples / frame.rate,
            agrees=bool(frames) and abs(there - said_bytes) <= min(slack, said_bytes // _WARNED_SHARE),
            missing=bool(frames) and said_bytes - there > slack,
        )


@dataclass(frozen=True)
class _Frame:
    """A layer 3 frame by its four bytes of header: Hz, samples, bytes, and where side information ends."""

    rate: int
    samples: int
    bytes: int
    side_end: int

    @classmethod
    def read(cls, window: bytes, at: int) -> _Frame | None:
        head = window[at : at + 4]
        if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or head[1] & 0x06 != 0x02:
            return None
        version, bit_rate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
        if version == 1 or bit_rate in (0, 15) or rate == 3:
            return None
        one = version == 3
        sample_rate = _SAMPLE_RATES[rate] >> (0 if one else 1 if version == 2 else 2)
        samples = 1152 if one else 576
        size = samples // 8 * 1000 * _BIT_RATES[not one][bit_rate] // sample_rate + (head[2] >> 1 & 1)
        mono = head[3] >> 6 == 3
        side = (17 if mono else 32) if one else (9 if mono else 17)
        return cls(sample_rate, samples, size, 4 + side)


def skip_id3v2(stream: BinaryIO) -> int:
    """Where the sound begins behind ID3v2 tags, of which there may be several."""
    place = 0
    for _ in range(MOST_CHUNKS):
        stream.seek(place)
        head = stream.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            return place
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        place += 10 + size + (10 if head[5] & 0x10 else 0)
    raise ValueError(f"more than {MOST_CHUNKS} tags")


def _first_frame(window: bytes) -> int | None:
    """The first frame that another one follows."""
    at = window.find(b"\xff")
    while at >= 0:
        frame = _Frame.read(window, at)
        if frame and (at + frame.bytes + 4 > len(window) or _Frame.read(window, at + frame.bytes)):
            return at
        at = window.find(b"\xff", at + 1)
    return None


def _counts(window: bytes, at: int, frame: _Frame) -> tuple[int, int] | None:
    """Frames and bytes by Xing, Info (both counts present) or VBRI."""
    place = at + frame.side_end
    if window[place : place + 4] in (b"Xing", b"Info"):
        flags = int.from_bytes(window[place + 4 : place + 8], "big")
        if flags & 3 != 3:
            return None
        return int.from_bytes(window[place + 8 : place + 12], "big"), int.from_bytes(
            window[place + 12 : place + 16], "big"
        )
    place = at + 36
    if window[place : place + 4] == b"VBRI":
        return int.from_bytes(window[place + 14 : place + 18], "big"), int.from_bytes(
            window[place + 10 : place + 14], "big"
        )
    return None


def _without_tags(stream: BinaryIO, size: int) -> int:
    """Where the sound ends before ID3v1, APE and Lyrics3 tags."""
    end = size
    for _ in range(MOST_CHUNKS):
        stream.seek(max(0, end - 128))
        tail = stream.read(min(128, end))
        if len(tail) == 128 and tail[:3] == b"TAG":
            end -= 128
        elif tail[-32:-24] == b"APETAGEX":
            flags = int.from_bytes(tail[-12:-8], "little")
            end -= max(32, int.from_bytes(tail[-20:-16], "little")) + (32 if flags >> 31 else 0)  # its footer counts
        elif tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
            end -= int(tail[-15:-9]) + 15
        else:
            return max(0, end)
        if end <= 0:
            return size
    return max(0, end)
