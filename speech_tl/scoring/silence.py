"""Text where nobody speaks: how many clips without speech a recogniser fills with words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from speech_tl.scoring.wer import ScoredUtterance

NORMAL_95 = 1.959964  # two-sided 95 % quantile of the normal distribution
TEXTS_SHOWN = 20


def silence_figures(utterances: Sequence[ScoredUtterance]) -> dict[str, Any]:
    """What was heard in the clips whose reference is empty.

    Returns:
        `clips`; `with_text`, how many of them got any word; `share` and its `ci95` as fractions (None without clips);
        `words` heard in all; `texts`, the most frequent ones as [text, clips].
    """
    silent = [utterance for utterance in utterances if not utterance.reference]
    heard = [utterance.hypothesis for utterance in silent if utterance.hypothesis]
    return {
        "clips": len(silent),
        "with_text": len(heard),
        "share": len(heard) / len(silent) if silent else None,
        "ci95": list(share_interval(len(heard), len(silent))) if silent else None,
        "words": sum(len(text.split()) for text in heard),
        "texts": [list(pair) for pair in Counter(heard).most_common(TEXTS_SHOWN)],
    }


def share_interval(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share: it stays within 0 to 1 and has a width even where there are no hits.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference" (JASA 22).
    """
    square = NORMAL_95**2
    centre = (hits + square / 2) / (trials + square)
    half = NORMAL_95 / (trials + square) * math.sqrt(hits * (trials - hits) / trials + square / 4)
    return max(0.0, centre - half), min(1.0, centre + half)
