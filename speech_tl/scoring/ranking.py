"""Several recognisers on one test set: in order, and which differences are significant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from speech_tl.errors import BadInput
from speech_tl.figures import Figures
from speech_tl.scoring.pairing import pair
from speech_tl.scoring.significance import Change, change_interval, is_significant, rate_interval
from speech_tl.scoring.wer import Evaluation, Score
from speech_tl.text import Rate


class Named(Figures):
    """Which recogniser comes where: 1 is best; equal rates share a rank."""

    rank: int
    name: str


class Place(Score, Named):
    """One recogniser's place and figures.

    Attributes:
        rate_ci95: 95 % interval of the leading rate.
        better_than: names of those it is significantly better than.
    """

    rate_ci95: tuple[float, float] | None
    better_than: list[str]


class Sided(Figures):
    """Names of two recognisers."""

    better: str
    worse: str


class PairTest(Change, Sided):
    """Two recognisers tested against each other: the change of the leading rate from `better` to `worse` (above 0).

    Attributes:
        significant: as a change is, and with the p-value corrected for all pairs too.
        p_holm: the bootstrap's p-value, corrected for the number of pairs; None where it could not be drawn.
        mapsswe_p_holm: the matched-pairs test's, corrected likewise.
    """

    p_holm: float | None
    mapsswe_p_holm: float | None


def rank(evaluations: Mapping[str, Evaluation], seed: int = 0) -> tuple[list[Place], list[PairTest]]:
    """Put recognisers in order of the leading rate, and test every pair of them.

    Args:
        evaluations: of one test set, by name.
        seed: of the bootstrap; every pair is tested on the same resamples.

    Returns:
        The order, best first, and a test of each pair.

    Raises:
        BadInput: they are not of the same words, or the references hold no words.
    """
    names = list(evaluations)
    first = evaluations[names[0]]
    sides = {name: pair(first, evaluations[name], (names[0], name)) for name in names}
    if not first.score.words:
        raise BadInput(f"{names[0]}: the references hold no words: there is no error rate to rank by")
    rates = {name: side.score.rate(first.rate) or 0.0 for name, side in sides.items()}
    order = sorted(names, key=lambda name: (rates[name], names.index(name)))
    tests = _tests(sides, order, seed, first.rate)
    return [
        Place(
            rank=1 + sum(rates[other] < rates[name] for other in names),
            name=name,
            **dict(sides[name].score),
            rate_ci95=rate_interval(sides[name].utterances, seed, rate=first.rate),
            better_than=[test.worse for test in tests if test.better == name and test.significant],
        )
        for name in order
    ], tests


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values corrected for how many there are; None stays None and counts for nothing.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure" (Scandinavian Journal of Statistics 6).
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for smaller, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - smaller) * p))
        corrected[place] = largest
    return corrected


def _tests(sides: Mapping[str, Evaluation], order: Sequence[str], seed: int, rate: Rate) -> list[PairTest]:
    """Every pair, the better one first."""
    pairs = list(combinations(order, 2))
    changes = [change_interval(sides[better], sides[worse], seed, rate=rate) for better, worse in pairs]
    bootstrap = holm([change.p_value for change in changes])
    matched = holm([change.mapsswe.p_value if change.mapsswe else None for change in changes])
    return [
        PairTest(
            better=better,
            worse=worse,
            **dict(change) | {"significant": change.significant and is_significant(change.ci95, p_holm)},
            p_holm=p_holm,
            mapsswe_p_holm=mapsswe_p_holm,
        )
        for (better, worse), change, p_holm, mapsswe_p_holm in zip(pairs, changes, bootstrap, matched, strict=True)
    ]
