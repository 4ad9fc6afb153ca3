"""How long a run will take and how much memory it needs, measured on three real steps and one real decoding batch."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers

from speech_tl.data.batching import Collator, SpeechDataset
from speech_tl.decoding import decode, decoding_batches, loader_workers
from speech_tl.models.base import AcousticModel, DecodingOptions
from speech_tl.models.quiet import quiet_transformers
from speech_tl.training.batch_size import batch_seconds
from speech_tl.training.batches import epoch_seconds, training_batches, training_dataset
from speech_tl.training.masking import set_masks
from speech_tl.training.optimizers import new_optimizer
from speech_tl.training.options import TrainingOptions, peak_learning_rate, resolved_precision
from speech_tl.training.retention import Retention
from speech_tl.training.train import peak_memory_bytes, steps_of_epochs

if TYPE_CHECKING:
    from speech_tl.data.augment import Augmenter
    from speech_tl.data.manifest import Manifest
    from speech_tl.strategies.base import BaseStrategy


@dataclass(frozen=True)
class Estimate:
    """What a run will take, in seconds and bytes.

    Attributes:
        steps: optimiser steps, as far as neither the clock nor patience ends them earlier.
        epochs: passes over the training utterances.
        eval_steps: steps between looks at the dev WER.
        looks: how often dev is decoded, the one before the first step among them.
        training_s: the steps.
        looks_s: all validation passes.
        test_s: decoding the test split once; a run does it twice.
        peak_memory_bytes: of the GPU where there is one, else of this process.
        precision: what training multiplies in.
        learning_rate: peak.
    """

    steps: int
    epochs: float
    eval_steps: int
    looks: int
    training_s: float
    looks_s: float
    test_s: float
    peak_memory_bytes: int
    precision: str
    learning_rate: float

    @property
    def total_s(self) -> float:
        """The whole run: before, training with its looks, after."""
        return self.training_s + self.looks_s + 2 * self.test_s


def estimate(
    model: AcousticModel,
    train: Manifest,
    dev: Manifest,
    test: Manifest,
    options: TrainingOptions,
    decoding: DecodingOptions,
    augmenter: Augmenter,
    seed: int,
    strategy: BaseStrategy | None = None,
    retention: Retention | None = None,
) -> Estimate:
    """Decode one test batch, then take three steps: the one with most audio (for memory), two usual ones (for time).

    The weights of `model`, which a strategy has prepared, are changed; nothing is written. Early stopping is not
    foreseen, and a train split that varies a lot in length may be off by a third.
    """
    retention = retention or Retention()
    mixed = retention.mixed(train)
    seconds = batch_seconds(model, mixed, options, None)
    whole = options.model_copy(update={"batch_seconds": seconds})
    options = retention.learning(whole)
    transformers.set_seed(seed)
    chain = augmenter.chain("train", train, sample_rate=model.sample_rate, seed=seed)
    dataset = training_dataset(mixed, model, options, chain, seed)
    batches = training_batches(dataset, model, options, seed)
    steps, per_epoch = _steps(len(batches), options)
    about = options.max_steps or steps_of_epochs(epoch_seconds(mixed), options)
    eval_steps = options.eval_steps or max(1, about // 10)
    looks = 1 + steps // eval_steps
    test_batch_s, test_batches = _decoding_batch(model, test, decoding)
    dev_share = min(len(dev), options.dev_limit or len(dev)) / len(test)
    with quiet_transformers():
        set_masks(model, augmenter.options.spec_augment, strategy)
        micro_batch_s = _micro_batch_seconds(model, dataset, list(batches), options)
    training_s = steps * options.gradient_accumulation_steps * micro_batch_s
    if options.max_minutes is not None:
        training_s = min(training_s, 60 * options.max_minutes)
    return Estimate(
        steps=steps,
        epochs=round(steps / per_epoch, 1),
        eval_steps=eval_steps,
        looks=looks,
        training_s=training_s,
        looks_s=looks * max(1, math.ceil(test_batches * dev_share)) * test_batch_s,
        test_s=test_batches * test_batch_s,
        peak_memory_bytes=peak_memory_bytes(model.device.type),
        precision=resolved_precision(options, model.device.type),
        learning_rate=peak_learning_rate(options, model, strategy),
    )


def _steps(batches: int, options: TrainingOptions) -> tuple[int, int]:
    """(steps of the run, steps of one epoch), counted as the Trainer counts."""
    per_epoch = max(1, math.ceil(batches / options.gradient_accumulation_steps))
    return options.max_steps or math.ceil(options.epochs * per_epoch), per_epoch


def _decoding_batch(model: AcousticModel, test: Manifest, decoding: DecodingOptions) -> tuple[float, int]:
    """(seconds for the batch of middle length, number of batches) of the test split."""
    batches = decoding_batches(model, test.durations_s().tolist(), decoding)
    chosen = [test[index] for index in batches[len(batches) // 2]]
    started = time.perf_counter()
    decode(model, chosen, decoding.model_copy(update={"workers": 0}))
    return time.perf_counter() - started, len(batches)


def _micro_batch_seconds(
    model: AcousticModel, dataset: SpeechDataset, batches: list[list], options: TrainingOptions
) -> float:
    """Seconds for a usual batch, loading (as far as workers do not hide it) and learning."""
    if options.auxiliary_ctc:
        model.attach_auxiliary_ctc(options.auxiliary_ctc)
    if options.gradient_checkpointing:
        model.network.activation_checkpointing_enable({"use_reentrant": False})
    collator, step = Collator(model), _Step(model, options)
    durations_s = dataset.utterances.durations_s()
    by_length = sorted(batches, key=lambda batch: _padded_seconds(batch, durations_s))
    middle = by_length[len(by_length) // 2]
    for batch in (by_length[-1], middle, middle):  # the first also warms up, and its time is not looked at
        started = time.perf_counter()
        collated = collator([dataset[key] for key in batch])
        loaded = time.perf_counter()
        step(collated)
        loading_s, learning_s = loaded - started, time.perf_counter() - loaded
    model.detach_auxiliary_ctc()
    workers = loader_workers(options.workers, len(dataset))
    return max(learning_s, loading_s / workers) if workers else learning_s + loading_s


def _padded_seconds(batch: list, durations_s: np.ndarray) -> float:
    """Audio of a batch with its padding, in seconds; its keys are utterances, or windows that several share."""
    rows = [key if isinstance(key[0], tuple) else (key,) for key in batch]
    return float(len(rows) * max(sum(durations_s[index] for index, _ in row) for row in rows))


class _Step:
    """One optimiser step as the trainer takes it: loss in the run's precision, backward, clip, the run's optimiser."""

    def __init__(self, model: AcousticModel, options: TrainingOptions) -> None:
        self.model, self.options = model, options
        self.parameters = [p for p in model.network.parameters() if p.requires_grad]
        self.optimiser = new_optimizer(model.network, options, learning_rate=1e-7)
        half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(resolved_precision(options, model.device.type))
        self.autocast: dict[str, Any] = {"dtype": half, "enabled": half is not None}

    def __call__(self, batch: dict[str, Any]) -> None:
        batch = {name: value.to(self.model.device) for name, value in batch.items() if name != "facts"}
        if not batch:
            return
        self.model.network.train()
        with torch.autocast(self.model.device.type, **self.autocast):
            loss = self.model.loss(self.model.network, batch) / self.model.items(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.options.max_grad_norm)
        self.optimiser.step()
        self.optimiser.zero_grad()
        if self.model.device.type == "cuda":
            torch.cuda.synchronize()
