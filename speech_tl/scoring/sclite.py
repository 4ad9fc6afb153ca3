"""NIST's text formats: transcripts (trn), segments of reference text (stm), and words with times (ctm).

Source: the NIST Scoring Toolkit (SCTK) 2.4, input formats and behaviour of sclite.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from speech_tl.data.manifest import Utterance
from speech_tl.errors import BadInput
from speech_tl.scoring.files import seconds_in
from speech_tl.text import read_text

IGNORED = "IGNORE_TIME_SEGMENT_IN_SCORING"  # the text of a segment that is in no figure
NULL_WORD = "@"  # a line of a ctm that says: nothing was recognised here

_ALTERNATIVES = re.compile(r"\{[^{}]*\s/\s[^{}]*\}|<ALT_BEGIN>", re.IGNORECASE)
_TRANSCRIPT = re.compile(r"(?P<text>.*)\((?P<id>[^()\s]+)\)")
_SEGMENT = re.compile(r"(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)(?:\s+<([^<>]*,[^<>]*)>)?(?:\s+(.*))?")

Recording = tuple[str, str]
"""A file and its channel."""


@dataclass(frozen=True)
class Word:
    """A recognised word and the middle of its time, in seconds."""

    recording: Recording
    middle_s: float
    text: str


def read_trn(path: str | Path) -> list[Utterance]:
    """The lines "words of the text (id)"; the speaker is what stands before the first "-" of the id, else "_".

    Raises:
        BadInput: a line of another form, an id a second time, or alternatives `{a / b}`, which are not read.
    """
    found = [
        Utterance(parts["id"], "", parts["text"].strip(), columns=_speaker_of(parts["id"]))
        for _, parts in _parsed(path, _TRANSCRIPT, "the words and then the utterance's id in parentheses")
    ]
    _no_id_twice(found, path)
    return found


def read_stm(path: str | Path) -> list[Utterance]:
    """The segments "file channel speaker start end <labels> words"; the text of one to leave out is `IGNORED`.

    The id is file, channel, start and end; the columns hold `channel`, `speaker` and, where there are any, `labels`.

    Raises:
        BadInput: a line of another form, a segment a second time, or alternatives `{a / b}`, which are not read.
    """
    found = []
    for where, parts in _parsed(path, _SEGMENT, "file, channel, speaker, start, end and the words"):
        file, channel, speaker, start, end, labels, text = parts.groups()
        start_s, end_s = seconds_in(start, "start", where), seconds_in(end, "end", where)
        if end_s < start_s:
            raise BadInput(f"{where}: the segment ends at {end} s, before it starts at {start} s")
        columns = {"speaker": speaker, "channel": channel, **({"labels": labels} if labels else {})}
        found.append(Utterance(f"{file}_{channel}_{start}_{end}", file, text or "", start_s, end_s, None, columns))
    _no_id_twice(found, path)
    return found


def read_ctm(path: str | Path) -> list[Word]:
    """The words "file channel start duration word"; a confidence behind them is not looked at.

    Raises:
        BadInput: a line of another form, or alternatives, which are not read.
    """
    found = []
    for where, line in _lines(path):
        cells = line.split()
        if len(cells) < 5:
            raise BadInput(f"{where}: expected file, channel, start, duration and word")
        start_s, duration_s = seconds_in(cells[2], "start", where), seconds_in(cells[3], "duration", where)
        found.append(Word((cells[0], cells[1]), start_s + duration_s / 2, cells[4]))
    return found


def words_in_segments(words: Sequence[Word], segments: Sequence[Utterance], source: str) -> list[str]:
    """The text of each segment: its words in the order of time.

    A word belongs to the first segment that ends after the word's middle, and a word behind the last segment to the
    last one, as with sclite: what a recogniser hears between segments is counted, never dropped. Segments without
    the column `channel` (a manifest's) are of a recording that must have one channel only.

    Raises:
        BadInput: recordings without a line in `source`, or lines of recordings that there are no segments of.
    """
    of_recording: dict[Recording, list[int]] = defaultdict(list)
    for index, segment in enumerate(segments):
        of_recording[_recording(segment)].append(index)
    spoken = _by_recording(words, of_recording, source)
    texts = [""] * len(segments)
    for recording, indices in of_recording.items():
        indices.sort(key=lambda index: _end_s(segments[index]))
        ends_s = [_end_s(segments[index]) for index in indices]
        for word in sorted(spoken[recording], key=lambda word: word.middle_s):
            index = indices[min(bisect_left(ends_s, word.middle_s), len(indices) - 1)]
            texts[index] = f"{texts[index]} {word.text}".strip()
    return texts


def _by_recording(
    words: Sequence[Word], of_recording: dict[Recording, list[int]], source: str
) -> dict[Recording, list[Word]]:
    """The words of each recording that has segments."""
    found: dict[Recording, list[Word]] = {recording: [] for recording in of_recording}
    channels: dict[str, set[str]] = defaultdict(set)
    heard = set()
    for word in words:
        file, channel = word.recording
        channels[file].add(channel)
        recording = word.recording if word.recording in found else (file, "")
        if recording not in found:
            known = ", ".join(sorted({name for name, _ in found})[:3])
            raise BadInput(f"{source}: no segment is of recording {file}, channel {channel} (there are: {known}, ...)")
        if recording[1] == "" and len(channels[file]) > 1:
            raise BadInput(f"{source}: recording {file} has several channels, the references do not say which")
        heard.add(recording)
        if word.text != NULL_WORD:
            found[recording].append(word)
    silent = [recording for recording in found if recording not in heard]
    if silent:
        more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
        file, channel = silent[0]
        raise BadInput(
            f"{source}: no word of recording {file}{more}; where nothing was recognised, say so by the line "
            f"`{file} {channel or 1} 0 0 {NULL_WORD}`"
        )
    return found


def _recording(segment: Utterance) -> Recording:
    """What a ctm calls the recording of a segment; of a manifest's audio the file name without its ending."""
    path = Path(segment.audio)
    channel = segment.columns.get("channel")
    return path.stem if path.is_absolute() else segment.audio, "" if channel is None else str(channel)


def _end_s(segment: Utterance) -> float:
    """Where a segment ends, in seconds; a whole file has no end that a word could lie behind."""
    return float("inf") if segment.end_s is None else segment.end_s


def _parsed(path: str | Path, form: re.Pattern[str], expected: str) -> Iterator[tuple[str, re.Match[str]]]:
    """The lines by their parts, each with its place; all must be of one form."""
    for where, line in _lines(path):
        parts = form.fullmatch(line)
        if parts is None:
            raise BadInput(f"{where}: expected {expected}")
        yield where, parts


def _lines(path: str | Path) -> Iterator[tuple[str, str]]:
    """The lines that say something, each with its place for messages."""
    for number, line in enumerate(re.split(r"\r\n|\n|\r", read_text(path)), 1):
        line = line.strip()
        if not line or line.startswith(";;"):
            continue
        where = f"{path}, line {number}"
        if _ALTERNATIVES.search(line):
            raise BadInput(f"{where}: alternatives ({{a / b}} or <ALT_BEGIN>) are not read; keep one of them")
        yield where, line


def _speaker_of(identity: str) -> dict[str, str]:
    """The column `speaker` as sclite reads it out of an utterance's id; nothing where the id does not say."""
    for mark in "-_":
        speaker, found, _ = identity.partition(mark)
        if found and speaker:
            return {"speaker": speaker}
    return {}


def _no_id_twice(utterances: Sequence[Utterance], path: str | Path) -> None:
    """Refuse an utterance that stands in a file twice, and a file without any."""
    if not utterances:
        raise BadInput(f"{path}: holds no utterance")
    seen: set[str] = set()
    for utterance in utterances:
        if utterance.id in seen:
            raise BadInput(f"{path}: utterance {utterance.id} is there twice; expected one line an utterance")
        seen.add(utterance.id)
