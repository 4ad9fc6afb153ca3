"""From utterances to an adapted model: set the Trainer up, run it, bring back the weights that are best on dev."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import transformers
from transformers import EarlyStoppingCallback, TrainerCallback, TrainingArguments

from speech_tl.data.augment import Augmenter
from speech_tl.data.batching import SpeechDataset
from speech_tl.decoding.decode import loader_workers
from speech_tl.decoding.measuring import measure
from speech_tl.errors import BadInput
from speech_tl.models.audio_context import WINDOW_S
from speech_tl.models.base import AcousticModel, DecodingOptions
from speech_tl.models.transformers_output import quiet_transformers
from speech_tl.retention.base import FOLDER, TrainingStart
from speech_tl.retention.collection import Retention
from speech_tl.scoring.dev_choice import CHOICE, look_at, never_better, too_small, weights_kept
from speech_tl.training.batch_size import batch_seconds
from speech_tl.training.batches import epoch_seconds, training_dataset
from speech_tl.training.checkpoints import Checkpoints, newest_whole
from speech_tl.training.interruption import Interruption
from speech_tl.training.masking import set_masks
from speech_tl.training.memory import peak_memory_bytes
from speech_tl.training.options import (
    TrainingOptions,
    peak_learning_rate,
    resolved_precision,
)
from speech_tl.training.progress import (
    BoundMemory,
    LogFile,
    StepProgress,
    TimeLimit,
    TrainingFacts,
    read_log,
)
from speech_tl.training.run_lock import Tell
from speech_tl.training.schedule import EpochOrder, StrategySchedule
from speech_tl.training.trainer import AdaptationTrainer, DevScorer
from speech_tl.training.validation import Validation, validation

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest, Utterance
    from speech_tl.data.test_set import TestSet
    from speech_tl.retention.mixture import Mixture
    from speech_tl.strategies.base import BaseStrategy


LONGEST_WAIT_S = 24 * 3600
"""Other processes wait for the first one, which measures before alone."""


@dataclass
class TrainingResult:
    """What training did.

    Attributes:
        figures: the "training" part of report.json.
        problems: index into the training utterances -> why it could not be loaded.
        notes: sentences a reader of the report should know.
    """

    figures: dict[str, Any]
    problems: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def train(
    model: AcousticModel,
    utterances: Manifest,
    dev: TestSet | None,
    options: TrainingOptions,
    folder: Path,
    *,
    seed: int,
    augmenter: Augmenter,
    decoding: DecodingOptions,
    strategy: BaseStrategy | None = None,
    retention: Retention | None = None,
    cache_gb: float = 0.0,
    resume: bool = False,
    progress: StepProgress | None = None,
    tell: Tell = lambda line: None,
) -> TrainingResult:
    """Train `model` in place and leave it with the weights that dev chooses (see `selection.choice`).

    Args:
        model: what a strategy has prepared.
        utterances: the train split; every duration must be known.
        dev: what the checkpoint is selected on, by its leading error rate; None keeps the last weights.
        options: see `TrainingOptions`.
        folder: for checkpoints and `log.jsonl`.
        seed: of shuffling, masks, dropout and new weights.
        augmenter: what training utterances are heard through; see `AugmentOptions`.
        decoding: how dev utterances are decoded.
        strategy: what has prepared the model; None trains what requires gradients, all at one rate.
        retention: the methods by which the model keeps what it knew; None lets it forget.
        cache_gb: most gigabytes of disk, below `folder`, for what later epochs need not compute again.
        resume: continue from the last whole checkpoint in `folder`.
        progress: hears of every step.
        tell: hears what the user should know beforehand.

    Raises:
        BadInput: nothing to train on, or losses that stay non-finite.
    """
    retention, rate = retention or Retention(), dev.rate if dev else "wer"
    checkpoints = Checkpoints(folder, rate, tell)
    mixed = retention.mixed(utterances)
    options = _with_batch_seconds(options, model, mixed, folder, tell)
    options, planned = with_validation(options, model, mixed, dev.utterances if dev else [], retention, decoding)
    start = TrainingStart(model, strategy, folder / FOLDER, options.expected_batch_seconds, decoding, seed, tell)
    retention.before_training(start)
    transformers.set_seed(seed)
    set_masks(model, augmenter.options.spec_augment, strategy)
    facts, interruption = TrainingFacts(rate), Interruption()
    scorer = _dev_scorer(model, dev, options, decoding, seed, augmenter) if dev else None
    small = too_small(dev.drawn(options.dev_limit, seed)) if dev else None
    selects = scorer is not None and not small
    callbacks = [checkpoints, interruption, *_callbacks(options, folder, facts, progress, selects)]
    callbacks += [EpochOrder(), *_schedule(strategy, model)]
    callbacks.append(BoundMemory(model.device.type))
    scorer = scorer and interruption.at_once(scorer)
    chain = augmenter.chain("train", utterances, sample_rate=model.sample_rate, seed=seed)
    dataset = training_dataset(mixed, model, options, chain, seed)
    learning = options.shortened(retention.batch_share)
    trainer = _trainer(model, dataset, scorer, selects, learning, folder, seed, facts, callbacks, strategy)
    trainer.retention = retention
    checkpoint = newest_whole(folder, tell) if resume else None
    trainer.args.eval_on_start = dev is not None and checkpoint is None
    with _learning(model, options), quiet_transformers(), interruption:
        trainer.open_cache(folder / "cache", cache_gb, strategy, tell)
        trainer.train(resume_from_checkpoint=checkpoint)
    trainer.cache.remove()
    state, notes = trainer.state, [*checkpoints.notes, *_notes(folder, trainer, facts)]
    if strategy and (note := strategy.note(model, state.global_step, state.max_steps)):
        notes.append(note)
    notes.extend(retention.notes)
    if small:
        notes.append(_nothing_chosen(small, options))
    figures = _figures(trainer, model, facts, folder, small) | {"batch_seconds": options.batch_seconds}
    if planned.utterances:
        figures["validation"] = dataclasses.asdict(planned)
    return TrainingResult(figures | retention.figures(facts.source_seconds), facts.problems, notes)


def _with_batch_seconds(
    options: TrainingOptions, model: AcousticModel, utterances: Manifest | Mixture, folder: Path, tell: Tell
) -> TrainingOptions:
    """The options with a number for `batch_seconds`."""
    if options.batch_seconds != "auto":
        return options
    found = batch_seconds(model, utterances, options, folder, int(os.environ.get("WORLD_SIZE", "1")))
    tell(f"batches of {found:g} s on each {model.device.type} (training.batch_seconds)")
    return options.model_copy(update={"batch_seconds": found})


def with_validation(
    options: TrainingOptions,
    model: AcousticModel,
    utterances: Manifest | Mixture,
    dev: Sequence[Utterance],
    retention: Retention,
    decoding: DecodingOptions,
) -> tuple[TrainingOptions, Validation]:
    """The options with numbers for `eval_steps` and `dev_limit`, and the validation passes that they make."""
    dev_s = [utterance.duration_s or 0.0 for utterance in dev]
    learning = options.shortened(retention.batch_share)
    steps = options.max_steps or steps_of_epochs(epoch_seconds(utterances), learning)
    found = validation(model, utterances.durations_s().tolist(), dev_s, steps, learning, decoding)
    limit = found.utterances or None
    return options.model_copy(update={"eval_steps": found.eval_steps, "dev_limit": limit}), found


def _trainer(
    model: AcousticModel,
    dataset: SpeechDataset,
    scorer: DevScorer | None,
    selects: bool,
    options: TrainingOptions,
    folder: Path,
    seed: int,
    facts: TrainingFacts,
    callbacks: list[TrainerCallback],
    strategy: BaseStrategy | None,
) -> AdaptationTrainer:
    """The trainer, ready to start; where dev does not select it keeps the last weights."""
    arguments = _arguments(model, options, folder, seed, dataset, scorer is not None, selects, strategy)
    rates = strategy.rates(model) if strategy else []
    return AdaptationTrainer(model, arguments, dataset, options, facts, scorer, callbacks, rates)


@contextmanager
def _learning(model: AcousticModel, options: TrainingOptions) -> Iterator[None]:
    """What only training has: an auxiliary loss, and the attention code that trains fastest; both are taken back."""
    shortcuts = model.shortcuts
    model.shortcuts = shortcuts and options.shortcuts
    if options.auxiliary_ctc:
        model.attach_auxiliary_ctc(options.auxiliary_ctc)
    try:
        with model.attention(model.training_attention()):
            yield
    finally:
        model.detach_auxiliary_ctc()
        model.shortcuts = shortcuts
        model.network.eval()


def _dev_scorer(
    model: AcousticModel,
    dev: TestSet,
    options: TrainingOptions,
    decoding: DecodingOptions,
    seed: int,
    augmenter: Augmenter,
) -> DevScorer:
    """Decodes the same seeded choice of dev utterances each time, as recorded or in noise of dev's own."""
    chain = None
    if augmenter.options.on_dev:
        chain = augmenter.chain("dev", dev.utterances, sample_rate=model.sample_rate, seed=seed, speed=False)
    dev = dataclasses.replace(dev.drawn(options.dev_limit, seed), augment=chain)
    usual = model.network.config._attn_implementation

    def dev_score() -> dict[str, float]:
        """WER and CER of the chosen utterances with the weights of this moment."""
        with model.attention(usual):  # what trains fastest takes long, and much memory, to decode 30 s windows
            figures = measure(model, dev, decoding, seed=seed).score
        if figures.wer is None or figures.cer is None:
            raise BadInput(
                f"the dev split holds no words after normalising with {dev.normaliser.name}: cannot select on it"
            )
        return {"wer": figures.wer, "cer": figures.cer}

    return dev_score


def steps_of_epochs(epoch_s: float, options: TrainingOptions) -> int:
    """About how many steps the epochs, each of so many seconds, will take."""
    per_batch = options.expected_batch_seconds
    seconds = WINDOW_S * max(1, per_batch // WINDOW_S) if options.packing else per_batch
    per_step = seconds * options.gradient_accumulation_steps
    return max(1, round(options.epochs * epoch_s / per_step))


def _arguments(
    model: AcousticModel,
    options: TrainingOptions,
    folder: Path,
    seed: int,
    dataset: SpeechDataset,
    looks: bool,
    selects: bool,
    strategy: BaseStrategy | None,
) -> TrainingArguments:
    """Our options in the Trainer's words; the optimiser's own are in `optimizers.py`."""
    steps = options.max_steps or steps_of_epochs(epoch_seconds(dataset.utterances), options)
    precision = resolved_precision(options, model.device.type)
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=options.max_steps or -1,
        num_train_epochs=options.epochs,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        learning_rate=peak_learning_rate(options, model, strategy),
        lr_scheduler_type=options.schedule,
        lr_scheduler_kwargs=_decay(options, steps),
        warmup_steps=round(options.warmup_share * steps),
        max_grad_norm=options.max_grad_norm,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        **_checkpointing(options),
        **_looks(options.eval_steps or max(1, steps // 10), looks, selects),
        seed=seed,
        ddp_timeout=LONGEST_WAIT_S,
        dataloader_num_workers=loader_workers(options.workers, len(dataset)),
        dataloader_pin_memory=model.device.type == "cuda",
        remove_unused_columns=False,
        use_cpu=model.device.type == "cpu",
        disable_tqdm=True,
        report_to=[],
    )


def _decay(options: TrainingOptions, steps: int) -> dict[str, Any]:
    """What the schedule must be told: of those on offer only one asks when to fall."""
    return {"num_decay_steps": max(1, steps // 10)} if options.schedule == "warmup_stable_decay" else {}


def _looks(eval_steps: int, looks: bool, selects: bool) -> dict[str, Any]:
    """When to log, to validate and to save; where dev `selects`, the weights it chooses are taken at the end.

    Which checkpoints stay is up to `Checkpoints`: the Trainer would give one up before the next is known to be whole.
    """
    return {
        "logging_steps": max(1, min(25, eval_steps)),
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps" if looks else "no",
        "eval_steps": eval_steps,
        "save_strategy": "steps",
        "save_steps": eval_steps,
        "restore_callback_states_from_checkpoint": True,
        "load_best_model_at_end": selects,
        "metric_for_best_model": CHOICE if selects else None,
        "greater_is_better": False if selects else None,
    }


def _checkpointing(options: TrainingOptions) -> dict[str, Any]:
    """Activation checkpointing under the name that the installed transformers has for it (before 5.23 another)."""
    if not options.gradient_checkpointing:
        return {}
    names = ("activation_checkpointing", "gradient_checkpointing")
    name = next(name for name in names if name in TrainingArguments.__dataclass_fields__)
    return {name: True, f"{name}_kwargs": {"use_reentrant": False}}


def _callbacks(
    options: TrainingOptions, folder: Path, facts: TrainingFacts, progress: StepProgress | None, selects: bool
) -> list[TrainerCallback]:
    """The log first, then what may end the run early."""
    callbacks: list[TrainerCallback] = [LogFile(folder / "log.jsonl", facts, progress)]
    if options.patience and selects:
        callbacks.append(EarlyStoppingCallback(options.patience))
    if options.max_minutes:
        callbacks.append(TimeLimit(options.max_minutes, facts))
    return callbacks


def _schedule(strategy: BaseStrategy | None, model: AcousticModel) -> list[TrainerCallback]:
    """What tells the strategy of every step."""
    return [StrategySchedule(strategy, model)] if strategy else []


def _figures(
    trainer: AdaptationTrainer, model: AcousticModel, facts: TrainingFacts, folder: Path, small: str | None
) -> dict[str, Any]:
    """The contract's "training" figures; `small` is why dev chose nothing."""
    trained, total = model.parameter_counts()
    rate = facts.audio_seconds / facts.seconds if facts.seconds else 0.0
    log, steps, chosen = read_log(folder / "log.jsonl"), trainer.state.global_step, trainer.state.best_global_step
    kept_step, kept_weights = weights_kept(steps, look_at(log, chosen or None), facts.rate, small)
    kept = look_at(log, kept_step)
    return {
        "steps": steps,
        "kept_step": kept_step,
        "kept_weights": kept_weights,
        "epochs": round(trainer.state.epoch or 0.0, 2),
        "seconds": round(facts.seconds, 1),
        "validation_seconds": round(facts.validation_seconds, 1),
        "audio_seconds": round(facts.audio_seconds, 1),
        "audio_seconds_per_second": round(rate, 2),
        "trainable_parameters": trained,
        "total_parameters": total,
        "padding_share": round(facts.padding_share, 4),
        "peak_memory_bytes": peak_memory_bytes(model.device.type),
        "learning_rate": trainer.args.learning_rate,
        "kept": trainer.cache.what,
        "skipped_losses": facts.skipped_losses,
        "best_step": chosen,
        f"first_dev_{facts.rate}": look_at(log, 0).get(f"dev_{facts.rate}"),
        f"best_dev_{facts.rate}": kept.get(f"dev_{facts.rate}"),
        "best_dev_cer": kept.get("dev_cer"),
    }


def _nothing_chosen(small: str, options: TrainingOptions) -> str:
    """For the report, where dev is too small to choose on."""
    patience = " and training.patience is not heeded" if options.patience else ""
    return f"{small}: the last weights are kept{patience}"


def _notes(folder: Path, trainer: AdaptationTrainer, facts: TrainingFacts) -> list[str]:
    """What a reader of the report should know about the training."""
    notes = []
    if facts.skipped_losses:
        notes.append(f"{facts.skipped_losses} batches had a loss that was not finite and were skipped")
    if facts.pieces > 1:
        notes.append(f"memory ran out: batches were taken in {facts.pieces} pieces, which changes no step but rounding")
    log = read_log(folder / "log.jsonl")
    worse = never_better(look_at(log, 0), look_at(log, trainer.state.best_global_step), facts.rate)
    return [*notes, worse] if worse else notes
