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


def detected_language(model: AcousticModel, segments: Iterable[Segment], sample_rate: int) -> tuple[str, float] | None:
    """The language of a recording and its probability; None for a model that has none to choose.

    The first 30 s of speech, without the pauses between its segments, are one window of the model: one pass over them
    weighs more than one over the first seconds alone, which may be silence or a foreign name.

    Args:
        model: where the scores come from.
        segments: of the recording, in order; at least one.
        sample_rate: of their waveforms.
    """
    if not model.chooses_language:
        return None
    spoken: list[np.ndarray] = []
    left = round(HEARD_S * sample_rate)
    for segment in segments:
        spoken.append(segment.waveform[:left])
        left -= len(spoken[-1])
        if left <= 0:
            break
    scores = model.language_scores(np.concatenate(spoken))
    best = max(scores, key=scores.__getitem__)
    return best, math.exp(scores[best])
