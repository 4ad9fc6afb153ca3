"""At what price: whether a guard became worse than it may, and how that is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speech_tl.reporting import words

LIMIT = 0.02
"""How much the WER of a guard may rise where nobody says, as a fraction."""

ROUNDING = 1e-12


def judged(guard: Mapping[str, Any], limit: float = LIMIT) -> dict[str, Any]:
    """A guard's `before`, `after` and `wer_change`, with its `limit` and whether it is `exceeded`."""
    absolute = guard["wer_change"]["absolute"]
    return {**guard, "limit": limit, "exceeded": absolute is not None and absolute > limit + ROUNDING}


def guard_warnings(guards: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line for each guard that became worse than it may: by how much, and whether that may be chance."""
    return [
        f"guard {name} became worse: WER {words.percent(guard['before']['wer'])} to "
        f"{words.percent(guard['after']['wer'])}, {words.points(guard['wer_change']['absolute'])} points where "
        f"{words.points(guard['limit'])} are allowed ({words.verdict(guard['wer_change'])})"
        for name, guard in guards.items()
        if guard.get("exceeded")
    ]
