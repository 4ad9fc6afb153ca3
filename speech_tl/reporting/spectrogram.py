"""Spectrograms as pictures, one above the other on the same scales."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np

WINDOW_S, STEP_S = 0.025, 0.010
RANGE_DB = 80.0
LETTERS = 110


def spectrogram_db(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Power of a waveform `(samples,)` in dB below its loudest point, `(frequencies, frames)`, at least -80.

    Windows of 25 ms (Hann), one every 10 ms.
    """
    window, step = round(WINDOW_S * sample_rate), round(STEP_S * sample_rate)
    padded = np.pad(waveform, (window // 2, window))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[: len(waveform) : step]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) ** 2
    return np.clip(10 * np.log10(power / max(power.max(), 1e-20) + 1e-12), -RANGE_DB, 0).T


def spectrograms(waveforms: Mapping[str, np.ndarray], sample_rate: int) -> bytes:
    """A PNG with one spectrogram for each of `waveforms` `(samples,)`, by title; all from 0 s to the longest's end."""
    from matplotlib.figure import Figure

    longest_s = max(len(waveform) for waveform in waveforms.values()) / sample_rate
    figure = Figure(figsize=(9, 2.6 * len(waveforms)), dpi=100, layout="constrained")
    axes = figure.subplots(len(waveforms), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (title, waveform) in zip(axes, waveforms.items(), strict=True):
        seconds = len(waveform) / sample_rate
        picture = axis.imshow(
            spectrogram_db(waveform, sample_rate),
            origin="lower",
            aspect="auto",
            extent=(0, seconds, 0, sample_rate / 2000),
            vmin=-RANGE_DB,
            vmax=0,
            cmap="magma",
        )
        shown = title if len(title) <= LETTERS else f"{title[: LETTERS - 1]}…"
        axis.set_title(shown, fontsize=9, loc="left", parse_math=False)
        axis.set_ylabel("kHz")
        axis.set_xlim(0, longest_s)
    axes[-1].set_xlabel("seconds")
    figure.colorbar(picture, ax=list(axes), label="dB below the loudest", shrink=0.8)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
