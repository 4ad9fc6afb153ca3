"""At what price: whether a guard became worse than it may, and how that is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speech_tl.reporting import words

LIMIT = 0.02
"""How much the WER of a guard (the CER, where that leads) may rise where nobody says, as a fraction."""

ROUNDING = 1e-12


def judged(guard: Mapping[str, Any], limit: float = LIMIT) -> dict[str, Any]:
    """A guard's `before`, `after` and changes, with its `limit` and whether its leading rate has `exceeded` it."""
    absolute = words.leading(guard)["absolute"]
    return {**guard, "limit": limit, "exceeded": absolute is not None and absolute > limit + ROUNDING}


def guard_warnings(guards: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line for each guard that became worse than it may: by how much, and whether that is significant."""
    return [_warning(name, guard) for name, guard in guards.items() if guard.get("exceeded")]


def _warning(name: str, guard: Mapping[str, Any]) -> str:
    """One guard's line."""
    rate, change = words.rate_of(guard), words.leading(guard)
    before, after = (words.percent(guard[side][rate]) for side in ("before", "after"))
    return (
        f"guard {name} became worse: {rate.upper()} {before} to {after}, {words.points(change['absolute'])} points "
        f"where {words.points(guard['limit'])} are allowed ({words.verdict(change)})"
    )
