"""What a training run does so that the model keeps what it knew: the recipe's ways of keeping, put to work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from speech_tl.data.mixture import Mixture
from speech_tl.training.anchoring import Anchor, even_importance, old_weights
from speech_tl.training.distilling import Distillation, transcribed
from speech_tl.training.fisher import fisher_importance

if TYPE_CHECKING:
    from pathlib import Path

    from speech_tl.data.manifest import Manifest
    from speech_tl.models.base import AcousticModel, DecodingOptions
    from speech_tl.strategies.base import BaseStrategy
    from speech_tl.strategies.kept import BaseKeep
    from speech_tl.training.keeping import Tell
    from speech_tl.training.options import TrainingOptions
    from speech_tl.training.progress import TrainingFacts


class Retention:
    """The ways of keeping of one run.

    Attributes:
        ways: by name.
        sources: the usable source utterances of each way that hears some, by the way's name.
        anchors: what pulls weights back, by the way's name; there once the model is.
        distillation: what holds outputs to the old ones; likewise.
        notes: sentences for the report; likewise.
    """

    def __init__(self, ways: Sequence[BaseKeep] = (), sources: Mapping[str, Manifest] | None = None) -> None:
        """Nothing is computed yet."""
        self.ways = {way.name: way for way in ways}
        self.sources = dict(sources or {})
        self.anchors: dict[str, Anchor] = {}
        self.distillation: Distillation | None = None
        self.notes: list[str] = []

    def mixed(self, utterances: Manifest) -> Manifest | Mixture:
        """What the batches are made of: with the replayed utterances behind the target's own."""
        replay = self.ways.get("replay")
        return Mixture(utterances, self.sources["replay"], replay.share) if replay else utterances

    def learning(self, options: TrainingOptions) -> TrainingOptions:
        """The options of the batches that are learnt: shorter by what is distilled beside them."""
        distill = self.ways.get("distill")
        if distill is None:
            return options
        seconds = options.expected_batch_seconds * (1 - distill.share)
        return options.model_copy(update={"batch_seconds": seconds})

    def begin(
        self,
        model: AcousticModel,
        strategy: BaseStrategy | None,
        folder: Path,
        *,
        options: TrainingOptions,
        decoding: DecodingOptions,
        seed: int,
        tell: Tell = lambda line: None,
    ) -> None:
        """Remember what the model is before the first step.

        Args:
            model: prepared by the strategy.
            strategy: may begin a part of the network anew.
            folder: of the training, for what a resumed run need not compute again.
            options: of the training, `batch_seconds` a number.
            decoding: how the old model transcribes.
            seed: of the order in which source speech is heard.
            tell: hears what takes a while.

        Raises:
            BadInput: there is nothing to hold on to.
        """
        if l2_sp := self.ways.get("l2_sp"):
            moving = old_weights(model, strategy, "l2_sp")
            self.anchors["l2_sp"] = Anchor(moving, l2_sp.weight, even_importance(model, moving))
        if ewc := self.ways.get("ewc"):
            moving, source = old_weights(model, strategy, "ewc"), self.sources["ewc"]
            tell(f"estimating which weights matter on {len(source)} source utterances")
            importance = fisher_importance(model, moving, source, folder / "fisher.safetensors")
            self.anchors["ewc"] = Anchor(moving, ewc.weight, importance)
        if distill := self.ways.get("distill"):
            source = self.sources["distill"]
            if model.has_decoder:
                tell(f"transcribing {len(source)} source utterances with the old model")
                readable = transcribed(model, source, decoding, folder / "old_transcripts.json")
                if left_out := len(source) - len(readable):
                    self.notes.append(f"distill: {left_out} of {len(source)} rows cannot be decoded or learnt")
                    tell(self.notes[-1])
                source = readable
            self.distillation = Distillation(model, source, distill, options.expected_batch_seconds, seed)

    def add_gradients(self, scale: float) -> None:
        """Before a step's gradients are clipped."""
        for anchor in self.anchors.values():
            anchor.add_gradients(scale)

    def penalties(self) -> dict[str, float]:
        """What the anchors add to the loss at this moment, for the log."""
        told = {f"{name}_penalty": anchor.penalty() for name, anchor in self.anchors.items()}
        return told | ({"distill_loss": self.distillation.latest} if self.distillation else {})

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
