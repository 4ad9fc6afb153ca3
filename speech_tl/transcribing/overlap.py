"""Speech without a pause, longer than a window, for models that score frames: windows that overlap, joined by words.

Every window hears a little of its neighbours, so that the words at its borders have sound on both sides, and both
windows of a border write what lies there. They are joined between two words on which they agree: no word is cut, none
is written twice. Only the words of one window are held, so that memory does not grow with the recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np

from speech_tl.text import leading_rate
from speech_tl.transcribing.formats import TranscribedSegment
from speech_tl.transcribing.segments import SHORTEST_S, Segment
from speech_tl.transcribing.words import Word

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.frame_words import FrameWord
    from speech_tl.models.options import DecodingOptions

CONTEXT_S = 2.0
"""Heard on either side of a window; wav2vec2's convolution over positions reaches 1.3 s, its attention everywhere."""

DISAGREEMENT_S = 10.0
"""A seam beside a word on which the windows disagree is worth one so much farther from the middle: any other."""


LAST_LETTER_S = 0.04
"""CTC is done with a letter before the letter is: the last one sounds on. Measured on sentences of the split dev of
`tests/benchmarks/word_times.py` with `starter-wav2vec2`: ends are then 5 ms early in the median, without 45 ms.
"""


class HasJoiner(Protocol):
    """A recording whose windows are put together."""

    joiner: Joiner


def context_s(max_segment_s: float) -> float:
    """Seconds of context where no window, moved seams included, may be longer than `max_segment_s`."""
    return min(CONTEXT_S, (max_segment_s - SHORTEST_S) / 4)


def with_context(
    segments: Iterable[Segment], sample_rate: int, frame_samples: int, context_s: float = CONTEXT_S
) -> Iterator[Segment]:
    """Segments in order, those that were cut in the middle of speech with sound of their neighbours.

    Args:
        segments: of one recording, in order; where one begins as the one before it ends, no pause parted them.
        sample_rate: of their waveforms.
        frame_samples: windows begin so many samples apart, or a multiple, so that their frames are the same ones.
        context_s: seconds of sound from either neighbour, at most.
    """
    most = round(context_s * sample_rate)
    before = now = window = None
    for following in chain(segments, [None]):
        if now is not None:
            left, right = now.waveform[:0], now.waveform[:0]
            if most and before is not None and window is not None and _touch(before, now):
                apart = len(window.waveform) - round(window.context_s[1] * sample_rate) - most
                left = before.waveform[-most:][-apart % frame_samples :]
            if most and following is not None and _touch(now, following):
                right = following.waveform[:most]
            window = replace(
                now,
                waveform=np.concatenate([left, now.waveform, right]),
                origin_s=now.began_s - len(left) / sample_rate,
                context_s=(len(left) / sample_rate, len(right) / sample_rate),
            )
            yield window
        before, now = now, following


def _touch(one: Segment, other: Segment) -> bool:
    return abs(other.start_s - one.end_s) < 1e-6


def add_windows(model: AcousticModel, windows: Sequence[tuple[HasJoiner, Segment]], options: DecodingOptions) -> None:
    """Hear windows of recordings, which may share batches, and give each to its recording's joiner.

    Args:
        model: one that scores frames.
        windows: each with its recording; those of a recording in order.
        options: of the decoding.
    """
    from speech_tl.decoding.words import decode_words

    frame_s = model.frame_samples / model.sample_rate
    space = " " if leading_rate(model.language) == "wer" else ""
    texts = decode_words(model, [window.waveform for _, window in windows], options)
    for (recording, window), (text, words) in zip(windows, texts, strict=True):
        recording.joiner.add(window, text, _placed(words, window, frame_s, model.sample_rate), space)


def _placed(words: Sequence[FrameWord], window: Segment, frame_s: float, sample_rate: int) -> list[Word]:
    """Words on a window's frames -> on the recording's seconds; each ends before the next one begins."""
    limits_s = [word.first * frame_s for word in words[1:]] + [len(window.waveform) / sample_rate] * bool(words)
    return [
        Word(
            window.began_s + word.first * frame_s,
            window.began_s + max(min((word.last + 1) * frame_s + LAST_LETTER_S, limit_s), word.first * frame_s),
            word.text,
            word.probability,
        )
        for word, limit_s in zip(words, limits_s, strict=True)
    ]


@dataclass
class Joiner:
    """Puts the windows of one recording together as their words come in, in order.

    Attributes:
        segments: what is settled goes here.
    """

    segments: list[TranscribedSegment]
    _latest: tuple[Segment, TranscribedSegment] | None = None

    def add(self, window: Segment, text: str, words: Sequence[Word], space: str = " ") -> None:
        """Take in the next window.

        Args:
            window: what was heard.
            text: of all of it, context included.
            words: of the text.
            space: what stands between words.
        """
        said = TranscribedSegment(window.start_s, window.end_s, " ".join(text.split()), list(words))
        if self._latest is not None and window.context_s[0]:
            earlier, before = self._latest
            overlap_s = window.start_s - window.context_s[0], earlier.end_s + earlier.context_s[1]
            seam_s, kept, words = joined(before.words, words, overlap_s)
            self._latest = earlier, replace(before, end_s=seam_s, text=_text(kept, space), words=kept)
            said = replace(said, start_s=seam_s, text=_text(words, space), words=words)
        self.finish()
        self._latest = window, said

    def finish(self) -> None:
        """No window goes on from the last one."""
        if self._latest is not None:
            self.segments.append(self._latest[1])
            self._latest = None


def _text(words: Sequence[Word], space: str) -> str:
    return space.join(word.text for word in words)


def joined(
    before: Sequence[Word], after: Sequence[Word], overlap_s: tuple[float, float]
) -> tuple[float, list[Word], list[Word]]:
    """Where two windows are joined, and the words that each contributes.

    A seam lies between two words of one of the windows; the words on either side should be the same in both, and the
    middle of the overlap, where both hear enough, should be near.

    Args:
        before: words of the window that begins first, in order.
        after: words of the one that goes on.
        overlap_s: from when to when both hear.

    Returns:
        The seam in seconds, the words of `before` up to it, and those of `after` from there on.
    """
    low_s, high_s = overlap_s
    middle_s = (low_s + high_s) / 2
    inside = [[word for word in words if low_s <= word.start_s and word.end_s <= high_s] for words in (before, after)]
    gaps_s = [(one.end_s + other.start_s) / 2 for words in inside for one, other in pairwise(words)]
    edges_s = [edge_s for words in inside if words for edge_s in (words[0].start_s, words[-1].end_s)]

    def cost_s(seam_s: float) -> float:
        neighbours = [_neighbours(words, seam_s) for words in inside]
        differ = sum(not _same(one, other) for one, other in zip(*neighbours, strict=True))
        return abs(seam_s - middle_s) + DISAGREEMENT_S * differ

    candidates_s = [*gaps_s, *edges_s]
    if not any(word.start_s < middle_s < word.end_s for words in inside for word in words):
        candidates_s.append(middle_s)
    seam_s = min(candidates_s, key=cost_s)
    return (
        seam_s,
        [word for word in before if _middle_s(word) < seam_s],
        [word for word in after if _middle_s(word) >= seam_s],
    )


def _neighbours(words: Sequence[Word], seam_s: float) -> tuple[Word | None, Word | None]:
    """The last word before a moment and the first one after it."""
    count = sum(_middle_s(word) < seam_s for word in words)
    return (words[count - 1] if count else None, words[count] if count < len(words) else None)


def _same(one: Word | None, other: Word | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.text == other.text and one.start_s < other.end_s and other.start_s < one.end_s


def _middle_s(word: Word) -> float:
    return (word.start_s + word.end_s) / 2
