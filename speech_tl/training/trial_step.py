"""One training step outside a run, to measure what a run's steps take: its time and memory are theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from speech_tl.models.base import AcousticModel
from speech_tl.training.optimizers import new_optimizer
from speech_tl.training.options import TrainingOptions, resolved_precision

LEARNING_RATE = 1e-7
"""So that trials leave the weights where they were, but for rounding."""


class TrialStep:
    """Forward and backward in the run's precision, and the run's optimiser where that is measured, too."""

    def __init__(self, model: AcousticModel, options: TrainingOptions) -> None:
        """Set the model up as a run does.

        Args:
            model: prepared by a strategy, on its device.
            options: of the training.
        """
        if options.gradient_checkpointing:
            model.network.activation_checkpointing_enable({"use_reentrant": False})
        self.model, self.options = model, options
        half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(resolved_precision(options, model.device.type))
        self._autocast: dict[str, Any] = {"dtype": half, "enabled": half is not None}
        self._optimiser: torch.optim.Optimizer | None = None

    def gradients(self, batch: Mapping[str, Any]) -> bool:
        """Add the gradients of a collated batch; False where it lost every utterance.

        Raises:
            torch.OutOfMemoryError: memory ran out.
        """
        tensors = {name: value.to(self.model.device) for name, value in batch.items() if name != "facts"}
        if not tensors:
            return False
        self.model.network.train()
        with torch.autocast(self.model.device.type, **self._autocast):
            loss = self.model.loss(self.model.network, tensors) / self.model.items(tensors)
        loss.backward()
        return True

    def take(self, batch: Mapping[str, Any]) -> None:
        """A whole step: gradients, clipping, optimiser; it has ended when this returns, on a GPU too.

        Raises:
            torch.OutOfMemoryError: memory ran out.
        """
        if not self.gradients(batch):
            return
        if self._optimiser is None:
            self._optimiser = new_optimizer(self.model.network, self.options, learning_rate=LEARNING_RATE)
        learnt = [parameter for parameter in self.model.network.parameters() if parameter.requires_grad]
        torch.nn.utils.clip_grad_norm_(learnt, self.options.max_grad_norm)
        self._optimiser.step()
        self._optimiser.zero_grad()
        if self.model.device.type == "cuda":
            torch.cuda.synchronize()
