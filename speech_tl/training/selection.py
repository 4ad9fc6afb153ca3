"""Which weights dev chooses: those with the lowest error rate, as far as that rate says anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from speech_tl.text import Rate

CHOICE = "choice"
"""The Trainer's name for what it minimises."""


def choice(wer: float, cer: float, rate: Rate) -> float:
    """What is minimised on dev: the leading rate; but from a WER of 100 % up, the CER decides.

    A model that writes nothing at all has a WER of exactly 100 %, and one that has begun to spell a new language often
    has more, with half of the characters right. By the WER alone the mute one would be kept.

    >>> choice(0.4, 0.2, "wer"), choice(1.0, 1.0, "wer"), choice(1.1, 0.6, "wer"), choice(1.1, 0.6, "cer")
    (0.4, 2.0, 1.6, 0.6)
    """
    if rate == "cer":
        return cer
    return wer if wer < 1 else 1 + cer


def chosen_by(figures: Mapping[str, Any], rate: Rate) -> float:
    """The `choice` of a training by its figures, to compare it with others; infinite where dev was not looked at."""
    wer, cer = (figures.get(f"best_dev_{name}") for name in ("wer", "cer"))
    if (cer if rate == "cer" else wer) is None:
        return math.inf
    return choice(wer or 0.0, math.inf if cer is None else cer, rate)


def look_at(log: list[dict[str, Any]], step: int | None) -> Mapping[str, Any]:
    """The log's entry of the validation after so many steps; empty where there was none."""
    return next((entry for entry in log if entry["step"] == step and "dev_wer" in entry), {})


def never_better(start: Mapping[str, Any], best: Mapping[str, Any], rate: Rate) -> str | None:
    """A sentence for the report where no validation was better than the one before the first step."""
    if not start or not best:
        return None
    first, chosen = (choice(look["dev_wer"], look["dev_cer"], rate) for look in (start, best))
    if chosen < first:
        return None
    found, before = (look[f"dev_{rate}"] for look in (best, start))
    return f"dev {rate.upper()} never became better than the untouched model's ({found:.3f} against {before:.3f})"
