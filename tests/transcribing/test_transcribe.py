"""Real recordings through a tiny real network: batched across files, streamed, written as they are done."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import load_audio, save_audio
from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.decoding.decode import decode, decode_waveforms
from speech_tl.errors import AudioError, BadInput
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.transcribing.pieces import pieces
from speech_tl.transcribing.transcribe import TranscriptionResult, transcribe
from speech_tl.transcribing.windows import windows
from tests.tiny import tiny_ctc, tiny_whisper

RATE = 16000
QUICKSTART = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart"


@pytest.fixture(scope="module", params=["ctc", "whisper"])
def any_model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / request.param
    return load_model(tiny_ctc(folder) if request.param == "ctc" else tiny_whisper(folder), device="cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_model(tiny_ctc(tmp_path_factory.mktemp("model") / "ctc"), device="cpu")


@pytest.fixture
def talks(corpora, tmp_path) -> Path:
    """day1/talk.wav, day2/talk.flac and a longer day2/both.wav with a pause in it, all real speech."""
    with open(corpora / "speechocean762" / "manifest.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))[:3]
    first, second, third = (load_audio(corpora / "speechocean762" / row["audio"], RATE) for row in rows)
    folder = tmp_path / "talks"
    save_audio(folder / "day1" / "talk.wav", first, RATE)
    save_audio(folder / "day2" / "talk.flac", second, RATE)
    pause = np.zeros(2 * RATE, dtype=np.float32)
    save_audio(folder / "day2" / "both.wav", np.concatenate([first, pause, second, pause, third]), RATE)
    return folder


def test_each_recording_gets_the_text_of_its_own_segments(model, talks):
    result = transcribe(model, talks, options=DecodingOptions(batch_seconds=20))
    assert [Path(t.audio).relative_to(talks).as_posix() for t in result.transcripts] == [
        "day1/talk.wav",
        "day2/both.wav",
        "day2/talk.flac",
    ]
    assert result.failures == []
    for transcript in result.transcripts:
        waveform = load_audio(transcript.audio, RATE)
        cut = list(pieces([waveform], RATE))
        assert [(s.start_s, s.end_s) for s in transcript.segments] == [(p.start_s, p.end_s) for p in cut]
        alone = [" ".join(decode_waveforms(model, [piece.waveform])[0].split()) for piece in cut]
        assert [s.text for s in transcript.segments] == alone
        assert transcript.duration_s == pytest.approx(len(waveform) / RATE)
        assert transcript.model == model.source
    assert len(result.transcripts[1].segments) >= 3
    assert any(t.text for t in result.transcripts)


def test_a_short_recording_has_the_text_of_an_utterance(any_model, talks):
    talk = talks / "day1" / "talk.wav"
    text = decode(any_model, [Utterance("talk", str(talk))])[0].text
    assert transcribe(any_model, talk, options=DecodingOptions(beam=1)).text == " ".join(text.split()) != ""


def test_outputs_mirror_the_folders_and_read_back(model, talks, tmp_path):
    out = tmp_path / "out"
    result = transcribe(model, talks, out=out, formats=["txt", "json", "tsv"])
    written = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    stems = ["day1/talk", "day2/both", "day2/talk"]
    assert written == sorted(f"{stem}.{format}" for stem in stems for format in ("txt", "json", "tsv"))
    content = json.loads((out / "day2" / "both.json").read_text(encoding="utf-8"))
    assert [s["text"] for s in content["segments"]] == [s.text for s in result.transcripts[1].segments]
    manifest = Manifest.read(out / "day2" / "both.tsv")
    spoken = [s for s in result.transcripts[1].segments if s.text]
    assert [u.text for u in manifest] == [s.text for s in spoken]
    assert [u.start_s for u in manifest] == pytest.approx([s.start_s for s in spoken], abs=0.001)
    assert load_audio(manifest[-1].audio, RATE, manifest[-1].start_s, manifest[-1].end_s).size > 0


def test_bad_files_are_noted_and_the_others_go_on(model, talks, tmp_path):
    (talks / "day1" / "not_audio.wav").write_text("hello")
    (talks / "day2" / "empty.mp3").touch()
    whole = (talks / "day2" / "both.wav").read_bytes()
    (talks / "day2" / "cut.wav").write_bytes(whole[: len(whole) // 2])
    result = transcribe(model, talks, out=tmp_path / "out", options=DecodingOptions(batch_seconds=3))
    assert len(result.transcripts) == 3
    assert {Path(f.audio).name: f.kind for f in result.failures} == {
        "not_audio.wav": "unreadable",
        "empty.mp3": "empty",
        "cut.wav": "truncated",
    }
    assert all(f.audio in str(f) and "\n" not in str(f) for f in result.failures)
    assert len(list((tmp_path / "out").rglob("*.txt"))) == 3
    assert "failed: " in str(result)


def test_nothing_usable_is_bad_input(model, tmp_path):
    (tmp_path / "a.wav").write_text("hello")
    with pytest.raises(AudioError, match=r"a\.wav"):
        transcribe(model, tmp_path / "a.wav")
    (tmp_path / "b.wav").touch()
    with pytest.raises(BadInput, match="none of the 2 recordings"):
        transcribe(model, tmp_path)


def test_a_single_path_prints_as_its_text(model, talks):
    result = transcribe(model, str(talks / "day1" / "talk.wav"))
    assert isinstance(result, TranscriptionResult)
    assert str(result) == result.text == result.transcripts[0].text != ""


def test_a_model_may_be_named(talks, tmp_path):
    folder = tiny_ctc(tmp_path / "model")
    assert transcribe(folder, talks / "day1").text == transcribe(load_model(folder), talks / "day1").text


def test_silence_has_an_empty_transcript(model, tmp_path):
    save_audio(tmp_path / "silence.wav", np.zeros(5 * RATE, dtype=np.float32), RATE)
    result = transcribe(model, tmp_path / "silence.wav", out=tmp_path / "out", formats="srt")
    assert result.transcripts[0].segments == [] and result.text == ""
    assert (tmp_path / "out" / "silence.srt").read_text() == ""


def test_progress_rises_to_the_whole_and_transcripts_come_in_order(model, talks):
    told: list[tuple[float, float]] = []
    arrived: list[str] = []
    result = transcribe(
        model,
        talks,
        options=DecodingOptions(batch_seconds=2),
        progress=lambda done_s, total_s: told.append((done_s, total_s)),
        on_transcript=lambda transcript: arrived.append(transcript.audio),
    )
    assert arrived == [t.audio for t in result.transcripts]
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1] == pytest.approx(sum(t.duration_s for t in result.transcripts), abs=0.1)
    assert len({done for done, _ in told}) > 3, "progress should move more than once"


def test_short_files_share_batches(model, talks, monkeypatch):
    seen: list[int] = []
    original = type(model).transcribe_words

    def counting(self, batch, options):
        seen.append(len(batch["lengths"]))
        return original(self, batch, options)

    monkeypatch.setattr(type(model), "transcribe_words", counting)
    transcribe(model, talks)
    assert max(seen) >= 5


def test_what_was_done_before_an_interruption_is_on_disk_and_need_not_be_done_again(model, talks, tmp_path):
    out = tmp_path / "out"

    def stop(transcript):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transcribe(model, talks, out=out, options=DecodingOptions(batch_seconds=2), on_transcript=stop)
    assert [p.relative_to(out).as_posix() for p in out.rglob("*.txt")] == ["day1/talk.txt"]
    result = transcribe(model, talks, out=out, overwrite=False)
    assert [Path(p).name for p in result.skipped] == ["talk.wav"]
    assert [Path(t.audio).name for t in result.transcripts] == ["both.wav", "talk.flac"]


def test_earlier_transcripts_are_replaced_but_not_text_beside_its_audio(model, talks, tmp_path):
    out = tmp_path / "out"
    (out / "day1").mkdir(parents=True)
    (out / "day1" / "talk.txt").write_text("old")
    transcribe(model, talks, out=out)
    assert (out / "day1" / "talk.txt").read_text() != "old"
    (talks / "day1" / "talk.txt").write_text("the reference")
    with pytest.raises(BadInput, match="may be its reference"):
        transcribe(model, talks, out=talks)
    assert (talks / "day1" / "talk.txt").read_text() == "the reference"
    transcribe(model, talks, out=talks, formats="srt")
    assert (talks / "day1" / "talk.srt").is_file()


def test_mistakes_are_found_before_any_work(model, talks, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(BadInput, match="did you mean srt"):
        transcribe(model, talks, out=out, formats=["str"])
    with pytest.raises(BadInput, match="max_segment_s=0"):
        transcribe(model, talks, out=out, max_segment_s=0)
    with pytest.raises(BadInput, match="no such file"):
        transcribe(model, [talks, tmp_path / "nope.wav"], out=out)
    assert not out.exists()
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written"):
        transcribe(model, talks, out=tmp_path / "file")


def test_segments_are_no_longer_than_asked(model, talks):
    result = transcribe(model, talks / "day2" / "both.wav", max_segment_s=1.5)
    assert max(s.end_s - s.start_s for s in result.transcripts[0].segments) <= 1.5


def test_a_whisper_hears_windows_whatever_is_written_of_them(talks, tmp_path):
    model = load_model(tiny_whisper(tmp_path / "whisper"), device="cpu")
    both = talks / "day2" / "both.wav"
    (window,) = windows([load_audio(both, RATE)], RATE)
    (whole,) = transcribe(model, both, join=True).transcripts[0].segments
    assert (whole.start_s, whole.end_s) == (window.start_s, window.end_s)
    parts = transcribe(model, both, words=True).transcripts[0].segments
    assert " ".join(part.text for part in parts).split() == whole.text.split()
    times = [time for part in parts for word in part.words for time in (word.start_s, word.end_s)]
    assert times == sorted(times) and window.start_s <= times[0] and times[-1] <= window.end_s + 0.5
    assert all(0 <= word.probability <= 1 for part in parts for word in part.words)


def test_words_of_a_whisper_are_where_they_are_said(tmp_path, published_whisper):
    clips = [load_audio(clip, RATE) for clip in sorted(QUICKSTART.rglob("*.ogg"))[:3]]
    pause = np.zeros(2 * RATE, dtype=np.float32)
    audio = save_audio(tmp_path / "talk.wav", np.concatenate([p for c in clips for p in (pause, c)]), RATE)
    segments = transcribe(published_whisper("whisper-tiny.en"), audio, words=True).transcripts[0].segments
    begins_s = [2.0 * (n + 1) + sum(map(len, clips[:n])) / RATE for n in range(3)]
    for segment in segments:
        assert " ".join(word.text for word in segment.words) == segment.text
    starts_s = [word.start_s for segment in segments for word in segment.words]
    for begin_s, clip in zip(begins_s, clips, strict=True):
        inside = [start_s for start_s in starts_s if begin_s - 0.2 <= start_s <= begin_s + len(clip) / RATE]
        assert len(inside) >= 3 and inside[0] < begin_s + 0.6
    assert len(starts_s) == len([s for s in starts_s if any(b - 0.2 <= s < b + 3.1 for b in begins_s)]), "in no pause"


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_whisper_writes_every_format(talks, tmp_path, jobs):
    out = tmp_path / "out"
    formats = [part for name in ("txt", "srt", "vtt", "tsv", "json", "ctm") for part in ("--format", name)]
    command = ["transcribe", str(talks), "--model", "starter-whisper", "--out", str(out), "--jobs", str(jobs)]
    assert _run([*command, "--words", "--max-line", "20", *formats]) == 0
    written = [line for file in out.rglob("*.ctm") for line in file.read_text().splitlines()]
    told = [json.loads(file.read_text()) for file in out.rglob("*.json")]
    assert len(written) == sum(len(segment["words"]) for one in told for segment in one["segments"]) > 0


def test_silence_is_noted_and_no_failure(model, tmp_path, capsys):
    save_audio(tmp_path / "silence.wav", np.zeros(5 * RATE, dtype=np.float32), RATE)
    formats = [part for name in ("txt", "json", "ctm", "vtt") for part in ("--format", name)]
    command = ["transcribe", str(tmp_path / "silence.wav"), "--model", model.source, "--out", str(tmp_path / "out")]
    assert _run([*command, *formats]) == 0
    assert "no speech was found in it, its transcript is empty" in " ".join(capsys.readouterr().err.split())
    assert (tmp_path / "out" / "silence.txt").read_text() == (tmp_path / "out" / "silence.ctm").read_text() == ""
    assert (tmp_path / "out" / "silence.vtt").read_text() == "WEBVTT\n"
    assert json.loads((tmp_path / "out" / "silence.json").read_text())["segments"] == []
