"""The language of a recording: heard once, over its first half minute of speech, and kept for all of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import load_audio, save_audio
from speech_tl.cli import _run
from speech_tl.models.load import load_model
from speech_tl.transcribing.transcribe import transcribe

RATE = 16000


def joined(corpus: Path, count: int, path: Path, silence_s: float = 1.0) -> Path:
    """The first clips of a corpus as one recording, with pauses."""
    with (corpus / "manifest.csv").open(encoding="utf-8") as stream:
        rows = [row for row, _ in zip(csv.DictReader(stream), range(count), strict=False)]
    pause = np.zeros(round(silence_s * RATE), np.float32)
    parts = [part for row in rows for part in (load_audio(corpus / row["audio"]), pause)]
    return save_audio(path, np.concatenate([np.zeros(3 * RATE, np.float32), *parts]), RATE)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory, corpora: Path) -> list[Path]:
    """Dutch and German; three seconds of silence before anybody speaks."""
    folder = tmp_path_factory.mktemp("talks")
    voices = (("nl", "dutch_nathalie"), ("de", "german_kerstin"))
    return [joined(corpora / corpus, 4, folder / f"{code}.flac") for code, corpus in voices]


def test_each_recording_is_written_in_its_own_language(
    recordings: list[Path], published_whisper: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    wanted = ["--model", str(published_whisper("whisper-base")), "--format", "json", "--out", str(tmp_path)]
    assert _run(["transcribe", *map(str, recordings), *wanted]) == 0
    told = capsys.readouterr().err
    for path in recordings:
        found = json.loads((tmp_path / f"{path.stem}.json").read_text())
        assert found["language"] == path.stem and found["language_probability"] > 0.9
        assert f"{path}: language {path.stem} (" in told
        # Piece by piece in the language of the whole: what the model writes when it is told that language.
    model = load_model(published_whisper("whisper-base"), language="nl")
    (given,) = transcribe(model, recordings[0]).transcripts
    heard = json.loads((tmp_path / "nl.json").read_text())
    assert [segment["text"] for segment in heard["segments"]] == [segment.text for segment in given.segments]
    assert given.language == "nl" and given.language_probability is None


def test_english_is_heard_as_english(published_whisper: Callable[[str], Path], corpora: Path, tmp_path: Path) -> None:
    model = load_model(published_whisper("whisper-base"))
    scores = model.language_scores(load_audio(joined(corpora / "ljspeech_part", 2, tmp_path / "en.flac")))
    assert max(scores, key=scores.__getitem__) == "en" and scores["en"] > np.log(0.9)


def test_a_task_that_the_model_cannot_do_is_one_line(
    recordings: list[Path], published_whisper: Callable[[str], Path], capsys: pytest.CaptureFixture
) -> None:
    for model in (str(published_whisper("whisper-tiny.en")), "starter-wav2vec2"):
        assert _run(["transcribe", str(recordings[0]), "--model", model, "--task", "translate"]) == 2
        assert "task=translate" in capsys.readouterr().err.splitlines()[-1]
    assert _run(["transcribe", str(recordings[0]), "--model", "starter-whisper", "--task", "sing"]) == 2
    assert "transcribe or translate" in capsys.readouterr().err.splitlines()[-1]
