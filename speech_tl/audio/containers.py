"""What a container promises and holds: whether libsndfile can be trusted with a file, or FFmpeg shall read it.

libsndfile is exact and fast where a header says how long the sound is and tells the truth. It stops at the end of the
first of several joined streams, guesses where nothing is said, and believes a length of zero.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import BinaryIO, Literal

Verdict = Literal["certain", "cut", "open end", "uncertain"]
"""libsndfile is right; right about what there is, of which the end is missing; right once the length of the sound is
corrected to "up to the end of the file"; or not to be trusted."""

UNKNOWN_WAV_LENGTH = 0x7FFF_0000  # writers into a pipe put this or more where the length belongs
_SLACK_BYTES = 64  # some writers count their header too
_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_PLAIN_CODES = (_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE)
_OGG_PAGE_MAX_BYTES = 65_307
_OGG_FIRST_PAGE = b"OggS\x00\x02"
_SEARCHED_AT_ONCE = 1 << 17
_MP3_SLACK_BYTES = 4096  # a frame, and what a tag writer leaves
_CHUNK_NAME = re.compile(rb"[A-Za-z0-9 _]{4}")


@dataclass(frozen=True)
class Promise:
    """What was found.

    Attributes:
        verdict: see `Verdict`.
        data_at, data_bytes: where the samples of a WAV begin, and how many bytes of them there are.
    """

    verdict: Verdict
    data_at: int = 0
    data_bytes: int = 0


UNCERTAIN, CERTAIN = Promise("uncertain"), Promise("certain")


def promise_of(stream: BinaryIO, *, whole: bool = True) -> Promise:
    """Look at an open seekable file, from its beginning.

    Args:
        stream: the file.
        whole: search all of an Ogg or FLAC for a second beginning, not only its first 128 KiB.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    head = stream.read(12)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return _wav(stream, size)
    if head[:4] == b"fLaC":
        return _flac(stream, whole)
    if head[:4] == b"OggS":
        return _ogg(stream, size, whole)
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
        return _mp3(stream, size)
    # Other containers of plain samples: the sizes of RF64, W64, AIFF, AU and CAF are told by libsndfile itself.
    return CERTAIN if head[:4] in (b"RF64", b"riff", b"FORM", b".snd", b"caff") else UNCERTAIN


def _wav(stream: BinaryIO, size: int) -> Promise:
    """Sizes that agree, or can be corrected; codecs in which libsndfile cannot seek are left to FFmpeg."""
    code, position = 0, 12
    while len(header := _at(stream, position, 8)) == 8:
        name, length = header[:4], int.from_bytes(header[4:], "little")
        position += 8
        if name == b"fmt ":
            code = int.from_bytes(_at(stream, position, 2), "little")
        if name == b"data":
            return _wav_data(stream, size, position, length) if code in _PLAIN_CODES else UNCERTAIN
        position += length + length % 2
    return UNCERTAIN


def _wav_data(stream: BinaryIO, size: int, at: int, length: int) -> Promise:
    """The samples' chunk against the bytes that are there."""
    there = size - at
    if length == 0 or length >= UNKNOWN_WAV_LENGTH:
        return Promise("open end", at, there)
    if length > there:
        return Promise("cut" if length > there + _SLACK_BYTES else "open end", at, there)
    return CERTAIN if _only_chunks(stream, at + length + length % 2, size) else Promise("open end", at, there)


def _only_chunks(stream: BinaryIO, position: int, size: int) -> bool:
    """Whether what follows the samples is chunks, a tag or padding, and not more samples."""
    while size - position > _SLACK_BYTES:
        header = _at(stream, position, 8)
        if header[:3] in (b"ID3", b"TAG") or not header.strip(b"\0"):
            return True
        if not _CHUNK_NAME.fullmatch(header[:4]):
            return False
        length = int.from_bytes(header[4:], "little")
        position += 8 + length + length % 2
    return position <= size + _SLACK_BYTES


def _flac(stream: BinaryIO, whole: bool) -> Promise:
    """A number of samples in the first block (RFC 9639, section 8.2), and no second beginning."""
    stream.seek(0)
    head = stream.read(26)
    samples = int.from_bytes(head[18:26], "big") & (1 << 36) - 1
    joined = head[4:5] and head[4] & 0x7F == 0 and samples and _occurs(stream, b"fLaC\x00\x00\x00\x22", 4, whole)
    return UNCERTAIN if not samples or joined else CERTAIN


def _ogg(stream: BinaryIO, size: int, whole: bool) -> Promise:
    """One stream alone, from the first page to the last (RFC 3533, section 6)."""
    first = _at(stream, 0, 27)
    tail = _at(stream, max(0, size - _OGG_PAGE_MAX_BYTES), _OGG_PAGE_MAX_BYTES)
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if first[14:18] != page[14:18] or _occurs(stream, _OGG_FIRST_PAGE, 4, whole):
        return UNCERTAIN
    complete = len(page) >= 27 and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
    return CERTAIN if complete else Promise("cut")


def _mp3(stream: BinaryIO, size: int) -> Promise:
    """A header with the length (Xing, Info, VBRI) that agrees with the bytes of the file."""
    at = 0
    while (tag := _at(stream, at, 10))[:3] == b"ID3" and len(tag) == 10:
        at += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(tag[6:10], (21, 14, 7, 0), strict=True))
    frame = _at(stream, at, 512)
    end = size
    if _at(stream, end - 128, 3) == b"TAG":
        end -= 128
    if (footer := _at(stream, end - 32, 32))[:8] == b"APETAGEX":
        end -= int.from_bytes(footer[12:16], "little") + (32 if footer[23] & 0x80 else 0)
    promised = _promised_mp3_bytes(frame)
    if promised > end - at + _MP3_SLACK_BYTES:
        return Promise("cut")
    return CERTAIN if promised and end - at <= promised + _MP3_SLACK_BYTES else UNCERTAIN


def _promised_mp3_bytes(frame: bytes) -> int:
    """The bytes of sound that the first frame's header of lengths tells; 0 where it has none, or not all of them."""
    for name in (b"Xing", b"Info"):
        place = frame.find(name, 4, 64)
        if place > 0:
            has = int.from_bytes(frame[place + 4 : place + 8], "big")
            return int.from_bytes(frame[place + 12 : place + 16], "big") if has & 3 == 3 else 0
    place = frame.find(b"VBRI", 4, 64)
    return int.from_bytes(frame[place + 10 : place + 14], "big") if place > 0 else 0


def _at(stream: BinaryIO, position: int, count: int) -> bytes:
    stream.seek(max(0, position))
    return stream.read(count)


def _occurs(stream: BinaryIO, sought: bytes, first: int, whole: bool) -> bool:
    """Whether `sought` stands anywhere from the byte `first` on, or in its first 128 KiB."""
    stream.seek(first)
    kept = b""
    while block := stream.read(_SEARCHED_AT_ONCE):
        if sought in kept + block:
            return True
        if not whole:
            return False
        kept = block[-len(sought) :]
    return False


class CorrectedWav(io.RawIOBase):
    """A WAV whose header says how many bytes of samples there are, whatever its writer left in it.

    The file is not changed: eight bytes of it are read as they should be.
    """

    def __init__(self, stream: BinaryIO, promise: Promise, frame_bytes: int) -> None:
        """`promise` says where the samples are; they are cut to whole frames of `frame_bytes`."""
        whole = promise.data_bytes - promise.data_bytes % max(1, frame_bytes)
        self._stream, self._size = stream, promise.data_at + whole
        self._position = 0
        self._patches = {4: (self._size - 8) & 0xFFFF_FFFF, promise.data_at - 4: whole & 0xFFFF_FFFF}

    def seekable(self) -> bool:
        """It can be sought."""
        return True

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As any file's."""
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        """As any file's."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        """As any file's, with the corrected lengths in their places."""
        self._stream.seek(self._position)
        block = bytearray(self._stream.read(max(0, min(len(buffer), self._size - self._position))))
        for place, value in self._patches.items():
            for number, byte in enumerate(value.to_bytes(4, "little")):
                if 0 <= place + number - self._position < len(block):
                    block[place + number - self._position] = byte
        buffer[: len(block)] = block
        self._position += len(block)
        return len(block)


def wav_frame_bytes(stream: BinaryIO) -> int:
    """Bytes of one sample of all channels of a WAV, as its format chunk says."""
    position = 12
    while len(header := _at(stream, position, 8)) == 8:
        if header[:4] == b"fmt ":
            return int.from_bytes(_at(stream, position + 20, 2), "little")
        length = int.from_bytes(header[4:], "little")
        position += 8 + length + length % 2
    return 1
