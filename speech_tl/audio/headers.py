"""How long a recording is, by a glance at its header: for tables of a hundred thousand files.

Opening a file with a decoder takes twenty times as long. What is unusual in any way is left to the decoder.
"""

from __future__ import annotations

import os
import struct

from speech_tl.audio.contents import FLAC_START, OGG_START, SLACK_BYTES
from speech_tl.audio.flac import ends_at, frame_bytes, samples_and_rate
from speech_tl.audio.limits import LONGEST_S, MOST_CHANNELS, plausible_rate, require_file
from speech_tl.errors import AudioError

_HEAD_BYTES, _TAIL_BYTES, _MIDDLE_BYTES = 4096, 16_384, 8192
_SEARCHED_BYTES = 65_536  # a file of so many is searched whole for a second beginning
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_OPUS_RATE = 48_000
_PAGE_HEAD_BYTES = 27


def glance_s(path: str | os.PathLike) -> float | None:
    """Seconds of a wav, flac, ogg or opus file; None where it takes a closer look (`probe`) to tell, or to complain."""
    try:
        require_file(os.fspath(path), "")  # to open a pipe would wait for whoever writes into it
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))  # Windows would end lines its own way
    except (OSError, AudioError):
        return None
    try:
        head = os.read(handle, _HEAD_BYTES)
        look = {b"RIFF": _wav, b"fLaC": _flac, b"OggS": _ogg}.get(head[:4])
        seconds = look(handle, head, os.fstat(handle).st_size) if look else None
        return None if seconds is None or seconds > LONGEST_S else seconds
    except (OSError, struct.error, IndexError, ZeroDivisionError):
        return None
    finally:
        os.close(handle)


def _read_at(handle: int, count: int, position: int) -> bytes:
    """At most `count` bytes from `position` on; Windows has no `os.pread`."""
    os.lseek(handle, position, os.SEEK_SET)
    return os.read(handle, count)


def _wav(handle: int, head: bytes, size: int) -> float | None:
    """PCM or float samples, whose chunk ends with the file, or where another chunk begins."""
    if head[8:12] != b"WAVE":
        return None
    position, rate, frame_bytes = 12, 0, 0
    while position + 8 <= len(head):
        name, length = struct.unpack_from("<4sI", head, position)
        position += 8
        if name == b"fmt ":
            kind, channels, rate, _, frame_bytes, _ = struct.unpack_from("<HHIIHH", head, position)
            if kind not in (_PCM, _FLOAT, _EXTENSIBLE) or not plausible_rate(rate) or channels > MOST_CHANNELS:
                return None
        if name == b"data":
            end = position + length
            if not rate or end > size or (size - end > SLACK_BYTES and not _chunk_at(handle, end + length % 2)):
                return None
            return length // frame_bytes / rate or None
        position += length + length % 2
    return None


def _flac(handle: int, head: bytes, size: int) -> float | None:
    """What the encoder noted in its first block, if the last frame ends there."""
    samples, rate = samples_and_rate(head)
    if (
        not samples
        or not plausible_rate(rate)
        or ends_at(_read_at(handle, _TAIL_BYTES, max(0, size - _TAIL_BYTES)), head) != samples
    ):
        return None
    if size <= _SEARCHED_BYTES:
        return None if FLAC_START.search(_read_at(handle, size - 1, 1)) else samples / rate
    # Of two or three recordings as long as each other, a third of the bytes is much more of the first one's samples; of
    # more of them there are more bytes than samples.
    place = ends_at(_read_at(handle, _TAIL_BYTES, size // 3 - _TAIL_BYTES), head)
    alone = place is not None and 0.1 < place / samples < 0.6 and size < 1.1 * samples * frame_bytes(head)
    return samples / rate if alone else None


def _ogg(handle: int, head: bytes, size: int) -> float | None:
    """The position of the last page, if that is whole and of the first page's stream (RFC 3533, section 6)."""
    stream, packet = head[14:18], head[_PAGE_HEAD_BYTES + head[26] :]
    tail = _read_at(handle, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    page = tail[max(0, tail.rfind(b"OggS")) :]
    ends_at = _PAGE_HEAD_BYTES + page[26] + sum(page[_PAGE_HEAD_BYTES : _PAGE_HEAD_BYTES + page[26]])
    if page[:4] != b"OggS" or len(page) != ends_at or page[14:18] != stream or _begins_again(handle, page, size):
        return None
    (position,) = struct.unpack_from("<q", page, 6)
    if packet.startswith(b"\x01vorbis"):
        (rate,) = struct.unpack_from("<I", packet, 12)
        return position / rate if position > 0 and plausible_rate(rate) else None
    if packet.startswith(b"OpusHead"):
        (skipped,) = struct.unpack_from("<H", packet, 10)
        return (position - skipped) / _OPUS_RATE if position > skipped else None
    return None


def _chunk_at(handle: int, position: int) -> bool:
    """Whether something with a chunk's name, but not another wav, lies there."""
    name = _read_at(handle, 4, position)
    return len(name) == 4 and name.isascii() and name.decode().isprintable() and name != b"RIFF"


def _begins_again(handle: int, last_page: bytes, size: int) -> bool:
    """Whether another stream may have been joined to the first, though it has the same number."""
    if size <= _SEARCHED_BYTES:
        return OGG_START.search(_read_at(handle, size - 1, 1)) is not None
    (last,) = struct.unpack_from("<I", last_page, 18)
    middle = _read_at(handle, 2 * _MIDDLE_BYTES, size // 2 - _MIDDLE_BYTES)
    at = middle.find(b"OggS\0")
    (number,) = struct.unpack_from("<I", middle, at + 18)
    return at < 0 or OGG_START.search(middle) is not None or not last / 4 <= number <= 3 * last / 4
