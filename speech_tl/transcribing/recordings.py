"""What the user named -> the recordings it means, each with a name of its own for what is written about it."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from speech_tl.audio.remote import RemotePath, listed
from speech_tl.audio.remote import place as place_of
from speech_tl.data.reading import AUDIO_SUFFIXES
from speech_tl.errors import BadInput

RECORDING_SUFFIXES = AUDIO_SUFFIXES | {".oga", ".aif", ".aiff", ".amr", ".caf", ".mka", ".mkv", ".mov", ".avi", ".3gp"}
"""What counts as a recording in a folder or for a pattern; a file named by itself may have any suffix."""


@dataclass(frozen=True)
class Recording:
    """One file to transcribe.

    Attributes:
        path: absolute path of the audio.
        name: unique among all recordings, with sub-folders and without suffix where that is clear: "day1/talk".
        channel: 1, 2, ...: the channel to hear; None for the mix of all.
        siblings: where each channel is heard by itself, the names of all of the recording's, this one's among them.
    """

    path: Path
    name: str
    channel: int | None = None
    siblings: tuple[str, ...] = ()

    @property
    def conversation(self) -> str | None:
        """What all channels in one transcript are called; None where there is but one."""
        return f"{self.name.rpartition('.ch')[0]}.conversation" if len(self.siblings) > 1 else None


def find_recordings(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Recording]:
    """All recordings that files, folders (with their sub-folders) and glob patterns mean, each once, in a fixed order.

    Names mirror the path below the folder or the pattern's fixed part. Where two would be the same, the folders' own
    names come before them ("day1/talk" and "day2/talk"), or the suffix stays if both lie in one folder ("talk.wav").

    Raises:
        BadInput: one of the paths is not there or holds no recordings, or there are none.
    """
    wanted = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not wanted:
        raise BadInput("no recording given: name audio files, folders or patterns like 'talks/*.wav'")
    found: dict[Path, Path] = {}
    for path in wanted:
        for recording, base in _meant_by(os.path.expanduser(os.fspath(path))):
            found.setdefault(recording, base)
    names = _unique_names(list(found.items()))
    return [Recording(path, name) for path, name in zip(found, names, strict=True)]


def _meant_by(path: str) -> list[tuple[Path, Path]]:
    """(recording, folder its name is relative to) for one path, both absolute."""
    elsewhere = place_of(path)
    if isinstance(elsewhere, RemotePath):
        return _meant_elsewhere(elsewhere)
    place = Path(os.path.abspath(elsewhere))
    if place.is_dir():
        found = [(file, place) for file in _below(place)]
    elif place.exists():
        found = [(place, place.parent)]
    elif glob.has_magic(path):
        found = list(_matching(path))
    else:
        raise BadInput(f"{path}: no such file or folder; check the path")
    if not found:
        kind = "matches no recording" if glob.has_magic(path) and not place.is_dir() else "holds no recording"
        raise BadInput(f"{path}: {kind}; looked for {' '.join(sorted(RECORDING_SUFFIXES))}")
    return found


def _meant_elsewhere(place: RemotePath) -> list[tuple[Path, Path]]:
    """The same for a file, a folder or a pattern of an object store."""
    base = place
    if place.suffix.lower() in RECORDING_SUFFIXES and not glob.has_magic(str(place)):
        return [(place, place.parent)]
    while glob.has_magic(str(base)):
        base = base.parent
    files = [RemotePath(one) for one in listed(str(base))]
    found = [one for one in files if one.suffix.lower() in RECORDING_SUFFIXES and base in one.parents]
    if base != place:
        found = [one for one in found if PurePosixPath(one.relative_to(base)).match(str(place.relative_to(base)))]
    if not found:
        raise BadInput(f"{place}: holds no recording; looked for {' '.join(sorted(RECORDING_SUFFIXES))}")
    return [(one, base) for one in found]


def _below(folder: Path) -> Iterator[Path]:
    """Recordings in a folder and its sub-folders, sorted; hidden files and folders are not the user's recordings."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in RECORDING_SUFFIXES:
                yield Path(place) / name


def _matching(pattern: str) -> Iterator[tuple[Path, Path]]:
    fixed = Path(pattern)
    while glob.has_magic(str(fixed)):
        fixed = fixed.parent
    base = Path(os.path.abspath(fixed))
    for match in sorted(glob.glob(pattern, recursive=True)):
        place = Path(os.path.abspath(match))
        if place.is_dir():
            yield from ((file, base) for file in _below(place))
        elif place.suffix.lower() in RECORDING_SUFFIXES:
            yield place, base


def _unique_names(found: list[tuple[Path, Path]]) -> list[str]:
    """Paths below their bases without suffix, made longer only where they clash."""
    above: Counter[Path] = Counter()  # folders above a base that its names include
    whole: set[Path] = set()  # recordings that keep their suffix
    while True:
        names = [_name(path, len(path.relative_to(base).parts) + above[base], path in whole) for path, base in found]
        count = Counter(names)
        clashing = [(name, path, base) for name, (path, base) in zip(names, found, strict=True) if count[name] > 1]
        if not clashing:
            return names
        neighbours = Counter((name, path.parent) for name, path, _ in clashing)
        apart = {base for name, path, base in clashing if neighbours[name, path.parent] == 1}
        whole |= {path for name, path, _ in clashing if neighbours[name, path.parent] > 1}
        above.update(apart)


def _name(path: Path, depth: int, keep_suffix: bool) -> str:
    kept = path if keep_suffix else path.with_suffix("")
    parts = [part for part in (kept.drive.strip(":\\/"), *kept.parts[1:]) if part]
    return "/".join(parts[-depth:])
