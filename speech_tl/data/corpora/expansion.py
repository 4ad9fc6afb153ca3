"""How much an archive may become: a few kilobytes that unpack to terabytes, or to millions of files, are no corpus."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from pathlib import Path
from typing import IO

from speech_tl.data.corpora.sizes import said_bytes
from speech_tl.errors import BadInput

MOST_TIMES = 100
"""Audio hardly shrinks and text to a tenth or so; only what repeats itself shrinks to less than a hundredth."""
ALWAYS_BYTES = 64_000_000
"""So much may come out of any archive, however small."""
MOST_BYTES = 50_000_000_000_000
MOST_MEMBERS = 20_000_000
"""The largest corpus of speech in one archive has 10.8 million clips (Multilingual LibriSpeech, English)."""
MEMBER_BYTES = 4096
"""What even an empty file counts: as much as it takes on a disk."""
MOST_AT_ONCE = 64_000_000
"""Bytes that are held in memory: file contents are read in smaller pieces, so more is a header that nobody wrote."""


class Allowance:
    """What is left of an archive's limits."""

    def __init__(self, archive: Path) -> None:
        """Of an archive of this size."""
        self.archive = archive
        self.bytes = min(MOST_BYTES, max(ALWAYS_BYTES, MOST_TIMES * archive.stat().st_size))
        self._left, self._members = self.bytes, MOST_MEMBERS

    def take(self, size: int) -> None:
        """One more member, of so many bytes.

        Raises:
            BadInput: that is too much.
        """
        self._left -= max(size, MEMBER_BYTES)
        self._members -= 1
        if self._left < 0:
            raise self.too_much()
        if self._members < 0:
            raise BadInput(f"{self.archive}: more than {MOST_MEMBERS} files in it; refused, nothing was unpacked")

    def too_much(self) -> BadInput:
        """The one line about it."""
        return BadInput(
            f"{self.archive}: {said_bytes(self.archive.stat().st_size)} that would unpack to more than "
            f"{said_bytes(self.bytes)}; refused, nothing was unpacked (if it is right, unpack it and give the folder)"
        )


class Decompressed(io.RawIOBase):
    """A tar's bytes, whatever they are compressed with, as far as its allowance reaches."""

    def __init__(self, raw: IO[bytes], allowance: Allowance) -> None:
        """`raw` is the archive, open at its beginning."""
        head = raw.read(6)
        raw.seek(0)
        self.compressed = True
        self._stream: IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
        if head[:2] == b"\x1f\x8b":
            self._stream = gzip.GzipFile(fileobj=raw, mode="rb")
        elif head[:3] == b"BZh":
            self._stream = bz2.BZ2File(raw)
        elif head == b"\xfd7zXZ\x00":
            self._stream = lzma.LZMAFile(raw)  # noqa: SIM115 (it is closed with `raw`)
        else:
            self._stream, self.compressed = raw, False
        self._allowance = allowance

    def read(self, size: int = -1) -> bytes:
        """As files do; refuses to go on behind the allowance."""
        if size > MOST_AT_ONCE:
            raise self._allowance.too_much()
        self._require(self._stream.tell())
        return self._stream.read(MOST_AT_ONCE if size < 0 else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As files do."""
        if whence == io.SEEK_SET:
            self._require(offset)
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """As files do."""
        return self._stream.tell()

    def readable(self) -> bool:
        """As files do."""
        return True

    def seekable(self) -> bool:
        """As files do."""
        return True

    def _require(self, position: int) -> None:
        if position > self._allowance.bytes:
            raise self._allowance.too_much()
