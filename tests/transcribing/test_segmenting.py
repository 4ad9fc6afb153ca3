"""Long recordings cut by their text: speech whose places are known, heard by the starter that ships."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import speech_tl
from speech_tl.audio import load_audio, save_audio
from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
from speech_tl.errors import AudioError, BadInput
from speech_tl.models.load import load_model
from speech_tl.transcribing import scores as scoring
from speech_tl.transcribing import segmenting
from speech_tl.transcribing.scores import frame_scores
from speech_tl.transcribing.segmenting import Segmented, segment, segment_to_manifest
from tests.benchmarks.segments import RATE, Recording, found_in, in_a_row, recordings
from tests.tiny import tiny_whisper

CLIPS = 9
QUICKSTART = Path(speech_tl.__file__).parent / "starters" / "quickstart"


@pytest.fixture(scope="module")
def model():
    return load_model("starter-wav2vec2", device="cpu")


@pytest.fixture(scope="module", autouse=True)
def heard_once() -> Iterator[None]:
    """What the starter makes of a recording is kept: many tests cut the same one."""
    heard: dict[tuple[str, bytes], np.ndarray] = {}

    def remembered(model, waveform, progress=None):
        key = (model.source, hashlib.sha256(waveform.tobytes()).digest())
        if key not in heard:
            heard[key] = frame_scores(model, waveform, progress)
        return heard[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmenting, "frame_scores", remembered)
        yield


@pytest.fixture(scope="module")
def talk() -> Recording:
    """Synthetic speech from the quickstart: over half a minute of sentences, of which it is known where they are."""
    with open(QUICKSTART / "manifest.csv", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "train" and float(row["duration"]) > 2.5]
    return in_a_row(
        [load_audio(QUICKSTART / row["audio"], RATE) for row in rows[:CLIPS]], [row["text"] for row in rows[:CLIPS]]
    )


@pytest.fixture
def given(talk, tmp_path) -> Callable:
    """Writes the recording and a text; gives both paths."""

    def write(lines: list[str], name: str = "talk") -> tuple[Path, Path]:
        audio, text = tmp_path / "audio" / f"{name}.wav", tmp_path / "text" / f"{name}.txt"
        save_audio(audio, talk.waveform, RATE)
        text.parent.mkdir(exist_ok=True)
        text.write_text("\n".join(lines), encoding="utf-8")
        return audio, text

    return write


def errors_s(result: Segmented, talk: Recording) -> np.ndarray:
    """How far the borders of what was kept are from the truth, `(kept, 2)`."""
    truth = dict(zip(talk.texts, talk.truth_s, strict=True))
    return np.array([np.subtract((one.start_s, one.end_s), truth[one.text]) for one in result.kept])


def test_every_sentence_is_found_where_it_is(model, talk, given):
    result = segment(model, *given(talk.texts))
    assert [one.text for one in result.kept] == talk.texts and result.left_out == []
    assert np.abs(errors_s(result, talk)).max() < 0.4
    assert all(before.end_s <= after.start_s for before, after in zip(result.kept, result.kept[1:], strict=False))
    assert all(0 < one.confidence <= 1 for one in result.kept)


def test_what_nobody_says_is_left_out_and_what_the_text_lacks_is_passed_over(model, talk, given):
    lines = [*talk.texts[1:4], "the committee will publish its findings tomorrow", *talk.texts[6:]]
    result = segment(model, *given(lines))
    assert [one.text for one in result.left_out] == [lines[3]]
    assert result.left_out[0].problem == "not found in the recording"
    assert [one.text for one in result.kept] == [*lines[:3], *lines[4:]]
    assert np.abs(errors_s(result, talk)).max() < 0.4


def test_running_text_is_cut_at_sentences_and_long_ones_at_pauses_between_words(model, talk, given):
    text = "  ".join(f"{line.capitalize()}." for line in talk.texts)
    by_sentence = segment(model, *given([text]))
    assert [one.text for one in by_sentence.kept] == [f"{line.capitalize()}." for line in talk.texts]
    in_one = segment(model, *given([" ".join(talk.texts)]), by="line", longest_s=8.0)
    assert " ".join(one.text for one in in_one.kept) == " ".join(talk.texts)
    assert max(one.end_s - one.start_s for one in in_one.kept) < 8.0 + 0.5
    assert len(in_one.kept) < CLIPS  # they are not cut shorter than need be


def test_a_text_of_something_else_is_refused(model, given):
    audio, text = given(["it was a dark and stormy night", "the rain fell in torrents upon the roofs of london"] * 3)
    with pytest.raises(BadInput, match=r"talk\.txt does not match .*talk\.wav: .* found no sentence"):
        segment(model, audio, text)


def test_more_text_than_the_recording_could_hold_is_refused(model, talk, given):
    with pytest.raises(BadInput, match="more text than anyone could say in the"):
        segment(model, *given(talk.texts * 9))


def test_a_text_that_the_model_cannot_write_is_refused(model, given):
    with pytest.raises(BadInput, match=r"can write no letter of it; is it the right language\?"):
        segment(model, *given(["これはペンです"]))


def test_silence_and_noise_hold_no_sentence(model, talk, given):
    audio, text = given(talk.texts[:5])
    for waveform in (np.zeros(30 * RATE), 0.05 * np.random.default_rng(0).standard_normal(30 * RATE)):
        save_audio(audio, waveform.astype(np.float32), RATE)
        with pytest.raises(BadInput, match="does not match"):
            segment(model, audio, text)


def test_windows_change_no_score_that_matters(model, talk, monkeypatch):
    windows = frame_scores(model, talk.waveform)
    monkeypatch.setattr(scoring, "WINDOW_S", 1e4)
    at_once = frame_scores(model, talk.waveform)
    assert windows.shape == at_once.shape
    assert len(windows) == pytest.approx(len(talk.waveform) / model.frame_samples, abs=3)
    assert (windows.argmax(axis=1) == at_once.argmax(axis=1)).mean() > 0.85  # 0.4 where they are a frame apart


@pytest.mark.parametrize("seconds", [0.01, 0.5, 24.02, 26.1])
def test_a_recording_of_any_length_has_its_frames(model, seconds):
    scores = frame_scores(model, np.zeros(round(seconds * RATE), dtype=np.float32))
    assert len(scores) == pytest.approx(seconds * RATE / model.frame_samples, abs=3) and len(scores) > 0
    assert np.exp(scores).sum(axis=1) == pytest.approx(1.0, abs=1e-4)


def test_the_manifest_can_be_learnt_from(model, talk, given, tmp_path):
    lines = [*talk.texts[:5], "the committee will publish its findings tomorrow", *talk.texts[5:]]
    told = []
    manifest, failures = segment_to_manifest(
        model, *given(lines), tmp_path / "out", speaker="ann", on_recording=lambda result: told.append(str(result))
    )
    assert failures == [] and f"{CLIPS} utterances" in told[0] and "1 left out: not found" in told[0]
    with open(tmp_path / "out" / "left_out.csv", encoding="utf-8") as stream:
        (left,) = csv.DictReader(stream)
    assert left["text"] == lines[5] and left["problem"] == "not found in the recording"
    read = list(Manifest.read(manifest))
    assert [row.text for row in read] == talk.texts and {row.columns["speaker"] for row in read} == {"ann"}
    for row, (start_s, end_s) in zip(read, talk.truth_s, strict=True):
        cut = load_audio(row.audio, RATE, row.start_s, row.end_s)
        assert len(cut) / RATE == pytest.approx(end_s - start_s, abs=0.7)
        assert float(row.columns["confidence"]) > 0


def test_folders_are_paired_by_name_and_one_bad_recording_does_not_stop_the_rest(model, talk, given, tmp_path, capsys):
    audio, text = given(talk.texts)
    given(["something else was said here", "by somebody else"], "other")
    save_audio(audio.parent / "unwritten.wav", talk.waveform[:RATE], RATE)
    out = tmp_path / "out"
    code = _run(["segment", str(audio.parent), str(text.parent), "--model", "starter-wav2vec2", "--out", str(out)])
    err = capsys.readouterr().err
    assert code == 1 and err.splitlines()[-1] == "speech-tl: 2 recordings could not be segmented"
    assert "other.txt does not match" in err and "unwritten.txt" in err
    assert {Path(row.audio).name for row in Manifest.read(out / "manifest.csv")} == {"talk.wav"}


def test_the_least_sure_can_be_left_out(model, talk, given):
    audio, text = given(talk.texts)
    everything = segment(model, audio, text)
    limit = float(np.median([one.confidence for one in everything.kept]))
    result = segment(model, audio, text, min_confidence=limit)
    assert [one.text for one in result.kept] == [one.text for one in everything.kept if one.confidence >= limit]
    assert {one.problem for one in result.left_out} == {f"confidence below {limit:g}"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.wav", "talk.txt"], "nowhere.wav: no such file or folder; check the path"),
        (["talk.wav", "nowhere.txt"], "nowhere.txt: no such file or folder; check the path"),
        (["talk.wav", "talk.txt", "--by", "word"], "--by word: expected line or sentence"),
        (["talk.wav", "talk.txt", "--max-seconds", "90"], "--max-seconds 90: expected 1 to 30"),
        (["talk.wav", "talk.txt", "--min-confidence", "7"], "--min-confidence 7: expected 0 to 1"),
        ([".", "talk.txt"], "is a folder, talk.txt is not"),
        (["talk.wav", "latin.txt"], "latin.txt: line 1 is not UTF-8 text; save the file as UTF-8"),
        (["talk.wav", "empty.txt"], "empty.txt: no words in it; expected what is said in the recording, as plain text"),
        (["talk.txt", "talk.txt"], "talk.txt"),
    ],
)
def test_bad_input_is_one_line(arguments, message, talk, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_audio(tmp_path / "talk.wav", talk.waveform[: 2 * RATE], RATE)
    (tmp_path / "talk.txt").write_text("hello")
    (tmp_path / "latin.txt").write_bytes("fünf".encode("latin-1"))
    (tmp_path / "empty.txt").write_text("\n  \n...\n")
    assert _run(["segment", *arguments, "--model", "starter-wav2vec2"]) == 2
    captured = capsys.readouterr()
    assert message in captured.err.splitlines()[-1] and captured.out == ""
    assert not (tmp_path / "segments").exists()


def test_models_without_frames_are_refused(given, tmp_path):
    whisper = load_model(tiny_whisper(tmp_path / "whisper"), device="cpu")
    with pytest.raises(BadInput, match="a whisper model scores no frames; give a CTC model"):
        segment(whisper, *given(["hello"]))


def test_an_unreadable_recording_says_so(model, given):
    audio, text = given(["hello"])
    audio.write_bytes(audio.read_bytes()[:20])
    with pytest.raises(AudioError, match=r"talk\.wav"):
        segment(model, audio, text)


@pytest.mark.parametrize(("added", "taken_out"), [(False, False), (True, True)])
def test_real_speech(model, corpora, tmp_path, added, taken_out):
    made = recordings(corpora, speakers=2)
    found = found_in(model, made, tmp_path, added=added, taken_out=taken_out)
    assert found.kept >= found.asked - 2 and found.unspoken_kept == 0
    for errors in (found.start_errors_s, found.end_errors_s):
        # what is audible begins with a breath, which is no speech
        assert np.median(np.abs(errors)) < 0.3 and np.quantile(np.abs(errors), 0.9) < 0.6
