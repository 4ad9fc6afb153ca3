"""Small inputs that real people met: the very files, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import is_silent, load_audio, probe, stream_audio
from speech_tl.cli import _run

RATE = 16000
LENGTHS_S = {
    "vbr_without_xing.mp3": 2.84,
    "joined_mp3.mp3": 5.4,
    "joined_ogg.ogg": 5.4,
    "sound_shorter_than_picture.webm": 2.84,
    "data_size_zero.wav": 2.84,
    "opposite_phase.flac": 3.535,
    "call_two_channels.wav": 4.32,
}


@pytest.fixture
def case(corpora: Path, request: pytest.FixtureRequest) -> Path:
    path = corpora.parent / "cases" / request.param
    if not path.is_file():
        pytest.skip(f"no {path.name} in {path.parent}")
    return path


@pytest.mark.parametrize("case", LENGTHS_S, indirect=True)
def test_all_of_the_sound_is_heard(case: Path) -> None:
    heard = load_audio(case)
    assert len(heard) / RATE == pytest.approx(LENGTHS_S[case.name], abs=0.1)
    assert probe(case).duration_s == pytest.approx(len(heard) / RATE, abs=0.15)
    assert len(np.concatenate(list(stream_audio(case)))) == len(heard)
    assert not is_silent(heard[: len(heard) // 2]) and not is_silent(heard[len(heard) // 2 :])


@pytest.mark.parametrize("case", ["call_two_channels.wav"], indirect=True)
def test_a_caller_on_each_channel(
    case: Path, tmp_path: Path, published_whisper, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(published_whisper("whisper-tiny.en"))
    assert _run(["transcribe", str(case), "--model", model, "--channel", "each", "--out", str(tmp_path)]) == 0
    first, second = ((tmp_path / f"call_two_channels.ch{number}.txt").read_text(encoding="utf-8") for number in (1, 2))
    assert first and second and first != second
    capsys.readouterr()


@pytest.mark.parametrize("case", ["opposite_phase.flac"], indirect=True)
def test_opposite_phase_is_heard_and_noted(case: Path, published_whisper, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["transcribe", str(case), "--model", str(published_whisper("whisper-tiny.en"))]) == 0
    told = capsys.readouterr()
    assert len(told.out.split()) > 3 and "cancel each other out" in told.err
