"""What a training run does so that the model keeps what it knew: the recipe's ways of keeping, put to work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from speech_tl.data.mixture import Mixture
from speech_tl.training.anchoring import Anchor, even_importance, old_weights

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest
    from speech_tl.models.base import AcousticModel
    from speech_tl.strategies.base import BaseStrategy
    from speech_tl.strategies.kept import BaseKeep
    from speech_tl.training.progress import TrainingFacts


class Retention:
    """The ways of keeping of one run.

    Attributes:
        ways: by name.
        sources: the usable source utterances of each way that hears some, by the way's name.
        anchors: what pulls weights back, by the way's name; there once the model is.
    """

    def __init__(self, ways: Sequence[BaseKeep] = (), sources: Mapping[str, Manifest] | None = None) -> None:
        """Nothing is computed yet."""
        self.ways = {way.name: way for way in ways}
        self.sources = dict(sources or {})
        self.anchors: dict[str, Anchor] = {}

    def mixed(self, utterances: Manifest) -> Manifest | Mixture:
        """What the batches are made of: with the replayed utterances behind the target's own."""
        replay = self.ways.get("replay")
        return Mixture(utterances, self.sources["replay"], replay.share) if replay else utterances

    def begin(self, model: AcousticModel, strategy: BaseStrategy | None) -> None:
        """Remember what the model is before the first step.

        Raises:
            BadInput: there is nothing to hold on to.
        """
        if l2_sp := self.ways.get("l2_sp"):
            moving = old_weights(model, strategy, "l2_sp")
            self.anchors["l2_sp"] = Anchor(moving, l2_sp.weight, even_importance(model, moving))

    def add_gradients(self, scale: float) -> None:
        """Before a step's gradients are clipped."""
        for anchor in self.anchors.values():
            anchor.add_gradients(scale)

    def penalties(self) -> dict[str, float]:
        """What the anchors add to the loss at this moment, for the log."""
        return {f"{name}_penalty": anchor.penalty() for name, anchor in self.anchors.items()}

    def figures(self, facts: TrainingFacts) -> dict[str, Any]:
        """For report.json: {} without any way, else each with its options and what it did."""
        if not self.ways:
            return {}
        told = {name: way.model_dump(exclude={"name"}) for name, way in self.ways.items()}
        for name, source in self.sources.items():
            told[name] |= {"available_utterances": len(source), "available_seconds": float(source.durations_s().sum())}
        for name, anchor in self.anchors.items():
            told[name]["penalty"] = anchor.penalty()
        return {"keep": told, "source_seconds": round(facts.source_seconds, 1)}
