"""Augmentations one after the other, in the order in which sound meets them; all chance from the run's seed."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from speech_tl.data.augment.base import Apply, Effect, Opening, Part, Progress, Scene, Sounds
from speech_tl.data.augment.channel import Clipping, Codec, Gain, Telephone
from speech_tl.data.augment.noise import Noise
from speech_tl.data.augment.rooms import Room
from speech_tl.data.augment.spec_augment import SpecAugment
from speech_tl.data.augment.speed import Speed, played
from speech_tl.errors import BadInput
from speech_tl.options import Options

if TYPE_CHECKING:
    from speech_tl.data.manifest import Utterance

ORDER = ("speed", "room", "noise", "gain", "clipping", "telephone", "codec")
"""From mouth to recogniser. An effect's place here is part of its seed: switching one on leaves the others alone."""

Draw = tuple[int, int, int]
"""(seed, epoch, index of the utterance): what all chance about an utterance follows from."""


class Conditions(Options):
    """What a place and a channel do to speech: each effect is None (off) or its parameters.

    They follow each other in the order of these fields. None of them changes how long an utterance is.
    """

    room: Room | None = None
    noise: Noise | None = None
    gain: Gain | None = None
    clipping: Clipping | None = None
    telephone: Telephone | None = None
    codec: Codec | None = None

    def effects(self) -> dict[str, Effect]:
        """The effects that are on, by name, in their order."""
        return {name: effect for name in ORDER if isinstance(effect := getattr(self, name, None), Effect)}


class AugmentOptions(Conditions):
    """What is changed about training examples so that a model learns more from them.

    Attributes:
        speed: comes before all others.
        spec_augment: masks over features, after all others.
        on_dev: choose the checkpoint by dev utterances that are heard under the same conditions (with noise and rooms
            of their own, at their own speed), and not as they were recorded.
    """

    speed: Speed | None = None
    spec_augment: SpecAugment = SpecAugment()
    on_dev: bool = False


class Augmenter:
    """Effects whose recordings have been read; makes the chains that utterances are heard through."""

    def __init__(
        self, options: Conditions, progress: Progress | None = None, known: Mapping[str, Sounds] | None = None
    ) -> None:
        """Read and look at all recordings but those that are `known`, by the effect's name.

        Raises:
            BadInput: a folder without audio, a recording that is silent or unreadable, an extra that is missing.
        """
        known = known or {}
        self.options, self.effects = options, options.effects()
        self.sounds = {name: known.get(name) or effect.sounds(progress) for name, effect in self.effects.items()}

    def only(self, names: Container[str]) -> Augmenter:
        """The same without the other effects."""
        off = {name: None for name in self.effects if name not in names}
        return Augmenter(self.options.model_copy(update=off), known=self.sounds)

    def chain(
        self,
        part: Part,
        voices: Sequence[Utterance] = (),
        *,
        sample_rate: int = 16000,
        seed: int = 0,
        snr_db: float | None = None,
        speed: bool = True,
    ) -> Chain | None:
        """What the utterances of one part of the data are heard through; None where nothing is on.

        Args:
            part: whose noise and rooms.
            voices: utterances of the same part, for babble.
            sample_rate: of the waveforms, in Hz.
            seed: of the run.
            snr_db: noise at this ratio instead of one from its range.
            speed: whether speed may change.

        Raises:
            BadInput: there is no noise or no room for this part that the others do not hear.
        """
        opening = Opening(part, sample_rate, seed, voices, snr_db)
        effects = {name: effect for name, effect in self.effects.items() if speed or name != "speed"}
        if not effects:
            return None
        speeds = effects.pop("speed", None)
        steps = {name: (effect.share, effect.opened(opening, self.sounds[name])) for name, effect in effects.items()}
        return Chain(steps, speeds if isinstance(speeds, Speed) else None)


class Chain:
    """Effects, ready for the utterances of one part of the data; works the same in any process."""

    def __init__(self, steps: dict[str, tuple[float, Apply]], speed: Speed | None = None) -> None:
        """`steps` are (share, effect) by name, in order; `speed` comes before them."""
        self.steps, self.speed = steps, speed

    def __call__(
        self,
        waveform: np.ndarray,
        sample_rate: int,
        draw: Draw,
        utterance: Utterance | None = None,
        keep_length: bool = False,
    ) -> np.ndarray:
        """The waveform `(samples,)` as it is heard; of another length only where speed changes it.

        Raises:
            BadInput: noise is asked for behind silence; names the utterance.
        """
        return self.heard(waveform, sample_rate, draw, utterance, keep_length)[0]

    def heard(
        self,
        waveform: np.ndarray,
        sample_rate: int,
        draw: Draw,
        utterance: Utterance | None = None,
        keep_length: bool = False,
    ) -> tuple[np.ndarray, list[str]]:
        """As calling it does, and what was done, step by step."""
        told = []
        factor = 1.0 if keep_length else self.factor(draw)
        if factor != 1.0:
            waveform = played(waveform, sample_rate, factor)
            told.append(f"speed {factor:g}")
        try:
            for rng, apply in self._happening(draw):
                waveform, what = apply(waveform, Scene(sample_rate, rng, utterance))
                told.append(what)
        except BadInput as error:
            raise BadInput(f"{utterance.audio}: {error}" if utterance else str(error)) from error
        return waveform, told

    def factor(self, draw: Draw) -> float:
        """How much faster an utterance is played; known without its audio, so that batches can be planned."""
        return 1.0 if self.speed is None else self.speed.drawn(_chance(draw, "speed"))

    def _happening(self, draw: Draw) -> Iterator[tuple[np.random.Generator, Apply]]:
        """The effects that happen to an utterance, each with chance of its own."""
        for name, (share, apply) in self.steps.items():
            rng = _chance(draw, name)
            if rng.random() < share:
                yield rng, apply


def _chance(draw: Draw, effect: str) -> np.random.Generator:
    """Where one effect's chance for one utterance comes from; nothing else in a loader begins at 100."""
    return np.random.default_rng([*draw, 100 + ORDER.index(effect)])


def described(options: Conditions) -> dict[str, Any]:
    """The effects that are on, as plain values for reports."""
    return {name: effect.model_dump(mode="json") for name, effect in options.effects().items()}
