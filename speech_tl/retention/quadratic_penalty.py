"""Weights that are pulled back to where they started; how strongly each, says a method."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from speech_tl.errors import BadInput
from speech_tl.retention.base import RetentionHooks, TrainingStart

if TYPE_CHECKING:
    import torch

    from speech_tl.models.base import AcousticModel
    from speech_tl.strategies.base import BaseStrategy


class PenaltyHooks(RetentionHooks):
    """A quadratic penalty on how far weights are from where they were before training, summed over weights:

    `weight` of the options / 2 * importance * distance². Its gradient is added to that of a step's loss, once a step,
    before gradients are clipped: the loss that is logged is that of the speech alone.
    """

    options: Any  # of a method with a `weight`

    @abstractmethod
    def importance_of(self, start: TrainingStart, moving: Mapping[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
        """How much each of the weights that will move matters, of its shape, or one number for all."""

    def before_training(self, start: TrainingStart) -> None:
        """Remember the weights; refuse a model whose weights all begin anew."""
        self.moving = old_weights(start.model, start.strategy, self.options.name)
        self.importance = self.importance_of(start, self.moving)
        self.starts = {name: parameter.detach().clone() for name, parameter in self.moving.items()}

    def add_gradients(self, scale: float) -> None:
        """Pull what has a gradient in this step."""
        for name, parameter in self.moving.items():
            if parameter.grad is not None:
                pull = (parameter.detach() - self.starts[name]).mul_(self.importance[name])
                parameter.grad.add_(pull.to(parameter.grad), alpha=scale * self.options.weight)

    def logged(self) -> dict[str, float]:
        """The penalty of this moment."""
        return {f"{self.options.name}_penalty": self._penalty()}

    def figures(self) -> dict[str, Any]:
        """The penalty at the end."""
        return {"penalty": self._penalty()}

    def _penalty(self) -> float:
        """What is added to the loss with the weights of this moment."""
        import torch

        parts = [
            (self.importance[name] * (parameter.detach() - self.starts[name]).square()).sum()
            for name, parameter in self.moving.items()
        ]
        return float(self.options.weight / 2 * torch.stack(parts).sum())


def old_weights(model: AcousticModel, strategy: BaseStrategy | None, method: str) -> dict[str, torch.nn.Parameter]:
    """The weights that will move and that start from the checkpoint's, by name.

    Args:
        model: prepared by the strategy.
        strategy: may begin a part of the network anew.
        method: its name, for the message.

    Raises:
        BadInput: there are none.
    """
    anew = model.head_is_new or (strategy is not None and strategy.begins_anew() is not None)
    heads = [*model.output_layers(), *model.language_adapters()] if anew else []
    new = {id(parameter) for module in heads for parameter in module.parameters()}
    moving = {
        name: parameter
        for name, parameter in model.network.named_parameters()
        if parameter.requires_grad and id(parameter) not in new
    }
    if not moving:
        raise BadInput(
            f"keep={method}: everything that this strategy trains begins anew: there is nothing to hold on to"
        )
    return moving


def even_importance(model: AcousticModel, moving: Mapping[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    """1 for every weight that the checkpoint has, 0 for the rows of characters that were added."""
    import torch

    old_rows = {id(parameter): rows for parameter, rows in model.new_rows()}
    importance = {}
    for name, parameter in moving.items():
        rows = old_rows.get(id(parameter))
        importance[name] = torch.ones((), device=parameter.device)
        if rows is not None:
            importance[name] = torch.zeros_like(parameter)
            importance[name][:rows] = 1
    return importance
