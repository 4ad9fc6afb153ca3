"""L2-SP: weights are pulled to where they started, all alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from speech_tl.retention.base import RetentionHooks, RetentionMethod, TrainingStart
from speech_tl.retention.quadratic_penalty import PenaltyHooks, even_importance

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from speech_tl.data.manifest import Manifest


class L2SP(RetentionMethod):
    """Weights are pulled to where they started (L2-SP: Li et al. 2018, arXiv 1802.01483).

    Adds `weight` / 2 times the squared distance to the loss. What starts anew (a fresh head, new characters' rows) is
    pulled nowhere but by `training.weight_decay`. LoRA and its kin start at nothing and are pulled back to that.

    Attributes:
        weight: of the distance; the loss is a mean over the utterances or tokens of a step.
    """

    pulls_weights: ClassVar[bool] = True

    name: Literal["l2_sp"] = "l2_sp"
    weight: float = Field(0.01, gt=0)

    def at_work(self, source: Manifest | None) -> RetentionHooks:
        """A penalty that weighs every weight alike."""
        return _EvenPenalty(self)


class _EvenPenalty(PenaltyHooks):
    def importance_of(self, start: TrainingStart, moving: Mapping[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
        """The same for all."""
        return even_importance(start.model, moving)
