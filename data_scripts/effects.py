"""What happens to clean synthetic speech on its way to a recording: room, noise, narrow band, gain.

The effects are those of `speech_tl.data.augment`; what is chosen here, and in which order chance is asked, makes the
synthesiser's clips what they are for a seed.
"""

from __future__ import annotations

import numpy as np

from speech_tl.data.augment.channel import band_passed
from speech_tl.data.augment.levels import mixed, trim_silence
from speech_tl.data.augment.noise import coloured_noise, own_babble
from speech_tl.data.augment.rooms import convolved, decaying_response

__all__ = ["SAMPLE_RATE", "add_noise", "record", "trim_silence"]

SAMPLE_RATE = 16000


def pad_randomly(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The waveform with 0.05 to 0.3 s of silence put at either end."""
    before, after = (rng.uniform(0.05, 0.3, 2) * SAMPLE_RATE).astype(int)
    return np.pad(waveform, (before, after))


def add_noise(waveform: np.ndarray, rng: np.random.Generator, snr_db: float) -> np.ndarray:
    """The waveform with noise of a random kind at a signal-to-noise ratio (powers over the whole clip)."""
    kind = rng.choice(["white", "pink", "brown", "babble"])
    if kind == "babble":
        return mixed(waveform, own_babble(waveform, rng), snr_db)
    return mixed(waveform, coloured_noise(len(waveform), kind, rng, SAMPLE_RATE), snr_db)


def shape_band(waveform: np.ndarray, rng: np.random.Generator, telephone: bool) -> np.ndarray:
    """The waveform through a telephone (300 to 3400 Hz), or with a random spectral tilt of up to 6 dB per octave."""
    if telephone:
        return band_passed(waveform, SAMPLE_RATE, 300, 3400)
    hertz = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE)
    tilt = (np.maximum(hertz, 100.0) / 1000) ** rng.uniform(-0.6, 0.6)
    return np.fft.irfft(np.fft.rfft(waveform) * tilt, len(waveform))


def record(waveform: np.ndarray, rng: np.random.Generator, clean_share: float) -> np.ndarray:
    """One recording of clean speech: half-silent ends, then with luck nothing but a gain, else room, band and noise.

    Args:
        waveform: trimmed speech at 16 kHz, (samples,).
        rng: where all chance comes from.
        clean_share: the share of recordings that stay clean.

    Returns:
        float32 (samples + padding,), its peak between 0.08 and 0.95.
    """
    waveform = pad_randomly(waveform.astype(np.float64), rng)
    if rng.random() >= clean_share:
        if rng.random() < 0.5:
            waveform = convolved(waveform, decaying_response(rng, SAMPLE_RATE)[0])
        if rng.random() < 0.6:
            waveform = shape_band(waveform, rng, telephone=rng.random() < 0.25)
        if rng.random() < 0.7:
            waveform = add_noise(waveform, rng, snr_db=rng.uniform(5.0, 30.0))
    peak = 10 ** rng.uniform(np.log10(0.08), np.log10(0.95))
    return (waveform / (np.abs(waveform).max() + 1e-9) * peak).astype(np.float32)
