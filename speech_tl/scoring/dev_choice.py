"""Which weights dev chooses: those with the lowest error rate, as far as that rate says anything.

On few utterances the lowest of ten error rates is the luckiest one: then nothing is chosen, and the run goes on as the
recipe has it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.significance import FEWEST_UNITS
from speech_tl.text import Rate

if TYPE_CHECKING:
    from speech_tl.data.test_set import TestSet

FEWEST_UTTERANCES = 30
"""Of dev, for any choice that is made on it; and as many words as `FEWEST_UNITS` says."""

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


def too_small(dev: TestSet) -> str | None:
    """Why nothing may be chosen on these utterances, or None where they are enough.

    Args:
        dev: what would be decoded; where the CER would choose, characters are counted instead of words.

    Returns:
        Such as "dev has 12 utterances and 80 words, and a choice takes 30 and 200".
    """
    texts, rate = [dev.normaliser(utterance.text or "") for utterance in dev.utterances], dev.rate
    units = sum(len(text.split()) if rate == "wer" else len(text) for text in texts)
    if len(texts) >= FEWEST_UTTERANCES and units >= FEWEST_UNITS[rate]:
        return None
    there = f"{len(texts)} utterance{'' if len(texts) == 1 else 's'} and {units} {UNITS[rate]}"
    return f"dev has {there}, and a choice takes {FEWEST_UTTERANCES} and {FEWEST_UNITS[rate]}"


def weights_kept(steps: int, best: Mapping[str, Any], rate: Rate, small: str | None) -> tuple[int, str]:
    """Which step's weights a training kept, and a sentence that says why.

    Args:
        steps: how many were taken.
        best: the validation pass that was chosen, from `look_at`; empty where none was.
        rate: which error rate chooses.
        small: from `too_small`; None where dev was large enough.
    """
    if not best:
        why = small or "there was no validation pass to choose by"
        return steps, f"weights of step {steps} of {steps}, the last: {why}"
    kept, lowest = best["step"], f"the lowest dev {rate.upper()}"
    if rate == "wer" and best["dev_wer"] >= 1:
        lowest = "the lowest dev CER, since every dev WER was 100 % or more"
    return kept, f"weights of step {kept} of {steps}, {lowest}"


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
