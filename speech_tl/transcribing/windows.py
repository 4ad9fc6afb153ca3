"""A stream of audio blocks -> windows of up to 30 s full of speech, for models that hear so much at a time anyway.

Speech is packed: pauses longer than half a second are shortened to that, and every window ends in a long pause near its
end, so that no sentence is torn if that can be helped. Seconds of a window are mapped back to the recording.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.transcribing.pieces import WHOLE_S
from speech_tl.transcribing.segments import (
    LONGEST_S,
    SHORTEST_S,
    SHORTEST_SPEECH_S,
    Segment,
    frame_levels_db,
    marked,
    refuse_impossible,
)
from speech_tl.transcribing.vad import THRESHOLD, VoiceActivity

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.options import DecodingOptions

KEPT_S = 0.25
"""Sound that stays on either side of a pause."""

EARLIEST_CUT = 0.6
"""Share of the longest window before which none is cut."""

LONG_PAUSE_S, LATER_IS_WORTH_S = 1.0, 0.5
"""A longer pause is no better to cut in; at the end of the window one is worth so much more than at its beginning."""

QUIET_S = 0.2
"""Speech without a pause is cut in the middle of the quietest stretch of this length."""

Spans = tuple[tuple[float, float], ...]


def full_window_s(model: AcousticModel, options: DecodingOptions) -> float | None:
    """Seconds that a model hears at a time, however short the sound is; None where short sound is less work."""
    from speech_tl.models.audio_context import FULL

    if not model.has_decoder or model.window_limit_s is None:
        return None
    context = FULL if options.audio_context == "full" else model.decoding_context
    limit_s = min(model.window_limit_s, LONGEST_S)
    return limit_s if SHORTEST_S <= limit_s <= model.window_s(SHORTEST_S, context) else None


def windows(
    blocks: Iterable[np.ndarray],
    sample_rate: int = 16000,
    *,
    max_window_s: float = LONGEST_S,
    vad_threshold: float | None = THRESHOLD,
) -> Iterator[Segment]:
    """The windows of one recording in order; silence has none.

    A recording of at most `WHOLE_S` is one window with all its sound, as in `pieces`.

    Args:
        blocks: float32 mono, all but the last longer than `WHOLE_S`.
        sample_rate: samples a second of the blocks.
        max_window_s: no window is longer, 1 to 30 seconds.
        vad_threshold: the probability at which speech begins; None takes everything for speech.

    Yields:
        `Segment` with `kept` and `speech`.

    Raises:
        BadInput: `max_window_s` or `vad_threshold` is out of range.
    """
    refuse_impossible(max_window_s)
    voice = VoiceActivity(sample_rate, vad_threshold)
    blocks = iter(blocks)
    first = next(blocks, np.zeros(0, dtype=np.float32))
    frame_s = voice.frame / sample_rate
    if len(first) <= min(WHOLE_S, max_window_s) * sample_rate:
        speech = _spans(np.flatnonzero(voice.mark(first)), frame_s)
        if sum(end_s - start_s for start_s, end_s in speech) > SHORTEST_SPEECH_S - frame_s:
            end_s = len(first) / sample_rate
            speech = (*speech[:-1], (speech[-1][0], min(speech[-1][1], end_s)))
            yield Segment(speech[0][0], speech[-1][1], first, 0.0, kept=((0.0, end_s),), speech=speech)
        return
    packer = _Packer(voice.frame, frame_s, int(max_window_s / frame_s))
    for waveform, active in marked(chain([first], blocks), voice):
        yield from packer.add(waveform, active)
    yield from packer.finish()


def _spans(frames: np.ndarray, frame_s: float) -> Spans:
    """Numbers of frames, rising, as the stretches of seconds that they cover."""
    if not len(frames):
        return ()
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return tuple((float(run[0] * frame_s), float((run[-1] + 1) * frame_s)) for run in runs)


@dataclass
class _Packer:
    """Takes frames in, keeps those near speech, lets windows go."""

    frame: int
    frame_s: float
    longest: int
    numbers: list[int] = field(default_factory=list)  # of the frames kept, in the recording
    active: list[bool] = field(default_factory=list)
    sound: list[np.ndarray] = field(default_factory=list)
    quiet: deque[tuple[int, np.ndarray]] = field(init=False)  # the latest frames that are not kept
    now: int = 0
    since_speech: int = 10**9

    def __post_init__(self) -> None:
        """Nothing was heard."""
        self.margin = round(KEPT_S / self.frame_s)
        self.quiet = deque(maxlen=self.margin)

    def add(self, waveform: np.ndarray, active: np.ndarray) -> Iterator[Segment]:
        """Take in the next frames and yield the windows that are full."""
        for index, speech in enumerate(active):
            self._step(waveform[index * self.frame : (index + 1) * self.frame], bool(speech))
            if len(self.numbers) > self.longest:
                yield from self._let_go(self._best_cut())

    def finish(self) -> Iterator[Segment]:
        """Yield what is left."""
        yield from self._let_go(len(self.numbers))

    def _step(self, sound: np.ndarray, speech: bool) -> None:
        self.since_speech = 0 if speech else self.since_speech + 1
        if speech:
            for number, before in self.quiet:
                self._keep(number, before, False)
            self.quiet.clear()
        if self.since_speech <= self.margin:
            self._keep(self.now, sound, speech)
        else:
            self.quiet.append((self.now, sound))
        self.now += 1

    def _keep(self, number: int, sound: np.ndarray, speech: bool) -> None:
        self.numbers.append(number)
        self.active.append(speech)
        self.sound.append(sound)

    def _best_cut(self) -> int:
        """Where the window ends: the middle of the pause that is long and late, else of the quietest moment."""
        numbers, active = np.array(self.numbers), np.array(self.active)
        earliest = round(EARLIEST_CUT * self.longest)
        spoken = np.flatnonzero(active)
        before, after = spoken[:-1], spoken[1:]
        middles = (before + after + 1) // 2
        pauses_s = (numbers[after] - numbers[before] - 1) * self.frame_s
        worth = np.minimum(pauses_s, LONG_PAUSE_S) + LATER_IS_WORTH_S * middles / self.longest
        usable = (middles >= earliest) & (middles <= self.longest) & (pauses_s > 0)
        if usable.any():
            return int(middles[np.argmax(np.where(usable, worth, -1.0))])
        levels = frame_levels_db(np.concatenate(self.sound[earliest : self.longest]), self.frame)
        width = max(1, min(round(QUIET_S / self.frame_s), len(levels)))
        smooth = np.convolve(levels, np.ones(width) / width, mode="valid")
        return earliest + int(np.argmin(smooth)) + width // 2

    def _let_go(self, count: int) -> Iterator[Segment]:
        """The first frames as a window, without clicks; nothing where no speech is left."""
        chosen = self._without_clicks(count)
        numbers = np.array([self.numbers[place] for place in chosen], dtype=int)
        spoken = np.array([self.numbers[place] for place in chosen if self.active[place]], dtype=int)
        if len(spoken):
            waveform = np.concatenate([self.sound[place] for place in chosen])
            speech, kept = _spans(spoken, self.frame_s), _spans(numbers, self.frame_s)
            yield Segment(speech[0][0], speech[-1][1], waveform, kept[0][0], kept=kept, speech=speech)
        del self.numbers[:count], self.active[:count], self.sound[:count]

    def _without_clicks(self, count: int) -> list[int]:
        """Places of the first frames but for stretches between long pauses with less than `SHORTEST_SPEECH_S`."""
        if not count:
            return []
        fewest = round(SHORTEST_SPEECH_S / self.frame_s)
        borders = np.flatnonzero(np.diff(self.numbers[:count]) > 1) + 1
        runs = np.split(np.arange(count), borders)
        cut_in_two = count < len(self.numbers) and self.numbers[count] == self.numbers[count - 1] + 1
        kept = [
            run
            for number, run in enumerate(runs)
            if sum(self.active[place] for place in run) >= fewest or (cut_in_two and number == len(runs) - 1)
        ]
        return [int(place) for run in kept for place in run]
