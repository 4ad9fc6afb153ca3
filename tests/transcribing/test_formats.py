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
    Layout,
    TranscribedSegment,
    Transcript,
    as_srt,
    as_vtt,
    known_formats,
    render,
    timestamp,
)
from speech_tl.transcribing.words import Word

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
    assert set(WRITERS) == {"txt", "srt", "vtt", "tsv", "json", "ctm"}
    with pytest.raises(BadInput, match="did you mean json"):
        known_formats(["txt", "jsn"])
    with pytest.raises(BadInput, match="no format"):
        known_formats([])


SAID = "One two, three & four. Five six seven eight, nine ten."


def spoken(said: str = SAID, start_s: float = 1.0) -> TranscribedSegment:
    """A word every half second, 0.4 s long."""
    words = [Word(start_s + i / 2, start_s + i / 2 + 0.4, text, 0.5) for i, text in enumerate(said.split())]
    return TranscribedSegment(start_s, words[-1].end_s, said, words)


def with_words() -> Transcript:
    return Transcript("/talks/my talk.wav", 10.0, "en", "starter-whisper", [spoken()], channel=2)


def test_words_are_in_json_and_only_where_asked():
    (segment,) = json.loads(render(with_words(), "json", Layout(words=True)))["segments"]
    assert segment["words"][1] == {"start": 1.5, "end": 1.9, "word": "two,", "probability": 0.5}
    assert " ".join(word["word"] for word in segment["words"]) == segment["text"]
    assert "words" not in json.loads(render(with_words(), "json"))["segments"][0]


def test_karaoke_tags_stand_before_their_words_and_leave_the_text_alone():
    content = render(with_words(), "vtt", Layout(words=True))
    tags = [seconds(found) for found in re.findall(rf"<{TIME}>", content)]
    assert tags == [word.start_s for word in spoken().words[1:]]  # the first begins with the cue
    assert [html.unescape(re.sub(r"<[\d:.]+>", "", text)) for _, _, text in cues(content)] == [SAID]
    assert "<" not in render(with_words(), "vtt").replace("-->", "")


def test_tags_that_a_player_would_refuse_are_left_out():
    words = [Word(0.5, 0.6, "a", 1.0), Word(2.0, 2.1, "b", 1.0), Word(1.5, 2.1, "c", 1.0), Word(3.0, 3.0, "d", 1.0)]
    segment = TranscribedSegment(1.0, 3.0, "a b c d", words)
    content = as_vtt(Transcript("a.wav", 4.0, None, "m", [segment]), Layout(words=True))
    assert re.findall(rf"<{TIME}>", content) == [("00", "00", "02", "000")]


def test_words_of_a_script_without_spaces():
    segment = TranscribedSegment(0.0, 2.0, "你好。", [Word(0.0, 1.0, "你", 1.0), Word(1.0, 2.0, "好。", 1.0)])
    assert "你<00:00:01.000>好。" in as_vtt(Transcript("a.wav", 2.0, "zh", "m", [segment]), Layout(words=True))


def test_ctm_is_a_line_a_word():
    lines = render(with_words(), "ctm").splitlines()
    assert len(lines) == len(SAID.split()) and lines[1] == "my_talk 2 1.500 0.400 two, 0.500"


@pytest.mark.parametrize("format", ["srt", "vtt"])
def test_subtitles_are_cut_at_sentences_and_no_line_is_longer(format):
    found = cues(render(with_words(), format, Layout(max_line=14)))
    assert [text for _, _, text in found] == [
        "One two, three\n& four.".replace("&", "&amp;" if format == "vtt" else "&"),
        "Five six seven\neight,",
        "nine ten.",
    ]
    assert found[0][:2] == (1.0, 3.4) and found[1][:2] == (3.5, 5.4) and found[2][1] == spoken().end_s


@given(st.lists(st.sampled_from(["a", "word,", "end.", "longer", "incomprehensibilities"]), min_size=1), st.booleans())
def test_no_word_is_lost_between_subtitles(texts, timed):
    segment = spoken(" ".join(texts))
    if not timed:
        segment = TranscribedSegment(segment.start_s, segment.end_s, segment.text)
    found = cues(as_srt(Transcript("a.wav", 99.0, None, "m", [segment]), Layout(max_line=12)))
    assert " ".join(" ".join(text.split("\n")) for _, _, text in found) == segment.text
    assert all(len(text.split("\n")) <= 2 for _, _, text in found)
    assert all(len(line) <= 12 or " " not in line for _, _, text in found for line in text.split("\n"))
    times = [moment for start_s, end_s, _ in found for moment in (start_s, end_s)]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("layout", "formats", "message"),
    [
        (Layout(words=True), ("txt", "srt"), "--words: txt and srt cannot hold .* add --format json, vtt, ctm"),
        (Layout(max_line=40), ("json",), "--max-line is for subtitles"),
        (Layout(max_line=3), ("srt",), "expected 10 to 500 characters"),
    ],
)
def test_what_no_file_can_show_is_refused(layout, formats, message):
    with pytest.raises(BadInput, match=message):
        layout.checked(formats)


def test_who_needs_words():
    assert Layout().needs_words(["ctm"]) and Layout(words=True).needs_words(["json"])
    assert Layout(max_line=40).needs_words(["srt", "txt"]) and not Layout().needs_words(["srt", "json"])
