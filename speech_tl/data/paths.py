"""Paths of audio files as people write them: found where they lie, or a word about why not.

The disk is asked only for paths that look odd (not `PLAIN`), one row at a time: a million plain rows cost nothing.
"""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from speech_tl.audio.remote import is_remote

AUDIO_SUFFIXES = frozenset([".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".mp4", ".webm", ".aac", ".wma"])

PLAIN = re.compile(r"[\w./][\w./+,;=@#&()\[\]{}! -]*\.\w+", re.ASCII)
"""A path that can stand on the disk only as it is written: no blanks around it, no quotes, backslashes or accents."""

_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def audio_path(root: str | Path, written: str) -> str:
    """The absolute path of an audio file; where nothing lies, the path as it is written.

    Paths elsewhere (s3:// and its like, or below a `root` there) are not looked for. Where there is no such file,
    others are tried: without blanks or quotation marks around it, `file://`, `~`,
    backslashes as slashes, accented letters as one code point or two (NFC, NFD), and a name without an ending.
    """
    if is_remote(written):
        return written
    if is_remote(root) and written:
        scheme, _, folder = os.fspath(root).partition("://")
        return f"{scheme}://{posixpath.normpath(posixpath.join(folder, written)).lstrip('/')}"
    plain = os.path.normpath(os.path.join(root, written))
    if not written or PLAIN.fullmatch(written) or os.path.exists(plain):
        return plain
    found = next((path for path in _others(os.fspath(root), written) if os.path.isfile(path)), None)
    return found or (written if _DRIVE.match(written) else plain)


def missing_hint(path: str) -> str:
    """What may be wrong with the path of a file that is not there; "" where nothing is to be seen."""
    if is_remote(path):
        return ""
    if _DRIVE.match(path):
        return "a Windows path does not lead anywhere here; write it relative to the manifest's folder"
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        return f"there is no folder {folder}" if folder else ""
    names = _names_in(folder)
    if other := names.get(name.casefold()):
        return f"there is {other} (capital letters count)"
    other = names.get(("stem", Path(name).stem.casefold()))
    return f"there is {other}" if other else ""


def _others(root: str, written: str) -> Iterator[str]:
    bare = written.strip().strip("\"'").strip()
    if bare.startswith("file:"):
        bare = unquote(urlsplit(bare).path)
    bare = os.path.expanduser(bare)
    for name in dict.fromkeys((bare, bare.replace("\\", "/"), unquote(bare))):
        path = os.path.normpath(os.path.join(root, name))
        yield path
        if not name.isascii():
            yield _by_either_form(path)
        if Path(name).suffix.lower() not in AUDIO_SUFFIXES:
            yield from (path + suffix for suffix in (".mp3", ".wav", ".flac", ".ogg", ".opus"))


def _by_either_form(path: str) -> str:
    """The path with each of its names as it lies on the disk, composed or decomposed."""
    found, *names = path.split(os.sep) if path.startswith(os.sep) else ["", path]
    for name in names:
        forms = (name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))
        found += os.sep + next((form for form in forms if os.path.exists(found + os.sep + form)), name)
    return found


@lru_cache(maxsize=4)  # a corpus that lacks many files lacks them in few folders
def _names_in(folder: str) -> dict[object, str]:
    names = sorted(os.listdir(folder))
    audio = [name for name in names if Path(name).suffix.lower() in AUDIO_SUFFIXES]
    return {("stem", Path(name).stem.casefold()): name for name in audio} | {name.casefold(): name for name in names}
