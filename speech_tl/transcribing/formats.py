"""A transcript as text, subtitles or a table: txt, srt, vtt, tsv, json, ctm."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from speech_tl.errors import BadInput
from speech_tl.text import nearest
from speech_tl.transcribing.words import Word, in_lines, placed

LINE_RANGE = (10, 500)
"""Characters that a line of subtitles may be asked to have."""


@dataclass(frozen=True)
class TranscribedSegment:
    """What was said from `start_s` to `end_s` (seconds in the recording); empty `text` where nothing was recognised.

    `words` are those of the text, in order; None where nobody asked for them. `speaker` is who says it, where
    turns were given (see `speakers.py`) and somebody's is near.
    """

    start_s: float
    end_s: float
    text: str
    words: list[Word] | None = None
    speaker: str | None = None

    @property
    def prefix(self) -> str:
        """What stands before its text where people read it."""
        return "" if self.speaker is None else f"{self.speaker}: "


@dataclass(frozen=True)
class Layout:
    """How much of a transcript its files show.

    Attributes:
        words: each word with its times: in json, and in vtt as tags within the text, which players highlight by.
        max_line: characters of a line of subtitles, of which each has two at most; None leaves segments as they are.
    """

    words: bool = False
    max_line: int | None = None

    def writes_words(self, formats: Iterable[str]) -> bool:
        """Whether the times of words are written themselves."""
        return self.words or "ctm" in formats

    def needs_words(self, formats: Iterable[str]) -> bool:
        """Whether transcripts should come with words to be written so; lines of subtitles can do without."""
        formats = set(formats)
        return self.writes_words(formats) or (self.max_line is not None and not formats.isdisjoint(SUBTITLES))

    def checked(self, formats: Iterable[str]) -> Layout:
        """The same.

        Raises:
            BadInput: none of the formats has room for it, or the lines are impossible.
        """
        formats, (least, most) = tuple(formats), LINE_RANGE
        if self.words and set(formats).isdisjoint(WITH_WORDS):
            raise BadInput(
                f"--words: {' and '.join(formats)} cannot hold the times of words; add --format {', '.join(WITH_WORDS)}"
            )
        if self.max_line is not None and not least <= self.max_line <= most:
            raise BadInput(f"--max-line {self.max_line}: expected {least} to {most} characters")
        if self.max_line is not None and set(formats).isdisjoint(SUBTITLES):
            raise BadInput(f"--max-line is for subtitles: add --format {' or '.join(SUBTITLES)}")
        return self


PLAIN = Layout()
"""Segments as they are, without words."""


@dataclass(frozen=True)
class Transcript:
    """All that was said in one recording.

    Attributes:
        audio: absolute path of the recording.
        duration_s: its length in seconds.
        language: language code the model was set to, or that was heard in it; None where there is none to choose.
        model: where the model came from, as the user wrote it.
        language_probability: of the language, where it was heard; None where it was given.
        segments: in order, not overlapping; none where the recording is silent.
        channel: 1, 2, ...: the channel that was heard; None for the mix of all.
        notes: what a person should know about how the recording was read, one line each.
    """

    audio: str
    duration_s: float
    language: str | None
    model: str
    segments: list[TranscribedSegment] = field(default_factory=list)
    language_probability: float | None = None
    channel: int | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The recording, and its channel where one was asked for."""
        return self.audio if self.channel is None else f"{self.audio} (channel {self.channel})"

    @property
    def text(self) -> str:
        """The whole text in one line."""
        return " ".join(segment.text for segment in self._spoken())

    def _spoken(self) -> list[TranscribedSegment]:
        """The segments with text, each in one line."""
        lines = [replace(s, text=" ".join(s.text.split())) for s in self.segments]
        return [line for line in lines if line.text]

    def __str__(self) -> str:
        """The whole text in one line."""
        return self.text


def known_formats(wanted: str | Iterable[str]) -> tuple[str, ...]:
    """The formats `wanted` in lower case, without a leading dot, each once.

    Raises:
        BadInput: one is unknown (the nearest is named), or there is none.
    """
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    names = list(dict.fromkeys(name.lower().lstrip(".") for name in names))
    for name in names:
        if name not in WRITERS:
            hint = nearest(name, WRITERS)
            meant = f"; did you mean {hint}?" if hint else ""
            raise BadInput(f"unknown format {name!r}: expected one of {', '.join(WRITERS)}{meant}")
    if not names:
        raise BadInput(f"no format given: expected one or more of {', '.join(WRITERS)}")
    return tuple(names)


def render(transcript: Transcript, format: str, layout: Layout = PLAIN) -> str:
    """The content of a transcript's file in one of the formats of `WRITERS`.

    Raises:
        BadInput: the format is unknown.
    """
    return WRITERS[known_formats(format)[0]](transcript, layout)


def as_txt(transcript: Transcript, _: Layout = PLAIN) -> str:
    """One line a segment, nothing else."""
    return "".join(f"{segment.prefix}{segment.text}\n" for segment in transcript._spoken())


def as_srt(transcript: Transcript, layout: Layout = PLAIN) -> str:
    """SubRip subtitles. It has no escapes: an arrow in the text, which would read as a timing line, becomes →."""
    return "".join(
        f"{number}\n{timestamp(s.start_s, ',')} --> {timestamp(s.end_s, ',')}\n{_arrowless(s)}\n\n"
        for number, s in enumerate(_cues(transcript, layout), start=1)
    )


def _arrowless(segment: TranscribedSegment) -> str:
    return f"{segment.prefix}{segment.text}".replace("-->", "→")


def as_vtt(transcript: Transcript, layout: Layout = PLAIN) -> str:
    """WebVTT subtitles (https://www.w3.org/TR/webvtt1/), with &, < and > escaped.

    Where there are words, the time at which each begins stands before it as a tag; players tell past from future by it.
    """
    cues = (
        f"{timestamp(s.start_s)} --> {timestamp(s.end_s)}\n{_escape(s.prefix)}{_tagged(s)}\n"
        for s in _cues(transcript, layout)
    )
    return "\n".join(["WEBVTT\n", *cues])


def _cues(transcript: Transcript, layout: Layout) -> list[TranscribedSegment]:
    """The segments with text as subtitles show them."""
    spoken = transcript._spoken()
    if layout.max_line is not None:
        least, most = LINE_RANGE[0], layout.max_line
        spoken = [cue for one in spoken for cue in in_lines(one, max(least, most - len(one.prefix)))]
    return spoken if layout.words else [replace(cue, words=None) for cue in spoken]


def _tagged(segment: TranscribedSegment) -> str:
    """Its text with a tag before each word; a tag must lie within the cue and after the tag before it."""
    written, at, latest = [], 0, round(segment.start_s, 3)
    for space, word in placed(segment.text, segment.words or []):
        begins = round(word.start_s, 3)
        tag = f"<{timestamp(begins)}>" if latest < begins < round(segment.end_s, 3) else ""
        latest = begins if tag else latest
        written += [_escape(space), tag, _escape(word.text)]
        at += len(space) + len(word.text)
    return "".join(written) + _escape(segment.text[at:])


def as_ctm(transcript: Transcript, _: Layout = PLAIN) -> str:
    """NIST's ctm: a line a word with recording, channel, start, duration (seconds), word and its probability.

    Where speakers are known, the two fields of the Rich Transcription evaluations follow: type (lex) and speaker.
    """
    name = "_".join(Path(transcript.audio).stem.split()) or "recording"
    channel = transcript.channel or 1
    return "".join(
        f"{name} {channel} {w.start_s:.3f} {max(w.end_s - w.start_s, 0.0):.3f} {w.text} {w.probability:.3f}"
        f"{'' if segment.speaker is None else f' lex {segment.speaker}'}\n"
        for segment in transcript.segments
        for w in segment.words or []
    )


def as_tsv(transcript: Transcript, _: Layout = PLAIN) -> str:
    """A table with the columns audio, start, end, text (seconds): a manifest, ready to be corrected and trained on.

    Of one channel it has the column channel, and where speakers are known the column speaker, too.
    """
    stream = io.StringIO()
    table = csv.writer(stream, dialect="excel-tab", lineterminator="\n")
    channel = {} if transcript.channel is None else {"channel": transcript.channel}
    speakers = any(segment.speaker is not None for segment in transcript.segments)
    table.writerow(["audio", *channel, *(["speaker"] if speakers else []), "start", "end", "text"])
    audio = " ".join(transcript.audio.splitlines())
    for s in transcript._spoken():
        speaker = [s.speaker or ""] if speakers else []
        table.writerow([audio, *channel.values(), *speaker, f"{s.start_s:.3f}", f"{s.end_s:.3f}", s.text])
    return stream.getvalue()


def as_json(transcript: Transcript, layout: Layout = PLAIN) -> str:
    """One object: audio, channel, duration, language, model, text, notes, and segments with start, end, text, channel.

    `audio` is the absolute path, times are in seconds (rounded to the millisecond). `channel` is null where all were
    mixed. `language` may be null, and so is `language_probability` where the language was given and not heard.
    Segments in which nothing was recognised are kept with an empty text. Where words were asked for, each segment has
    `words`: start, end, word, probability; where turns of speakers were given, `speaker` (null where nobody's is near).
    """
    channel = transcript.channel
    speakers = any(segment.speaker is not None for segment in transcript.segments)
    segments = [
        {"start": round(s.start_s, 3), "end": round(s.end_s, 3), "channel": channel, "text": s.text}
        | ({"speaker": s.speaker} if speakers else {})
        | ({"words": list(map(_word, s.words or []))} if layout.words else {})
        for s in transcript.segments
    ]
    content = {
        "audio": transcript.audio,
        "channel": channel,
        "duration": round(transcript.duration_s, 3),
        "language": transcript.language,
        "language_probability": transcript.language_probability and round(transcript.language_probability, 4),
        "model": transcript.model,
        "text": transcript.text,
        "notes": transcript.notes,
        "segments": segments,
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _word(word: Word) -> dict[str, float | str]:
    times = {"start": round(word.start_s, 3), "end": round(word.end_s, 3)}
    return {**times, "word": word.text, "probability": round(word.probability, 4)}


def timestamp(seconds: float, decimal_mark: str = ".") -> str:
    """HH:MM:SS.mmm, rounded to the millisecond before it is taken apart.

    >>> timestamp(59.9996)
    '00:01:00.000'
    >>> timestamp(3661.5, ",")
    '01:01:01,500'
    """
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}{decimal_mark}{milliseconds:03d}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


WRITERS: dict[str, Callable[[Transcript, Layout], str]] = {
    "txt": as_txt,
    "srt": as_srt,
    "vtt": as_vtt,
    "tsv": as_tsv,
    "json": as_json,
    "ctm": as_ctm,
}
"""What writes each format."""

SUBTITLES, WITH_WORDS = ("srt", "vtt"), ("json", "vtt", "ctm")
"""Formats that are read line by line over a picture; formats that can hold the times of words."""
