"""What a recording goes through after the microphone: level, clipping, a telephone line, a lossy codec."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from speech_tl.audio.coding import round_trip
from speech_tl.data.augment.base import Apply, Effect, Opening, PositiveRange, Range, Scene, ShareRange, Sounds

MU = 255
TELEPHONE_HZ = 8000


class Plain(Effect):
    """An effect that needs no recordings."""

    def opened(self, opening: Opening, sounds: Sounds) -> Apply:
        """The effect's own method."""
        return self.apply

    def apply(self, waveform: np.ndarray, scene: Scene) -> tuple[np.ndarray, str]:
        """The changed waveform, as long as it was, and what was done."""
        raise NotImplementedError


class Gain(Plain):
    """Louder or quieter as a whole; never beyond full scale.

    Attributes:
        gain_db: by how much, in dB.
    """

    gain_db: Range = (-15.0, 6.0)

    def apply(self, waveform: np.ndarray, scene: Scene) -> tuple[np.ndarray, str]:
        """The waveform with another level."""
        peak = np.abs(waveform).max(initial=0.0)
        room_db = -20 * np.log10(max(peak, 1e-9))
        gain_db = min(float(scene.rng.uniform(*self.gain_db)), max(0.0, float(room_db)))
        return waveform * np.float32(10 ** (gain_db / 20)), f"gain {gain_db:+.1f} dB"


class Clipping(Plain):
    """An overdriven microphone: the loudest samples are cut off.

    Attributes:
        samples_share: the share of the samples that is cut off.
    """

    samples_share: ShareRange = (0.001, 0.02)

    def apply(self, waveform: np.ndarray, scene: Scene) -> tuple[np.ndarray, str]:
        """The waveform without its peaks, at the level it had."""
        share = float(scene.rng.uniform(*self.samples_share))
        limit = np.quantile(np.abs(waveform), 1 - share)
        return np.clip(waveform, -limit, limit).astype(waveform.dtype, copy=False), f"{share:.1%} clipped"


class Telephone(Plain):
    """A telephone line: a narrow band, 8 kHz, and 8 bits by the mu-law of ITU-T G.711.

    Attributes:
        band_hz: what the line lets through, in Hz.
        mu_law: whether samples are coded with 8 bits, with mu = 255 (North America, Japan; A-law sounds alike).
    """

    band_hz: PositiveRange = (300.0, 3400.0)
    mu_law: bool = True

    @model_validator(mode="after")
    def _below_half_the_rate(self) -> Telephone:
        if self.band_hz[1] >= TELEPHONE_HZ / 2:
            raise ValueError(f"band_hz must end below {TELEPHONE_HZ // 2} Hz: a telephone samples at {TELEPHONE_HZ} Hz")
        return self

    def apply(self, waveform: np.ndarray, scene: Scene) -> tuple[np.ndarray, str]:
        """The waveform at the other end of the line."""
        import soxr

        narrow = band_passed(waveform, scene.sample_rate, *self.band_hz)
        narrow = soxr.resample(narrow.astype(np.float32), scene.sample_rate, TELEPHONE_HZ)
        if self.mu_law:
            narrow = mu_law(narrow)
        heard = soxr.resample(narrow, TELEPHONE_HZ, scene.sample_rate)
        return as_long_as(waveform, heard), "telephone"


class Codec(Plain):
    """A lossy codec there and back: a voice message, a video call, a podcast.

    Attributes:
        codecs: "opus" and "mp3"; each is as likely.
        bit_rate_kbps: thousand bits a second.
    """

    codecs: list[Literal["opus", "mp3"]] = Field(["opus", "mp3"], min_length=1)
    bit_rate_kbps: PositiveRange = (8.0, 32.0)

    def apply(self, waveform: np.ndarray, scene: Scene) -> tuple[np.ndarray, str]:
        """The waveform after the codec."""
        codec = self.codecs[int(scene.rng.integers(len(self.codecs)))]
        kbps = float(scene.rng.uniform(*self.bit_rate_kbps))
        heard = round_trip(waveform, scene.sample_rate, codec, round(1000 * kbps))
        return as_long_as(waveform, heard), f"{codec} at {kbps:.0f} kbit/s"


def band_passed(waveform: np.ndarray, sample_rate: int, low_hz: float, high_hz: float) -> np.ndarray:
    """The waveform `(samples,)` without what is below and above, by Butterworth slopes (order 4 and 8), no delay."""
    spectrum = np.fft.rfft(waveform)
    hertz = np.fft.rfftfreq(len(waveform), 1 / sample_rate)
    gain = 1 / np.sqrt(1 + (low_hz / np.maximum(hertz, 1.0)) ** 8) / np.sqrt(1 + (hertz / high_hz) ** 16)
    return np.fft.irfft(spectrum * gain, len(waveform))


def mu_law(waveform: np.ndarray) -> np.ndarray:
    """The waveform `(samples,)`, within full scale, after 8 bits of mu-law (ITU-T G.711's curve, continuous)."""
    squeezed = np.sign(waveform) * np.log1p(MU * np.minimum(np.abs(waveform), 1.0)) / np.log1p(MU)
    coded = np.round((squeezed + 1) / 2 * MU) / MU * 2 - 1
    return (np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(MU)) / MU).astype(np.float32)


def as_long_as(waveform: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """What was heard `(about as many,)`, cut or filled with zeros to the waveform's length, and of its type."""
    missing = len(waveform) - len(heard)
    heard = np.pad(heard, (0, missing)) if missing > 0 else heard[: len(waveform)]
    return heard.astype(waveform.dtype, copy=False)
