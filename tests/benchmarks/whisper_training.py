"""Fine-tuning Whisper on short clips: trimmed windows and packed ones beside 30 s padding, speed first, then WER.

Speed is measured on a model of whisper-tiny's shape with random weights, over one epoch of as many clips as the plain
side's steps need. WER is measured on starter-whisper: both sides take the same number of steps from the same
checkpoint with the same learning rate over the real train split, once for each of three seeds, and both results are
decoded with 30 s windows.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from speech_tl.models.options import DecodingOptions, ModelOptions
from tests.benchmarks import ours, plain
from tests.benchmarks.frame import Pair, Row, Setting, in_own_process, told
from tests.benchmarks.material import speech, tiny_shaped_whisper, write_manifest
from tests.benchmarks.ours import Ours
from tests.benchmarks.plain import Plan

STEPS = 10  # of a speed measurement; more on a GPU, where a step is short
STEPS_ON_GPU = 100
WER_STEPS = 275  # an epoch of the train split
SEEDS = 3
BATCH = 8

VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any], float | None]] = {
    "trimmed context alone": ({"full_context_share": 0.0}, {}, 6.0),
    "every safeguard on": ({}, {}, 4.5),
    "packed 30 s windows": ({}, {"packing": True}, None),
}
"""Name -> fields of `ModelOptions`, of `TrainingOptions`, ratio aimed at."""


def run(setting: Setting) -> list[Row]:
    """The rows of the table."""
    return [*speed(setting), *(wer(setting) if setting.device == "cpu" else [])]


# ---- speed


def speed(setting: Setting) -> list[Row]:
    """A row for each variant; the plain side is run once a repeat for all of them."""
    steps = setting.part(STEPS if setting.device == "cpu" else STEPS_ON_GPU)
    model = tiny_shaped_whisper(setting.scratch / "tiny", setting.seed)
    rows = speech(setting.corpora, "train", steps * BATCH, setting.seed)
    plan = Plan(model, rows, setting.device, steps, setting.seed, BATCH, freeze_feature_encoder=False)
    plain_runs, runs = [], {name: [] for name in VARIANTS}
    for repeat in range(setting.repeats):
        sides = {"plain": partial(plain.train_whisper, plan)}
        sides |= {name: partial(ours.trained, _variant(plan, name)) for name in VARIANTS}
        names = list(sides)
        for name in names if repeat % 2 == 0 else names[::-1]:
            side = in_own_process(sides[name])
            (plain_runs if name == "plain" else runs[name]).append(side)
            print(f"  {repeat + 1}/{setting.repeats} {name:22s} {told(side)}", flush=True)
    against = f"plain Seq2SeqTrainer, 30 s windows, batches of {BATCH}"
    return [
        Pair(runs[name], plain_runs).row(f"Whisper fine-tuning, whisper-tiny's shape: {name}", against, at_least)
        for name, (*_, at_least) in VARIANTS.items()
    ]


def _variant(plan: Plan, name: str) -> Ours:
    """Our side; packed windows are filled so that a step hears as much as the plain one."""
    model, training, _ = VARIANTS[name]
    if training.get("packing"):
        training = training | {"batch_seconds": 30.0}
    return Ours(plan, model, training)


# ---- WER


def wer(setting: Setting) -> list[Row]:
    """What trimmed training costs at equal steps, decoded with 30 s: one row, over all seeds."""
    steps = setting.part(WER_STEPS)
    rows = speech(setting.corpora, "train", None, setting.seed)
    test = write_manifest(setting.scratch / "test.csv", speech(setting.corpora, "test", None), split="test")
    found: dict[str, list[Any]] = {"ours": [], "plain": []}
    for seed in range(setting.seed, setting.seed + SEEDS):
        plan = Plan(
            "starter-whisper", rows, "cpu", steps, seed, BATCH, freeze_feature_encoder=False, learning_rate=3e-4
        )
        for name in found:
            place = replace(plan, out=setting.scratch / f"{name}-{seed}")
            side = partial(ours.trained, Ours(place)) if name == "ours" else partial(plain.train_whisper, place)
            print(f"  seed {seed} {name:6s} {told(in_own_process(side))}", flush=True)
            found[name].append(_scored(place.out, test))
            print(f"  seed {seed} {name:6s} WER {100 * found[name][-1].score.wer:.2f} %", flush=True)
    return [_lost(found, steps)]


def _scored(model: Path, test: Path) -> Any:
    """The test split by a trained model, with 30 s windows."""
    from speech_tl.evaluation import evaluate

    decoding = DecodingOptions(audio_context="full")
    return evaluate(str(model), test, language="en", normaliser="english", decoding=decoding)


def _lost(found: dict[str, list[Any]], steps: int) -> Row:
    """The change from plain to ours over all seeds together; speakers are drawn with all their seeds' utterances."""
    from speech_tl.scoring.significance import change_interval

    together = {
        name: replace(seeds[0], utterances=[utterance for seed in seeds for utterance in seed.utterances])
        for name, seeds in found.items()
    }
    change = change_interval(together["plain"], together["ours"])
    low, high = (100 * end for end in change.ci95)
    rates = {name: " / ".join(f"{100 * seed.score.wer:.1f}" for seed in seeds) for name, seeds in found.items()}
    share = ModelOptions().full_context_share
    return Row(
        f"Whisper fine-tuning, starter-whisper: WER after {steps} equal steps, decoded with 30 s, {SEEDS} seeds",
        f"plain Seq2SeqTrainer, 30 s windows, batches of {BATCH}",
        "upper 95 % bound of the WER lost < 2 points",
        f"{100 * change.absolute:+.2f} points (95 % interval {low:+.2f} to {high:+.2f}; {change.method}): "
        f"{rates['ours']} against {rates['plain']} %; {share:.1%} of the utterances at 30 s",
        high < 2,
    )
