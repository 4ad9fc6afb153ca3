"""For whom: the same figures for each value of a manifest column, and how far the best and the worst are apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from speech_tl.errors import BadInput
from speech_tl.figures import Figures
from speech_tl.scoring.bands import MANY, band_order, banded
from speech_tl.scoring.pairing import PAIR
from speech_tl.scoring.significance import FEWEST_UNITS, Difference, bootstrap_change
from speech_tl.scoring.wer import Evaluation, Score, ScoredUtterance
from speech_tl.text import Rate, nearest

UNKNOWN = "unknown"
SMALL_GROUP: dict[Rate, int] = FEWEST_UNITS
"""Words of the references, or characters where the CER leads (Chinese words have about two): with fewer, a group is too
small to judge."""
DURATION_BAND = "duration_band"
DERIVED = (DURATION_BAND,)
"""Columns to group by that no manifest needs to have."""


class Group(Figures):
    """One value of a column.

    Attributes:
        before, after: the group's scores.
        words: of the references.
        change: of the leading rate; None in reports of earlier versions.
        small: too few words to judge; None in reports of earlier versions.
    """

    before: Score
    after: Score
    words: int
    change: Difference | None = None
    small: bool | None = None

    @property
    def too_small(self) -> bool:
        """Whether there are too few words to judge."""
        return self.words < SMALL_GROUP["wer"] if self.small is None else self.small


class Spread(Figures):
    """The groups with the lowest and the highest error rate, and by how much these differ, as a fraction."""

    best: str
    worst: str
    gap: float


class Gap(Figures):
    """How far the groups are apart, before and after."""

    before: Spread
    after: Spread


def members(utterances: Sequence[ScoredUtterance], column: str) -> dict[str, list[int]]:
    """The indices of the utterances with each value of a column, sorted by value; empty values are "unknown".

    Numbers are sorted as numbers; more than a dozen different ones (ages, noise levels) are put into bands with round
    borders. `duration_band` needs no column: it is made of the utterances' lengths in seconds.

    Raises:
        BadInput: no utterance has that column (the message names those there are).
    """
    found: dict[str, list[int]] = {}
    for index, label in enumerate(_labels(utterances, column)):
        found.setdefault(label, []).append(index)
    return {label: found[label] for label in sorted(found, key=_order)}


def split_by(evaluation: Evaluation, column: str) -> dict[str, list[ScoredUtterance]]:
    """The utterances with each value of `column`, as `members` has them.

    Raises:
        BadInput: no utterance has that column.
    """
    utterances = evaluation.utterances
    return {value: [utterances[i] for i in indices] for value, indices in members(utterances, column).items()}


def group(evaluation: Evaluation, column: str) -> dict[str, Score]:
    """The score of each value of `column`; word counts and intervals are in each score.

    Raises:
        BadInput: no utterance has that column.
    """
    return {value: Score.of(utterances) for value, utterances in split_by(evaluation, column).items()}


def compare_groups(
    before: Sequence[ScoredUtterance],
    after: Sequence[ScoredUtterance],
    column: str,
    seed: int = 0,
    rate: Rate = "wer",
) -> dict[str, Group]:
    """Both scores of each value of `column`.

    Args:
        before, after: of the same utterances in the same order; `before` says who belongs to which group.
        column: of the manifest, or one of `DERIVED`.
        seed: of the bootstrap.
        rate: which one leads.

    Returns:
        By value: both scores and the change of the leading rate.

    Raises:
        BadInput: no utterance has that column.
    """
    found = {}
    for value, indices in members(before, column).items():
        first, second = [before[i] for i in indices], [after[i] for i in indices]
        score, change = Score.of(first), bootstrap_change(first, second, seed, rate=rate)
        found[value] = Group(
            before=score,
            after=Score.of(second),
            words=score.words,
            change=Difference(absolute=change.absolute, ci95=change.ci95),
            small=is_small(score, rate),
        )
    return found


def is_small(score: Score, rate: Rate) -> bool:
    """Whether a group is too small to judge."""
    return score.edits(rate).units < SMALL_GROUP[rate]


def gap(groups: Mapping[str, Group], rate: Rate = "wer") -> Gap | None:
    """How far the groups with the lowest and the highest error rate are apart, before and after.

    Args:
        groups: from `compare_groups`. Small groups and those of unknown value are left out.
        rate: which one leads.

    Returns:
        The gap of either side; None with fewer than two groups.
    """
    judged = {value: found for value, found in groups.items() if value != UNKNOWN and not found.too_small}
    if len(judged) < 2:
        return None
    before, after = ({value: found[side].rate(rate) for value, found in judged.items()} for side in PAIR)
    return Gap(before=_spread(before), after=_spread(after))


def _spread(rates: Mapping[str, float]) -> Spread:
    """The best and the worst of several groups."""
    best, worst = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    return Spread(best=best, worst=worst, gap=rates[worst] - rates[best])


def _labels(utterances: Sequence[ScoredUtterance], column: str) -> list[str]:
    """Each utterance's value of `column` as the report names it."""
    columns = dict.fromkeys(name for utterance in utterances for name in utterance.columns)
    if column not in columns:
        if column == DURATION_BAND:
            return [band or UNKNOWN for band in banded([utterance.duration for utterance in utterances], "s")]
        close = nearest(column, [*columns, *DERIVED])
        hint = f"; did you mean {close!r}?" if close else ""
        raise BadInput(f"cannot group by {column!r}: the test set has {', '.join(columns) or 'no columns'}{hint}")
    texts = [_text(utterance.columns.get(column)) for utterance in utterances]
    if column == "speaker" or column.endswith("_id") or not _many_numbers(texts):
        return [text or UNKNOWN for text in texts]
    return [band or UNKNOWN for band in banded([float(text) if text else None for text in texts])]


def _text(value: Any) -> str:
    """A column's value as text; "" where it is unknown."""
    return "" if value is None or value != value else str(value).strip()


def _many_numbers(texts: Sequence[str]) -> bool:
    """Whether these are quantities of many sizes; codes that are padded with zeros ("0007") are none."""
    different = {text for text in texts if text}
    return len(different) > MANY and all(_is_quantity(text) for text in different)


def _is_quantity(text: str) -> bool:
    """Whether a text is a finite number as one writes quantities."""
    try:
        return math.isfinite(float(text)) and not (len(text) > 1 and text[0] == "0" and text[1].isdigit())
    except ValueError:
        return False


def _order(label: str) -> tuple[int, float, str]:
    """Numbers and bands in their order, then words, then what is unknown."""
    number = band_order(label)
    return (0, number, label) if number is not None else (2 if label == UNKNOWN else 1, 0.0, label)
