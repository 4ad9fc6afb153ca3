"""What serves and listens decodes as `transcribe` does."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from speech_tl.data.manifest import Manifest
from speech_tl.models.options import DecodingOptions
from speech_tl.transcribing.converted_whisper import ConvertedWhisper
from speech_tl.transcribing.recogniser import Recogniser, load_recogniser
from speech_tl.transcribing.segments import Segment
from speech_tl.transcribing.transcribe import transcribe
from tests.tiny import tiny_whisper

STARTERS = Path(__file__).parents[2] / "speech_tl" / "starters"


pytestmark = pytest.mark.usefixtures("empty_cache")


@pytest.fixture(scope="module")
def clips() -> Manifest:
    return Manifest.read(STARTERS / "quickstart" / "manifest.csv", split="test").sample(3, seed=2)


def said(recogniser: Recogniser, waveform: np.ndarray, temperature: float = 0.0) -> str:
    (segments,) = recogniser.transcribe_batch([Segment(0.0, len(waveform) / 16000, waveform)], temperature=temperature)
    return " ".join(segment.text for segment in segments)


def test_a_conversion_serves_from_the_first_sound_on(clips: Manifest, tmp_path: Path) -> None:
    folder = shutil.copytree(STARTERS / "whisper", tmp_path / "model")
    first = load_recogniser(str(folder))
    assert not isinstance(first.model, ConvertedWhisper)
    waveform = clips[0].load(16000)
    text = said(first, waveform)
    assert isinstance(first.model, ConvertedWhisper) and text == transcribe(str(folder), clips[0].audio).text != ""
    second = load_recogniser(str(folder))
    assert isinstance(second.model, ConvertedWhisper) and said(second, waveform) == text
    drawn = {said(second, waveform, temperature=1.0) for _ in range(5)}
    assert len(drawn) > 1 and said(second, waveform) == text, "a client's temperature is that client's alone"


def test_its_words_lie_where_they_are_said(clips: Manifest) -> None:
    recogniser = load_recogniser("starter-whisper")
    waveform = clips[0].load(16000)
    (segments,) = recogniser.transcribe_batch([Segment(5.0, 5.0 + len(waveform) / 16000, waveform)])
    words = [word for segment in segments for word in segment.words]
    times = [time for word in words for time in (word.start_s, word.end_s)]
    assert isinstance(recogniser.model, ConvertedWhisper) and len(words) > 2
    assert times == sorted(times) and len({*times}) > len(words)
    assert 5.0 <= times[0] < 6.0 and 5.5 < times[-1] <= 5.1 + len(waveform) / 16000


def test_who_chose_an_engine_keeps_it(clips: Manifest) -> None:
    recogniser = load_recogniser("starter-whisper", options=DecodingOptions(engine="torch"))
    assert said(recogniser, clips[0].load(16000)) and not isinstance(recogniser.model, ConvertedWhisper)


def test_what_cannot_be_converted_is_told_and_serves(
    tmp_path: Path, clips: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    recogniser = load_recogniser(str(tiny_whisper(tmp_path / "tiny")))
    recogniser.model.language = recogniser.model.network.generation_config.language = None
    said(recogniser, clips[0].load(16000))
    said(recogniser, clips[1].load(16000))
    told = capsys.readouterr().err.splitlines()
    assert not isinstance(recogniser.model, ConvertedWhisper)
    assert len(told) == 1 and "is decoded by torch" in told[0]
