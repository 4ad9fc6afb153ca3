"""Real or luck: intervals of an error rate and of its change, by bootstrap over speakers.

Utterances of one speaker are not independent, so whole speakers are drawn with replacement (blocks), and before and
after are drawn together (paired). Percentiles of a bootstrap are too narrow with few blocks: they are moved outwards
as Student's t asks (`widening`), by 2 % for 100 speakers and by 22 % for 10. tests/benchmarks/coverage.py measures how
often the intervals hold the truth.

Source: Bisani & Ney 2004, "Bootstrap estimates for confidence intervals in ASR performance evaluation" (ICASSP); Liu &
Peng 2019, "Statistical testing on ASR performance via blockwise bootstrap" (arXiv 1912.09508); Hesterberg 2015, "What
teachers should know about the bootstrap" (The American Statistician 69), section 5.3: the expanded percentile interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from speech_tl.scoring.matched_pairs import MatchedPairs, matched_pairs
from speech_tl.text import Rate

if TYPE_CHECKING:
    from speech_tl.scoring.wer import Evaluation, ScoredUtterance

RESAMPLES = 10_000
DESCRIPTIVE_BELOW = 10  # speakers: fewer say little about the speakers who were not recorded
DRAWS_AT_ONCE = 200_000  # what is drawn stays in the processor's cache: three times as fast as ten times as much
ROUNDING = 1e-12


@dataclass(frozen=True)
class Change:
    """How much an error rate (WER or CER) changed, and whether chance alone would do that.

    Attributes:
        absolute: after - before, as a fraction (negative is better); None without reference words.
        relative: absolute / before; None where before is 0.
        ci95: 95 % interval of `absolute`, (low, high).
        p_value: two-sided; (k + 1) / (resamples + 1), where k counts the resamples whose change, widened like the
            interval, lies at least as far from the observed change as that lies from zero.
        method: what was drawn, how often, and what the figures cannot say.
        won: share of the resamples in which after is better than before.
        mapsswe: the matched-pairs test over segments, a second opinion; None where it was not made or cannot be.
    """

    absolute: float | None
    relative: float | None
    ci95: tuple[float, float] | None
    p_value: float | None
    method: str
    won: float | None = None
    mapsswe: MatchedPairs | None = None

    def as_dict(self) -> dict[str, Any]:
        """The change as it stands in report.json."""
        pairs = self.mapsswe._asdict() if self.mapsswe else None
        return {**vars(self), "ci95": list(self.ci95) if self.ci95 else None, "mapsswe": pairs}


class Drawn(NamedTuple):
    """What the resamples say of a change: see `Change` for each."""

    ci95: tuple[float, float]
    p_value: float
    won: float


@dataclass(frozen=True)
class Blocks:
    """What is drawn together: `numbers` (utterances,) holds each utterance's block, 0 .. count - 1."""

    numbers: np.ndarray
    count: int
    description: str
    caution: str = ""

    def sums(self, *values: Sequence[int]) -> np.ndarray:
        """Each of `values` (utterances,) summed by block: (len(values), blocks)."""
        return np.stack([np.bincount(self.numbers, weights=value, minlength=self.count) for value in values])


def blocks_by_speaker(speakers: Sequence[str | None]) -> Blocks:
    """One block a speaker; an utterance of an unknown speaker is a block of its own; one speaker: by utterance."""
    known = {speaker: number for number, speaker in enumerate(dict.fromkeys(s for s in speakers if s is not None))}
    unknown = sum(speaker is None for speaker in speakers)
    if len(known) == 1 and not unknown:
        return Blocks(np.arange(len(speakers)), len(speakers), f"{len(speakers)} utterances (one speaker)")
    if not known:
        return Blocks(np.arange(unknown), unknown, f"{unknown} utterances (speakers unknown)")
    alone = iter(range(len(known), len(known) + unknown))
    numbers = np.array([next(alone) if speaker is None else known[speaker] for speaker in speakers])
    description = f"{len(known)} speakers" + (f" and {unknown} utterances of unknown speakers" if unknown else "")
    few = len(known) + unknown < DESCRIPTIVE_BELOW
    caution = f"; descriptive: fewer than {DESCRIPTIVE_BELOW} speakers" if few else ""
    return Blocks(numbers, len(known) + unknown, description, caution)


def resample(sums: np.ndarray, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """Draw blocks with replacement, as many as there are, and add them up.

    Args:
        sums: (quantities, blocks).
        seed: of the draws; the same seed draws the same blocks for every quantity.
        resamples: how many times to draw.

    Returns:
        (quantities, resamples).
    """
    generator = np.random.default_rng(seed)
    quantities, blocks = sums.shape
    totals = np.empty((quantities, resamples))
    step = max(1, DRAWS_AT_ONCE // blocks)
    for first in range(0, resamples, step):
        last = min(first + step, resamples)
        drawn = generator.integers(0, blocks, size=(last - first, blocks), dtype=np.int32)
        for quantity in range(quantities):
            totals[quantity, first:last] = sums[quantity].take(drawn).sum(axis=1)
    return totals


def rate_interval(
    utterances: Sequence[ScoredUtterance], seed: int = 0, resamples: int = RESAMPLES, rate: Rate = "wer"
) -> tuple[float, float] | None:
    """The 95 % interval of an error rate of `utterances`; None with fewer than two blocks or without words."""
    counts = [utterance.edits(rate) for utterance in utterances]
    units = [found.units for found in counts]
    blocks = blocks_by_speaker([utterance.speaker for utterance in utterances])
    if blocks.count < 2 or not any(units):
        return None
    return _percentiles(draw_rates([found.errors for found in counts], units, blocks, seed, resamples), blocks.count)


def change_interval(
    before: Evaluation, after: Evaluation, seed: int = 0, resamples: int = RESAMPLES, rate: Rate = "wer"
) -> Change:
    """How much an error rate changed from `before` to `after`, by both tests.

    Both must hold the same utterances in the same order (`speech_tl.scoring.pairing.pair` sees to that).
    """
    first, second = before.utterances, after.utterances
    if [utterance.id for utterance in first] != [utterance.id for utterance in second]:
        raise ValueError("a paired test needs the same utterances in the same order")
    drawn = bootstrap_change(first, second, seed, resamples, rate)
    return replace(drawn, mapsswe=matched_pairs(first, second, rate))


def bootstrap_change(
    before: Sequence[ScoredUtterance],
    after: Sequence[ScoredUtterance],
    seed: int = 0,
    resamples: int = RESAMPLES,
    rate: Rate = "wer",
) -> Change:
    """The change by paired bootstrap alone; `after[i]` answers the same utterance as `before[i]`."""
    units = [utterance.edits(rate).units for utterance in before]
    if not any(units):
        return Change(None, None, None, None, "no change to test: the references hold no words")
    wrong, wrong_after = ([utterance.edits(rate).errors for utterance in side] for side in (before, after))
    worse = [last - first for first, last in zip(wrong, wrong_after, strict=True)]
    absolute = sum(wrong_after) / sum(units) - sum(wrong) / sum(units)
    relative = absolute / (sum(wrong) / sum(units)) if any(wrong) else None
    blocks = blocks_by_speaker([utterance.speaker for utterance in before])
    if blocks.count < 2:
        return Change(absolute, relative, None, None, "no interval: one utterance alone")
    method = f"paired bootstrap over {blocks.description}, {resamples} resamples, two-sided{blocks.caution}"
    drawn = judge(draw_rates(worse, units, blocks, seed, resamples), absolute, blocks.count)
    return Change(absolute, relative, drawn.ci95, drawn.p_value, method, drawn.won)


def draw_rates(
    counts: Sequence[int], units: Sequence[int], blocks: Blocks, seed: int = 0, resamples: int = RESAMPLES
) -> np.ndarray:
    """`counts` over `units`, both (utterances,), in each resample of `blocks` that holds a unit: (resamples,)."""
    drawn, drawn_units = resample(blocks.sums(counts, units), seed, resamples)
    return drawn[drawn_units > 0] / drawn_units[drawn_units > 0]


def judge(changes: np.ndarray, observed: float, blocks: int) -> Drawn:
    """Interval, p-value and share won of the resampled `changes` (resamples,) of a change that was `observed`."""
    distance = widening(blocks) * np.abs(changes - observed)
    extreme = int(np.sum(distance >= abs(observed) - ROUNDING))
    won = float(np.mean(changes < -ROUNDING))
    return Drawn(_percentiles(changes, blocks), (extreme + 1) / (len(changes) + 1), won)


@cache
def widening(blocks: int) -> float:
    """How much further than a normal distribution's the ends of a 95 % interval lie that rests on so few blocks.

    A resample of n blocks varies less than a sample of them by sqrt((n - 1) / n), and their spread is itself guessed
    from n blocks: t with n - 1 degrees of freedom instead of the normal distribution.

    >>> [round(widening(blocks), 2) for blocks in (5, 10, 30, 1000)]
    [1.58, 1.22, 1.06, 1.0]
    """
    from scipy.special import stdtrit

    student = float(stdtrit(blocks - 1, 0.975))
    return math.sqrt(blocks / (blocks - 1)) * student / NormalDist().inv_cdf(0.975)


def _percentiles(values: np.ndarray, blocks: int) -> tuple[float, float]:
    """The middle 95 % of `values`, or more of them where they come from few `blocks`."""
    tail = NormalDist().cdf(widening(blocks) * NormalDist().inv_cdf(0.025))
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
