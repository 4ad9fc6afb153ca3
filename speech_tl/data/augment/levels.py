"""How loud speech is while somebody speaks, and sounds mixed at a ratio to it."""

from __future__ import annotations

import numpy as np

from speech_tl.audio import is_silent
from speech_tl.data.augment.base import silent_speech

FRAME_S = 0.02
BELOW_LOUDEST_DB = 30.0
"""Frames further below the loudest one than this are pauses."""


def active_samples(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Which samples are speech: those of 20 ms frames within 30 dB of the loudest frame.

    A fixed distance below the speech itself, as the active level of ITU-T P.56 has it (there 15.9 dB below the mean
    of active speech; the loudest frame lies some 10 dB above that mean), so that gain changes nothing.

    Args:
        waveform: `(samples,)`.
        sample_rate: in Hz.

    Returns:
        bool `(samples,)`; all True for silence and for less than a frame.
    """
    frame = max(1, round(FRAME_S * sample_rate))
    whole = len(waveform) // frame * frame
    if not whole:
        return np.ones(len(waveform), bool)
    frames = waveform[:whole].reshape(-1, frame)
    powers = np.einsum("ij,ij->i", frames, frames)
    active = powers >= powers.max() * 10 ** (-BELOW_LOUDEST_DB / 10)
    return np.concatenate([np.repeat(active, frame), np.full(len(waveform) - whole, active[-1])])


def power(waveform: np.ndarray, active: np.ndarray | slice = slice(None)) -> float:
    """Mean square of the `active` samples of `(samples,)`."""
    return np.mean(waveform[active] ** 2)


def snr_db(speech: np.ndarray, noise: np.ndarray, sample_rate: int) -> float:
    """The ratio of speech to noise, both `(samples,)`, over the samples in which somebody speaks, in dB."""
    active = active_samples(speech, sample_rate)
    return float(10 * np.log10(power(speech, active) / power(noise, active)))


def mixed(speech: np.ndarray, noise: np.ndarray, snr_db: float, active: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Speech with noise added, both `(samples,)`, at a ratio of their powers over the `active` samples."""
    wanted = power(speech, active) / 10 ** (snr_db / 10)
    return speech + noise * np.sqrt(wanted / (power(noise, active) + 1e-12))


def audible(waveform: np.ndarray) -> np.ndarray:
    """The waveform itself.

    Raises:
        BadInput: nothing can be heard in it, so that there is no level to set another sound against.
    """
    if is_silent(waveform):
        raise silent_speech()
    return waveform


def within_full_scale(waveform: np.ndarray) -> np.ndarray:
    """The waveform, turned down where it would clip."""
    peak = np.abs(waveform).max(initial=0.0)
    return waveform / peak if peak > 1.0 else waveform


def trim_silence(waveform: np.ndarray, below_peak_db: float = 45.0) -> np.ndarray:
    """The waveform without what is more than `below_peak_db` under its peak at either end; (samples,) to (fewer,)."""
    loud = np.flatnonzero(np.abs(waveform) > np.abs(waveform).max(initial=0.0) * 10 ** (-below_peak_db / 20))
    return waveform[loud[0] : loud[-1] + 1] if len(loud) else waveform[:0]


def looped(waveform: np.ndarray, samples: int, fade: int) -> np.ndarray:
    """A sound made as long as need be by playing it again and again, each end cross-faded into the next beginning.

    Args:
        waveform: `(fewer or more,)`, at least 2 samples.
        samples: length of the result.
        fade: samples of the cross-fade, with constant power; at most half the sound.

    Returns:
        `(samples,)` of one that may be rotated anywhere without a click where it was repeated.
    """
    fade = min(fade, len(waveform) // 2)
    angle = np.linspace(0, np.pi / 2, fade, endpoint=False, dtype=waveform.dtype)
    round_trip = waveform[: len(waveform) - fade].copy()
    round_trip[:fade] = waveform[:fade] * np.sin(angle) + waveform[len(waveform) - fade :] * np.cos(angle)
    return np.resize(round_trip, samples)
