"""Sounds made on the spot that are more like a voice than white noise is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16000


def voice(seconds: float, seed: int = 0) -> np.ndarray:
    """Harmonics of a gliding pitch in syllables, with some breath; float32 `(samples,)`."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = rng.uniform(90, 220) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.3, 1) * time_s))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    buzz = sum(rng.uniform(0.1, 1) / k * np.sin(k * phase + rng.uniform(0, 6)) for k in range(1, 16))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * rng.uniform(2, 5) * time_s + rng.uniform(0, 6))
    breath = 0.05 * rng.standard_normal(len(time_s))
    return (0.1 * (buzz * syllables + breath)).astype(np.float32)


@cache
def _clips() -> tuple[np.ndarray, ...]:
    """The quickstart's synthesised sentences, without the quiet around them and all equally loud."""
    from speech_tl.audio import load_audio

    found = []
    for file in sorted((Path(__file__).parents[1] / "speech_tl/starters/quickstart/audio").rglob("*.ogg"))[:40]:
        clip = load_audio(file, SAMPLE_RATE)
        loud = np.flatnonzero(np.abs(clip) > 0.05 * np.abs(clip).max())
        spoken = clip[loud[0] : loud[-1] + 1]
        found.append((0.1 * spoken / spoken.std()).astype(np.float32))
    return tuple(found)


def talking(seconds: float, seed: int = 0) -> np.ndarray:
    """Synthesised speech without a pause, which a voice activity detector takes for speech; float32 `(samples,)`."""
    parts, samples, clips = [], 0, _clips()
    while samples < seconds * SAMPLE_RATE:
        parts.append(clips[(seed + len(parts)) % len(clips)])
        samples += len(parts[-1])
    return np.concatenate(parts)[: round(seconds * SAMPLE_RATE)]
