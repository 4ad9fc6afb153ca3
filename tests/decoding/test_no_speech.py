"""Text where nobody spoke: taken away, and only there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from speech_tl.data.manifest import Manifest
from speech_tl.decoding import no_speech
from speech_tl.decoding.words import decode_words
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from tests.sounds import voice

CRIES = ("esc10_baby_cry_3-151080-A", "esc10_dog_bark_3-136288-A")
"""Clips of which tiny.en writes "AHHHH" and "You"."""


def test_noise_gets_no_text_and_speech_beside_it_keeps_its_own(
    published_whisper: Callable[[str], Path], corpora: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(published_whisper("whisper-tiny.en"), device="cpu")
    noise = Manifest.read(corpora / "noise" / "manifest.csv")
    cries = [row.load(16000) for row in noise if Path(row.audio).stem in CRIES]
    assert len(cries) == len(CRIES)
    spoken = Manifest.read(corpora / "librispeech_mini" / "manifest.csv", split="dev").sample(1, seed=5)[0].load(16000)
    found = decode_words(model, [*cries, spoken], DecodingOptions(workers=0))
    assert found[:-1] == [("", [])] * len(cries)
    monkeypatch.setattr(no_speech, "MOST_NO_SPEECH", 1.0)
    free = decode_words(model, [*cries, spoken], DecodingOptions(workers=0))
    assert all(text for text, _ in free) and free[-1] == found[-1]


def test_what_is_probable_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model("starter-whisper", language="en", device="cpu")
    batch = model.collate([model.features(voice(seconds)) for seconds in (2.0, 1.0)], None)
    both = model.no_speech(batch, [0, 1])
    assert all(0 <= probability <= 1 for probability in both)
    alone = model.collate([model.features(voice(1.0))], None)
    assert model.no_speech(alone, [0]) == pytest.approx(both[1:], abs=1e-5)
    asked: list[int] = []
    monkeypatch.setattr(no_speech, "LEAST_LOG_PROBABILITY", -np.inf)
    found = model.transcribe_words(batch, DecodingOptions())

    def ask(rows: Sequence[int]) -> list[float]:
        asked.extend(rows)
        return model.no_speech(batch, rows)

    assert no_speech.without_noise(found, model.durations_s(batch), ask) == found and not asked
