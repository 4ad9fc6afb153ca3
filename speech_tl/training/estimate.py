"""How long a run will take and how much memory it needs, measured on a few real steps and real decoding batches."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import transformers

from speech_tl.data.batching import Collator, SpeechDataset
from speech_tl.decoding.decode import decode, decoding_batches, loader_workers, windows_s
from speech_tl.decoding.memory import GAPS_BYTES, FreedMemory
from speech_tl.models.audio_context import WINDOW_S
from speech_tl.models.base import AcousticModel, DecodingOptions
from speech_tl.models.transformers_output import quiet_transformers
from speech_tl.retention.collection import Retention
from speech_tl.training.batch_size import batch_seconds
from speech_tl.training.batches import training_batches, training_dataset
from speech_tl.training.masking import set_masks
from speech_tl.training.options import TrainingOptions, peak_learning_rate, resolved_precision
from speech_tl.training.train import peak_memory_bytes, with_validation
from speech_tl.training.trial_step import TrialStep

if TYPE_CHECKING:
    from speech_tl.data.augment import Augmenter
    from speech_tl.data.manifest import Manifest
    from speech_tl.strategies.base import BaseStrategy


DISK_BYTES_A_SECOND = 300e6
"""What a checkpoint is written at; a slow disk's rate, so that nobody is promised a fast one."""

DECODER_SHARE = 0.2
"""Of the time for a 30 s window; the decoder writes as long for a window shortened to the clip."""

TRIALS = (0.25, 0.5, 0.75)
"""Where in the order of length the batches stand that are timed."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take, in seconds and bytes.

    Attributes:
        steps: optimiser steps, as far as neither the clock nor patience ends them earlier.
        epochs: passes over the training utterances.
        eval_steps: steps between validation passes.
        looks: validation passes, the one before the first step among them.
        dev_utterances: decoded in each of them.
        training_s: the steps.
        looks_s: all validation passes.
        test_s: decoding the test split once; a run does it twice.
        checkpoints_s: writing the checkpoints.
        window_check_s: decoding dev with both kinds of Whisper's windows, and the test split with shortened ones.
        merging_s: decoding dev before and after adapters are merged.
        peak_memory_bytes: of the GPU where there is one, else of this process.
        precision: what training multiplies in.
        learning_rate: peak.
    """

    steps: int
    epochs: float
    eval_steps: int
    looks: int
    dev_utterances: int
    training_s: float
    looks_s: float
    test_s: float
    checkpoints_s: float
    window_check_s: float
    merging_s: float
    peak_memory_bytes: int
    precision: str
    learning_rate: float

    @property
    def total_s(self) -> float:
        """Before, training with its validation and checkpoints, checks, after."""
        return sum(self.parts().values())

    def parts(self) -> dict[str, float]:
        """What the time goes to, in the order of a run, in seconds; the test split's alone of what is measured."""
        return {
            "test before": self.test_s,
            "validation": self.looks_s,
            "training": self.training_s,
            "checkpoints": self.checkpoints_s,
            "merging check": self.merging_s,
            "window check": self.window_check_s,
            "test after": self.test_s,
        }


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
    """Decode a few test batches, then take a few steps: the heaviest one for memory, others of all lengths for time.

    The weights of `model`, which a strategy has prepared, are changed; nothing is written. Early stopping is not
    foreseen.
    """
    retention = retention or Retention()
    mixed = retention.mixed(train)
    seconds = batch_seconds(model, mixed, options, None)
    whole = options.model_copy(update={"batch_seconds": seconds})
    whole, planned = with_validation(whole, model, mixed, dev, retention, decoding)
    options = whole.shortened(retention.batch_share)
    transformers.set_seed(seed)
    chain = augmenter.chain("train", train, sample_rate=model.sample_rate, seed=seed)
    dataset = training_dataset(mixed, model, options, chain, seed)
    batches = training_batches(dataset, model, options, seed)
    steps, per_epoch = _steps(len(batches), options)
    looks = 1 + steps // planned.eval_steps if planned.utterances else 0
    full = decoding.model_copy(update={"audio_context": "full"})
    a_second = _decoding_rate(model, test, full)
    test_s = a_second * sum(windows_s(model, test.durations_s().tolist(), full))
    dev_s = a_second * sum(windows_s(model, dev.durations_s().tolist(), full)) * planned.utterances / max(len(dev), 1)
    with quiet_transformers():
        set_masks(model, augmenter.options.spec_augment, strategy)
        micro_batch_s = _micro_batch_seconds(model, dataset, list(batches), options)
    training_s = steps * options.gradient_accumulation_steps * micro_batch_s
    if options.max_minutes is not None:
        training_s = min(training_s, 60 * options.max_minutes)
    merged = min(len(dev), options.dev_at_most or len(dev)) / max(planned.utterances, 1)
    return Estimate(
        steps=steps,
        epochs=round(steps / per_epoch, 1),
        eval_steps=planned.eval_steps,
        looks=looks,
        dev_utterances=planned.utterances,
        training_s=training_s,
        looks_s=looks * dev_s,
        test_s=test_s,
        checkpoints_s=max(looks, 1) * _checkpoint_bytes(model) / DISK_BYTES_A_SECOND,
        window_check_s=_window_check_seconds(model, test, decoding, dev_s, test_s),
        merging_s=2 * merged * dev_s if strategy is not None and strategy.folds else 0.0,
        peak_memory_bytes=_peak_bytes(model),
        precision=resolved_precision(options, model.device.type),
        learning_rate=peak_learning_rate(options, model, strategy),
    )


def _steps(batches: int, options: TrainingOptions) -> tuple[int, int]:
    """(steps of the run, steps of one epoch), counted as the Trainer counts."""
    per_epoch = max(1, math.ceil(batches / options.gradient_accumulation_steps))
    return options.max_steps or math.ceil(options.epochs * per_epoch), per_epoch


def _peak_bytes(model: AcousticModel) -> int:
    """Most memory so far; for Whisper on a CPU with the gaps that add up between batches before they are given back.

    Whole runs of `accent/mandarin_english` took 0.3 GB more than their trial with whisper-tiny.en, whose 30 s windows
    leave large gaps, and no more than it with starter-wav2vec2 (`speech-tl adapt ... --dry-run`, then the run).
    """
    measured = peak_memory_bytes(model.device.type)
    return measured + (int(GAPS_BYTES) if model.device.type == "cpu" and model.has_decoder else 0)


def _checkpoint_bytes(model: AcousticModel) -> int:
    """One checkpoint: the weights, and two moments of the trained ones."""
    trained, total = model.parameter_counts()
    return 4 * total + 8 * trained


def _window_check_seconds(
    model: AcousticModel, test: Manifest, decoding: DecodingOptions, dev_s: float, test_s: float
) -> float:
    """Dev with 30 s windows and with shortened ones, and the test split once more with those; 0 without a window."""
    if not model.trained_context.trims or decoding.audio_context == "full":
        return 0.0
    durations_s = test.durations_s().tolist()
    share = sum(model.window_s(seconds, model.trained_context) for seconds in durations_s) / WINDOW_S / len(durations_s)
    shortened = DECODER_SHARE + (1 - DECODER_SHARE) * share
    return dev_s * (1 + shortened) + test_s * shortened


def _decoding_rate(model: AcousticModel, test: Manifest, decoding: DecodingOptions) -> float:
    """Seconds for each second of the windows: measured on batches of several lengths, decoded together as a run does,
    after one more that warms up and is the largest.
    """
    batches = decoding_batches(model, test.durations_s().tolist(), decoding)
    heaviest = max(batches, key=len)
    decode(model, [test[index] for index in heaviest], decoding)
    chosen = sorted({index for place in TRIALS for index in batches[int(place * len(batches))]})
    timed = [test[index] for index in chosen]
    started = time.perf_counter()
    decode(model, timed, decoding)
    return (time.perf_counter() - started) / sum(windows_s(model, test.durations_s()[chosen].tolist(), decoding))


def _micro_batch_seconds(
    model: AcousticModel, dataset: SpeechDataset, batches: list[list], options: TrainingOptions
) -> float:
    """Seconds for a batch on average, loading (as far as workers do not hide it) and learning."""
    if options.auxiliary_ctc:
        model.attach_auxiliary_ctc(options.auxiliary_ctc)
    collator, step = Collator(model), TrialStep(model, options)
    cost = _BatchCost(model, dataset, options)
    ordered = sorted(batches, key=cost.expected)
    heaviest = max(ordered, key=cost.drawn)
    loading_s = learning_s = measured = 0.0
    freed = FreedMemory(model.device.type)
    with model.attention(model.training_attention()):
        for number, batch in enumerate([heaviest, *(ordered[int(place * len(ordered))] for place in TRIALS)]):
            started = time.perf_counter()
            collated = collator([dataset[key] for key in batch])
            loaded = time.perf_counter()
            padded_s = collated["facts"].padded_seconds
            step.take(collated)
            freed.bound()
            if number:  # the first warms up
                loading_s += loaded - started
                learning_s += time.perf_counter() - loaded
                measured += padded_s
    model.detach_auxiliary_ctc()
    usual = sum(cost.expected(batch) for batch in batches) / len(batches) / max(measured, 1e-3)
    workers = loader_workers(options.workers, len(dataset))
    return usual * (max(learning_s, loading_s / workers) if workers else learning_s + loading_s)


class _BatchCost:
    """Seconds that the network computes on for a batch of training, before its audio is read."""

    def __init__(self, model: AcousticModel, dataset: SpeechDataset, options: TrainingOptions) -> None:
        self.model, self.dataset, self.joined = model, dataset, options.several_in_a_window
        self.full_share = 0.0 if options.packing else model.full_share
        self.durations_s = dataset.utterances.durations_s()

    def expected(self, batch: list) -> float:
        """On average over which utterances keep their whole window."""
        return self._seconds(batch, [self.full_share] * len(batch))

    def drawn(self, batch: list) -> float:
        """With those that are drawn to keep it."""
        if self.joined or not self.full_share:
            return self.expected(batch)
        rngs = [self.dataset.random(*key) for key in batch]
        return self._seconds(batch, [float(rng.random() < self.full_share) for rng in rngs])

    def _seconds(self, batch: list, shares: list[float]) -> float:
        """Rows as long as the longest, of which these shares have the whole window; packed ones hold several."""
        rows = [key if isinstance(key[0], tuple) else (key,) for key in batch]
        longest_s = max(float(sum(self.durations_s[index] for index, _ in row)) for row in rows)
        window_s = self.model.window_s(longest_s, self.model.trained_context)
        whole_s = max(window_s, self.model.window_limit_s or 0.0)
        return sum(share * whole_s + (1 - share) * window_s for share in shares)
