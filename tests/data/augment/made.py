"""What the tests of augmentation share: quiet speech, folders of noise, and one way to apply an effect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from speech_tl.audio import save_audio
from speech_tl.data.augment import Augmenter, AugmentOptions
from speech_tl.data.augment.base import Part
from speech_tl.data.manifest import Utterance
from tests.small import written
from tests.sounds import SAMPLE_RATE, voice


def spoken(seed: int = 0, level: float = 0.1) -> np.ndarray:
    """Two phrases with pauses around and between them, quiet enough for any noise to fit below full scale."""
    pause = 0.0003 * np.random.default_rng(seed).standard_normal(SAMPLE_RATE // 2).astype(np.float32)
    parts = [pause, voice(1.0, seed), pause, voice(0.6, seed + 1), pause]
    return (level * np.concatenate(parts)).astype(np.float32)


def burst(seed: int = 0) -> np.ndarray:
    """Half a second of noise within silence: nothing repeats in it, so that its place is plain to see."""
    noise = 0.1 * np.random.default_rng(seed).standard_normal(SAMPLE_RATE // 2)
    return np.pad(noise, (SAMPLE_RATE // 4, SAMPLE_RATE // 4)).astype(np.float32)


def heard(
    waveform: np.ndarray,
    draw: tuple[int, int, int] = (0, 0, 0),
    *,
    part: Part = "train",
    utterance: Utterance | None = None,
    voices: Sequence[Utterance] = (),
    snr_db: float | None = None,
    **effects: Any,
) -> tuple[np.ndarray, list[str]]:
    """The waveform through these effects, and what was done to it."""
    chain = Augmenter(AugmentOptions(**effects)).chain(part, voices, snr_db=snr_db)
    assert chain is not None
    return chain.heard(waveform, SAMPLE_RATE, draw, utterance)


def noise_folder(folder: Path, seconds: Sequence[float], splits: Sequence[str] = ()) -> Path:
    """Recordings of noise, each with a level of its own, and a manifest where there are splits."""
    rng = np.random.default_rng(len(seconds))
    rows = []
    for number, length_s in enumerate(seconds):
        path = folder / f"noise{number}.wav"
        noise = rng.standard_normal(round(length_s * SAMPLE_RATE)) * rng.uniform(0.002, 0.1)
        save_audio(path, noise.astype(np.float32), SAMPLE_RATE)
        rows.append({"audio": path.name, "label": "ab"[number % 2], "split": splits[number] if splits else ""})
    if splits:
        written(folder / "manifest.csv", rows)
    return folder


def lag(before: np.ndarray, after: np.ndarray) -> int:
    """By how many samples `after` comes later than `before`, where they are most alike."""
    size = 1 << (len(before) + len(after)).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(before, size).conj() * np.fft.rfft(after, size))
    at = int(np.argmax(np.abs(likeness)))
    return at if at < size // 2 else at - size
