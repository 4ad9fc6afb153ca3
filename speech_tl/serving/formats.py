"""A transcript as OpenAI's endpoints answer with it: json, text, srt, vtt, verbose_json."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Sequence
from typing import Any

from speech_tl.text import language_name
from speech_tl.transcribing.formats import TranscribedSegment, Transcript, render
from speech_tl.transcribing.recogniser import SpokenSegment

FORMATS = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "verbose_json": "application/json",
}
GRANULARITIES = ("word", "segment")


def rendered(
    segments: Sequence[SpokenSegment],
    format: str,
    *,
    task: str,
    language: str | None,
    duration_s: float,
    granularities: Collection[str],
    temperature: float = 0.0,
) -> str:
    """The body of an answer in one of `FORMATS`."""
    text = " ".join(segment.text for segment in segments)
    if format == "json":
        usage = {"type": "duration", "seconds": round(duration_s)}
        return json.dumps({"text": text, "usage": usage}, ensure_ascii=False)
    if format == "text":
        return f"{text}\n"
    if format == "verbose_json":
        verbose = _verbose(segments, granularities, temperature)
        spoken = language_name("en" if task == "translate" else language).lower() if language else None
        facts = {"task": task, "language": spoken, "duration": round(duration_s, 3), "text": text}
        return json.dumps(facts | verbose, ensure_ascii=False)
    lines = [TranscribedSegment(segment.start_s, segment.end_s, segment.text) for segment in segments]
    return render(Transcript("", duration_s, language, "", lines), format)


def _verbose(segments: Sequence[SpokenSegment], granularities: Collection[str], temperature: float) -> dict[str, Any]:
    """Segments, words or both. What only OpenAI's own decoder knows of a segment is null."""
    found: dict[str, Any] = {}
    if "word" in granularities:
        words = [word for segment in segments for word in segment.words]
        found["words"] = [
            {"word": word.text, "start": round(word.start_s, 3), "end": round(word.end_s, 3)} for word in words
        ]
    if "segment" in granularities or not granularities:
        found["segments"] = [
            {
                "id": number,
                "seek": 0,
                "start": round(segment.start_s, 3),
                "end": round(segment.end_s, 3),
                "text": segment.text,
                "tokens": [],
                "temperature": temperature,
                "avg_logprob": None,
                "compression_ratio": _compression_ratio(segment.text),
                "no_speech_prob": None,
            }
            for number, segment in enumerate(segments)
        ]
    return found


def _compression_ratio(text: str) -> float:
    """How much shorter zlib makes a text, as Whisper's authors look for loops."""
    data = text.encode()
    return round(len(data) / len(zlib.compress(data)), 3) if data else 1.0
