"""What training steps with: AdamW, or Muon for a transformer's matrices where a network starts from nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer
from transformers.trainer_pt_utils import get_parameter_names

from speech_tl.training.muon import Muon

if TYPE_CHECKING:
    from speech_tl.strategies.base import Rates
    from speech_tl.training.options import TrainingOptions

BETAS = (0.9, 0.98)
"""Of AdamW's moments."""

NOT_DECAYED = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
"""Names of weights that AdamW does not shrink, as the Trainer has them; `torch.nn.LayerNorm` is none either."""

MUON_RATE = 1.5
"""Learning rate of the matrices, times AdamW's; their updates are scaled to the size that AdamW's have."""

NEWTON_SCHULZ_STEPS = 3
"""Iterations that make an update nearly orthogonal; fewer than the published 5, which weigh on a small model's step."""


def new_optimizer(network: nn.Module, options: TrainingOptions, learning_rate: float, rates: Rates = ()) -> Optimizer:
    """The optimiser of a run, over every parameter of `network` that is trained; the dry run measures the same one.

    Args:
        network: what a strategy has prepared, on its device.
        options: `optimizer` picks it, `weight_decay` is how much weights shrink.
        learning_rate: peak.
        rates: a strategy's modules with a rate of their own, over `learning_rate`; for AdamW.
    """
    if options.optimizer == "muon":
        return MuonWithAdamW(network, learning_rate, options.weight_decay)
    return AdamW(
        _groups(network, options.weight_decay, learning_rate, rates), lr=learning_rate, betas=BETAS, fused=True
    )


def _groups(network: nn.Module, weight_decay: float, learning_rate: float, rates: Rates) -> list[dict[str, Any]]:
    """Trained parameters of one rate that all shrink or all do not; the rate that is logged, the first, is the run's.

    Where no parameter has the run's rate, the one nearest to it comes first.
    """
    scale = {id(p): factor for modules, factor in rates for module in modules for p in module.parameters()}
    decayed = set(get_parameter_names(network, [nn.LayerNorm], NOT_DECAYED))
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {(1.0, True): [], (1.0, False): []} if not scale else {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((scale.get(id(parameter), 1.0), name in decayed), []).append(parameter)
    return [
        {"params": parameters, "lr": learning_rate * factor, "weight_decay": weight_decay if shrink else 0.0}
        for (factor, shrink), parameters in sorted(groups.items(), key=lambda item: abs(math.log(item[0][0])))
    ]


class MuonWithAdamW(Optimizer):
    """Muon for the linear weights inside the transformer's layers, AdamW for everything else.

    Muon learns rare directions of a matrix as fast as common ones. For networks that start from nothing; published
    checkpoints were trained with AdamW.
    """

    def __init__(self, network: nn.Module, learning_rate: float, weight_decay: float) -> None:
        """Take every parameter of `network` that is trained; biases, norms and embeddings do not decay."""
        matrices = {name: p for name, p in network.named_parameters() if p.requires_grad and _in_a_layer(name, p)}
        others = [p for name, p in network.named_parameters() if p.requires_grad and name not in matrices]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in others if p.ndim > 2], "weight_decay": weight_decay},
            {"params": [p for p in others if p.ndim <= 2], "weight_decay": 0.0},
        ]
        self._parts: list[Optimizer] = []
        if any(group["params"] for group in groups):
            kept = [group for group in groups if group["params"]]
            self._parts.append(AdamW(kept, lr=learning_rate, betas=BETAS))
        if matrices:
            rate = MUON_RATE * learning_rate
            self._parts.append(Muon(matrices.values(), rate, weight_decay, NEWTON_SCHULZ_STEPS))
        self._sizes = [len(part.param_groups) for part in self._parts]
        super().__init__([group for part in self._parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Let both parts use this optimiser's groups and state, so that schedules and checkpoints see one."""
        groups = iter(self.param_groups)
        for part, size in zip(self._parts, self._sizes, strict=True):
            part.param_groups, part.state = [next(groups) for _ in range(size)], self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both parts."""
        super().load_state_dict(state_dict)
        self._share()

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step of both parts."""
        with torch.enable_grad():
            loss = closure() if closure else None
        for part in self._parts:
            part.step()
        return loss


def _in_a_layer(name: str, parameter: nn.Parameter) -> bool:
    """Whether a parameter is a matrix of a transformer layer: not of an embedding, a convolution or the head."""
    return parameter.ndim == 2 and ".layers." in f".{name}" and "embed" not in name
