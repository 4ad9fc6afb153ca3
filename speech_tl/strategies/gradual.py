"""Gradual unfreezing: the head first, then the encoder from its top down (Howard & Ruder 2018, arXiv 1801.06146)."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from speech_tl.errors import BadInput
from speech_tl.strategies.base import BaseStrategy, outermost_fixed, parameters_of, train_only

if TYPE_CHECKING:
    import torch

    from speech_tl.models.base import AcousticModel


class Gradual(BaseStrategy):
    """The head learns alone at first; then one encoder layer after the other joins it, the topmost first.

    What lies below the layers joins after the lowest, the front end last. What has not joined yet runs as in
    evaluation. Without numbers the whole schedule takes the first half of the training, in equal parts.

    Attributes:
        head_steps: steps that the head (Whisper: the decoder) learns alone.
        layer_steps: steps from one layer's joining to the next one's.
        layers: so many layers join, counted from the top; None is all of them and what lies below.
        freeze_feature_encoder: never unfreeze the convolutions over the waveform or the mel frames.
    """

    name: Literal["gradual"] = "gradual"
    head_steps: int | None = Field(None, ge=1)
    layer_steps: int | None = Field(None, ge=1)
    layers: int | None = Field(None, ge=1)
    freeze_feature_encoder: bool = True

    def prepare(self, model: AcousticModel, seed: int = 0) -> None:
        """Let everything move that ever will: an optimiser must know it all from the start."""
        layers = len(model.stages()) - 1
        if self.layers is not None and self.layers > layers:
            raise BadInput(
                f"strategy.layers={self.layers}: model {model.source} has {layers} encoder layers to unfreeze"
            )
        train_only(model, self._ever(model))

    def require_steps(self, model: AcousticModel, steps: int) -> None:
        """Refuse to train when the last stage would never join."""
        last = self._joining(model, steps)[-1]
        if last >= steps:
            raise BadInput(
                f"strategy=gradual unfreezes its last layer after {last} steps and the training has {steps}: lower "
                "strategy.head_steps, strategy.layer_steps or strategy.layers, or train longer"
            )

    def frozen(self, model: AcousticModel) -> list[torch.nn.Module]:
        """What never joins."""
        moving = parameters_of(self._ever(model))
        return list(outermost_fixed(model, lambda parameter: id(parameter) in moving))

    def on_step(self, model: AcousticModel, step: int, steps: int) -> None:
        """Let the stages join whose time has come, and the others wait."""
        stages = self._stages(model)
        joined = [step >= start for start in self._joining(model, steps)]
        if joined == [next(stage[0].parameters()).requires_grad for stage in stages]:
            return
        waiting = parameters_of(chain(*(stage for stage, now in zip(stages, joined, strict=True) if not now)))
        moving = [p for module in self._ever(model) for p in module.parameters() if id(p) not in waiting]
        train_only(model, moving)

    def note(self, model: AcousticModel, step: int, steps: int) -> str | None:
        """Whether the training ended (by patience or the clock) before everything had joined."""
        starts = self._joining(model, steps)
        missed = sum(step < start for start in starts)
        if not missed:
            return None
        return f"training ended at step {step}, before {missed} of {len(starts)} stages were unfrozen"

    def _stages(self, model: AcousticModel) -> list[list[torch.nn.Module]]:
        """What joins the head, in the order in which it does."""
        stages = list(reversed(model.stages()))
        if self.layers is not None:
            return stages[: self.layers]
        front = [] if self.freeze_feature_encoder else [model.parts()["feature_encoder"]]
        return [stage for stage in [*stages, *front] if stage]

    def _ever(self, model: AcousticModel) -> list[torch.nn.Module]:
        """All that moves at some time."""
        return [*model.parts()["head"], *chain(*self._stages(model))]

    def _joining(self, model: AcousticModel, steps: int) -> list[int]:
        """The step at which each stage joins."""
        count = len(self._stages(model))
        part = steps / 2 / count
        head = part if self.head_steps is None else self.head_steps
        each = part if self.layer_steps is None else self.layer_steps
        return [round(head + number * each) for number in range(count)]
