"""A transcript as text, subtitles or a table: txt, srt, vtt, tsv, json."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from speech_tl.errors import BadInput
from speech_tl.text import nearest


@dataclass(frozen=True)
class TranscribedSegment:
    """What was said from `start_s` to `end_s` (seconds in the recording); empty `text` where nothing was recognised."""

    start_s: float
    end_s: float
    text: str


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
        lines = [TranscribedSegment(s.start_s, s.end_s, " ".join(s.text.split())) for s in self.segments]
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


def render(transcript: Transcript, format: str) -> str:
    """The content of a transcript's file in one of the formats of `WRITERS`.

    Raises:
        BadInput: the format is unknown.
    """
    return WRITERS[known_formats(format)[0]](transcript)


def as_txt(transcript: Transcript) -> str:
    """One line a segment, nothing else."""
    return "".join(f"{segment.text}\n" for segment in transcript._spoken())


def as_srt(transcript: Transcript) -> str:
    """SubRip subtitles. It has no escapes: an arrow in the text, which would read as a timing line, becomes →."""
    return "".join(
        f"{number}\n{timestamp(s.start_s, ',')} --> {timestamp(s.end_s, ',')}\n{s.text.replace('-->', '→')}\n\n"
        for number, s in enumerate(transcript._spoken(), start=1)
    )


def as_vtt(transcript: Transcript) -> str:
    """WebVTT subtitles (https://www.w3.org/TR/webvtt1/), with &, < and > escaped."""
    cues = (f"{timestamp(s.start_s)} --> {timestamp(s.end_s)}\n{_escape(s.text)}\n" for s in transcript._spoken())
    return "\n".join(["WEBVTT\n", *cues])


def as_tsv(transcript: Transcript) -> str:
    """A table with the columns audio, start, end, text (seconds): a manifest, ready to be corrected and trained on.

    Of one channel it has the column channel, too.
    """
    stream = io.StringIO()
    table = csv.writer(stream, dialect="excel-tab", lineterminator="\n")
    channel = {} if transcript.channel is None else {"channel": transcript.channel}
    table.writerow(["audio", *channel, "start", "end", "text"])
    audio = " ".join(transcript.audio.splitlines())
    for s in transcript._spoken():
        table.writerow([audio, *channel.values(), f"{s.start_s:.3f}", f"{s.end_s:.3f}", s.text])
    return stream.getvalue()


def as_json(transcript: Transcript) -> str:
    """One object: audio, channel, duration, language, model, text, notes, and segments with start, end, text, channel.

    `audio` is the absolute path, times are in seconds (rounded to the millisecond). `channel` is null where all were
    mixed. `language` may be null, and so is `language_probability` where the language was given and not heard.
    Segments in which nothing was recognised are kept with an empty text.
    """
    channel = transcript.channel
    segments = [
        {"start": round(s.start_s, 3), "end": round(s.end_s, 3), "channel": channel, "text": s.text}
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


WRITERS: dict[str, Callable[[Transcript], str]] = {
    "txt": as_txt,
    "srt": as_srt,
    "vtt": as_vtt,
    "tsv": as_tsv,
    "json": as_json,
}
"""What writes each format."""
