"""What happens to clean synthetic speech on its way to a recording: room, noise, narrow band, gain. numpy only."""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 16000


def trim_silence(waveform: np.ndarray, below_peak_db: float = 45.0) -> np.ndarray:
    """The waveform without what is more than `below_peak_db` under its peak at either end; (samples,) to (fewer,)."""
    loud = np.flatnonzero(np.abs(waveform) > np.abs(waveform).max(initial=0.0) * 10 ** (-below_peak_db / 20))
    return waveform[loud[0] : loud[-1] + 1] if len(loud) else waveform[:0]


def pad_randomly(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The waveform with 0.05 to 0.3 s of silence put at either end."""
    before, after = (rng.uniform(0.05, 0.3, 2) * SAMPLE_RATE).astype(int)
    return np.pad(waveform, (before, after))


def in_room(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The waveform heard in a simulated room: a direct path, then exponentially decaying noise (RT60 0.1 to 0.6 s)."""
    reverberation_s = rng.uniform(0.1, 0.6)
    times_s = np.arange(int(reverberation_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(times_s)) * 10 ** (-3 * times_s / reverberation_s)
    tail[: int(rng.uniform(0.001, 0.008) * SAMPLE_RATE)] = 0.0
    direct_to_tail_db = rng.uniform(0.0, 12.0)
    response = tail / np.sqrt(np.sum(tail**2)) * 10 ** (-direct_to_tail_db / 20)
    response[0] = 1.0
    size = 1 << (len(waveform) + len(response) - 1).bit_length()
    heard = np.fft.irfft(np.fft.rfft(waveform, size) * np.fft.rfft(response, size), size)
    return heard[: len(waveform)]


def noise_like(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise as long as the waveform: white, pink, brown, or babble of the waveform's own reversed, shifted copies."""
    kind = rng.choice(["white", "pink", "brown", "babble"])
    if kind == "babble":
        return sum(np.roll(waveform[::-1], rng.integers(len(waveform))) * rng.uniform(0.5, 1.0) for _ in range(5))
    spectrum = np.fft.rfft(rng.standard_normal(len(waveform)))
    slope = {"white": 0.0, "pink": 0.5, "brown": 1.0}[kind]
    hertz = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE)
    return np.fft.irfft(spectrum / np.maximum(hertz, 50.0) ** slope, len(waveform))


def add_noise(waveform: np.ndarray, rng: np.random.Generator, snr_db: float) -> np.ndarray:
    """The waveform with noise of a random kind at a signal-to-noise ratio (powers over the whole clip)."""
    noise = noise_like(waveform, rng)
    wanted = np.mean(waveform**2) / 10 ** (snr_db / 10)
    return waveform + noise * np.sqrt(wanted / (np.mean(noise**2) + 1e-12))


def shape_band(waveform: np.ndarray, rng: np.random.Generator, telephone: bool) -> np.ndarray:
    """The waveform through a telephone (300 to 3400 Hz), or with a random spectral tilt of up to 6 dB per octave."""
    spectrum = np.fft.rfft(waveform)
    hertz = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE)
    if telephone:
        gain = 1 / np.sqrt(1 + (300 / np.maximum(hertz, 1.0)) ** 8) / np.sqrt(1 + (hertz / 3400) ** 16)
    else:
        gain = (np.maximum(hertz, 100.0) / 1000) ** rng.uniform(-0.6, 0.6)
    return np.fft.irfft(spectrum * gain, len(waveform))


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
            waveform = in_room(waveform, rng)
        if rng.random() < 0.6:
            waveform = shape_band(waveform, rng, telephone=rng.random() < 0.25)
        if rng.random() < 0.7:
            waveform = add_noise(waveform, rng, snr_db=rng.uniform(5.0, 30.0))
    peak = 10 ** rng.uniform(np.log10(0.08), np.log10(0.95))
    return (waveform / (np.abs(waveform).max() + 1e-9) * peak).astype(np.float32)
