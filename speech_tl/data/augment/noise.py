"""Noise behind speech: recordings, generated noise, or other people talking, at a chosen ratio to the speech."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from speech_tl.data.augment.base import Apply, Effect, Folders, Opening, Progress, Range, Scene
from speech_tl.data.augment.levels import active_samples, audible, looped, mixed, power, within_full_scale
from speech_tl.data.augment.sounds import FADE_S, SoundBank, part_of, read_sounds
from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.errors import BadInput

Kind = Literal["white", "pink", "brown", "babble"]

SLOPES = {"white": 0.0, "pink": 0.5, "brown": 1.0}
"""By which power of the frequency amplitudes fall: 0, 3 and 6 dB per octave."""

FLATTENED_BELOW_HZ = 50.0
VOICES_KEPT = 256
WEAK = 0.01
"""A stretch whose power while somebody speaks is less than this share of its power as a whole is moved."""

OPTION = "noise.folders"


_Voices = Annotated[int, Field(ge=1, le=100)]


class Noise(Effect):
    """Noise added at a signal-to-noise ratio over the samples in which somebody speaks.

    For each utterance one source is drawn, all folders and kinds equally likely, and a stretch of it; a recording that
    is shorter than the speech is looped with a cross-fade. Where speech and noise together would clip, both are turned
    down. Recordings have parts of their own for train, dev and test, so that what a test hears training never did.

    Attributes:
        folders: folders of recordings, or manifests of them (`split` says which part may hear which).
        where: keep recordings with these values in their manifests, e.g. {label: rain}.
        generated: "white", "pink" (3 dB less per octave), "brown" (6 dB less), or "babble": several other utterances
            of the same part at once.
        snr_db: the ratio of the powers of speech and noise, in dB.
        babble_voices: how many voices babble has, fewest and most.
    """

    folders: Folders = Field([])
    where: dict[str, Any] = Field({})
    generated: list[Kind] = Field([])
    snr_db: Range = (0.0, 20.0)
    babble_voices: tuple[_Voices, _Voices] = (4, 8)

    @model_validator(mode="after")
    def _some_source(self) -> Noise:
        if not self.folders and not self.generated:
            raise ValueError('noise needs a source: folders=["DIR"], or generated=["white", "pink", "babble"]')
        if self.babble_voices[0] > self.babble_voices[1]:
            raise ValueError(f"babble_voices are (fewest, most), not {self.babble_voices}")
        return self

    def sounds(self, progress: Progress | None = None) -> list[Manifest]:
        """The recordings of all folders."""
        return read_sounds(self.folders, self.where, OPTION, progress)

    def opened(self, opening: Opening, sounds: list[Manifest]) -> Apply:
        """Noise for the utterances of one part."""
        return NoiseSources(self, opening, sounds)


class NoiseSources:
    """Where noise comes from for one part of the data; what `Noise` describes."""

    def __init__(self, options: Noise, opening: Opening, sounds: list[Manifest]) -> None:
        """Keep the part's recordings and voices."""
        self.options, rate = options, opening.sample_rate
        self.snr_db = options.snr_db if opening.snr_db is None else (opening.snr_db, opening.snr_db)
        self.sources: list[SoundBank | str] = [
            *(SoundBank(part_of(manifest, opening.part, OPTION), rate) for manifest in sounds),
            *options.generated,
        ]
        self.voices = SoundBank(_some_of(opening.voices, opening.seed), rate)

    def __call__(self, waveform: np.ndarray, scene: Scene) -> tuple[np.ndarray, str]:
        """The waveform with noise from one source, and which at what ratio."""
        active = active_samples(audible(waveform), scene.sample_rate)
        snr_db = float(scene.rng.uniform(*self.snr_db))
        source = self.sources[int(scene.rng.integers(len(self.sources)))]
        noise, name = self._drawn(source, waveform, scene)
        noise = _heard_during(noise.astype(waveform.dtype, copy=False), active, scene.rng)
        heard = within_full_scale(mixed(waveform, noise, snr_db, active))
        return heard, f"{name} at {snr_db:.1f} dB SNR"

    def _drawn(self, source: SoundBank | str, waveform: np.ndarray, scene: Scene) -> tuple[np.ndarray, str]:
        """Noise as long as the waveform, and what it is."""
        if isinstance(source, SoundBank):
            noise, utterance = source.stretch(len(waveform), scene.rng)
            return noise, Path(utterance.audio).name
        if source != "babble":
            return coloured_noise(len(waveform), source, scene.rng, scene.sample_rate), f"{source} noise"
        fewest, most = self.options.babble_voices
        number = int(scene.rng.integers(fewest, most + 1))
        others = _others(self.voices, scene, number)
        if not others:
            return own_babble(waveform, scene.rng), "babble of the speaker's own reversed voice"
        return babble(others, len(waveform), scene.rng, scene.sample_rate), f"babble of {len(others)} voices"


def coloured_noise(samples: int, colour: str, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    """Gaussian noise `(samples,)` whose spectrum falls as `SLOPES` says (flat below 50 Hz), of no certain level."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / sample_rate)
    return np.fft.irfft(spectrum / np.maximum(hertz, FLATTENED_BELOW_HZ) ** SLOPES[colour], samples)


def own_babble(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Babble where there is but one voice: five reversed, shifted copies of it; `(samples,)`."""
    copies = (np.roll(waveform[::-1], rng.integers(len(waveform))) * rng.uniform(0.5, 1.0) for _ in range(5))
    return sum(copies, np.zeros(1))


def babble(voices: Sequence[np.ndarray], samples: int, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    """Voices `(any,)` at once, equally loud while they speak, each looped from anywhere; `(samples,)`."""
    together = np.zeros(samples, np.float32)
    for voice in voices:
        whole = looped(voice, max(samples, len(voice)), round(FADE_S * sample_rate))
        level = np.sqrt(power(voice, active_samples(voice, sample_rate)))
        together += np.roll(whole, int(rng.integers(len(whole))))[:samples] / level
    return together


def _others(bank: SoundBank, scene: Scene, number: int) -> list[np.ndarray]:
    """Up to `number` different voices that are not the speaker of this utterance and can be heard."""
    own, found = scene.utterance, []
    for index in scene.rng.permutation(len(bank))[: 4 * number].tolist():
        other = bank.recordings[index]
        if own is not None and (other.audio == own.audio or (own.speaker and other.speaker == own.speaker)):
            continue
        with suppress(BadInput):  # of train only the headers were looked at
            found.append(bank.whole(other))
        if len(found) == number:
            break
    return found


def _some_of(voices: Sequence[Utterance], seed: int) -> list[Utterance]:
    """At most `VOICES_KEPT` of them, always the same for a seed: mixed anew for each utterance they are enough."""
    chosen = np.random.default_rng(seed).permutation(len(voices))[:VOICES_KEPT]
    return [voices[int(index)] for index in np.sort(chosen)]


def _heard_during(noise: np.ndarray, active: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The noise, rotated so that it sounds while somebody speaks, where it would have sounded in the pauses only.

    A dog that barks once in a pause would otherwise be made deafening to reach the ratio.
    """
    if power(noise, active) >= WEAK * power(noise):
        return noise
    spoken = np.flatnonzero(active)
    return np.roll(noise, int(spoken[int(rng.integers(len(spoken)))] - np.argmax(np.abs(noise))))
