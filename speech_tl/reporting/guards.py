"""At what price: whether a guard became worse than it may, and how that is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speech_tl.reporting import words
from speech_tl.reporting.report import BeforeAfter, Guard

LIMIT = 0.02
"""How much the WER of a guard (the CER, where that leads) may rise where nobody says, as a fraction."""

ROUNDING = 1e-12


def judged(measured: BeforeAfter, limit: float, **rules: Any) -> Guard:
    """A guard with its `limit`, whether its leading rate has exceeded it, and the `rules` of its normaliser."""
    absolute = measured.change.absolute
    exceeded = absolute is not None and absolute > limit + ROUNDING
    return Guard(**dict(measured), limit=limit, exceeded=exceeded, **rules)


def guard_warnings(guards: Mapping[str, Guard]) -> list[str]:
    """One line for each guard that became worse than it may: by how much, and whether that is significant."""
    return [_warning(name, guard) for name, guard in guards.items() if guard.exceeded]


def _warning(name: str, guard: Guard) -> str:
    """One guard's line."""
    before, after = map(words.percent, guard.rates)
    return (
        f"guard {name} became worse: {guard.rate.upper()} {before} to {after}, {words.points(guard.change.absolute)} "
        f"points where {words.points(guard.limit)} are allowed ({words.verdict(guard.change)})"
    )
