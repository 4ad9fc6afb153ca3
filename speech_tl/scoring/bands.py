"""Numbers in bands: a column of ages or seconds with many values becomes a few groups with round borders."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MANY = 12  # different numbers: more than these are banded
MOST_BANDS = 6  # in the middle nine tenths of the values; one more below and one above
ROUND_STEPS = (1, 2, 5, 10)


def banded(values: Sequence[float | None], unit: str = "") -> list[str | None]:
    """The band of each of `values`, such as "20 to 29" or "2.5 to under 3"; None stays None.

    Whole numbers are taken to be counted, unless they have a `unit`, which is then written behind them.

    >>> banded([7, 12, 18, None, 33.0, 61])
    ['under 10', '10 to 19', '10 to 19', None, '30 to 39', '50 and over']
    """
    known = np.array([value for value in values if value is not None], dtype=float)
    if not len(known):
        return [None] * len(values)
    borders, suffix = round_borders(known), f" {unit}" if unit else ""
    if not len(borders):
        return [None if value is None else _written(value) + suffix for value in values]
    names = _names(borders, suffix, whole=not unit and bool(np.all(known == np.round(known))))
    return [None if value is None else names[int(np.searchsorted(borders, value, side="right"))] for value in values]


def band_order(label: str) -> float | None:
    """Where a band stands among its like: its lower border; None when `label` is neither band nor number."""
    try:
        lower = -math.inf if label.startswith("under ") else float(label.split(" ")[0])
    except ValueError:
        return None
    return None if math.isnan(lower) else lower


def round_borders(values: np.ndarray) -> np.ndarray:
    """Borders between bands of `values`: multiples of a round step over their middle nine tenths."""
    low, high = np.quantile(values, [0.05, 0.95])
    if high - low <= _noise(low, high):
        low, high = values.min(), values.max()
    if high - low <= _noise(low, high):
        return np.array([])  # one value: nothing to part
    finest = 10.0 ** math.floor(math.log10((high - low) / MOST_BANDS))
    step = next(finest * factor for factor in ROUND_STEPS if finest * factor * MOST_BANDS >= (high - low) * (1 - 1e-9))
    first, last = math.floor(low / step) + 1, math.floor(high / step)
    return np.array([step * number for number in range(first, last + 1)]).round(12)


def _names(borders: np.ndarray, suffix: str, whole: bool) -> list[str]:
    """A name for the band below each border and for the one above all; whole numbers are named by first and last."""
    written = [_written(border) for border in borders]
    whole = whole and bool(np.all(borders == np.round(borders)))
    uppers = [_written(border - 1) if whole else f"under {_written(border)}" for border in borders]
    inner = [low if low == high else f"{low} to {high}" for low, high in zip(written[:-1], uppers[1:], strict=True)]
    return [*(name + suffix for name in (f"under {written[0]}", *inner)), f"{written[-1]}{suffix} and over"]


def _written(number: float) -> str:
    """A number without the noise of its last digits."""
    return f"{number:.12g}"


def _noise(low: float, high: float) -> float:
    """Differences no larger than this are no differences."""
    return 1e-8 * max(1.0, abs(low), abs(high))
