"""Whisper's log-mel spectrogram in numpy: what its published feature extractor computes, where torch is not loaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_tl.models.audio_context import AudioContext

FLOOR, RANGE_DB = 1e-10, 8.0
"""Least power, and how far below the loudest frame anything counts, in powers of ten, as published."""


@dataclass(frozen=True)
class LogMel:
    """Waveforms -> frames (Radford et al. 2023, arXiv 2212.04356, section 2.2).

    Attributes:
        filters: of the mel bins `(n_fft // 2 + 1, mels)`.
        sample_rate: Hz.
        n_fft: samples of a frame.
        hop_length: samples from one frame to the next.
        full_frames: frames of the window that the network was made for.
    """

    filters: np.ndarray
    sample_rate: int
    n_fft: int
    hop_length: int
    full_frames: int

    @property
    def frames_a_second(self) -> int:
        """Frames of one second."""
        return self.sample_rate // self.hop_length

    def own_frames(self, samples: int) -> int:
        """Frames of a clip and the little silence behind it, see `mel_and_silence`."""
        return min((samples + self.n_fft) // self.hop_length + 2, self.full_frames)

    def window_frames(self, own_frames: int, context: AudioContext) -> int:
        """Frames of the window that a clip with so many gets."""
        return 2 * context.positions(-(-own_frames // 2), self.full_frames // 2)

    def mel_and_silence(self, waveform: np.ndarray) -> tuple[np.ndarray, float]:
        """`(mels, frames)` of a clip `(samples,)`, and the value of the padding that follows it.

        The published extractor pads with zeros to the whole window first. Here a clip gets a little more than one frame
        of zeros, whose last frame holds the padding's value: the same numbers from the frames that a clip needs.
        """
        longest = self.full_frames * self.hop_length
        waveform = np.asarray(waveform[:longest], np.float32)
        silence = min(self.n_fft + 2 * self.hop_length, longest - len(waveform))
        half = self.n_fft // 2
        sound = np.pad(np.pad(waveform, (0, silence)), half, mode="reflect")
        count = (len(waveform) + silence) // self.hop_length
        frames = np.lib.stride_tricks.sliding_window_view(sound, self.n_fft)[:: self.hop_length][:count]
        window = np.hanning(self.n_fft + 1)[:-1].astype(np.float32)
        spectrum = np.fft.rfft(frames * window, axis=-1)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        mel = np.log10(np.maximum(power @ self.filters, FLOOR)).T
        mel = (np.maximum(mel, mel.max() - RANGE_DB) + 4.0) / 4.0
        return mel[:, : self.full_frames].astype(np.float32), float(mel[:, -1].max())

    def windows(self, clips: list[tuple[np.ndarray, float]], frames: int) -> np.ndarray:
        """Clips as `mel_and_silence` has them, in windows of so many frames `(clips, mels, frames)`."""
        found = np.empty((len(clips), self.filters.shape[1], frames), np.float32)
        for row, (mel, silence) in zip(found, clips, strict=True):
            own = min(mel.shape[1], frames)
            row[:, :own], row[:, own:] = mel[:, :own], silence
        return found
