"""Words placed by an alignment -> utterances that begin and end in the quiet around the speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from speech_tl.transcribing.alignment import Word
from speech_tl.transcribing.segments import frame_levels_db, speech_frames
from speech_tl.transcribing.vad import FRAME_S

INNER_PAUSE_S = 1.5  # an utterance is cut in two there: something else may be said
MARGIN_S = 0.25  # kept before and after speech, breath and soft letters among it
PAUSE_S = 0.12  # so long without speech is a pause
LONG_PAUSE_S = 1.0  # a longer one is no better border
DISTANCE_COSTS = 0.8  # a pause so much longer is worth a second of distance from the letters
SAME_PAUSE_S = 1.5  # closer neighbours have one pause between them


@dataclass(frozen=True)
class Span:
    """Consecutive words of the text and where they are.

    Attributes:
        words: as written.
        placed: each word's place, in frames of the model.
        start_s: where the span begins in the recording, in seconds.
        end_s: where it ends.
    """

    words: tuple[str, ...]
    placed: tuple[Word, ...]
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Its length."""
        return self.end_s - self.start_s


def span(words: Sequence[str], placed: Sequence[Word], frame_s: float) -> Span:
    """Words from the first letter's frame to the last one's; `frame_s` is the seconds a frame lasts."""
    heard = [word for word in placed if word.letters]
    return Span(tuple(words), tuple(placed), heard[0].start * frame_s, (heard[-1].end + 1) * frame_s)


def shorter(whole: Span, longest_s: float, frame_s: float) -> list[Span]:
    """A span cut at its longest pauses between words until no part is longer, or holds a pause of `INNER_PAUSE_S`."""
    heard = [place for place, word in enumerate(whole.placed) if word.letters]
    gaps = [(whole.placed[after].start - whole.placed[before].end) * frame_s for before, after in pairwise(heard)]
    if not gaps or (whole.duration_s <= longest_s and max(gaps) < INNER_PAUSE_S):
        return [whole]
    widest = int(np.argmax(gaps)) if max(gaps) >= INNER_PAUSE_S else _near_the_middle(whole, heard, gaps, frame_s)
    cut = heard[widest + 1]
    parts = (slice(None, cut), slice(cut, None))
    return [
        small
        for part in parts
        for small in shorter(span(whole.words[part], whole.placed[part], frame_s), longest_s, frame_s)
    ]


def _near_the_middle(whole: Span, heard: Sequence[int], gaps: Sequence[float], frame_s: float) -> int:
    """The widest gap among those in the middle half of the span; of all gaps where none is there."""
    from_start_s = np.array([whole.placed[place].end * frame_s - whole.start_s for place in heard[:-1]])
    central = np.abs(from_start_s / whole.duration_s - 0.5) <= 0.25
    return int(np.argmax(np.where(central, gaps, -1.0) if central.any() else gaps))


def settle(spans: Sequence[Span], waveform: np.ndarray, sample_rate: int) -> list[Span]:
    """Move the borders of spans, in order of time, from the letters to the pauses around the speech.

    An alignment finds words better than their edges: of a sentence's first word a letter or two are easily placed
    before the pause that comes before it. So the border is a pause near the letters, the longer and the nearer the
    better. Neighbours share theirs and never overlap; without a pause it is the quietest moment between them.
    """
    pauses = _Pauses(waveform, sample_rate)
    starts = [one.start_s for one in spans]
    ends = [one.end_s for one in spans]
    for place, (before, after) in enumerate(pairwise(spans)):
        if after.start_s - before.end_s <= SAME_PAUSE_S:
            ends[place], starts[place + 1] = pauses.between(before.end_s, after.start_s)
        else:
            ends[place], starts[place + 1] = pauses.near(before.end_s)[0], pauses.near(after.start_s)[1]
    if spans:
        starts[0], ends[-1] = pauses.near(spans[0].start_s)[1], pauses.near(spans[-1].end_s)[0]
    return [
        replace(one, start_s=start_s, end_s=max(start_s, end_s))
        for one, start_s, end_s in zip(spans, starts, ends, strict=True)
    ]


class _Pauses:
    """The stretches of a recording without speech."""

    def __init__(self, waveform: np.ndarray, sample_rate: int) -> None:
        self.length_s = len(waveform) / sample_rate
        self.levels_db = frame_levels_db(waveform, round(FRAME_S * sample_rate))
        active = np.concatenate([speech_frames(waveform, sample_rate), [True]])
        changes = np.flatnonzero(np.diff(active, prepend=True)) * FRAME_S
        found = changes.reshape(-1, 2)
        inside = found[found[:, 1] - found[:, 0] >= PAUSE_S]
        self.pauses_s = self._with_the_edges(inside)

    def _with_the_edges(self, pauses_s: np.ndarray) -> np.ndarray:
        """Before and after the recording is quiet as well: a pause of its own, or part of one that reaches the edge."""
        before, after = [-1.0, 0.0], [self.length_s, self.length_s + 1.0]
        if len(pauses_s) and pauses_s[0, 0] <= FRAME_S:
            before, pauses_s = [-1.0, pauses_s[0, 1]], pauses_s[1:]
        if len(pauses_s) and pauses_s[-1, 1] >= self.length_s - 2 * FRAME_S:
            after, pauses_s = [pauses_s[-1, 0], self.length_s + 1.0], pauses_s[:-1]
        return np.concatenate([[before], pauses_s, [after]])

    def near(self, place_s: float) -> tuple[float, float]:
        """Where speech ends before, and begins after, the pause that `place_s` means (with a little of the quiet)."""
        return self.between(place_s, place_s)

    def between(self, low_s: float, high_s: float) -> tuple[float, float]:
        """The same for a border between two moments."""
        starts, ends = self.pauses_s.T
        distances_s = np.maximum(np.maximum(starts - high_s, low_s - ends), 0.0)
        worth = np.minimum(ends - starts, LONG_PAUSE_S) - DISTANCE_COSTS * distances_s
        best = int(np.argmax(worth))
        if worth[best] <= 0:
            quiet_s = self._quietest_s(low_s, high_s)
            return quiet_s, quiet_s
        start_s, end_s = starts[best], ends[best]
        margin_s = min(MARGIN_S, (end_s - start_s) / 2)
        return min(start_s + margin_s, self.length_s), max(end_s - margin_s, 0.0)

    def _quietest_s(self, low_s: float, high_s: float) -> float:
        """The middle of the quietest tenth of a second; halfway where they are closer than that."""
        low, high = round(low_s / FRAME_S), round(high_s / FRAME_S)
        width = round(0.1 / FRAME_S)
        between = self.levels_db[low:high]
        if len(between) <= width:
            return (low_s + high_s) / 2
        smooth = np.convolve(np.maximum(between, -80.0), np.ones(width) / width, mode="valid")
        return (low + int(np.argmin(smooth)) + width / 2) * FRAME_S
