"""How many simulated test sets have the true change of WER in their 95 % interval, and who is too few for any claim.

`python -m tests.benchmarks.coverage` is the slower simulation, with utterances, beside what blocks of utterances give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from speech_tl.scoring.significance import LEVEL, Blocks, Drawn, change_interval, draw_rates, judge
from tests.scoring.made import evaluation

SETS, RESAMPLES = 1500, 1000


@dataclass(frozen=True)
class Kind:
    """A kind of test set: how its speakers' error rates change, and how unequal they are.

    Attributes:
        speakers: in each.
        mean, spread: of the change of the speakers' error rates.
        words: each speaker's, on average.
        uneven: standard deviation of the logarithm of the speakers' words.
    """

    speakers: int
    mean: float = -0.06
    spread: float = 0.06
    words: int = 200
    uneven: float = 0.3


def judged(kind: Kind, seed: int = 0) -> list[tuple[Drawn, float]]:
    """What is said of each simulated set, and the change that was true of all speakers there could be."""
    chance = np.random.default_rng(seed)
    shape = (SETS, kind.speakers)
    words = np.ceil(kind.words * np.exp(chance.normal(0, kind.uneven, shape))).astype(int)
    before = chance.normal(0.35, 0.08, shape).clip(0.1, 0.6)
    after = before + chance.normal(kind.mean, kind.spread, shape).clip(kind.mean - 0.09, kind.mean + 0.09)
    worse = chance.binomial(words, after.clip(0, 1)) - chance.binomial(words, before)
    blocks = Blocks(np.arange(kind.speakers), kind.speakers, "speakers")
    said = []
    for number in range(SETS):
        observed = float(worse[number].sum() / words[number].sum())
        drawn = draw_rates(worse[number], words[number], blocks, number, RESAMPLES)
        said.append((judge(drawn, observed, kind.speakers), kind.mean))
    return said


@pytest.mark.parametrize(
    "kind",
    [Kind(20), Kind(20, uneven=0.6), Kind(30, spread=0.02), Kind(60), Kind(188, words=70)],
    ids=["20", "20 of unequal share", "30 alike", "60", "188 with little speech"],
)
def test_95_percent_intervals_hold_the_truth_in_93_to_97_percent_of_test_sets(kind: Kind) -> None:
    said = judged(kind)
    held = np.mean([drawn.ci95[0] <= truth <= drawn.ci95[1] for drawn, truth in said])
    assert 0.93 <= held <= 0.97


@pytest.mark.parametrize("speakers", [20, 60])
def test_where_nothing_changed_one_set_in_twenty_says_so_by_interval_and_p_alike(speakers: int) -> None:
    said = judged(Kind(speakers, mean=0.0), seed=1)
    outside = [drawn.ci95[0] > 0 or drawn.ci95[1] < 0 for drawn, _ in said]
    assert 0.03 <= np.mean(outside) <= 0.07
    assert outside == [drawn.p_value <= LEVEL for drawn, _ in said], "one bootstrap, one rule"


@pytest.mark.parametrize("speakers", [2, 5, 9])
def test_below_ten_speakers_nothing_is_claimed_however_clear_it_looks(speakers: int) -> None:
    names = [f"s{number % speakers}" for number in range(40 * speakers)]
    before = evaluation([("a b c d e f", "x x x x x x")] * len(names), speakers=names)
    after = evaluation([("a b c d e f", "a b c d e f")] * len(names), speakers=names)
    change = change_interval(before, after)
    assert change.absolute == -1 and not change.significant
    assert change.too_few == f"{speakers} speakers, {6 * len(names):d} words: too few to tell"
