"""MAPSSWE, the matched-pairs test over segments of sentences: NIST's test of two recognisers.

An utterance is cut where both recognisers wrote two words right in a row: errors on either side of such a place are
taken to be independent. Each piece with an error in it is a segment, and the errors of the two recognisers in it are a
matched pair. Unlike the bootstrap over speakers this speaks of these speakers only, not of others like them.

Source: Gillick & Cox 1989, "Some statistical issues in the comparison of speech recognition algorithms" (ICASSP),
section 4; two words as in NIST's sc_stats.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.figures import Figures
from speech_tl.scoring.alignment import Chunk, chunks_of_all
from speech_tl.text import Rate

if TYPE_CHECKING:
    from speech_tl.scoring.wer import ScoredUtterance

RIGHT_BETWEEN = 2  # words that both recognisers must have right between two segments


class MatchedPairs(Figures):
    """The test's result.

    Attributes:
        z: mean difference of errors (after - before, negative is better) in a segment, in standard errors.
        p_value: two-sided, by the normal distribution.
        segments: how many pairs of counts there were.
    """

    z: float
    p_value: float
    segments: int


def matched_pairs(
    before: Sequence[ScoredUtterance], after: Sequence[ScoredUtterance], rate: Rate = "wer"
) -> MatchedPairs | None:
    """Test whether two recognisers differ; `after[i]` answers the same utterance as `before[i]`.

    Where the CER leads, characters take the place of words, as with sclite's option -c for Chinese.

    Returns:
        The result; None where there are fewer than two segments, or all of them differ by the same number of errors:
        nothing says then how much they vary.
    """
    sides = [_slot_errors(utterances, rate) for utterances in (before, after)]
    pairs = [pair for first, second in zip(*sides, strict=True) for pair in segments(first, second)]
    worse = np.array([last - first for first, last in pairs], dtype=float)
    if not worse.any():
        return MatchedPairs(z=0.0, p_value=1.0, segments=len(pairs)) if len(pairs) > 1 else None
    if len(pairs) < 2 or worse.min() == worse.max():
        return None
    z = float(worse.mean() / (worse.std(ddof=1) / math.sqrt(len(worse))))
    return MatchedPairs(z=z, p_value=math.erfc(abs(z) / math.sqrt(2)), segments=len(pairs))


def segments(before: Sequence[int], after: Sequence[int]) -> list[tuple[int, int]]:
    """The errors (before, after) of each segment of one utterance.

    Args:
        before, after: errors in each slot, (2 * words + 1,): even slots are the gaps before, between and after the
            words, where words can be inserted; odd slots are the words.
    """
    found: list[tuple[int, int]] = []
    right = RIGHT_BETWEEN  # an utterance's beginning separates too
    for slot, (first, last) in enumerate(zip(before, after, strict=True)):
        if not (first or last):
            right += slot % 2
        elif right >= RIGHT_BETWEEN:
            found.append((first, last))
            right = 0
        else:
            found[-1] = (found[-1][0] + first, found[-1][1] + last)
            right = 0
    return found


def _slot_errors(utterances: Sequence[ScoredUtterance], rate: Rate) -> list[list[int]]:
    """The errors in each slot of each utterance, as `segments` takes them."""
    aligned = chunks_of_all([u.reference for u in utterances], [u.hypothesis for u in utterances], rate)
    return [_slots(chunks) for chunks in aligned]


def _slots(chunks: Iterable[Chunk]) -> list[int]:
    """One utterance's errors by slot."""
    slots = [0]
    for kind, said, heard in chunks:
        if kind == "insert":
            slots[-1] += len(heard)
        else:
            slots += [0 if kind == "equal" else 1, 0] * len(said)
    return slots
