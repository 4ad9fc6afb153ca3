"""Significance: intervals of an error rate and of its change, by bootstrap over speakers, and who may claim anything.

Utterances of one speaker are not independent, so whole speakers are drawn with replacement (blocks), and before and
after are drawn together (paired). Percentiles of a bootstrap are too narrow with few blocks: they are moved outwards
as Student's t asks (`widening`), by 2 % for 100 speakers and by 22 % for 10. tests/benchmarks/coverage.py measures how
often the intervals hold the truth.

Interval and p-value are one test: the p-value is the smallest level whose interval still excludes zero.

Source: Bisani & Ney 2004, "Bootstrap estimates for confidence intervals in ASR performance evaluation" (ICASSP); Liu &
Peng 2019, "Statistical testing on ASR performance via blockwise bootstrap" (arXiv 1912.09508); Hesterberg 2015, "What
teachers should know about the bootstrap" (The American Statistician 69), section 5.3: the expanded percentile interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import model_validator

from speech_tl.figures import Figures
from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.matched_pairs import MatchedPairs, matched_pairs
from speech_tl.text import Rate

if TYPE_CHECKING:
    from speech_tl.scoring.wer import Evaluation, ScoredUtterance

RESAMPLES = 10_000
LEVEL = 0.05  # of the p-value, and of what an interval leaves out
FEWEST_BLOCKS = 10  # speakers, or utterances of one: fewer say little about those that were not recorded
FEWEST_UNITS: dict[Rate, int] = {"wer": 200, "cer": 400}
"""Words of the references, or characters where the CER leads (Chinese words have about two): fewer show nothing."""
DRAWS_AT_ONCE = 200_000  # what is drawn stays in the processor's cache: three times as fast as ten times as much
ROUNDING = 1e-12


class Difference(Figures):
    """How much an error rate changed.

    Attributes:
        absolute: after - before, as a fraction (negative is better); None without reference words.
        ci95: 95 % interval of `absolute`, (low, high).
    """

    absolute: float | None
    ci95: tuple[float, float] | None = None


class Change(Difference):
    """How much an error rate (WER or CER) changed, and whether chance alone would do that.

    Attributes:
        relative: absolute / before; None where before is 0.
        p_value: two-sided: the smallest level whose interval excludes zero.
        method: what was drawn and how often.
        won: share of the resamples in which after is better than before.
        mapsswe: the matched-pairs test over segments, a second opinion; None where it was not made or cannot be.
        too_few: "4 speakers, 120 words: too few to tell" where the test set is too small for any claim, else None.
        significant: the one rule: enough speech, an interval that excludes zero, and a p-value below 0.05. Follows
            from the others; reports of some earlier versions say it by a rule of their own.
    """

    relative: float | None = None
    p_value: float | None = None
    method: str = ""
    won: float | None = None
    mapsswe: MatchedPairs | None = None
    too_few: str | None = None
    significant: bool = False

    @model_validator(mode="before")
    @classmethod
    def _by_the_rule(cls, given: Any) -> Any:
        """Say whether it is significant, where nobody did."""
        if not isinstance(given, dict) or "significant" in given:
            return given
        sure = given.get("too_few") is None and is_significant(given.get("ci95"), given.get("p_value"))
        return {**given, "significant": sure}

    def of_a_test_set_as(self, other: Change) -> Change:
        """The same change, where the size of the test set is judged by `other`, of the rate that leads."""
        sure = other.too_few is None and is_significant(self.ci95, self.p_value)
        return self.model_copy(update={"too_few": other.too_few, "significant": sure})


def is_significant(ci95: Sequence[float] | None, p_value: float | None) -> bool:
    """Whether an interval of a change excludes zero and its p-value is below 0.05."""
    if not ci95 or p_value is None:
        return False
    return p_value < LEVEL and (ci95[0] > 0 or ci95[1] < 0)


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
    description = _counted(len(known), "speaker")
    description += f" and {_counted(unknown, 'utterance')} of unknown speakers" if unknown else ""
    return Blocks(numbers, len(known) + unknown, description)


def too_few(speakers: Sequence[str | None], units: int, rate: Rate = "wer") -> str | None:
    """Why a test set is too small for any claim ("4 speakers, 120 words: too few to tell"); None where it is not.

    A claim is about the speakers who were not recorded and takes 10 of those who were. Where all is by one known voice
    it is about that voice, and where nobody is known about speech like this: then 10 utterances do. Where some speakers
    are known, utterances of unknown ones, who may be the same people, count only if they are the larger part.

    Args:
        speakers: of each utterance; None is unknown.
        units: words of the references, or characters where `rate` is "cer".
        rate: which of the two.
    """
    known, unknown = len(set(speakers) - {None}), sum(speaker is None for speaker in speakers)
    one_voice = known == 1 and not unknown
    of_speakers = known + unknown if 2 * unknown > len(speakers) else known
    blocks = len(speakers) if one_voice or not known else of_speakers
    if blocks >= FEWEST_BLOCKS and units >= FEWEST_UNITS[rate]:
        return None
    by_utterance = not known or (one_voice and blocks < FEWEST_BLOCKS)
    who = _counted(len(speakers), "utterance") if by_utterance else _counted(known, "speaker")
    return f"{who}, {_counted(units, UNITS[rate][:-1])}: too few to tell"


def _counted(number: int, what: str) -> str:
    """1 -> "1 speaker", 4 -> "4 speakers"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


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
    return drawn.model_copy(update={"mapsswe": matched_pairs(first, second, rate)})


def bootstrap_change(
    before: Sequence[ScoredUtterance],
    after: Sequence[ScoredUtterance],
    seed: int = 0,
    resamples: int = RESAMPLES,
    rate: Rate = "wer",
) -> Change:
    """The change by paired bootstrap alone; `after[i]` answers the same utterance as `before[i]`."""
    units = [utterance.edits(rate).units for utterance in before]
    speakers = [utterance.speaker for utterance in before]
    few = too_few(speakers, sum(units), rate)
    if not any(units):
        return _tested(None, None, "no change to test: the references hold no words", few)
    wrong, wrong_after = ([utterance.edits(rate).errors for utterance in side] for side in (before, after))
    worse = [last - first for first, last in zip(wrong, wrong_after, strict=True)]
    absolute = sum(wrong_after) / sum(units) - sum(wrong) / sum(units)
    relative = absolute / (sum(wrong) / sum(units)) if any(wrong) else None
    blocks = blocks_by_speaker(speakers)
    if blocks.count < 2:
        return _tested(absolute, relative, "no interval: one utterance alone", few)
    method = f"paired bootstrap over {blocks.description}, {resamples} resamples, two-sided"
    drawn = judge(draw_rates(worse, units, blocks, seed, resamples), absolute, blocks.count)
    return _tested(absolute, relative, method, few, drawn)


def _tested(
    absolute: float | None, relative: float | None, method: str, few: str | None, drawn: Drawn | None = None
) -> Change:
    """A change with what the resamples say of it, where any could be drawn."""
    ci95, p_value, won = drawn or (None, None, None)
    return Change(
        absolute=absolute,
        relative=relative,
        ci95=ci95,
        p_value=p_value,
        method=method,
        won=won,
        mapsswe=None,
        too_few=few,
    )


def draw_rates(
    counts: Sequence[int], units: Sequence[int], blocks: Blocks, seed: int = 0, resamples: int = RESAMPLES
) -> np.ndarray:
    """`counts` over `units`, both (utterances,), in each resample of `blocks` that holds a unit: (resamples,)."""
    drawn, drawn_units = resample(blocks.sums(counts, units), seed, resamples)
    return drawn[drawn_units > 0] / drawn_units[drawn_units > 0]


def judge(changes: np.ndarray, observed: float, blocks: int) -> Drawn:
    """Interval, p-value and share won of the resampled `changes` (resamples,) of a change that was `observed`."""
    won = float(np.mean(changes < -ROUNDING))
    return Drawn(_percentiles(changes, blocks), _p_value(changes, observed, blocks), won)


def _p_value(changes: np.ndarray, observed: float, blocks: int) -> float:
    """The smallest level whose interval excludes zero; at least 1 / (resamples + 1).

    Where no resample comes to zero, their standard deviation says how far away it is.
    """
    least = 1 / (len(changes) + 1)
    beyond = int(min(np.sum(changes >= -ROUNDING), np.sum(changes <= ROUNDING)))
    tail = min((beyond + 1) * least, 0.5)
    distance = -NormalDist().inv_cdf(tail)
    if not beyond:
        spread = float(np.std(changes))
        distance = max(distance, abs(observed) / spread) if spread > ROUNDING else math.inf
    return max(least, _level(distance, blocks))


@cache
def _tail(level: float, blocks: int) -> float:
    """The share of resamples beyond either end of an interval that leaves out `level`, where so few `blocks` are drawn.

    A resample of n blocks varies less than a sample of them by sqrt((n - 1) / n), and their spread is itself guessed
    from n blocks: t with n - 1 degrees of freedom instead of the normal distribution.
    """
    from scipy.special import stdtrit

    student = float(stdtrit(blocks - 1, 1 - level / 2))
    return NormalDist().cdf(-math.sqrt(blocks / (blocks - 1)) * student)


def _level(distance: float, blocks: int) -> float:
    """The level of the interval that ends where a normal distribution's tail begins at `distance`: `_tail` inverted."""
    from scipy.special import stdtr

    return 2 * float(stdtr(blocks - 1, -distance / math.sqrt(blocks / (blocks - 1))))


def widening(blocks: int) -> float:
    """How much further than a normal distribution's the ends of a 95 % interval lie that rests on so few blocks.

    >>> [round(widening(blocks), 2) for blocks in (5, 10, 30, 1000)]
    [1.58, 1.22, 1.06, 1.0]
    """
    return NormalDist().inv_cdf(_tail(LEVEL, blocks)) / NormalDist().inv_cdf(LEVEL / 2)


def _percentiles(values: np.ndarray, blocks: int) -> tuple[float, float]:
    """The middle 95 % of `values`, or more of them where they come from few `blocks`.

    Both ends are values that were drawn, the k-th from either side with k = tail * (values + 1): from four blocks on,
    zero is outside exactly when `_p_value` is at most 0.05. The ends for two or three lie further out than any draw.
    """
    ordered = np.sort(values)
    place = max(1, math.floor(_tail(LEVEL, blocks) * (len(values) + 1) + ROUNDING))
    return float(ordered[place - 1]), float(ordered[-place])
