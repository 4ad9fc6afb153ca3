"""A thin subclass of the Hugging Face `Trainer`: our batches, our loss over the whole effective batch, real dev WER."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import PrinterCallback, Trainer, TrainingArguments

from speech_tl.data.batching import Collator, SpeechDataset
from speech_tl.data.packing import PackedDataset
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel, Batch
from speech_tl.retention.base import RetentionHooks
from speech_tl.retention.collection import Retention
from speech_tl.scoring.dev_choice import CHOICE, choice
from speech_tl.text import RATES
from speech_tl.training.batches import Batches, training_batches
from speech_tl.training.checkpoints import require_whole
from speech_tl.training.epoch_cache import EpochCache, open_cache
from speech_tl.training.optimizers import new_optimizer
from speech_tl.training.options import TrainingOptions
from speech_tl.training.progress import TrainingFacts
from speech_tl.training.run_lock import Tell

if TYPE_CHECKING:
    from speech_tl.strategies.base import BaseStrategy, Rates

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
        """Set up.

        Args:
            acoustic: what is trained.
            args: the stock Trainer's.
            dataset: what is learnt from.
            options: our own.
            facts: collects what the run did.
            dev_scorer: scores dev; None keeps the last weights.
            callbacks: beside the stock ones.
            rates: a strategy's own learning rates.
        """
        self.acoustic, self.facts, self.dev_scorer = acoustic, facts, dev_scorer
        self.cache, self.retention = EpochCache(), Retention()
        self.pieces = 1
        self._micro_batches: list[tuple[Batch, list[int]]] = []
        self._source_batches: list[list[tuple[RetentionHooks, Batch]]] = []
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

    def open_cache(self, folder: Path, limit_gb: float, strategy: BaseStrategy | None, tell: Tell) -> None:
        """Cache in `folder` what later epochs need not compute again, where there are later epochs."""
        sampler, dataset = self._get_train_sampler(), self.train_dataset
        steps = self.args.max_steps if self.args.max_steps > 0 else math.inf
        first_epoch = len(sampler) / self.args.gradient_accumulation_steps
        if steps <= first_epoch or (steps == math.inf and self.args.num_train_epochs <= 1):
            return
        frozen = strategy.frozen(self.acoustic) if strategy else []
        with self.args.main_process_first():
            self.cache = open_cache(
                folder,
                self.acoustic,
                dataset.utterances,
                frozen,
                limit_gb,
                augmented=dataset.augment is not None
                or isinstance(dataset, PackedDataset),  # windows change each epoch
                whole=not getattr(strategy, "reads_all_layers", False),
                tell=tell if self.is_world_process_zero() else lambda line: None,
            )
        dataset.waveforms, dataset.outputs = self.cache.waveforms, self.cache.outputs

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, torch.Tensor]], torch.Tensor]:
        """The micro-batches of one step and the items of all processes; one that lost every utterance stays, empty.

        The Trainer counts micro-batches to know where a step ends and where a resumed epoch goes on.
        """
        if self._ended_before():
            self.control.should_training_stop, self.control.should_save = True, False
            num_batches = 0
        self._micro_batches = []
        for _, batch in zip(range(num_batches), epoch_iterator, strict=False):
            facts = batch.pop("facts")
            self.facts.add_batch(facts)
            self._micro_batches.append((batch, facts.indices))
        self._source_batches = self._beside(len(self._micro_batches))
        batches = [batch for batch, _ in self._micro_batches]
        items = torch.tensor(float(sum(self.acoustic.items(b) for b in batches if b)), device=device)
        if self.args.world_size > 1:
            items = self.accelerator.gather(items).sum()
        return batches, items

    def _beside(self, count: int) -> list[list[tuple[RetentionHooks, Batch]]]:
        """For each micro-batch of one step, the batches that retention methods bring beside it."""
        first, batches = self.state.global_step * self.args.gradient_accumulation_steps, []
        for number in range(first, first + count):
            batches.append([])
            for hooks in self.retention.bringing:
                batch, facts = hooks.batch(number, self.args.world_size, self.args.process_index)
                self.facts.add_batch(facts)
                batches[-1].append((hooks, batch))
        return batches

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
        """One micro-batch forward and backward, in pieces where it is too large for the memory.

        When memory runs out, the gradients of this step so far are dropped and its micro-batches are done again in
        pieces half as large. A step's loss is a sum over its utterances: pieces change nothing but rounding.
        """
        model.train()
        number = next(n for n, (batch, _) in enumerate(self._micro_batches) if batch is inputs)
        again = [number]
        while True:
            try:
                for n in again:
                    loss = self._micro_batch(model, n, num_items_in_batch, last=n == number)
                return loss
            except torch.OutOfMemoryError as error:
                self._halve(str(error).splitlines()[0])
            model.zero_grad()
            if self.args.device.type == "cuda":
                torch.cuda.empty_cache()
            again = list(range(number + 1))

    def _micro_batch(self, model: nn.Module, number: int, items: torch.Tensor | None, last: bool) -> torch.Tensor:
        """Forward and backward of one micro-batch; a piece whose loss is not finite is skipped and counted.

        Processes exchange gradients in the last piece of the `last` micro-batch, if this one does at all.
        """
        for hooks, source in self._source_batches[number]:
            self._learn_beside(model, hooks, source)
        batch, indices = self._micro_batches[number]
        batch, out_of_memory = self._ready(batch, indices)
        total = torch.zeros((), device=self.args.device)
        for piece in range(self.pieces):
            first, end = (n * len(indices) // self.pieces for n in (piece, piece + 1))
            if first == end and indices and self.args.world_size == 1:
                continue
            apart = nullcontext() if last and piece == self.pieces - 1 else self.accelerator.no_sync(model)
            with apart:
                loss, out_of_memory = self._forward(model, batch, first, end, items, out_of_memory)
                if self._finite_everywhere(loss, out_of_memory):
                    self._backward(loss)
                    total += loss.detach()
                elif indices:
                    self._count_bad("loss")
        return total

    def _learn_beside(self, model: nn.Module, hooks: RetentionHooks, batch: Batch) -> None:
        """Forward and backward of a source batch beside a micro-batch; gradients are exchanged with the latter's.

        Raises:
            torch.OutOfMemoryError: memory ran out.
            BadInput: it did, in one of several processes.
        """
        if not batch:
            return
        batch = self._prepare_inputs(batch)
        rows = len(next(iter(batch.values())))
        for piece in range(self.pieces):
            first, end = (n * rows // self.pieces for n in (piece, piece + 1))
            if first == end:
                continue
            part = batch if self.pieces == 1 else self.acoustic.rows(batch, first, end)
            with self.accelerator.no_sync(model):
                try:
                    with self.compute_loss_context_manager():
                        loss = hooks.loss(model, part, rows) / len(self._source_batches)
                    if bool(torch.isfinite(loss.detach())):
                        self._backward(loss)
                except torch.OutOfMemoryError as error:
                    if self.args.world_size == 1:
                        raise
                    name = hooks.options.name
                    raise BadInput(f"memory ran out on source speech: lower keep.{name}.share") from error

    def _ready(self, batch: Batch, indices: list[int]) -> tuple[Batch, bool]:
        """The batch on the device, with what need not be learnt computed; and whether memory ran out on the way."""
        if not batch:
            return batch, False
        try:
            batch = self._prepare_inputs(batch)
            with self.compute_loss_context_manager():
                return self.cache.completed(self.acoustic, batch, indices), False
        except torch.OutOfMemoryError:
            return batch, True

    def _forward(
        self, model: nn.Module, batch: Batch, first: int, end: int, items: torch.Tensor | None, out_of_memory: bool
    ) -> tuple[torch.Tensor, bool]:
        """The loss of the utterances `first` to `end`, not a number for an empty batch; and whether memory ran out.

        A process without an utterance for this piece takes one that counts nothing, since all must exchange gradients.
        """
        nothing = torch.tensor(torch.nan, device=self.args.device)
        if not batch or out_of_memory:
            return nothing, out_of_memory
        counts = float(first < end)
        part = batch if self.pieces == 1 else self.acoustic.rows(batch, *((first, end) if counts else (0, 1)))
        try:
            with self.compute_loss_context_manager():
                return counts * self.compute_loss(model, part, num_items_in_batch=items), False
        except torch.OutOfMemoryError:
            return nothing, True

    def _backward(self, loss: torch.Tensor) -> None:
        """Add the gradients.

        Raises:
            torch.OutOfMemoryError: memory ran out.
            BadInput: it did, and other processes are waiting for the gradients.
        """
        try:
            self.accelerator.backward(loss)
        except torch.OutOfMemoryError as error:
            if self.args.world_size == 1:
                raise
            raise BadInput(
                f"memory ran out in process {self.args.process_index} while others waited for its gradients: lower "
                f"training.batch_seconds ({self.options.batch_seconds:g})"
            ) from error
        self._has_gradient = True

    def _finite_everywhere(self, value: torch.Tensor, out_of_memory: bool) -> bool:
        """Whether the loss is finite in all processes.

        Raises:
            torch.OutOfMemoryError: memory ran out in one of them, so that all do the step again.
        """
        state = torch.stack([~torch.isfinite(value.detach()), torch.tensor(out_of_memory, device=value.device)])
        if self.args.world_size > 1:
            state = self.accelerator.gather(state[None]).any(0)
        bad, out_of_memory = state.tolist()
        if out_of_memory:
            raise torch.OutOfMemoryError("out of memory in the forward pass")
        return not bad

    def _halve(self, why: str) -> None:
        """Half as large pieces from now on.

        Raises:
            BadInput: they hold one utterance each already.
        """
        largest = torch.tensor(max(len(indices) for _, indices in self._micro_batches), device=self.args.device)
        if self.args.world_size > 1:
            largest = self.accelerator.gather(largest[None]).max()
        if self.pieces >= int(largest):
            raise BadInput(
                f"memory ran out on a single utterance at step {self.state.global_step} ({why}): lower "
                "data.max_duration_s, or set training.gradient_checkpointing=true"
            )
        self.pieces = self.facts.pieces = 2 * self.pieces

    def _clip_grad_norm(self, model: nn.Module) -> torch.Tensor | None:
        """Clip, what pulls weights back among them; gradients that are not finite are dropped: such a step changes
        nothing.
        """
        scaler = getattr(self.accelerator, "scaler", None)
        self.retention.add_gradients(scaler.get_scale() if scaler is not None and scaler.is_enabled() else 1.0)
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

    def _load_best_model(self) -> None:
        """Take the weights that dev chose; the stock Trainer would go on with others where they are gone."""
        require_whole(Path(self.state.best_model_checkpoint))
        super()._load_best_model()

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """With what retention adds to the loss, beside the loss."""
        super().log(logs | (self.retention.logged() if "loss" in logs else {}), *args, **kwargs)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Decode the dev utterances for real; teacher forcing would flatter the model."""
        self.facts.pause()
        started = time.perf_counter()
        metrics = {f"{metric_key_prefix}_{key}": value for key, value in self.dev_scorer().items()}
        self.facts.validation_seconds += time.perf_counter() - started
        self.facts.resume()
        self.log(dict(metrics))
        wer, cer = (metrics[f"{metric_key_prefix}_{rate}"] for rate in RATES)
        metrics[f"{metric_key_prefix}_{CHOICE}"] = choice(wer, cer, self.facts.rate)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics
