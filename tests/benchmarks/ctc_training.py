"""Fine-tuning wav2vec2 with a frozen front end, against the plain Trainer: `python -m tests.benchmarks ctc_training`.

First batching: some steps from the same pool of clips, against random batches of 8 and against `group_by_length`. No
batching can gain more than the padding that it saves, so the ratio stands beside that bound. Both sides begin with
audio files: of the plain side's `map` as much counts as the clips it then learns from took, and a note tells the ratio
with its features ready. Then a smaller pool for whole epochs: from the second one on, the front end's output comes from
the disk, and the plain side's `map` does not count. Masks are off on both sides.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.benchmarks import ours, plain
from tests.benchmarks.frame import Pair, Row, Setting, Side, in_own_process, told
from tests.benchmarks.material import base_shaped_wav2vec2, speech
from tests.benchmarks.ours import Ours, epochs_of, first_and_later
from tests.benchmarks.plain import Plan

POOL, BATCH = 800, 8  # head_only draws from the same
BOUND_SHARE, CACHED, PADDING = 0.9, 1.25, 0.05
EPOCHS = 2
UNMASKED = {"apply_spec_augment": False, "mask_time_prob": 0.0, "mask_feature_prob": 0.0}


@dataclass(frozen=True)
class Case:
    """A model, the clips to draw from and the steps, the clips of whole epochs, and how much rarer it is repeated."""

    what: str
    model: str | Path
    pool: int
    steps: int
    clips: int
    rarer: int = 1


def run(setting: Setting) -> list[Row]:
    """Three rows for each model."""
    base = base_shaped_wav2vec2(setting.scratch / "base", setting.seed)
    cases = [
        Case("starter-wav2vec2", "starter-wav2vec2", POOL, 40, 120),
        Case("wav2vec2-base's shape", base, 32, 4, 24, 2),
    ]
    return [row for case in cases for row in measured(case, setting)]


def measured(case: Case, setting: Setting) -> list[Row]:
    """All sides of one model, alternating."""
    rows = speech(setting.corpora, "train", case.pool, setting.seed)
    steps, clips = setting.part(case.steps), max(2 * BATCH, setting.part(case.clips))
    repeats = max(1, setting.repeats // case.rarer)
    plan = Plan(case.model, rows, setting.device, steps, setting.seed, BATCH, config=UNMASKED)
    cached = epochs_of(Ours(replace(plan, rows=rows[:clips]), cache_gb=20.0), EPOCHS)
    sides = {
        "random": partial(plain.train_ctc, plan),
        "grouped": partial(plain.train_ctc, replace(plan, grouped=True)),
        "ours": partial(ours.trained, Ours(plan)),
        "cached": partial(ours.trained, cached),
    }
    found: dict[str, list[Side]] = {name: [] for name in sides}
    for repeat in range(repeats):
        for name in list(sides)[:: 1 if repeat % 2 == 0 else -1]:
            found[name].append(in_own_process(sides[name]))
            print(f"  {case.what} {repeat + 1}/{repeats} {name:8s} {told(found[name][-1])}", flush=True)
    what, heard = f"wav2vec2 fine-tuning, {case.what}", min(1.0, steps * BATCH / case.pool)
    return [
        batching(f"{what}: batching", "random batches of 8", found["ours"], found["random"], heard),
        batching(f"{what}: batching", "`group_by_length`", found["ours"], found["grouped"], heard),
        later(f"{what}: from the second epoch, front end cached", found["cached"], found["grouped"]),
    ]


def batching(what: str, against: str, mine: list[Side], theirs: list[Side], heard: float) -> Row:
    """The ratio as a share of the most that the plain padding lets anybody gain; `heard` is the share of the pool."""
    from_files = [replace(side, seconds=side.seconds + heard * side.facts["map_seconds"]) for side in theirs]
    pair, ready, judged = Pair(mine, from_files), Pair(mine, theirs), heard < 1  # 32 clips are too few to sort
    padding, left = (statistics.median(side.facts["padding_share"] for side in sides) for sides in (theirs, mine))
    bound = 1 / (1 - padding)
    return Row(
        what,
        f"plain Trainer, {against}",
        f">= {BOUND_SHARE:.0%} of the padding bound" + (f"; padding <= {PADDING:.0%}" if judged else ""),
        f"{pair.measured()}; {pair.ratio / bound:.0%} of the bound {bound:.2f} that {padding:.1%} padding sets; "
        f"padding of ours {left:.1%}; {ready.ratio:.2f} times with its features ready",
        pair.ratio >= BOUND_SHARE * bound and (left <= PADDING or not judged),
    )


def later(what: str, cached: list[Side], grouped: list[Side]) -> Row:
    """The rate of later epochs over that of the grouped plain side."""
    rates = [first_and_later(side, EPOCHS) for side in cached]
    ratios = [after / side.rate for (_, after), side in zip(rates, grouped, strict=True)]
    first, after = (statistics.median(found) for found in zip(*rates, strict=True))
    measured_ = (
        f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f}); {after:.1f} audio s/s "
        f"(first epoch {first:.1f}) against {statistics.median(side.rate for side in grouped):.1f}"
    )
    met = statistics.median(ratios) >= CACHED
    return Row(what, "plain Trainer, `group_by_length`", f">= {CACHED:g} times", measured_, met)
