"""Archives into folders: whole or not at all, and only what stays inside the folder."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from speech_tl.data.corpora.bars import Bar, bar
from speech_tl.data.corpora.expansion import Allowance, Decompressed
from speech_tl.data.corpora.sizes import is_full_disk, require_room
from speech_tl.errors import BadInput
from speech_tl.text.printing import printable

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
)
_MARK = ".unpacked"
_ENCRYPTED = 0x1
_BLOCK = tarfile.BLOCKSIZE


def is_archive(path: Path) -> bool:
    """Whether the name says archive."""
    return path.is_file() and path.name.lower().endswith(SUFFIXES) and not path.name.startswith("._")


def stem(archive: Path) -> str:
    """The archive's name without what makes it one.

    >>> stem(Path("train-clean-5.tar.gz")), stem(Path("VCTK-Corpus-0.92.zip"))
    ('train-clean-5', 'VCTK-Corpus-0.92')
    """
    suffix = next((suffix for suffix in SUFFIXES if archive.name.lower().endswith(suffix)), "")
    return archive.name[: len(archive.name) - len(suffix)]


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a zip or tar into `folder`, once; a second call finds it there.

    Files are written under a temporary name first, so that a folder that is there is whole. Owners, permissions and
    times are not taken over; macOS's `__MACOSX/` and `._` files are left out.

    Raises:
        BadInput: no archive, truncated or damaged, protected by a password; a member that would be written outside
            the folder, or is a link or a device; far more than an archive of its size holds (`expansion`); not enough
            room. Nothing is left behind.
    """
    if folder.is_dir():
        return _unpacked_before(archive, folder)
    kind = _kind(archive)
    staging = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(staging, ignore_errors=True)
    print(printable(f"unpacking {archive} to {folder}"), file=sys.stderr)
    try:
        staging.mkdir(parents=True)
        with bar(f"unpacking {archive.name}", total=archive.stat().st_size, bytes_=True) as shown:
            (_unpack_zip if kind == "zip" else _unpack_tar)(archive, staging, shown)
        (staging / _MARK).write_text(_identity(archive), encoding="utf-8")
        getattr(os, "sync", lambda: None)()  # all at once: a corpus has too many files to wait for each
        staging.rename(folder)
    except DAMAGE as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        if is_full_disk(error):
            raise BadInput(f"{archive}: no space left on the disk to unpack it to {folder}; make room") from error
        if error.errno is None:  # what bz2 says of damage
            raise _damaged(archive, error) from error
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def _identity(archive: Path) -> str:
    return f"{archive.name} {archive.stat().st_size}\n"


def _unpacked_before(archive: Path, folder: Path) -> Path:
    mark = folder / _MARK
    if not mark.is_file() or mark.read_text(encoding="utf-8") != _identity(archive):
        raise BadInput(f"{folder} is there and not from {archive}: delete it, or choose another --out")
    return folder


def _damaged(archive: Path, error: Exception) -> BadInput:
    said = (" ".join(str(error).split()) or type(error).__name__)[:120]
    return BadInput(f"{archive}: truncated or damaged ({said}); fetch or copy it again")


def _kind(archive: Path) -> str:
    """ "zip" or "tar", by the first bytes; names lie."""
    with archive.open("rb") as stream:
        head = stream.read(_BLOCK)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    compressed = head[:2] == b"\x1f\x8b" or head[:3] == b"BZh" or head[:6] == b"\xfd7zXZ\x00"
    if compressed or head[257:262] == b"ustar":
        return "tar"
    raise BadInput(f"{archive}: neither a zip nor a tar (.tar, .tar.gz, .tar.bz2, .tar.xz); is it what you meant?")


def _unpack_zip(archive: Path, folder: Path, shown: Bar) -> None:
    with zipfile.ZipFile(archive) as opened:
        members, allowance = opened.infolist(), Allowance(archive)
        for member in members:
            allowance.take(member.file_size)
        require_room(folder, sum(member.file_size for member in members), f"unpacking {archive}")
        for member in members:
            mode = member.external_attr >> 16
            place = _place(archive, member.filename, stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR))
            if member.flag_bits & _ENCRYPTED:
                raise BadInput(f"{archive}: {member.filename} is protected by a password; unpack it, give the folder")
            if place is not None and not member.is_dir():
                with opened.open(member) as source:
                    _write(source, folder / place)
            shown.update(member.compress_size)


def _unpack_tar(archive: Path, folder: Path, shown: Bar) -> None:
    allowance = Allowance(archive)
    with (
        archive.open("rb") as raw,
        Decompressed(raw, allowance) as stream,
        tarfile.open(fileobj=stream, mode="r:") as opened,
    ):
        seen = 0
        for member in opened:
            allowance.take(member.size)
            place = _place(archive, member.name, not (member.isfile() or member.isdir()))
            if place is not None and member.isfile():
                require_room(folder, member.size, f"unpacking {member.name} of {archive}")
                source = opened.extractfile(member)
                assert source is not None, "a file has bytes"
                _write(source, folder / place)
            shown.update(raw.tell() - seen)
            seen = raw.tell()
        _require_end(opened, stream)


def _require_end(opened: tarfile.TarFile, stream: Decompressed) -> None:
    """tarfile takes a file that stops between two members for a whole one."""
    if not stream.compressed:
        stream.seek(opened.offset)
        if stream.read(_BLOCK) != bytes(_BLOCK):
            raise EOFError("the end-of-archive mark is missing")
    while stream.read(1 << 20):  # a compressed stream's checksum stands at its very end
        pass


def _place(archive: Path, name: str, is_special: bool) -> PurePosixPath | None:
    """Where a member goes, relative to the folder; None for macOS's own files.

    Raises:
        BadInput: the member is a link or device, or its name leads outside.
    """
    if is_special:
        raise BadInput(f"{archive}: {name!r} is a link or a device; refused, nothing was unpacked")
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive or "\\" in name or "\0" in name
    if outside:
        raise BadInput(f"{archive}: {name!r} would be written outside the folder; refused, nothing was unpacked")
    return None if "__MACOSX" in path.parts or path.name.startswith("._") else path


def _write(source: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)


def archives_in(folder: Path) -> Iterator[Path]:
    """Archives directly in a folder, sorted."""
    return (path for path in sorted(folder.iterdir()) if is_archive(path))
