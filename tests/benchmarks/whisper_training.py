"""How fast Whisper learns from short clips: trimmed windows and packed ones, against 30 s padding.

A model of whisper-tiny's shape (on a GPU whisper-small's) with random weights, over one epoch of as many clips as the
plain side's steps need. What it costs in WER is measured by `whisper_wer`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.benchmarks import ours, plain
from tests.benchmarks.frame import Pair, Row, Setting, in_own_process, told
from tests.benchmarks.material import small_shaped_whisper, speech, tiny_shaped_whisper
from tests.benchmarks.ours import Ours
from tests.benchmarks.plain import Plan

STEPS = 10  # of a speed measurement; more on a GPU, where a step is short
STEPS_ON_GPU = 100
BATCH = 8

VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any], float | None]] = {
    "trimmed context alone": ({"full_context_share": 0.0}, {}, 6.0),
    "every safeguard on": ({}, {}, 4.5),
    "packed 30 s windows": ({}, {"packing": True}, None),
}
"""Name -> fields of `ModelOptions`, of `TrainingOptions`, ratio aimed at."""


def run(setting: Setting) -> list[Row]:
    """A row for each variant; the plain side is run once a repeat for all of them."""
    steps = setting.part(STEPS if setting.device == "cpu" else STEPS_ON_GPU)
    texts = [row["text"] for row in speech(setting.corpora, "train")]
    name, shaped = ("tiny", tiny_shaped_whisper) if setting.device == "cpu" else ("small", small_shaped_whisper)
    model = shaped(setting.scratch / name, texts, setting.seed)
    rows = speech(setting.corpora, "train", steps * BATCH, setting.seed)
    plan = Plan(model, rows, setting.device, steps, setting.seed, BATCH, freeze_feature_encoder=False)
    plain_runs, runs = [], {name: [] for name in VARIANTS}
    for repeat in range(setting.repeats):
        sides = {"plain": partial(plain.train_whisper, plan)}
        sides |= {variant: partial(ours.trained, _variant(plan, variant)) for variant in VARIANTS}
        for who in list(sides)[:: 1 if repeat % 2 == 0 else -1]:
            side = in_own_process(sides[who])
            (plain_runs if who == "plain" else runs[who]).append(side)
            print(f"  {repeat + 1}/{setting.repeats} {who:22s} {told(side)}", flush=True)
    against = f"plain Seq2SeqTrainer, 30 s windows, batches of {BATCH}"
    return [
        Pair(runs[variant], plain_runs).row(f"Whisper fine-tuning, whisper-{name}'s shape: {variant}", against, least)
        for variant, (*_, least) in VARIANTS.items()
    ]


def _variant(plan: Plan, name: str) -> Ours:
    """Our side; packed windows are filled so that a step hears as much as the plain one."""
    model, training, _ = VARIANTS[name]
    if training.get("packing"):
        training = training | {"batch_seconds": 30.0}
    return Ours(plan, model, training)
