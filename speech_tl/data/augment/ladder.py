"""The noise ladder: a test set heard as recorded, then at one signal-to-noise ratio after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from speech_tl.data.augment.base import Part, Progress
from speech_tl.data.augment.chain import Augmenter, Chain, Conditions, described
from speech_tl.data.augment.sounds import part_of
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest

CLEAN = "clean"
WITHOUT_NOISE = "no noise"


class LadderOptions(Conditions):
    """The test set measured in noise, before and after, rung by rung.

    Every rung has the same noise behind the same utterance, only louder: what differs is the ratio. It is noise of the
    test's own, which training never heard. Other effects that are on (a room, a telephone) are heard on every rung
    but the first, "clean", which is the test set as it was recorded.

    Attributes:
        noise: None takes the kinds of noise that training has.
        snr_db: the rungs, as ratios in dB.
        utterances: at most so many of the test set, drawn with `data.split_seed`; None takes all.
    """

    snr_db: Annotated[list[float], Field(min_length=1)] = Field([20.0, 15.0, 10.0, 5.0, 0.0, -5.0])
    utterances: int | None = Field(None, ge=1)


@dataclass(frozen=True)
class Rung:
    """One way in which the test set is heard.

    Attributes:
        name: "clean", "no noise" (but other effects), or the ratio: "5 dB".
        snr_db: the ratio; None without noise.
        chain: what utterances are heard through; None for "clean".
    """

    name: str
    snr_db: float | None = None
    chain: Chain | None = None

    @property
    def folder(self) -> str:
        """Its name as that of a folder."""
        return self.name.replace(" ", "_")


@dataclass(frozen=True)
class Ladder:
    """All rungs, and the utterances that are heard on each.

    Attributes:
        rungs: "clean" first, then from little noise to much.
        utterances: of the test split.
        facts: for reports: the effects, and how many recordings test and training have.
    """

    rungs: Sequence[Rung]
    utterances: Manifest
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """The rungs in a few words."""
        return f"{len(self.utterances)} utterances at {', '.join(rung.name for rung in self.rungs)}"

    @property
    def hours(self) -> float:
        """What is decoded by one model for all rungs; the first needs no decoding of its own."""
        return (len(self.rungs) - 1) * float(self.utterances.durations_s().sum()) / 3600


class LadderNoise:
    """A ladder's recordings, read and looked at; becomes a ladder once the test set is known."""

    def __init__(self, options: LadderOptions, training: Augmenter, progress: Progress | None = None) -> None:
        """Read what the training has not read.

        Args:
            options: from the recipe.
            training: what training utterances are heard through.
            progress: told how many recordings have been heard.

        Raises:
            BadInput: there is no noise, or as `Augmenter`.
        """
        own = options.noise or training.options.noise
        if own is None:
            raise BadInput(
                "a ladder needs noise: ladder.noise.folders=DIR, or ladder.noise.generated=[white, pink, babble], or "
                "noise in training (augment.noise.folders=DIR)"
            )
        self.options = options.model_copy(update={"noise": own.model_copy(update={"share": 1.0})})
        known = {"noise": training.sounds["noise"]} if options.noise is None else {}
        self.augmenter = Augmenter(self.options, progress, known)
        self.training = training

    def ladder(self, test: Manifest, *, sample_rate: int, seed: int, split_seed: int) -> Ladder:
        """The rungs for a test set.

        Raises:
            BadInput: there is no noise that training does not hear.
        """
        utterances = test.sample(self.options.utterances, split_seed)
        given: Any = {"sample_rate": sample_rate, "seed": seed}
        rungs = [Rung(CLEAN)]
        others = {name: effect for name, effect in self.augmenter.effects.items() if name != "noise"}
        if others:
            rungs.append(Rung(WITHOUT_NOISE, None, self.augmenter.only(others).chain("test", test, **given)))
        for snr_db in sorted(set(self.options.snr_db), reverse=True):
            chain = self.augmenter.chain("test", test, snr_db=snr_db, **given)
            rungs.append(Rung(f"{snr_db:g} dB", snr_db, chain))
        return Ladder(rungs, utterances, self._facts(utterances))

    def _facts(self, utterances: Manifest) -> dict[str, Any]:
        """What a reader of the figures must know of how they came about."""
        heard = {part: _recordings(augmenter, part) for part, augmenter in self._parts().items()}
        shared = sorted(_overlapping(heard["test"], heard["train"]))
        if shared:
            raise BadInput(
                f"ladder: {shared[0]} would be heard by both training and test"
                + (f" (and {len(shared) - 1} more)" if len(shared) > 1 else "")
                + ": give the ladder's noise and the training's recordings of their own, by split or by folder"
            )
        return {
            "utterances": len(utterances),
            "effects": described(self.options),
            "recordings": {part: len(found) for part, found in heard.items()},
        }

    def _parts(self) -> dict[Part, Augmenter]:
        return {"train": self.training, "test": self.augmenter}


Stretch = tuple[str, float, float]
"""(path, from, to) of a recording, in seconds."""


def _recordings(augmenter: Augmenter, part: Part) -> list[Stretch]:
    """The recordings of noise and rooms that a part of the data hears."""
    found = []
    for name in ("noise", "room"):
        for manifest in augmenter.sounds.get(name) or []:
            for utterance in part_of(manifest, part, f"{name}.folders", divisible=name == "noise"):
                found.append((utterance.audio, utterance.start_s, utterance.start_s + (utterance.duration_s or 0.0)))
    return found


def _overlapping(first: Sequence[Stretch], second: Sequence[Stretch]) -> set[str]:
    """Paths of which both hear the same stretch."""
    times: dict[str, list[tuple[float, float]]] = {}
    for path, start_s, end_s in second:
        times.setdefault(path, []).append((start_s, end_s))
    return {
        path
        for path, start_s, end_s in first
        if any(
            start_s < other_end - 1e-6 and other_start < end_s - 1e-6 for other_start, other_end in times.get(path, [])
        )
    }
