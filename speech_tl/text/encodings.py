"""Bytes of a text file -> UTF-8, with a word about what they were; refused where that cannot be told for certain."""

from __future__ import annotations

import codecs
import re
import string
from collections.abc import Callable

from speech_tl.errors import BadInput

_MARKS = (  # the longer first: UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORD = re.compile(r"[^\W\d_]+")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_OTHER_ALPHABETS = frozenset("þðýÞÐÝ")  # in Windows-1254 the Turkish ş ğ ı Ş Ğ İ stand at their places
_INSIDE_WORDS = re.compile(r"[^\W\d_][\x80-\x9f¡¢£¤¥¦§¨©ª«¬®¯°±²³´¶¸¹º»¼½¾¿×÷†‡‰‹›•€][^\W\d_]")


def as_utf8(data: bytes, source: str) -> tuple[bytes, str]:
    """The text in UTF-8 without a byte order mark, and a note about what it was; "" for UTF-8.

    UTF-16 and UTF-32 are known by their marks. Other text that is not UTF-8 is taken for Windows-1252 (of which
    Latin-1 is the greater part) where what comes out looks like a language of Western Europe: few letters beyond
    ASCII, none that another alphabet has at the same place, no sign in the middle of a word.

    Raises:
        BadInput: another encoding, or one that cannot be told; names the first line that is not UTF-8.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _by_its_mark(data, name, source)
    data = data.removeprefix(codecs.BOM_UTF8)
    line = _first_line(data, lambda part: not _is_utf8(part))
    if line is None:
        return data, ""
    trouble = f"{source}: line {line} is not UTF-8 text"
    if b"\0" in data:
        raise BadInput(f"{trouble} (zero bytes: UTF-16 or binary?); save it as UTF-8")
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise BadInput(f"{trouble}, nor Windows-1252; save it as UTF-8") from None
    if doubt := _doubt(data, text):
        raise BadInput(f"{trouble} ({doubt}); save it as UTF-8")
    word = next((word for word in _WORD.findall(text) if not word.isascii()), "")
    example = f", such as {word!r}" if word else ""
    return text.encode(), f"line {line} is not UTF-8: read as Windows-1252 (Latin-1){example}"


def _by_its_mark(data: bytes, name: str, source: str) -> tuple[bytes, str]:
    try:
        return data.decode(name).encode(), f"read as {name.upper()}"
    except UnicodeError as error:
        raise BadInput(f"{source}: begins like {name.upper()}, but is not; save it as UTF-8") from error


def _first_line(data: bytes, wanted: Callable[[bytes], bool]) -> int | None:
    """The number of the first line that is `wanted`, from 1; the whole is looked at first, as most files are fine."""
    if not wanted(data):
        return None
    return next((number for number, part in enumerate(data.splitlines(), 1) if wanted(part)), 1)


def _is_utf8(part: bytes) -> bool:
    """Whether bytes can be read; UTF-16 without a mark shows by its zero bytes."""
    try:
        part.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in part


def _doubt(data: bytes, text: str) -> str:
    """Why text that is not UTF-8 may be no Windows-1252 either; "" where it looks like that."""
    if _utf8_letters(data) > _count(data, bytes(range(128, 256))) / 2:
        return "most of the rest is"
    foreign = [letter for letter in _BEYOND_ASCII.findall(text) if letter.isalpha()]
    letters = _count(data, string.ascii_letters.encode()) + len(foreign)
    words = [word for word in _WORD.findall(text) if len(word) > 1 and not word.isascii()]
    inside = sum(not letter.isascii() for word in words for letter in word)
    if len(foreign) > max(0.25 * letters, 1) or inside > 0.7 * sum(map(len, words)):
        return "another alphabet?"
    if _OTHER_ALPHABETS & set(foreign):
        return "Windows-1252 or Turkish Windows-1254?"
    rare = sum(letter in "ŠŒŽšœžŸƒ" for letter in foreign)
    if _INSIDE_WORDS.search(text) or rare > len(foreign) / 2:
        return "another code page than Windows-1252?"
    return ""


def _count(data: bytes, wanted: bytes) -> int:
    return len(data) - len(data.translate(None, wanted))


def _utf8_letters(data: bytes) -> int:
    """How many bytes are in sequences that only UTF-8 has."""
    return sum(len(found) for found in re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}", data))
