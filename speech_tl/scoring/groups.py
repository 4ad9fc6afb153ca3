"""For whom: the same figures for each value of a manifest column."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from speech_tl.errors import BadInput
from speech_tl.scoring.wer import Evaluation, Score, ScoredUtterance
from speech_tl.text import nearest

UNKNOWN = "unknown"


def split_by(evaluation: Evaluation, column: str) -> dict[str, list[ScoredUtterance]]:
    """The utterances by the value of a manifest column, sorted by value (numbers as numbers); empty is "unknown".

    Raises:
        BadInput: no utterance has that column (the message names those there are).
    """
    columns = dict.fromkeys(name for utterance in evaluation.utterances for name in utterance.columns)
    if column not in columns:
        close = nearest(column, columns)
        hint = f"; did you mean {close!r}?" if close else ""
        raise BadInput(f"cannot group by {column!r}: the test set has {', '.join(columns) or 'no columns'}{hint}")
    found: dict[str, list[ScoredUtterance]] = defaultdict(list)
    for utterance in evaluation.utterances:
        found[_label(utterance.columns.get(column))].append(utterance)
    return {value: found[value] for value in sorted(found, key=_order)}


def group(evaluation: Evaluation, column: str) -> dict[str, Score]:
    """The score of each value of `column`; word counts and intervals are in each score.

    Raises:
        BadInput: no utterance has that column.
    """
    return {value: Score.of(utterances) for value, utterances in split_by(evaluation, column).items()}


def _label(value: Any) -> str:
    """A column's value as the report names it."""
    text = "" if value is None else str(value).strip()
    return text or UNKNOWN


def _order(label: str) -> tuple[int, float, str]:
    """Numbers in their order, then words, then what is unknown."""
    try:
        return 0, float(label), label
    except ValueError:
        return (2 if label == UNKNOWN else 1), 0.0, label
