"""The speech_tl side of a training: the same rows, model, steps and seed as a `plain.Plan`."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from speech_tl.data.augment import Augmenter, AugmentOptions
from speech_tl.data.batching import SimilarLengthBatches
from speech_tl.data.manifest import Manifest
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions, ModelOptions
from speech_tl.strategies.trained import Full, HeadOnly
from speech_tl.training.options import TrainingOptions
from speech_tl.training.train import train
from tests.benchmarks.frame import Side, Timed
from tests.benchmarks.material import write_manifest
from tests.benchmarks.plain import Plan


@dataclass(frozen=True)
class Ours:
    """How speech_tl does what a plan says.

    Attributes:
        plan: rows, model, steps, seed, learning rate, where the model goes.
        model: fields of `ModelOptions`, such as the audio context.
        training: fields of `TrainingOptions` beside those that follow from the plan.
        cache_gb: of disk, for what later epochs need not compute again.
    """

    plan: Plan
    model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    cache_gb: float = 0.0


def trained(ours: Ours) -> Side:
    """Train; times everything from the model in memory to the end of the last step, features and the loader's start
    among it. The checkpoint that follows is not timed: the plain side writes none.

    Returns:
        A side with facts `padding_share`, `steps` and `step_seconds` (when each step ended).
    """
    plan, options = ours.plan, ModelOptions(**ours.model)
    model = load_model(plan.model, language="en", device=plan.device)
    model.set_audio_context(options.audio_context, options.full_context_share)
    strategy = HeadOnly() if plan.freeze_encoder else Full(freeze_feature_encoder=plan.freeze_feature_encoder)
    strategy.prepare(model, plan.seed)
    training = TrainingOptions(
        max_steps=plan.steps,
        eval_steps=plan.steps,
        learning_rate=plan.learning_rate,
        precision="bf16" if plan.bf16 else "float32",
        **{"batch_seconds": batch_seconds_for(plan)} | ours.training,
    )
    if training.packing:
        model.set_packing(training.timestamp_share)
    with tempfile.TemporaryDirectory(prefix="ours-") as scratch:
        rows = Manifest.read(write_manifest(Path(scratch) / "manifest.csv", plan.rows, split="train"))
        ended: list[float] = []
        began = time.perf_counter()
        with Timed(plan.device) as timed:
            done = train(
                model,
                rows,
                None,
                training,
                Path(scratch),
                seed=plan.seed,
                augmenter=Augmenter(AugmentOptions(spec_augment={"time_share": 0.0, "feature_share": 0.0})),
                decoding=DecodingOptions(),
                strategy=strategy,
                cache_gb=ours.cache_gb,
                progress=lambda *_: ended.append(time.perf_counter() - began),
            )
    if plan.out is not None:
        model.save(plan.out)
    figures = done.figures
    facts = {"padding_share": figures["padding_share"], "steps": float(figures["steps"]), "step_seconds": ended}
    return replace(timed.side(figures["audio_seconds"], **facts), seconds=ended[-1])


def epochs_of(ours: Ours, epochs: int) -> Ours:
    """The same for so many whole epochs."""
    return replace(ours, plan=replace(ours.plan, steps=epochs * steps_of_an_epoch(ours.plan)))


def steps_of_an_epoch(plan: Plan, batch_seconds: float | None = None) -> int:
    """Batches that our side makes of the plan's rows, of so many seconds or of as many as the plain side's have."""
    durations_s = [float(row["duration"]) for row in plan.rows]
    return len(SimilarLengthBatches(durations_s, batch_seconds or batch_seconds_for(plan), plan.seed))


def first_and_later(side: Side, epochs: int) -> tuple[float, float]:
    """Audio seconds a second in the first of some whole epochs, and in those after it."""
    ended = side.facts["step_seconds"]
    first_s, an_epoch_s = ended[len(ended) // epochs - 1], side.audio_seconds / epochs
    return an_epoch_s / first_s, (epochs - 1) * an_epoch_s / (ended[-1] - first_s)


def batch_seconds_for(plan: Plan) -> float:
    """The `batch_seconds` that make as many batches of an epoch as the plain side has, so that steps are alike."""
    durations_s = [float(row["duration"]) for row in plan.rows]
    wanted = -(-len(durations_s) // plan.batch)
    low, high = 1.0, sum(durations_s) * 10
    while high - low > 0.05:
        middle = (low + high) / 2
        low, high = (
            (middle, high) if len(SimilarLengthBatches(durations_s, middle, plan.seed)) > wanted else (low, middle)
        )
    return round(high, 1)
