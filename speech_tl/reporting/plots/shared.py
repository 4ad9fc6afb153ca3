"""What the plots of error rates share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from speech_tl.reporting.words import ci95
from speech_tl.text import Rate

if TYPE_CHECKING:
    pass


def values_of(side: Mapping[str, Any], rate: Rate) -> list[float]:
    """A score's error rate and the ends of its interval."""
    return [side[rate], *(ci95(side, rate) or [])]


def said_of(side: Mapping[str, Any], rate: Rate) -> str:
    """A score in words."""
    ends = ci95(side, rate)
    interval = f" ({100 * ends[0]:.1f} to {100 * ends[1]:.1f})" if ends else ""
    return f"{100 * side[rate]:.1f} %{interval}"


def points(value: float) -> str:
    """Percentage points with a real sign."""
    return f"{value:+.1f}".replace("-", "−")


def escaped(text: str) -> str:
    """Text that may hold markup, as text."""
    from markupsafe import escape

    return str(escape(text))
