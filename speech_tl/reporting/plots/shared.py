"""What the plots of error rates share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from speech_tl.reporting.report import BeforeAfter
from speech_tl.scoring.groups import Group
from speech_tl.text import Rate


class Dot(NamedTuple):
    """A figure with its 95 % interval, both fractions."""

    value: float
    ci95: Sequence[float] | None = None

    @property
    def values(self) -> list[float]:
        """The figure and the ends of its interval, in per cent."""
        return [100 * value for value in (self.value, *(self.ci95 or ()))]

    def __str__(self) -> str:
        """In words."""
        value, *ends = self.values
        return f"{value:.1f} %" + (f" ({ends[0]:.1f} to {ends[1]:.1f})" if ends else "")


class PairedRow(NamedTuple):
    """One line of a plot of before and after; `faint` where there are too few words."""

    name: str
    before: Dot
    after: Dot
    faint: bool = False

    def __str__(self) -> str:
        """In words."""
        return f"{self.name}: {100 * self.before.value:.1f} before, {100 * self.after.value:.1f} after"


def paired_row(name: str, pair: BeforeAfter | Group, rate: Rate, faint: bool = False) -> PairedRow | None:
    """An error rate before and after; None where there are no words on either side."""
    before, after = pair.before.rate(rate), pair.after.rate(rate)
    if before is None or after is None:
        return None
    return PairedRow(name, Dot(before, pair.before.interval(rate)), Dot(after, pair.after.interval(rate)), faint)


def points(value: float) -> str:
    """Percentage points with a real sign."""
    return f"{value:+.1f}".replace("-", "−")


def escaped(text: str) -> str:
    """Text that may hold markup, as text."""
    from markupsafe import escape

    return str(escape(text))
