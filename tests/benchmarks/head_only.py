"""Training only the head, against the plain Trainer with a frozen encoder: `python -m tests.benchmarks head_only`.

The plain side runs the encoder in every epoch. Ours keeps its output in the first one; what later epochs take is given
over the plain side's rate, and over the first epoch's own. Masks are off on both sides.
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from functools import partial

from tests.benchmarks import ours, plain
from tests.benchmarks.ctc_training import BATCH, POOL, UNMASKED
from tests.benchmarks.frame import Row, Setting, in_own_process, told
from tests.benchmarks.material import base_shaped_wav2vec2, speech
from tests.benchmarks.ours import Ours, epochs_of, first_and_later
from tests.benchmarks.plain import Plan

CLIPS, STEPS, EPOCHS, AT_LEAST = 64, 4, 6, 15


def run(setting: Setting) -> list[Row]:
    """One row against each."""
    model = base_shaped_wav2vec2(setting.scratch / "base", setting.seed)
    pool = speech(setting.corpora, "train", POOL, setting.seed)
    plan = Plan(model, pool, setting.device, setting.part(STEPS), setting.seed, BATCH, config=UNMASKED)
    plan = replace(plan, freeze_encoder=True, grouped=True)
    rows = pool[: max(BATCH, setting.part(CLIPS))]
    kept = epochs_of(Ours(replace(plan, rows=rows), cache_gb=20.0), EPOCHS)
    over_plain, over_first, rates = [], [], []
    for repeat in range(setting.repeats):
        theirs, mine = in_own_process(partial(plain.train_ctc, plan)), in_own_process(partial(ours.trained, kept))
        first, later = first_and_later(mine, EPOCHS)
        over_plain.append(later / theirs.rate)
        over_first.append(later / first)
        rates.append((later, first, theirs.rate))
        print(f"  {repeat + 1}/{setting.repeats} plain {told(theirs)}", flush=True)
        print(f"  {repeat + 1}/{setting.repeats} ours  {first:.1f}, then {later:.0f} audio s/s", flush=True)
    later, first, theirs_rate = (statistics.median(found) for found in zip(*rates, strict=True))
    what = "head_only, wav2vec2-base's shape, second epoch on"
    return [
        row(what, "plain Trainer, frozen encoder, `group_by_length`", over_plain, later, theirs_rate),
        row(what, "its own first epoch", over_first, later, first),
    ]


def row(what: str, against: str, ratios: list[float], mine: float, theirs: float) -> Row:
    """How many times as fast."""
    middle = statistics.median(ratios)
    measured = f"{middle:.0f} times ({min(ratios):.0f} to {max(ratios):.0f}); {mine:.0f} against {theirs:.1f} audio s/s"
    return Row(what, against, f">= {AT_LEAST} times", measured, middle >= AT_LEAST)
