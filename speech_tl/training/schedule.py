"""What must be told of epochs and steps: our batches of the epoch, a strategy that changes what moves of every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.strategies.base import BaseStrategy


class EpochOrder(TrainerCallback):
    """Tells our batches of every epoch.

    The Trainer does so too, but for the epoch in which a run of several processes is resumed: there accelerate has put
    two samplers around ours, and the Trainer reaches through one.
    """

    def on_epoch_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        train_dataloader: Any = None,
        **kw: Any,
    ) -> None:
        """Set the epoch of the innermost sampler."""
        sampler: Any = getattr(train_dataloader, "batch_sampler", None)
        while getattr(sampler, "batch_sampler", None) is not None:
            sampler = sampler.batch_sampler
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(int(state.epoch or 0))


class StrategySchedule(TrainerCallback):
    """Tells a strategy of every step; a resumed run tells it where it stands."""

    def __init__(self, strategy: BaseStrategy, model: AcousticModel) -> None:
        """`model` is what the strategy has prepared."""
        self.strategy, self.model = strategy, model

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Before the first step of a new or resumed run."""
        self.strategy.on_step(self.model, state.global_step, state.max_steps)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """After each step."""
        self.strategy.on_step(self.model, state.global_step, state.max_steps)
