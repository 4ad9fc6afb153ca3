"""What the user pointed at -> the folders that hold the corpus, recognised by what lies in them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from speech_tl.data.corpora.facts import Corpus
from speech_tl.data.corpora.unpacking import archives_in, is_archive, stem, unpack
from speech_tl.errors import BadInput

_LEVELS = 3  # the folder itself, its folders, and theirs


def find_roots(corpus: Corpus, sources: Iterable[Path], unpacked: Path) -> list[Path]:
    """The corpus's folders in `sources`: folders at most two levels down, archives, folders of archives.

    Archives are unpacked below `unpacked`; archives inside archives too.

    Raises:
        BadInput: one of them is not there, or is not this corpus; the message names what was looked for.
    """
    roots: dict[Path, None] = {}
    for source in sources:
        if not source.exists():
            raise BadInput(f"--source {source}: no such folder or archive")
        roots |= dict.fromkeys(
            _in_archive(corpus, source, unpacked) if source.is_file() else _in(corpus, source, unpacked)
        )
    return list(roots)


def _in(corpus: Corpus, folder: Path, unpacked: Path) -> list[Path]:
    found = _marked(corpus, folder)
    if found:
        return found
    inner = [archive for place in (folder, *_folders(folder)) for archive in archives_in(place)]
    if inner:
        return [root for archive in inner for root in _in_archive(corpus, archive, unpacked)]
    raise BadInput(_refusal(corpus, folder))


def _in_archive(corpus: Corpus, archive: Path, unpacked: Path) -> list[Path]:
    if not is_archive(archive) and _marked(corpus, archive.parent):
        raise BadInput(f"--source {archive}: this is one file of the corpus; give its folder {archive.parent}")
    folder = unpacked / (stem(archive) or archive.name)
    was_there = folder.is_dir()
    unpack(archive, folder)
    try:
        return _in(corpus, folder, unpacked)
    except BadInput:
        if not was_there:  # gigabytes of something else are no use to anybody
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _marked(corpus: Corpus, folder: Path) -> list[Path]:
    """The folders of the first level at which any carries all the corpus's marks."""
    level = [folder]
    for _ in range(_LEVELS):
        found = [place for place in level if not missing_marks(corpus, place)]
        if found:
            return found
        level = [child for place in level for child in _folders(place)]
    return []


def missing_marks(corpus: Corpus, folder: Path) -> list[str]:
    """Those of the corpus's marks that nothing in `folder` meets."""
    return [mark for mark in corpus.marks if not any(next(folder.glob(pattern), None) for pattern in mark.split("|"))]


def _folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _refusal(corpus: Corpus, folder: Path) -> str:
    nearest = min([folder, *_folders(folder)], key=lambda place: len(missing_marks(corpus, place)))
    missing = ", ".join(mark.replace("|", " or ") for mark in missing_marks(corpus, nearest))
    wanted = ", ".join(mark.replace("|", " or ") for mark in corpus.marks)
    lacks = "" if len(missing_marks(corpus, nearest)) == len(corpus.marks) else f"; {nearest} lacks {missing}"
    return f"{folder} is not {corpus.title}: looked there and two folders down for {wanted}{lacks}; see {corpus.page}"
