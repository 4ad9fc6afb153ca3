"""A strategy that changes what moves as training goes on is told of every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.strategies.base import BaseStrategy


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
