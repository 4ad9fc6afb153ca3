"""Text where nobody spoke: a Whisper writes "You" or "Ahhhhh" for a bark or a cry that a voice detector let through.

Its own token for "no speech" is asked where what it wrote is improbable, or a loop (Radford et al. 2023, arXiv
2212.04356, section 4.5: a probability of no speech above 0.6 together with an average log probability below -1). Their
log probability counts the end token as well; here it is the mean of the words'.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from speech_tl.decoding.loops import Spoken, is_loop

if TYPE_CHECKING:
    from speech_tl.models.frame_words import FrameWord

MOST_NO_SPEECH = 0.3
"""More is no speech. `tests/benchmarks/nothing.py` measures what that leaves of noise, with `--speech` what it takes
from speech."""

LEAST_LOG_PROBABILITY = -1.0
"""Natural log units, the mean over the words, as published over tokens."""


def without_noise(
    found: Sequence[Spoken], durations_s: Sequence[float], no_speech: Callable[[Sequence[int]], Sequence[float]]
) -> list[Spoken]:
    """Texts with their words, none where nobody spoke.

    Args:
        found: what a model with a decoder wrote for each utterance of a batch, loops as they are.
        durations_s: seconds of sound of each.
        no_speech: the probabilities that nobody speaks in some of them, given their places in the batch.
    """
    doubtful = [
        row
        for row, ((text, words), seconds) in enumerate(zip(found, durations_s, strict=True))
        if text and (_log_probability(words) < LEAST_LOG_PROBABILITY or is_loop(text, seconds))
    ]
    if not doubtful:
        return list(found)
    probabilities = dict(zip(doubtful, no_speech(doubtful), strict=True))
    return [("", []) if probabilities.get(row, 0.0) > MOST_NO_SPEECH else said for row, said in enumerate(found)]


def _log_probability(words: Sequence[FrameWord]) -> float:
    return sum(math.log(max(word.probability, 1e-9)) for word in words) / len(words) if words else 0.0
