"""Clips as a microphone would give them: something like a voice between two moments of background."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from tests.sounds import SAMPLE_RATE, voice

PAUSE_S = 0.4


def clip(seconds: float = 2.0, *, gain: float = 1.0, noise: float = 0.0005, seed: int = 0, rate: int = SAMPLE_RATE):
    """A voice of `seconds` with `PAUSE_S` of background at either end; float32 `(samples,)`."""
    pause = np.zeros(round(PAUSE_S * rate))
    spoken = np.concatenate([pause, gain * voice(seconds * rate / SAMPLE_RATE, seed), pause])
    background = noise * np.random.default_rng(seed).standard_normal(len(spoken))
    return np.clip(spoken + background, -1, 1).astype(np.float32)


def as_wav(waveform: np.ndarray, rate: int = SAMPLE_RATE) -> bytes:
    """A whole file of 16 bits."""
    stream = io.BytesIO()
    soundfile.write(stream, waveform, rate, format="WAV", subtype="PCM_16")
    return stream.getvalue()
