"""What of a recording is recognised at a time: all of a short one, else what lies between pauses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from speech_tl.transcribing.segments import Segment, cut_at_pauses
from speech_tl.transcribing.vad import THRESHOLD

WHOLE_S = 10.0
"""Recordings up to so long are not cut: recognisers want their context, and subtitles stay short enough."""


def pieces(
    blocks: Iterable[np.ndarray],
    sample_rate: int = 16000,
    *,
    max_segment_s: float = 25.0,
    vad_threshold: float | None = THRESHOLD,
) -> Iterator[Segment]:
    """The parts of one recording that are recognised, in order; silence has none.

    A recording of at most `WHOLE_S` is one piece, with all its sound, so that its text is the same as where it is an
    utterance of a manifest; its times are those of the first sound of speech and of the last. A longer one is cut by
    `cut_at_pauses`.

    Args:
        blocks: float32 mono, all but the last longer than `WHOLE_S`.
        sample_rate: samples a second of the blocks.
        max_segment_s: no piece is longer, 1 to 30 seconds.
        vad_threshold: the probability at which speech begins; None takes everything for speech.

    Raises:
        BadInput: `max_segment_s` or `vad_threshold` is out of range.
    """
    blocks = iter(blocks)
    first = next(blocks, np.zeros(0, dtype=np.float32))
    blocks = chain([first], blocks)
    cut = cut_at_pauses(blocks, sample_rate, max_segment_s=max_segment_s, vad_threshold=vad_threshold)
    if len(first) > min(WHOLE_S, max_segment_s) * sample_rate:
        yield from cut
    elif spoken := list(cut):
        yield Segment(spoken[0].start_s, spoken[-1].end_s, first, origin_s=0.0)
