"""Which rows of a table are wanted: by the text of a cell, by one of several names in it, or by a range of numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from speech_tl.errors import BadInput
from speech_tl.text import nearest

RANGE = re.compile(r"(-?\d+(?:\.\d+)?)?\.\.(-?\d+(?:\.\d+)?)?")
MOST_NAMED = 40


def wanted_rows(source: str, column: str, wanted: Any, values: Sequence[Any]) -> list[int]:
    """Indices of the rows whose cell is wanted.

    Args:
        source, column: for messages.
        wanted: a value, or a list of which any will do. A cell has it when its text is the same, when it names it
            among others ("Scottish English|slightly nasal"), or when `wanted` is a range such as "16..", "..15",
            "20..29" (both ends included) and the cell a number within.
        values: the column's cells.

    Raises:
        BadInput: no row has it; names the values there are, the frequent ones first.
    """
    accepted = [str(value) for value in (wanted if isinstance(wanted, list | tuple | set) else [wanted])]
    texts = ["" if value is None else str(value) for value in values]
    good = {text for text in set(texts) if any(_has(text, value) for value in accepted)}
    rows = [index for index, text in enumerate(texts) if text in good]
    if not rows:
        raise BadInput(_no_match(source, column, accepted, texts))
    return rows


def named(cell: str) -> Iterator[str]:
    """The names in a cell: between bars, or commas outside brackets.

    >>> list(named("India and South Asia (India, Pakistan), Scottish English|slightly nasal"))
    ['India and South Asia (India, Pakistan)', 'Scottish English', 'slightly nasal']
    """
    for part in re.split(r"\||,(?![^()]*\))", cell):
        if part.strip():
            yield part.strip()


def _has(text: str, wanted: str) -> bool:
    if text == wanted or wanted in named(text):
        return True
    range_ = RANGE.fullmatch(wanted)
    if range_ is None or wanted == "..":
        return False
    try:
        number = float(text)
    except ValueError:
        return False
    low, high = range_.groups()
    return (low is None or float(low) <= number) and (high is None or number <= float(high))


def _no_match(source: str, column: str, wanted: Sequence[str], texts: Sequence[str]) -> str:
    """One line: what was sought, what there is, and what was perhaps meant."""
    there = Counter(name for text in texts for name in named(text))
    ordered = sorted(there, key=lambda name: (-there[name], name))
    shown = ", ".join(ordered[:MOST_NAMED])
    if len(ordered) > MOST_NAMED:
        shown += f", and {len(ordered) - MOST_NAMED} more"
    close = nearest(wanted[0], ordered)
    hint = f"; did you mean {close}?" if close else ""
    sought = " or ".join(sorted(wanted))
    return f"{source}: no row has {column} = {sought} (there are: {shown or 'only empty cells'}){hint}"
