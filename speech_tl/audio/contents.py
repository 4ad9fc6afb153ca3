"""What a file's own bytes promise and hold: who may read it, where joined recordings part, and what is missing.

libsndfile stops where the first header says, so it gets a file only where that is the whole file.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from speech_tl.audio.flac import ends_at as flac_ends_at
from speech_tl.audio.flac import frame_bytes, samples_and_rate
from speech_tl.audio.limits import MOST_CHUNKS
from speech_tl.audio.mp3 import LengthHeader, skip_id3v2

HEAD_BYTES = 4096
SEARCHED_BYTES = 1 << 16  # files up to this size are searched for joins; longer ones are looked at in places first
BLOCK_BYTES = 1 << 20
OGG_PLACES, FLAC_PLACES = (1 / 5, 2 / 5, 3 / 5, 4 / 5, 1), (1 / 3, 1 / 2, 1)
WINDOW_BYTES = 1 << 15
UNKNOWN_LENGTH = 0x7FFF_0000  # writers into a pipe put this or more where the length belongs
SLACK_BYTES = 64  # some writers count their header too
OGG_START = re.compile(rb"OggS\x00\x02\x00{8}")
FLAC_START = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
OGG_PAGE_MAX_BYTES = 65_307
PAGE_HEAD_BYTES = 27
NO_CHUNKS = f"more than {MOST_CHUNKS} chunks or parts"

# PCM, MS ADPCM, float, A-law, mu-law, IMA ADPCM, GSM, NMS ADPCM, G.721, extensible
_WAV_CODECS = {1, 2, 3, 6, 7, 0x11, 0x31, 0x38, 0x40, 0xFFFE}
_BIG_WAVES = (b"RF64", b"BW64")
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


@dataclass(frozen=True)
class Contents:
    """What can be told without decoding.

    Attributes:
        certain: libsndfile reads all of it.
        known: the format was recognised here; what is neither certain nor known is tried with both libraries.
        cut: bytes are missing at the end.
        promised_s: seconds of sound by a length header that may be believed; None where there is none.
        endless: a wav whose length field is wrong: samples go on to the end of the file.
        parts: (first byte, last byte) of recordings joined end to end, where there are several.
    """

    certain: bool = False
    known: bool = True
    cut: bool = False
    promised_s: float | None = None
    endless: bool = False
    parts: tuple[tuple[int, int], ...] = ()


def contents_of(stream: BinaryIO) -> Contents:
    """Look at the head, the tail and, where joins are possible, some places between."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    magic = head[:4]
    if magic in (b"RIFF", *_BIG_WAVES) and head[8:12] == b"WAVE":
        return _wav(stream, size, magic)
    if magic == b"fLaC":
        return _flac(stream, head, size)
    if magic == b"OggS":
        return _ogg(stream, head, size)
    if magic == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Contents(certain=abs(int.from_bytes(head[4:8], "big") + 8 - size) <= SLACK_BYTES)
    if head[:16] == _W64_RIFF:
        return Contents(certain=abs(int.from_bytes(head[16:24], "little") - size) <= SLACK_BYTES)
    if magic == b"\x1aE\xdf\xa3" or head[4:8] == b"ftyp":
        return Contents()
    if _only_zeros(head[64:]) and _only_zeros(stream.read(SEARCHED_BYTES)):
        raise ValueError("zeros where sound should be")  # decoders would look for it to the end of the file
    if magic[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
        return _mpeg(stream, size)
    return Contents(known=False)


def _wav(stream: BinaryIO, size: int, magic: bytes) -> Contents:
    """RIFF, and RF64 or BW64 (EBU Tech 3306), whose true sizes are in a chunk of their own."""
    stream.seek(4)
    riff_end = 8 + int.from_bytes(stream.read(4), "little")
    stream.seek(12)
    codec, long_data = 0, None
    for _ in range(MOST_CHUNKS):
        if len(chunk := stream.read(8)) < 8:
            return Contents()
        name, length = struct.unpack("<4sI", chunk)
        start = stream.tell()
        if name == b"ds64":
            long_riff, long_data = struct.unpack("<QQ", stream.read(16))
            riff_end = 8 + long_riff
        elif name == b"fmt ":
            codec = int.from_bytes(stream.read(2), "little")
        elif name == b"data":
            if magic in _BIG_WAVES and long_data is not None and length >= UNKNOWN_LENGTH:
                length = long_data
            return _wav_data(stream, start, length, riff_end, size, codec)
        stream.seek(start + length + length % 2)
    raise ValueError(NO_CHUNKS)


def _wav_data(stream: BinaryIO, start: int, length: int, riff_end: int, size: int, codec: int) -> Contents:
    end = start + length
    if end <= size and length:
        second = _after_data(stream, end, size)
        if second is None:
            return Contents(endless=True)
        if second < size:
            rest = _joined_waves(stream, second, size)
            return Contents(parts=((0, second), *rest))
        return Contents(certain=codec in _WAV_CODECS)
    if end <= size + SLACK_BYTES and length:
        return Contents(certain=codec in _WAV_CODECS)
    # Sizes that agree with each other were right once, so what they promise is gone; else nobody came to fill them in.
    agreed = 0 < length < UNKNOWN_LENGTH and size + SLACK_BYTES < riff_end < UNKNOWN_LENGTH
    cut = agreed and end <= riff_end + SLACK_BYTES
    return Contents(certain=cut and codec in _WAV_CODECS, cut=cut, endless=not cut)


def _after_data(stream: BinaryIO, end: int, size: int) -> int | None:
    """Where a second wav begins behind the data chunk's `end`, `size` where none does; None where samples go on there.

    Behind it may be chunks, tags, or zeros that fill a sector.
    """
    for place in (end + end % 2, end):  # odd chunks are padded, but not by everybody
        for _ in range(MOST_CHUNKS):
            if place >= size:
                break
            stream.seek(place)
            name = stream.read(4)
            length = int.from_bytes(stream.read(4), "little")
            if name == b"RIFF" and stream.read(4) == b"WAVE":
                return place
            if not (len(name) == 4 and all(32 <= byte < 127 for byte in name)):
                break
            if name[:3] in (b"TAG", b"ID3") or name == b"APET":
                return size
            if place + 8 + length > size + SLACK_BYTES:
                break
            place += 8 + length + length % 2
        else:
            raise ValueError(NO_CHUNKS)
        if place >= size or size - place < 8:
            return size
    stream.seek(end)
    while block := stream.read(BLOCK_BYTES):
        if block.strip(b"\0"):
            return None if size - end > SLACK_BYTES else size
    return size


def _joined_waves(stream: BinaryIO, second: int, size: int) -> list[tuple[int, int]]:
    """The parts from the second on: each ends where its data chunk lets the next begin."""
    parts: list[tuple[int, int]] = []
    first = second
    while first < size:
        if len(parts) >= MOST_CHUNKS:
            raise ValueError(NO_CHUNKS)
        stream.seek(first + 12)
        place, following = first + 12, size
        for _ in range(MOST_CHUNKS):
            if len(chunk := stream.read(8)) < 8:
                break
            name, length = struct.unpack("<4sI", chunk)
            place += 8 + length + length % 2
            if name == b"data":
                following = (_after_data(stream, place - length % 2, size) or size) if place < size else size
                break
            stream.seek(place)
        parts.append((first, following))
        first = following
    return parts


def _flac(stream: BinaryIO, head: bytes, size: int) -> Contents:
    """One stream with a sample count at which the last frame ends (RFC 9639)."""
    samples, rate = samples_and_rate(head)
    if not samples or not rate:
        return Contents(parts=_parts(_starts(stream, FLAC_START, size), size))
    promised_s = samples / rate
    if size <= SEARCHED_BYTES:
        starts = _starts(stream, FLAC_START, size)
        ended = _flac_position(stream, size, head) == samples
    else:
        places = [_flac_position(stream, round(share * size), head) for share in FLAC_PLACES]
        ended = places[-1] == samples
        alone = ended and _in_order(places) and size < 1.1 * samples * frame_bytes(head)  # several would be too many
        starts = [0] if alone else _starts(stream, FLAC_START, size)
    if len(starts) > 1:
        return Contents(parts=_parts(starts, size))
    return Contents(certain=ended, promised_s=promised_s)


def _flac_position(stream: BinaryIO, place: int, head: bytes) -> int | None:
    """The sample at which the last frame before `place` ends; None where no frame begins in the windows before it."""
    for length in (WINDOW_BYTES // 2, 4 * WINDOW_BYTES):
        first = max(0, place - length)
        stream.seek(first)
        if end := flac_ends_at(stream.read(place - first), head):
            return end
    return None


def _ogg(stream: BinaryIO, head: bytes, size: int) -> Contents:
    """One logical stream, whose last page is whole (RFC 3533)."""
    cut = _ogg_ends_early(stream, size)
    second = PAGE_HEAD_BYTES + head[26] + sum(head[PAGE_HEAD_BYTES : PAGE_HEAD_BYTES + head[26]])
    if OGG_START.match(head, second):  # several streams begin together: a film, or a skeleton
        return Contents(cut=cut)
    if size <= SEARCHED_BYTES:
        starts = _starts(stream, OGG_START, size)
    else:
        pages = [_ogg_page(stream, round(share * size), head[14:18]) for share in OGG_PLACES]
        starts = [0] if _in_order(pages) else _starts(stream, OGG_START, size)
    if len(starts) > 1:
        return Contents(parts=_parts(starts, size), cut=cut)
    return Contents(certain=head[28:36].startswith((b"\x01vorbis", b"OpusHead", b"\x7fFLAC")), cut=cut)


def _ogg_page(stream: BinaryIO, place: int, serial: bytes) -> int | None:
    """The number of the last page that begins before `place`, if it is of the stream `serial`."""
    for length in (WINDOW_BYTES // 4, OGG_PAGE_MAX_BYTES + PAGE_HEAD_BYTES):  # few pages are as long as they may be
        first = max(0, place - length)
        stream.seek(first)
        window = stream.read(place - first)
        at = window.rfind(b"OggS\x00", 0, max(0, len(window) - PAGE_HEAD_BYTES))
        if at >= 0:
            ours = window[at + 14 : at + 18] == serial
            return int.from_bytes(window[at + 18 : at + 22], "little") if ours else None
    return None


def _ogg_ends_early(stream: BinaryIO, size: int) -> bool:
    """Whether the last page promises bytes beyond the end of the file."""
    page = b""
    for length in (WINDOW_BYTES // 2, OGG_PAGE_MAX_BYTES):
        stream.seek(max(0, size - length))
        tail = stream.read()
        if (at := tail.rfind(b"OggS")) >= 0:
            page = tail[at:]
            break
    if len(page) < PAGE_HEAD_BYTES:
        return True
    return len(page) < PAGE_HEAD_BYTES + page[26] + sum(page[PAGE_HEAD_BYTES : PAGE_HEAD_BYTES + page[26]])


def _mpeg(stream: BinaryIO, size: int) -> Contents:
    """MP3 by its length header; anything else that begins alike (ADTS, MPEG layers without one) has no promise."""
    first = skip_id3v2(stream)
    stream.seek(first)
    if stream.read(4) == b"fLaC":
        return Contents()
    header = LengthHeader.read(stream, first, size)
    if header is None:
        return Contents()
    return Contents(certain=header.agrees, promised_s=header.duration_s if header.missing else None, cut=header.missing)


def _only_zeros(data: bytes) -> bool:
    return bool(data) and not data.strip(b"\0")


def _in_order(numbers: list[int | None]) -> bool:
    """Whether all are known, each greater than the one before."""
    known = [number for number in numbers if number is not None]
    return len(known) == len(numbers) and all(one < other for one, other in pairwise(known))


def _starts(stream: BinaryIO, beginning: re.Pattern[bytes], size: int) -> list[int]:
    """Where recordings begin in the file, in order."""
    found, magic = set(), beginning.pattern[:4]
    for first in range(0, size, BLOCK_BYTES):
        stream.seek(first)
        block = stream.read(BLOCK_BYTES + 32)
        at = block.find(magic)  # many times faster than a pattern
        while at >= 0:
            if beginning.match(block, at):
                found.add(first + at)
            at = block.find(magic, at + 1)
        if len(found) > MOST_CHUNKS:
            raise ValueError(NO_CHUNKS)
    return sorted(found)


def _parts(starts: list[int], size: int) -> tuple[tuple[int, int], ...]:
    return tuple(zip(starts, [*starts[1:], size], strict=True)) if len(starts) > 1 else ()
