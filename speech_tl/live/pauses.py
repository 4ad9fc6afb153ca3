"""Whether somebody speaks, frame by frame while the sound comes: levels over the noise of the last seconds."""

from __future__ import annotations

import numpy as np

FRAME_S = 0.02

NOISE_S = 10.0
"""The noise floor is the quietest twentieth of so many seconds."""

SILENCE_DB = -65.0
"""Nothing below this is speech, whatever else was heard."""

ABOVE_NOISE_DB, SHARE_OF_RANGE = 9.0, 0.35
"""Speech is so far above the noise, or so far into the range between noise and speech where that is small."""

FLAT_DB, FLAT_SPEECH_DB = 6.0, -40.0
"""Where levels differ by less, there is either no speech yet, or it began with the first sample: then it is loud."""

HYSTERESIS_DB = 3.0


def levels_db(waveform: np.ndarray, frame: int) -> np.ndarray:
    """The level of each whole frame of so many samples, in dB below full scale, without a microphone's offset."""
    frames = waveform[: len(waveform) // frame * frame].reshape(-1, frame)
    return 20.0 * np.log10(np.maximum(frames.std(axis=1), 1e-6))


class PauseDetector:
    """Marks frames of `FRAME_S` as speech or not, from the past alone."""

    def __init__(self, sample_rate: int) -> None:
        """At so many samples a second."""
        self.frame = round(FRAME_S * sample_rate)
        self._recent = np.zeros(0)
        self._speaking = False

    def mark(self, waveform: np.ndarray) -> np.ndarray:
        """Whether each whole frame of `waveform` `(samples,)`, which follows what was given before, holds speech."""
        levels = levels_db(waveform, self.frame)
        self._recent = np.concatenate([self._recent, levels])[-round(NOISE_S / FRAME_S) :]
        on = self._threshold_db()
        active = np.zeros(len(levels), dtype=bool)
        for index, level in enumerate(levels):
            self._speaking = bool(level > (on - HYSTERESIS_DB if self._speaking else on))
            active[index] = self._speaking
        return active

    def _threshold_db(self) -> float:
        if not len(self._recent):
            return SILENCE_DB
        noise, loud = np.percentile(self._recent, [5, 95])
        if loud - noise < FLAT_DB:
            return FLAT_SPEECH_DB
        return max(SILENCE_DB, noise + min(ABOVE_NOISE_DB, SHARE_OF_RANGE * (loud - noise)))
