"""Weights that are pulled back to where they started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.strategies.base import BaseStrategy


class Anchor:
    """A quadratic penalty on the distance of each weight from its start: `weight` / 2 * importance * distance².

    Its gradient is added to that of a step's loss, once a step, before gradients are clipped: the loss that is logged
    is that of the speech alone.
    """

    def __init__(
        self, moving: Mapping[str, torch.nn.Parameter], weight: float, importance: Mapping[str, torch.Tensor]
    ) -> None:
        """Remember where `moving` weights are now; each has an `importance` of its shape, or one number for all."""
        self.weight, self.moving, self.importance = weight, moving, importance
        self.starts = {name: parameter.detach().clone() for name, parameter in moving.items()}

    @torch.no_grad()
    def add_gradients(self, scale: float = 1.0) -> None:
        """Pull what has a gradient in this step; `scale` is that of the gradients, where a scaler has enlarged them."""
        for name, parameter in self.moving.items():
            if parameter.grad is not None:
                pull = (parameter - self.starts[name]).mul_(self.importance[name])
                parameter.grad.add_(pull.to(parameter.grad), alpha=scale * self.weight)

    @torch.no_grad()
    def penalty(self) -> float:
        """What is added to the loss with the weights of this moment."""
        parts = [
            (self.importance[name] * (parameter - self.starts[name]).square()).sum()
            for name, parameter in self.moving.items()
        ]
        return float(self.weight / 2 * torch.stack(parts).sum())


def old_weights(model: AcousticModel, strategy: BaseStrategy | None, way: str) -> dict[str, torch.nn.Parameter]:
    """The weights that will move and that start from the checkpoint's, by name.

    Args:
        model: prepared by the strategy.
        strategy: may begin a part of the network anew.
        way: of keeping, for the message.

    Raises:
        BadInput: there are none.
    """
    anew = model.head_is_new or (strategy is not None and strategy.begins_anew() is not None)
    heads = [*model.output_layers(), *model.language_adapters()] if anew else []
    new = {id(parameter) for module in heads for parameter in module.parameters()}
    found = {
        name: parameter
        for name, parameter in model.network.named_parameters()
        if parameter.requires_grad and id(parameter) not in new
    }
    if not found:
        raise BadInput(f"keep={way}: everything that this strategy trains begins anew: there is nothing to hold on to")
    return found


def even_importance(model: AcousticModel, moving: Mapping[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    """1 for every weight that the checkpoint has, 0 for the rows of characters that were added."""
    kept_rows = {id(parameter): rows for parameter, rows in model.new_rows()}
    importance = {}
    for name, parameter in moving.items():
        rows = kept_rows.get(id(parameter))
        importance[name] = torch.ones((), device=parameter.device)
        if rows is not None:
            importance[name] = torch.zeros_like(parameter)
            importance[name][:rows] = 1
    return importance
