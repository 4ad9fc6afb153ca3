"""Where somebody speaks: silero-vad (https://github.com/snakers4/silero-vad, MIT), the only judge of that.

Its network hears 32 ms at a time and the 4 ms before them: magnitudes of a short-time Fourier transform, four
convolutions, an LSTM that remembers, a probability of speech. The package calls it frame by frame through torch; here
onnxruntime gives the package's network all frames of a block at once, and the probabilities are the same.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

RATE = 16000
FRAME_SAMPLES, CONTEXT_SAMPLES = 512, 64
"""What the network hears at a time, and what of the sound before, in samples at `RATE`."""

FRAME_S = FRAME_SAMPLES / RATE

THRESHOLD = 0.5
"""Speech begins at this probability, as published."""

HYSTERESIS = 0.15
"""It goes on until the probability is so far below, as published."""

AT_ONCE = 1024
"""Frames in one pass: half a minute."""


def checked_threshold(threshold: float | None) -> float | None:
    """A threshold that can be used; None is no detector at all.

    Raises:
        BadInput: it is no probability.
    """
    if threshold is not None and not 0 < threshold < 1:
        raise BadInput(
            f"vad_threshold={threshold:g}: speech begins at a probability between 0 and 1 ({THRESHOLD:g} unless said)"
        )
    return threshold


def asked_threshold(threshold: float | None, none: bool) -> float | None:
    """What a user asks for: a threshold (None is the usual one), or `none`, no detector at all.

    Raises:
        BadInput: both, or a threshold that is no probability.
    """
    if none and threshold is not None:
        raise BadInput(f"--no-vad looks for no speech, --vad-threshold {threshold:g} says how: leave one out")
    return None if none else checked_threshold(THRESHOLD if threshold is None else threshold)


class VoiceActivity:
    """Marks the frames of one stream of sound as speech or not, from what came before alone.

    Attributes:
        frame: samples of a frame, `FRAME_S` of the stream.
    """

    def __init__(self, sample_rate: int = RATE, threshold: float | None = THRESHOLD) -> None:
        """A stream of `sample_rate` samples a second; None as threshold marks everything.

        Raises:
            BadInput: the threshold is no probability.
        """
        self.frame = round(FRAME_S * sample_rate)
        self.threshold = checked_threshold(threshold)
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._state = [np.zeros((1, 1, 128), np.float32)] * 2  # of the LSTM
        self._speaking = False

    def mark(self, waveform: np.ndarray) -> np.ndarray:
        """Whether each frame holds speech, bool `(frames,)`.

        Args:
            waveform: float32 mono `(samples,)`, which follows what was given before; a last frame that is not whole is
                filled up with silence, and nothing may follow it.
        """
        if self.threshold is None:
            return np.ones(-(-len(waveform) // self.frame), dtype=bool)
        active = np.zeros(-(-len(waveform) // self.frame), dtype=bool)
        for index, probability in enumerate(self.probabilities(waveform)):
            above = self.threshold - HYSTERESIS if self._speaking else self.threshold
            active[index] = self._speaking = bool(probability >= max(above, 0.01))
        return active

    def probabilities(self, waveform: np.ndarray) -> np.ndarray:
        """The probability of speech in each frame, float32 `(frames,)`; `waveform` as for `mark`."""
        frames = -(-len(waveform) // self.frame)
        if not frames:
            return np.zeros(0, np.float32)
        whole = np.pad(waveform.astype(np.float32, copy=False), (0, frames * self.frame - len(waveform)))
        if self.frame != FRAME_SAMPLES:
            whole = _resampled(whole, self.frame, frames * FRAME_SAMPLES)
        sound = np.concatenate([self._context, whole])
        self._context = whole[-CONTEXT_SAMPLES:].copy()
        heard = np.lib.stride_tricks.sliding_window_view(sound, FRAME_SAMPLES + CONTEXT_SAMPLES)[::FRAME_SAMPLES]
        found = []
        for first in range(0, frames, AT_ONCE):
            given = {"input": heard[first : first + AT_ONCE], "h": self._state[0], "c": self._state[1]}
            probabilities, *self._state = _network().run(None, given)
            found.append(probabilities)
        return np.concatenate(found)


def _resampled(waveform: np.ndarray, frame: int, samples: int) -> np.ndarray:
    """Frames of `frame` samples as frames of `FRAME_SAMPLES`, exactly `samples` in all."""
    import soxr

    found = soxr.resample(waveform, frame, FRAME_SAMPLES)[:samples]
    return np.pad(found, (0, samples - len(found))).astype(np.float32)


@cache
def _network() -> InferenceSession:
    """The package's network for sound at `RATE` that hears frames in a row, on one core."""
    import importlib.util
    from pathlib import Path

    from onnxruntime import InferenceSession, SessionOptions

    # the package itself is not imported: its modules import torch and set its number of threads
    (folder,) = importlib.util.find_spec("silero_vad").submodule_search_locations
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    network = Path(folder) / "data" / "silero_vad_16k_sequence.onnx"
    return InferenceSession(network, options, providers=["CPUExecutionProvider"])
