"""Muon for matrices, in the precision that the hardware multiplies fast."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch.optim import Optimizer

from speech_tl.training.options import cpu_multiplies_bf16

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration, as published: steepest at zero."""

MOMENTUM = 0.95
"""Nesterov momentum of the gradient before it is made orthogonal, as published."""


class Muon(Optimizer):
    """Gradient momentum made nearly orthogonal, then scaled to the size of AdamW's updates.

    Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon) and Liu et al. 2025 (arXiv 2502.16982, section 2.2).
    `torch.optim.Muon` does the same but always in bf16, which a processor that cannot multiply bf16 does many
    times slower than float32; here such a processor uses float32.
    """

    def __init__(self, matrices: Iterable[torch.Tensor], lr: float, weight_decay: float, ns_steps: int) -> None:
        """`matrices` have two dimensions; `ns_steps` are the iterations towards orthogonality."""
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "ns_steps": ns_steps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """One step for every matrix that has a gradient; `closure` is not called."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(matrix.grad)
                momentum = state["momentum_buffer"].lerp_(matrix.grad, 1 - MOMENTUM)
                update = orthogonal(matrix.grad.lerp(momentum, MOMENTUM), group["ns_steps"])
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update.to(matrix.dtype), alpha=-group["lr"] * 0.2 * max(matrix.shape) ** 0.5)


def orthogonal(matrix: torch.Tensor, steps: int) -> torch.Tensor:
    """Newton-Schulz iteration `(rows, columns)` -> same shape: singular values move to about 1, directions stay."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).to(_fast_dtype(matrix.device))
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def _fast_dtype(device: torch.device) -> torch.dtype:
    """bf16 where the device multiplies in it."""
    fast = cpu_multiplies_bf16() if device.type == "cpu" else device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if fast else torch.float32
