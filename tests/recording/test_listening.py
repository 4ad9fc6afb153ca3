"""What is said about a clip: good ones pass, each fault has its sentence."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from speech_tl.audio import load_audio
from speech_tl.recording.listening import listen
from tests.recording.made import PAUSE_S, clip
from tests.sounds import SAMPLE_RATE

SENTENCE = "turn the light on in the kitchen"


def problems(waveform: np.ndarray, sentence: str = SENTENCE, rate: int = SAMPLE_RATE) -> str:
    return " ".join(listen(waveform.astype(np.float32), rate, sentence).problems)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_a_good_clip_is_good_at_any_rate(rate: int):
    heard = listen(clip(rate=rate), rate, SENTENCE)
    assert heard.problems == () and heard.usable
    assert heard.duration_s == pytest.approx(2.0 + 2 * PAUSE_S)


def test_level_and_ratio_are_what_was_mixed():
    voiced, noise = clip(noise=0.0), 0.004 * np.random.default_rng(3).standard_normal(round(2.8 * SAMPLE_RATE))
    spoken = voiced[round(PAUSE_S * SAMPLE_RATE) : -round(PAUSE_S * SAMPLE_RATE)]
    level = 10 * np.log10(np.mean(spoken**2))
    heard = listen((voiced + noise).astype(np.float32), SAMPLE_RATE, SENTENCE)
    assert heard.level_db == pytest.approx(level, abs=1.0)
    assert heard.snr_db == pytest.approx(level - 20 * np.log10(0.004), abs=1.5)


def test_each_fault_has_its_sentence():
    good = clip()
    pause = round(PAUSE_S * SAMPLE_RATE)
    assert "Nothing was recorded" in problems(np.zeros(SAMPLE_RATE))
    assert "Nothing was recorded" in problems(np.zeros(0))
    assert "Too quiet" in problems(clip(gain=0.01, noise=1e-5))
    assert "clipped" in problems(clip(gain=20.0)) and "clipped" not in problems(clip(gain=1.5))
    assert (
        "Noisy" in problems(clip(noise=0.03))
        and "Noisy" in problems(clip(noise=0.006))
        and "Noisy" not in problems(clip(noise=0.002))
    )
    assert "cut off" not in problems(clip(noise=0.006)), "in noise nobody can tell"
    assert problems(clip(2.0), " ".join("abcdefghijklmnopqrstuvwxyzabcdefgh")) == "", "spaces are not said"
    assert "was all of the sentence said" in problems(clip(0.6))
    assert "long pause" in problems(clip(6.0), "yes")
    assert "beginning is cut off" in problems(good[pause + 2000 :])
    assert "end is cut off" in problems(good[: -pause - 2000])
    assert "Hardly anything" in problems(np.concatenate([good[:pause], good[pause : pause + 1600], good[:pause]]))


def test_silence_cannot_be_used_and_a_quiet_voice_can():
    assert not listen(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE, SENTENCE).usable
    assert listen(clip(gain=0.01), SAMPLE_RATE, SENTENCE).usable


def test_real_readers_pass(corpora):
    """Of 40 clips by a careful reader, with a moment of quiet around them, at most two are complained about."""
    folder = corpora / "german_kerstin"
    with open(folder / "manifest.csv", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "train"][:40]
    rng = np.random.default_rng(0)
    found = []
    for row in rows:
        waveform = np.pad(load_audio(folder / row["audio"]), round(PAUSE_S * SAMPLE_RATE))
        waveform = waveform + 1e-4 * rng.standard_normal(len(waveform))
        found.append(problems(waveform, row["text"]))
    assert sum(map(bool, found)) <= 2, found
