"""Each format is read back by a parser that knows nothing of the writer."""

from __future__ import annotations

import csv
import html
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.errors import BadInput
from speech_tl.transcribing.formats import (
    WRITERS,
    TranscribedSegment,
    Transcript,
    as_srt,
    as_vtt,
    known_formats,
    render,
    timestamp,
)

NASTY = ["a <b> & c --> d", 'tab\there "quoted"', "two\nlines\n\nand a gap", "", "  spaces  ", "हमने चुना", "1"]
TIME = r"(\d{2,}):([0-5]\d):([0-5]\d)[.,](\d{3})"


def transcript(texts: list[str] = NASTY) -> Transcript:
    segments = [TranscribedSegment(i * 30.0, i * 30.0 + 29.9996, text) for i, text in enumerate(texts)]
    return Transcript("/talks/a.wav", 300.12345, "en", "starter-wav2vec2", segments)


def one_line(text: str) -> str:
    return " ".join(text.split())


def seconds(found: tuple[str, ...]) -> float:
    hours, minutes, second, milliseconds = map(int, found)
    return hours * 3600 + minutes * 60 + second + milliseconds / 1000


def cues(block_text: str) -> list[tuple[float, float, str]]:
    """(start, end, text) of each block that has a timing line, as a player reads srt and vtt."""
    found = []
    for block in re.split(r"\n{2,}", block_text.strip("\n")):
        lines = block.split("\n")
        timing = [i for i, line in enumerate(lines) if "-->" in line]
        if timing:
            start, end = re.findall(TIME, lines[timing[0]])
            found.append((seconds(start), seconds(end), "\n".join(lines[timing[0] + 1 :])))
            assert len(timing) == 1, "a timing arrow inside a cue"
    return found


def expected() -> list[tuple[float, float, str]]:
    return [(s.start_s, round(s.end_s, 3), one_line(s.text)) for s in transcript().segments if s.text.strip()]


def test_srt_reads_back():
    content = as_srt(transcript())
    assert cues(content) == [(a, b, text.replace("-->", "→")) for a, b, text in expected()]
    numbers = [int(block.split("\n")[0]) for block in re.split(r"\n{2,}", content.strip())]
    assert numbers == list(range(1, len(numbers) + 1))
    assert re.fullmatch(rf"{TIME} --> {TIME}", content.split("\n")[1]).group(0).count(",") == 2


def test_vtt_reads_back():
    content = as_vtt(transcript())
    assert content.startswith("WEBVTT\n\n")
    assert [(a, b, html.unescape(text)) for a, b, text in cues(content)] == expected()
    assert "<b>" not in content and "," not in content.split("\n")[2]


def test_subtitles_of_silence_hold_no_cue():
    silent = transcript([])
    assert (as_srt(silent), as_vtt(silent), render(silent, "txt")) == ("", "WEBVTT\n", "")


def test_tsv_reads_back_as_a_table():
    rows = list(csv.DictReader(io.StringIO(render(transcript(), "tsv")), delimiter="\t"))
    assert [(float(r["start"]), float(r["end"]), r["text"]) for r in rows] == expected()
    assert {r["audio"] for r in rows} == {"/talks/a.wav"}


def test_json_holds_everything():
    content = json.loads(render(transcript(), "json"))
    keys = ["audio", "channel", "duration", "language", "language_probability", "model", "text", "notes", "segments"]
    assert list(content) == keys
    assert (content["audio"], content["duration"], content["language"]) == ("/talks/a.wav", 300.123, "en")
    assert [s["text"] for s in content["segments"]] == NASTY
    assert content["segments"][1] == {"start": 30.0, "end": 60.0, "channel": None, "text": NASTY[1]}
    assert content["text"] == transcript().text == " ".join(text for _, _, text in expected())


def test_txt_is_a_line_a_segment():
    assert render(transcript(), "txt").splitlines() == [text for _, _, text in expected()]


@pytest.mark.parametrize(
    ("time_s", "written"),
    [(0, "00:00:00.000"), (59.9996, "00:01:00.000"), (3599.9999, "01:00:00.000"), (360000.5, "100:00:00.500")],
)
def test_rounding_carries(time_s, written):
    assert timestamp(time_s) == written


@given(st.floats(0, 1e6))
def test_a_timestamp_means_its_seconds(time_s):
    assert seconds(re.fullmatch(TIME, timestamp(time_s)).groups()) == pytest.approx(time_s, abs=0.00051)


@given(st.lists(st.text(max_size=30), max_size=4))
def test_any_text_survives_the_subtitles(texts):
    spoken = [one_line(text) for text in texts if text.strip()]
    if any(re.search(r"[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text) for text in texts):
        return  # str.split and players agree on these only by chance
    assert [html.unescape(text) for _, _, text in cues(as_vtt(transcript(texts)))] == [
        html.unescape(html.escape(text, quote=False)) for text in spoken
    ]
    assert len(cues(as_srt(transcript(texts)))) == len(spoken)


def test_formats_are_recognised_and_a_wrong_one_is_met_with_the_nearest():
    assert known_formats("SRT") == ("srt",)
    assert known_formats(["txt", ".vtt", "txt"]) == ("txt", "vtt")
    assert set(WRITERS) == {"txt", "srt", "vtt", "tsv", "json"}
    with pytest.raises(BadInput, match="did you mean json"):
        known_formats(["txt", "jsn"])
    with pytest.raises(BadInput, match="no format"):
        known_formats([])
