"""Which language a recording is in: heard once, over its first half minute of speech."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.transcribing.segments import Segment

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

HEARD_S = 30.0
"""Seconds of speech that decide; Whisper's own command hears the first 30 s whatever they hold."""


def heard_language(model: AcousticModel, segments: Iterable[Segment], sample_rate: int) -> tuple[str, float] | None:
    """The language of a recording and its probability; None for a model that has none to choose.

    Log probabilities are added over the segments of the first 30 s of speech, so that one odd piece cannot decide.

    Args:
        model: where the scores come from.
        segments: of the recording, in order.
        sample_rate: of their waveforms.
    """
    windows: list[np.ndarray] = []
    left_s = HEARD_S
    for segment in segments:
        if left_s <= 0:
            break
        windows.append(segment.waveform[: round(left_s * sample_rate)])
        left_s -= segment.end_s - segment.start_s
    scores = model.language_scores(windows) if windows else {}
    if not scores:
        return None
    best = max(scores, key=scores.__getitem__)
    total = sum(math.exp(score - scores[best]) for score in scores.values())
    return best, 1 / total
