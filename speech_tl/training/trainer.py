"""A thin subclass of the Hugging Face `Trainer`: our batches, our loss over the whole effective batch, real dev WER."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import PrinterCallback, Trainer, TrainingArguments

from speech_tl.data.batching import Collator, SpeechDataset
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.training.batches import Batches, training_batches
from speech_tl.training.optimizers import new_optimizer
from speech_tl.training.options import TrainingOptions
from speech_tl.training.progress import TrainingFacts

if TYPE_CHECKING:
    from speech_tl.strategies.base import Rates

DevScorer = Callable[[], dict[str, float]]
"""Decodes the dev utterances and returns at least {"wer": ...}."""


class AdaptationTrainer(Trainer):
    """Trains an `AcousticModel` on batches of similar length and selects by decoded dev WER.

    The loss of a step is the sum over the whole effective batch divided by its number of items (utterances for CTC,
    target tokens for Whisper), whatever the accumulation steps and processes: the stock Trainer does neither for
    models whose forward takes but ignores `num_items_in_batch`.
    """

    def __init__(
        self,
        acoustic: AcousticModel,
        args: TrainingArguments,
        dataset: SpeechDataset,
        options: TrainingOptions,
        facts: TrainingFacts,
        dev_scorer: DevScorer | None,
        callbacks: list | None = None,
        rates: Rates = (),
    ) -> None:
        """`facts` collects what the run did; `rates` are a strategy's."""
        self.acoustic, self.facts, self.dev_scorer = acoustic, facts, dev_scorer
        self.options, self.rates = options, rates
        self._has_gradient = False
        super().__init__(
            model=acoustic.network,
            args=args,
            data_collator=Collator(acoustic),
            train_dataset=dataset,
            eval_dataset=dataset if dev_scorer else None,
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)
        self.loss_is_scaled_for_ga = True

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """The run's own, made once."""
        if self.optimizer is None:
            network = self.model if model is None else model
            self.optimizer = new_optimizer(network, self.options, self.args.learning_rate, self.rates)
        return super().create_optimizer(model)

    def _get_train_sampler(self, train_dataset: Any = None) -> Batches:
        ranks, rank = self.args.world_size, self.args.process_index
        return training_batches(self.train_dataset, self.acoustic, self.options, self.args.seed, ranks, rank)

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, torch.Tensor]], torch.Tensor]:
        """The micro-batches of one step and the items of all processes; one that lost every utterance stays, empty.

        The Trainer counts micro-batches to know where a step ends and where a resumed epoch goes on.
        """
        if self._ended_before():
            self.control.should_training_stop, self.control.should_save = True, False
            num_batches = 0
        batches: list[dict[str, torch.Tensor]] = []
        for _, batch in zip(range(num_batches), epoch_iterator, strict=False):
            self.facts.add_batch(batch.pop("facts"))
            batches.append(batch)
        items = torch.tensor(float(sum(self.acoustic.items(b) for b in batches if b)), device=device)
        if self.args.world_size > 1:
            items = self.accelerator.gather(items).sum()
        return batches, items

    def _ended_before(self) -> bool:
        """Whether the checkpoint that this run continues from was its last: the Trainer would take one more step."""
        return bool(self.state.stateful_callbacks["TrainerControl"]["args"]["should_training_stop"])

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """This micro-batch's share of the mean over the effective batch.

        Gradients are averaged over processes afterwards, hence the factor.
        """
        return self.acoustic.loss(model, inputs) * self.args.world_size / num_items_in_batch

    def training_step(
        self, model: nn.Module, inputs: dict[str, torch.Tensor], num_items_in_batch: torch.Tensor | None = None
    ) -> torch.Tensor:
        """One micro-batch forward and backward; a non-finite loss is skipped and counted."""
        model.train()
        loss = torch.tensor(torch.nan, device=self.args.device)
        if inputs:
            inputs = self._prepare_inputs(inputs)
            with self.compute_loss_context_manager():
                loss = self.compute_loss(model, inputs, num_items_in_batch=num_items_in_batch)
        if not self._finite_everywhere(loss):
            if inputs:
                self._count_bad("loss")
            return torch.zeros_like(loss.detach())
        self.accelerator.backward(loss)
        self._has_gradient = True
        return loss.detach()

    def _finite_everywhere(self, value: torch.Tensor) -> bool:
        finite = torch.isfinite(value).all()
        if self.args.world_size > 1:
            finite = self.accelerator.gather(finite.reshape(1)).all()
        return bool(finite)

    def _clip_grad_norm(self, model: nn.Module) -> torch.Tensor | None:
        """Clip; gradients that are not finite are dropped, so that the step changes nothing."""
        norm = super()._clip_grad_norm(model)
        if norm is not None and not torch.isfinite(torch.as_tensor(norm)) and not self.args.fp16:
            self._count_bad("gradient")
            model.zero_grad()
        elif self._has_gradient:
            self.facts.bad_in_a_row = 0
        self._has_gradient = False
        return norm

    def _count_bad(self, what: str) -> None:
        """Count a step that taught nothing; too many in a row end the run."""
        self.facts.skipped_losses += 1
        self.facts.bad_in_a_row += 1
        if self.facts.bad_in_a_row >= self.options.bad_losses:
            raise BadInput(
                f"the {what} was not finite {self.facts.bad_in_a_row} times in a row at step {self.state.global_step}: "
                "lower training.learning_rate, or run `speech-tl check` on the data"
            )

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Decode the dev utterances for real; teacher forcing would flatter the model."""
        self.facts.pause()
        metrics = {f"{metric_key_prefix}_{key}": value for key, value in self.dev_scorer().items()}
        self.facts.resume()
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics
