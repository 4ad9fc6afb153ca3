"""The first part of a network, which training leaves as it is: what it makes of an utterance can be kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class FrozenStage:
    """A part of a network, from its input on, whose output for an utterance is the same whenever it is computed.

    Attributes:
        name: what a batch calls the output: "front" (of the convolutions) or "encoded" (of the whole encoder).
        width: numbers of a frame.
        module: computes it.
    """

    name: str
    width: int
    module: nn.Module

    def weights(self) -> Iterable[torch.Tensor]:
        """Everything that the output depends on beside the input."""
        return self.module.state_dict().values()


def all_frozen(modules: Iterable[nn.Module], fixed: Iterable[nn.Module]) -> bool:
    """Whether each of `modules` is one of `fixed` or inside one of them."""
    within = {id(module) for part in fixed for module in part.modules()}
    return all(id(module) in within for module in modules)
