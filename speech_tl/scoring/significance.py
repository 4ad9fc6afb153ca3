"""Real or luck: intervals of a WER and of its change, by bootstrap over speakers.

Utterances of one speaker are not independent, so whole speakers are drawn with replacement (blocks), and before and
after are drawn together (paired).

Source: Bisani & Ney 2004, "Bootstrap estimates for confidence intervals in ASR performance evaluation" (ICASSP); Liu &
Peng 2019, "Statistical testing on ASR performance via blockwise bootstrap" (arXiv 1912.09508).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from speech_tl.scoring.wer import Evaluation, ScoredUtterance

RESAMPLES = 10_000
DESCRIPTIVE_BELOW = 10  # speakers: fewer say little about the speakers who were not recorded
DRAWS_AT_ONCE = 2_000_000  # keeps the drawn indices in a few megabytes
ROUNDING = 1e-12


@dataclass(frozen=True)
class Change:
    """How much the WER changed, and whether chance alone would do that.

    Attributes:
        absolute: after - before, as a fraction (negative is better); None without reference words.
        relative: absolute / before; None where before is 0.
        ci95: 95 % interval of `absolute`, (low, high).
        p_value: two-sided; (k + 1) / (resamples + 1), where k counts the resamples whose change lies at least as far
            from the observed change as that lies from zero.
        method: what was drawn, how often, and what the figures cannot say.
    """

    absolute: float | None
    relative: float | None
    ci95: tuple[float, float] | None
    p_value: float | None
    method: str

    def as_dict(self) -> dict[str, Any]:
        """The change as it stands in report.json."""
        return {**vars(self), "ci95": list(self.ci95) if self.ci95 else None}


@dataclass(frozen=True)
class Blocks:
    """What is drawn together: `numbers` (utterances,) holds each utterance's block, 0 .. count - 1."""

    numbers: np.ndarray
    count: int
    description: str
    caution: str = ""

    def sums(self, *values: Sequence[int]) -> np.ndarray:
        """Each of `values` (utterances,) summed by block: (len(values), blocks)."""
        return np.stack([np.bincount(self.numbers, weights=value, minlength=self.count) for value in values])


def blocks_by_speaker(speakers: Sequence[str | None]) -> Blocks:
    """One block a speaker; an utterance of an unknown speaker is a block of its own; one speaker: by utterance."""
    known = {speaker: number for number, speaker in enumerate(dict.fromkeys(s for s in speakers if s is not None))}
    unknown = sum(speaker is None for speaker in speakers)
    if len(known) == 1 and not unknown:
        return Blocks(np.arange(len(speakers)), len(speakers), f"{len(speakers)} utterances (one speaker)")
    if not known:
        return Blocks(np.arange(unknown), unknown, f"{unknown} utterances (speakers unknown)")
    alone = iter(range(len(known), len(known) + unknown))
    numbers = np.array([next(alone) if speaker is None else known[speaker] for speaker in speakers])
    description = f"{len(known)} speakers" + (f" and {unknown} utterances of unknown speakers" if unknown else "")
    few = len(known) + unknown < DESCRIPTIVE_BELOW
    caution = f"; descriptive: fewer than {DESCRIPTIVE_BELOW} speakers" if few else ""
    return Blocks(numbers, len(known) + unknown, description, caution)


def resample(sums: np.ndarray, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """Draw blocks with replacement, as many as there are, and add them up.

    Args:
        sums: (quantities, blocks).
        seed: of the draws; the same seed draws the same blocks for every quantity.
        resamples: how many times to draw.

    Returns:
        (quantities, resamples).
    """
    generator = np.random.default_rng(seed)
    quantities, blocks = sums.shape
    totals = np.empty((quantities, resamples))
    step = max(1, DRAWS_AT_ONCE // blocks)
    for first in range(0, resamples, step):
        last = min(first + step, resamples)
        drawn = generator.integers(0, blocks, size=(last - first, blocks), dtype=np.int32)
        for quantity in range(quantities):
            totals[quantity, first:last] = sums[quantity].take(drawn).sum(axis=1)
    return totals


def wer_interval(
    utterances: Sequence[ScoredUtterance], seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """The 95 % interval of the WER of `utterances` (percentiles); None with fewer than two blocks or without words."""
    words = [utterance.words for utterance in utterances]
    blocks = blocks_by_speaker([utterance.speaker for utterance in utterances])
    if blocks.count < 2 or not any(words):
        return None
    errors, drawn_words = resample(blocks.sums([u.errors for u in utterances], words), seed, resamples)
    return _percentiles(errors[drawn_words > 0] / drawn_words[drawn_words > 0])


def change_interval(before: Evaluation, after: Evaluation, seed: int = 0, resamples: int = RESAMPLES) -> Change:
    """How much the WER changed from `before` to `after`, with its interval.

    Both must hold the same utterances in the same order (`speech_tl.comparison.compare` sees to that).
    """
    first, second = before.utterances, after.utterances
    if [utterance.id for utterance in first] != [utterance.id for utterance in second]:
        raise ValueError("a paired test needs the same utterances in the same order")
    words = np.array([utterance.words for utterance in first])
    blocks = blocks_by_speaker([utterance.speaker for utterance in first])
    method = f"paired bootstrap over {blocks.description}, {resamples} resamples, two-sided{blocks.caution}"
    if not words.any():
        return Change(None, None, None, None, "no change to test: the references hold no words")
    absolute = after.score.wer - before.score.wer
    relative = absolute / before.score.wer if before.score.wer else None
    if blocks.count < 2:
        return Change(absolute, relative, None, None, "no interval: one utterance alone")
    worse = np.array([b.errors - a.errors for a, b in zip(first, second, strict=True)])
    difference, drawn_words = resample(blocks.sums(worse, words), seed, resamples)
    changes = difference[drawn_words > 0] / drawn_words[drawn_words > 0]
    extreme = int(np.sum(np.abs(changes - absolute) >= abs(absolute) - ROUNDING))
    return Change(absolute, relative, _percentiles(changes), (extreme + 1) / (len(changes) + 1), method)


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of `values`."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
