"""Turns from RTTM on words and segments; a diariser's output of another recording is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import save_audio
from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from speech_tl.transcribing.formats import Layout, TranscribedSegment, Transcript, render
from speech_tl.transcribing.recordings import Recording
from speech_tl.transcribing.speakers import Turn, labelled, read_speakers
from speech_tl.transcribing.transcribe import transcribe
from speech_tl.transcribing.words import Word
from tests.sounds import talking
from tests.tiny import tiny_ctc, tiny_whisper

RATE = 16000


def segment(*words: tuple[float, float, str]) -> TranscribedSegment:
    placed = [Word(start_s, end_s, text, 0.9) for start_s, end_s, text in words]
    text = " ".join(word.text for word in placed)
    return TranscribedSegment(placed[0].start_s - 0.1, placed[-1].end_s + 0.1, text, placed)


def rttm(*turns: tuple[str, float, float, str], channel: int = 1) -> str:
    return "".join(
        f"SPEAKER {name} {channel} {start:.3f} {length:.3f} <NA> <NA> {who} <NA> <NA>\n"
        for name, start, length, who in turns
    )


TALK = segment((0.5, 1.0, "good"), (1.0, 1.6, "morning."), (2.1, 2.4, "Hello,"), (3.0, 3.6, "dear"))


def test_a_segment_is_cut_where_the_speaker_changes():
    first, second = labelled([TALK], [Turn(0.4, 1.7, "A"), Turn(2.0, 4.0, "B")])
    assert (first.speaker, first.text, second.speaker, second.text) == ("A", "good morning.", "B", "Hello, dear")
    assert (first.start_s, first.end_s) == (0.4, 1.6)
    assert (second.start_s, second.end_s) == (2.1, 3.7)
    assert first.words + second.words == TALK.words


def test_a_word_belongs_to_the_turn_it_shares_most_time_with():
    (whole,) = labelled([segment((1.0, 2.0, "so"))], [Turn(0.0, 1.3, "A"), Turn(1.2, 3.0, "B")])
    assert whole.speaker == "B"


def test_words_between_turns_belong_to_the_nearest_or_to_nobody():
    near, far = segment((1.0, 1.5, "near")), segment((9.0, 9.5, "far"))
    found = labelled([near, far], [Turn(2.0, 3.0, "A")])
    assert [part.speaker for part in found] == ["A", None]


def test_without_words_a_segment_has_one_speaker():
    plain = TranscribedSegment(0.0, 4.0, "good morning. Hello, dear")
    assert [s.speaker for s in labelled([plain], [Turn(0.4, 1.7, "A"), Turn(2.0, 4.0, "B")])] == ["B"]


@pytest.fixture
def transcript(tmp_path: Path) -> Transcript:
    parts = labelled([TALK], [Turn(0.4, 1.7, "A&O"), Turn(2.0, 4.0, "B")])
    return Transcript(str(tmp_path / "talk.wav"), 4.0, "en", "m", parts)


def test_formats_say_who_speaks(transcript):
    assert render(transcript, "txt") == "A&O: good morning.\nB: Hello, dear\n"
    assert "\nA&O: good morning.\n" in render(transcript, "srt")
    assert "\nA&amp;O: good morning.\n" in render(transcript, "vtt")
    assert [s["speaker"] for s in json.loads(render(transcript, "json"))["segments"]] == ["A&O", "B"]
    assert render(transcript, "ctm").splitlines()[-1] == "talk 1 3.000 0.600 dear 0.900 lex B"
    assert render(transcript, "tsv").splitlines()[0].split("\t") == ["audio", "speaker", "start", "end", "text"]


def test_lines_of_subtitles_have_room_for_the_speaker(transcript):
    text = render(transcript, "srt", Layout(max_line=16))
    assert "A&O: good\nmorning." in text and max(map(len, text.splitlines())) <= len("00:00:00,000 --> 00:00:00,000")


def test_transcripts_without_speakers_are_as_before():
    plain = Transcript("talk.wav", 4.0, "en", "m", [TALK])
    assert "speaker" not in render(plain, "json") and "speaker" not in render(plain, "tsv")
    assert render(plain, "txt") == "good morning. Hello, dear\n"


# ---- reading


def test_turns_are_found_by_the_name_of_the_recording(tmp_path):
    (tmp_path / "all.rttm").write_text(
        ";; by hand\nSPKR-INFO two 1 <NA> <NA> <NA> unknown B <NA> <NA>\n"
        + rttm(("one", 2.0, 1.0, "B"), ("one", 0.5, 1.0, "A"), ("two_b", 0.0, 1.0, "C"))
    )
    (tmp_path / "silent.rttm").write_text("")
    speakers = read_speakers(tmp_path)
    assert speakers.of(Recording(Path("/x/one.wav"), "x/one")) == [Turn(0.5, 1.5, "A"), Turn(2.0, 3.0, "B")]
    assert speakers.of(Recording(Path("/x/two b.wav"), "two b")) == [Turn(0.0, 1.0, "C")]
    assert speakers.of(Recording(Path("/x/silent.wav"), "silent")) == []
    assert speakers.of(Recording(Path("/x/three.wav"), "three")) is None


def test_turns_of_channels_are_kept_apart(tmp_path):
    (tmp_path / "c.rttm").write_text(rttm(("c", 0, 1, "A")) + rttm(("c", 1, 1, "B"), channel=2))
    speakers = read_speakers(tmp_path / "c.rttm")
    assert [turn.speaker for turn in speakers.of(Recording(Path("/c.wav"), "c", 2))] == ["B"]
    assert [turn.speaker for turn in speakers.of(Recording(Path("/c.wav"), "c"))] == ["A", "B"]


@pytest.mark.parametrize(
    "line",
    [
        "SPEAKER talk 1 0.0",
        "SPEAKER talk 1 zero 1.0 <NA> <NA> A",
        "SPEAKER talk 1 -1 1.0 <NA> <NA> A",
        "SPEAKER talk 1 0 inf <NA> <NA> A",
        "0.0 1.0 A",
    ],
)
def test_a_line_that_is_no_turn_is_named(tmp_path, line):
    (tmp_path / "talk.rttm").write_text(rttm(("talk", 0, 1, "A")) + line + "\n")
    with pytest.raises(BadInput, match=r"talk\.rttm, line 2: expected 'SPEAKER file channel start"):
        read_speakers(tmp_path / "talk.rttm")


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        read_speakers(tmp_path / "talk.rttm")
    with pytest.raises(BadInput, match=r"no \.rttm in it"):
        read_speakers(tmp_path)


# ---- with a model


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ctc(tmp_path_factory.mktemp("model") / "ctc")


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    return save_audio(tmp_path / "talks" / "talk.wav", talking(6.0, 1), RATE)


def test_a_recording_is_written_turn_by_turn(model_folder, talk, tmp_path):
    model = load_model(model_folder, device="cpu")
    turns = tmp_path / "talk.rttm"
    turns.write_text(rttm(("talk", 0.0, 2.0, "ann"), ("talk", 2.0, 4.0, "bob")))
    plain = transcribe(model, talk)
    result = transcribe(model, talk, speakers=turns, out=tmp_path / "out", formats=("json", "tsv"))
    ann, bob = result.transcripts[0].segments
    assert (ann.speaker, bob.speaker) == ("ann", "bob") and ann.end_s <= bob.start_s and abs(ann.end_s - 2.0) < 1.0
    assert result.text == plain.text
    assert [row.speaker for row in Manifest.read(tmp_path / "out" / "talk.tsv")] == ["ann", "bob"]


def test_what_pauses_part_is_not_joined_where_speakers_are_wanted(tmp_path, capsys):
    """A Whisper that hears 30 s at a time writes several pieces as one for text alone: they would have one speaker."""
    whisper = tiny_whisper(tmp_path / "whisper")
    pause = np.zeros(2 * RATE, dtype=np.float32)
    talk = save_audio(tmp_path / "talk.wav", np.concatenate([talking(5.0, 1), pause, talking(5.0, 2)]), RATE)
    (tmp_path / "talk.rttm").write_text(rttm(("talk", 0.0, 5.2, "ann"), ("talk", 6.8, 5.2, "bob")))
    command = ["transcribe", str(talk), "--model", str(whisper), "--speakers", str(tmp_path / "talk.rttm")]
    assert _run([*command, "--out", str(tmp_path / "out"), "--audio-context", "full"]) == 0
    text = (tmp_path / "out" / "talk.txt").read_text()
    assert "ann: " in text and "bob: " in text


def test_turns_of_another_recording_are_one_line(model_folder, talk, tmp_path, capsys):
    command = ["transcribe", str(talk), "--model", str(model_folder), "--speakers"]
    (tmp_path / "other.rttm").write_text(rttm(("other", 0.0, 1.0, "A")))
    (tmp_path / "talk.rttm").write_text(rttm(("talk", 0.0, 90.0, "A")))
    for name, expected in (("other", "has turns of other; expected talk"), ("talk", "is 6.0 s long")):
        assert _run([*command, str(tmp_path / f"{name}.rttm")]) == 2
        (line,) = [line for line in capsys.readouterr().err.splitlines() if "rttm" in line]
        assert expected in line


def test_a_recording_without_turns_among_others_is_noted(model_folder, talk, tmp_path):
    save_audio(talk.parent / "more.wav", talking(2.0, 2), RATE)
    (tmp_path / "talk.rttm").write_text(rttm(("talk", 0.0, 2.0, "ann")))
    more, with_turns = transcribe(model_folder, talk.parent, speakers=tmp_path).transcripts
    assert "has no turns of it" in more.notes[0] and more.segments[0].speaker is None
    assert with_turns.notes == [] and with_turns.segments[0].speaker == "ann"
