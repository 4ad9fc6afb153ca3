"""The engine that nobody chose: CTranslate2 for transcribing on a CPU, from conversions that are kept."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch

from speech_tl.data.manifest import Manifest
from speech_tl.decoding.decode import decode
from speech_tl.errors import BadInput
from speech_tl.models import converted, engine
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.models.whisper import WhisperModel
from speech_tl.transcribing.transcribe import transcribe
from speech_tl.user_cache import CACHE_VARIABLE

QUICKSTART = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart" / "manifest.csv"


@pytest.fixture
def whisper() -> WhisperModel:
    return load_model("starter-whisper", language="en", device="cpu")


@pytest.fixture(scope="module")
def clip() -> Path:
    return Manifest.read(QUICKSTART, split="test")[0].audio


def never(*_: object) -> None:
    raise AssertionError("converted again")


def test_a_conversion_serves_every_process_and_is_checked_once(
    empty_cache: Path, whisper: WhisperModel, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_torch = transcribe(whisper, clip, options=DecodingOptions(engine="torch"))
    assert not empty_cache.exists()
    first = transcribe(whisper, clip)
    assert first.text[:20] == by_torch.text[:20] and not first.transcripts[0].notes
    (place,) = empty_cache.iterdir()
    assert {file.name for file in place.iterdir()} >= {"model.bin", converted.CHECKED, converted.FILTERS}
    monkeypatch.setattr(engine, "_convert", never)
    monkeypatch.setattr(WhisperModel, "_tokens_of", never)
    assert transcribe(load_model("starter-whisper", language="en", device="cpu"), clip).text == first.text


def test_figures_are_measured_with_the_model_itself(empty_cache: Path, whisper: WhisperModel, clip: Path) -> None:
    transcribe(whisper, clip)
    decode(whisper, Manifest.read(QUICKSTART, split="test").select([0]))
    assert whisper.engine is None


def test_other_weights_have_another_name(whisper: WhisperModel) -> None:
    before = converted.fingerprint(whisper, "int8")
    whisper.network.config.decoding_audio_context = {"at_most_s": 1.0}
    assert converted.fingerprint(whisper, "int8") == before != converted.fingerprint(whisper, "float32")
    with torch.no_grad():
        whisper.network.model.decoder.layers[0].fc2.bias[0] += 1
    assert converted.fingerprint(whisper, "int8") != before


def test_a_folder_that_cannot_be_used_is_done_without(
    empty_cache: Path, whisper: WhisperModel, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = transcribe(whisper, clip).text
    (place,) = empty_cache.iterdir()
    (place / "model.bin").write_bytes(b"damaged")
    assert transcribe(whisper, clip).text == expected
    monkeypatch.setenv(CACHE_VARIABLE, str(clip))  # a file
    assert transcribe(whisper, clip).text == expected


def test_the_conversions_used_last_are_kept(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converted, "KEPT_MODELS", 2)
    for seconds_ago, name in ((30, "a"), (20, "b"), (10, "c")):
        assert converted.through_cache(name, Path.mkdir, lambda place: place.name) == name
        os.utime(empty_cache / name, (time.time() - seconds_ago,) * 2)
    assert sorted(place.name for place in empty_cache.iterdir()) == ["b", "c"]


def test_what_cannot_be_converted_is_decoded_by_torch_and_said(
    empty_cache: Path, whisper: WhisperModel, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise BadInput("engine ctranslate2 cannot take it")

    monkeypatch.setattr(engine, "_convert", refuse)
    found = transcribe(whisper, clip)
    assert whisper.engine is None
    assert found.text == transcribe(whisper, clip, options=DecodingOptions(engine="torch")).text
    assert "is decoded by torch, which takes longer" in found.transcripts[0].notes[0]


def test_eight_bits_are_the_engines() -> None:
    with pytest.raises(ValueError, match="int8 is for engine ctranslate2"):
        DecodingOptions(precision="int8")
