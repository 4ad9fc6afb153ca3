"""What utterances are heard through: noise and rooms read first of all, opened once the data are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from speech_tl.data.augment import Augmenter, Ladder, LadderNoise
from speech_tl.data.manifest import Manifest
from speech_tl.recipe import Recipe
from speech_tl.screen import Screen


@dataclass(frozen=True)
class AugmentationSources:
    """The recordings that a recipe names, all listened to.

    Attributes:
        augmenter: makes what training utterances are heard through.
        ladder_noise: makes the ladder; None where the recipe has none.
    """

    augmenter: Augmenter
    ladder_noise: LadderNoise | None

    @classmethod
    def of(cls, recipe: Recipe, screen: Screen) -> AugmentationSources:
        """Read and listen to everything.

        Raises:
            BadInput: a folder without audio, a recording that is silent or unreadable, a ladder without noise.
        """
        if not recipe.augment.effects() and recipe.ladder is None:
            return cls(Augmenter(recipe.augment), None)
        with screen.progress("listening to noise and rooms") as update:
            augmenter = Augmenter(recipe.augment, update)
            return cls(augmenter, LadderNoise(recipe.ladder, augmenter, update) if recipe.ladder else None)

    def opened(self, recipe: Recipe, parts: dict[str, Manifest], sample_rate: int) -> Ladder | None:
        """The ladder; and training's noise and rooms tried, so that what is missing is told before anything is decoded.

        Raises:
            BadInput: a part of the data has no noise or room of its own.
        """
        given: dict[str, Any] = {"sample_rate": sample_rate, "seed": recipe.seed}
        for part in ("train", "dev") if recipe.augment.on_dev else ("train",):
            self.augmenter.chain(part, parts[part], **given)
        if self.ladder_noise is None:
            return None
        return self.ladder_noise.ladder(parts["test"], split_seed=recipe.data.split_seed, **given)
