"""Who says what: words and segments labelled with the turns that any diariser wrote as RTTM.

RTTM is NIST's Rich Transcription Time Marked format: a line a turn, `SPEAKER file channel start duration <NA> <NA> name
<NA> <NA>`, in seconds; lines of other types are passed over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from speech_tl.audio import probe
from speech_tl.errors import AudioError, BadInput
from speech_tl.text import read_text
from speech_tl.transcribing.formats import TranscribedSegment
from speech_tl.transcribing.recordings import Recording
from speech_tl.transcribing.words import Word, placed

NEAR_S = 1.0
"""A word that lies in no turn belongs to the nearest one, if that is no farther."""

SLACK_S = 1.0
"""Turns may end so long after the recording: diarisers work in frames."""


@dataclass(frozen=True)
class Turn:
    """One speaker at a time.

    Attributes:
        start_s: where it begins, in seconds.
        end_s: where it ends.
        speaker: the diariser's name.
        channel: 1, 2, ...
    """

    start_s: float
    end_s: float
    speaker: str
    channel: int = 1

    def overlap_s(self, start_s: float, end_s: float) -> float:
        """Seconds in common; below 0 by how far it is away."""
        return min(self.end_s, end_s) - max(self.start_s, start_s)


@dataclass(frozen=True)
class Speakers:
    """The turns of one or more recordings.

    Attributes:
        source: the file or folder they were read from.
        turns: by the file's name in the RTTM.
    """

    source: Path
    turns: dict[str, list[Turn]]

    def of(self, recording: Recording) -> list[Turn] | None:
        """Turns of one recording, on its channel where the RTTM tells channels apart; None if it has none."""
        turns = next((self.turns[name] for name in _names(recording) if name in self.turns), None)
        if turns is None or recording.channel is None or len({turn.channel for turn in turns}) == 1:
            return turns
        return [turn for turn in turns if turn.channel == recording.channel]

    def refuse_others(self, recordings: Sequence[Recording]) -> None:
        """Check before any work that the turns belong to the recordings.

        Raises:
            BadInput: they are of other recordings, by name or because they go on after the end.
        """
        named = [recording for recording in recordings if self.of(recording) is not None]
        if recordings and not named:
            theirs = ", ".join(sorted(self.turns)[:3]) or "none"
            wanted = f"{_names(recordings[0])[0]} (its second field is the recording's name)"
            raise BadInput(f"--speakers {self.source}: has turns of {theirs}; expected {wanted}")
        for recording in named:
            last_s = max((turn.end_s for turn in self.of(recording) or []), default=0.0)
            try:
                duration_s = probe(recording.path).duration_s
            except AudioError:
                continue
            if last_s > duration_s + SLACK_S:
                raise BadInput(
                    f"--speakers {self.source}: has turns up to {last_s:.1f} s, but {recording.path} is "
                    f"{duration_s:.1f} s long; expected the RTTM of this recording"
                )


def _names(recording: Recording) -> list[str]:
    """What an RTTM may call a recording; fields hold no spaces."""
    names = (recording.path.stem, recording.path.name, recording.name, str(recording.path))
    return ["_".join(name.split()) for name in names]


def read_speakers(path: str | Path) -> Speakers:
    """Turns from an RTTM file, or from all of a folder.

    An empty file NAME.rttm says that nobody speaks in NAME.

    Raises:
        BadInput: not there, no RTTM in the folder, or a line that is none.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise BadInput(f"--speakers {path}: no such file or folder; expected a diariser's RTTM")
    files = sorted(path.rglob("*.rttm")) if path.is_dir() else [path]
    if not files:
        raise BadInput(f"--speakers {path}: no .rttm in it; expected one for each recording")
    turns: dict[str, list[Turn]] = {}
    for file in files:
        lines = read_text(file).splitlines()
        found = [_turn(file, number, line.split()) for number, line in enumerate(lines, 1) if _is_turn(line)]
        if not found:
            turns.setdefault("_".join(file.stem.split()), [])
        for name, turn in found:
            turns.setdefault(name, []).append(turn)
    for listed in turns.values():
        listed.sort(key=lambda turn: turn.start_s)
    return Speakers(path, turns)


def _is_turn(line: str) -> bool:
    """Whether a line is one, or should be: comments and lines of other types say so."""
    first = line.split(maxsplit=1)[0] if line.strip() else ";;"
    return not first.startswith(";;") and not (first.isupper() and first != "SPEAKER")


def _turn(file: Path, number: int, fields: list[str]) -> tuple[str, Turn]:
    """(name of the recording, turn)."""
    try:
        _, name, channel, start, duration, *_ = fields
        start_s, duration_s, speaker = float(start), float(duration), fields[7]
        if fields[0] != "SPEAKER" or not (0 <= start_s < math.inf and 0 <= duration_s < math.inf):
            raise ValueError
    except (ValueError, IndexError):
        shape = "SPEAKER file channel start duration <NA> <NA> name <NA> <NA>"
        raise BadInput(f"--speakers {file}, line {number}: expected '{shape}', times in seconds") from None
    return name, Turn(start_s, start_s + duration_s, speaker, int(channel) if channel.isdecimal() else 1)


def labelled(segments: Iterable[TranscribedSegment], turns: Sequence[Turn]) -> list[TranscribedSegment]:
    """Segments with their speakers, cut where the speaker changes from one word to the next.

    A word belongs to the turn that it shares most time with; one between turns to its neighbours in the segment.
    """
    return [part for segment in segments for part in _parts(segment, turns)]


def _parts(segment: TranscribedSegment, turns: Sequence[Turn]) -> list[TranscribedSegment]:
    near = [turn for turn in turns if turn.overlap_s(segment.start_s, segment.end_s) > -NEAR_S]
    said = placed(segment.text, segment.words or [])
    if not said:
        return [replace(segment, speaker=_speaker(segment.start_s, segment.end_s, near))]
    speakers = _filled([_speaker(word.start_s, word.end_s, near) for _, word in said])
    borders = [0, *(place for place in range(1, len(said)) if speakers[place] != speakers[place - 1]), len(said)]
    parts = [_part(segment, said[first:last], speakers[first]) for first, last in pairwise(borders)]
    parts[0], parts[-1] = replace(parts[0], start_s=segment.start_s), replace(parts[-1], end_s=segment.end_s)
    if len(parts) == 1:
        return [replace(segment, speaker=speakers[0])]
    return parts


def _part(segment: TranscribedSegment, said: Sequence[tuple[str, Word]], speaker: str | None) -> TranscribedSegment:
    words = [word for _, word in said]
    text = "".join(space + word.text for space, word in said).strip()
    return replace(segment, start_s=words[0].start_s, end_s=words[-1].end_s, text=text, words=words, speaker=speaker)


def _speaker(start_s: float, end_s: float, turns: Sequence[Turn]) -> str | None:
    """Of the turn that shares most time, or is nearest; None if none is near."""
    best = max(turns, key=lambda turn: turn.overlap_s(start_s, end_s), default=None)
    return best.speaker if best is not None and best.overlap_s(start_s, end_s) > -NEAR_S else None


def _filled(speakers: Sequence[str | None]) -> list[str | None]:
    """Who is not known is whoever spoke before, at the beginning whoever speaks next.

    >>> _filled([None, "a", None, "b"])
    ['a', 'a', 'a', 'b']
    """
    latest = next((speaker for speaker in speakers if speaker is not None), None)
    filled = []
    for speaker in speakers:
        latest = speaker if speaker is not None else latest
        filled.append(latest)
    return filled
