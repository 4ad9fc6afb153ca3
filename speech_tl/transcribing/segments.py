"""A stream of audio blocks -> speech segments cut at quiet places, in memory that does not grow with the recording.

What is speech, `vad` says; how loud it is decides only where speech without a pause is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from speech_tl.errors import BadInput
from speech_tl.transcribing.vad import FRAME_S, THRESHOLD, VoiceActivity

WINDOW_S = 10.0
"""Seconds of sound that are marked at a time."""

SHORTEST_SPEECH_S = 0.25
"""Less speech between two pauses is a click or a cough: silero-vad's own limit."""

SILENCE_DB = -80.0  # below three steps of 16-bit audio: nothing was recorded there
SHORTEST_S, LONGEST_S = 1.0, 30.0  # Whisper hears at most 30 s


PART_MARGIN_S = 0.25
"""Kept before and after a part of a segment."""


@dataclass(frozen=True)
class Segment:
    """A piece of a recording that holds speech.

    Attributes:
        start_s: where it begins in the recording, in seconds.
        end_s: where it ends, in seconds.
        waveform: float32 mono, shape (samples,).
        origin_s: where the waveform begins, in seconds; None: with the segment.
        context_s: seconds at the beginning and at the end of the waveform that belong to the neighbours, with which
            the segment shares one stretch of speech.
        kept: stretches of the recording (seconds) that follow each other in the waveform; none: it is one.
        speech: stretches of speech in the recording (seconds), where somebody asked.
    """

    start_s: float
    end_s: float
    waveform: np.ndarray
    origin_s: float | None = None
    context_s: tuple[float, float] = (0.0, 0.0)
    kept: tuple[tuple[float, float], ...] = ()
    speech: tuple[tuple[float, float], ...] = ()

    @property
    def began_s(self) -> float:
        """Where its waveform begins in the recording, in seconds."""
        return self.start_s if self.origin_s is None else self.origin_s

    def place_s(self, second: float) -> float:
        """Where a second of the waveform is in the recording.

        >>> Segment(1.0, 9.0, np.zeros(0), kept=((1.0, 3.0), (7.0, 9.0))).place_s(2.5)
        7.5
        """
        for start_s, end_s in self.kept:
            if second <= end_s - start_s:
                return start_s + second
            second -= end_s - start_s
        return (self.kept[-1][1] if self.kept else self.began_s) + second

    def parts(self, sample_rate: int, pause_s: float) -> list[Segment]:
        """Its speech cut at pauses of `pause_s` and longer."""
        groups: list[list[tuple[float, float]]] = []
        for stretch in self.speech:
            if groups and stretch[0] - groups[-1][-1][1] < pause_s:
                groups[-1].append(stretch)
            else:
                groups.append([stretch])
        return [self._part(tuple(group), sample_rate) for group in groups]

    def _part(self, speech: tuple[tuple[float, float], ...], sample_rate: int) -> Segment:
        """Some of its stretches of speech, with a little around them."""
        begin_s, finish_s = speech[0][0] - PART_MARGIN_S, speech[-1][1] + PART_MARGIN_S
        at, sound, kept = 0, [], []
        for start_s, end_s in self.kept:
            low_s, high_s = max(start_s, begin_s), min(end_s, finish_s)
            if low_s < high_s:
                first = at + round((low_s - start_s) * sample_rate)
                sound.append(self.waveform[first : first + round((high_s - low_s) * sample_rate)])
                kept.append((low_s, high_s))
            at += round((end_s - start_s) * sample_rate)
        return Segment(speech[0][0], speech[-1][1], np.concatenate(sound), kept[0][0], kept=tuple(kept), speech=speech)


def cut_at_pauses(
    blocks: Iterable[np.ndarray],
    sample_rate: int = 16000,
    *,
    max_segment_s: float = 25.0,
    min_pause_s: float = 0.5,
    margin_s: float = 0.25,
    vad_threshold: float | None = THRESHOLD,
) -> Iterator[Segment]:
    """Cut consecutive blocks of one recording into segments of speech.

    Segments are in order and never overlap. A pause ends a segment; speech without a pause is cut at the quietest point
    of the second half of what fits. Silence before, between and after is dropped, except for the margins.

    Args:
        blocks: float32 mono pieces of any length, as `audio.stream_audio` yields them.
        sample_rate: samples a second of the blocks.
        max_segment_s: no segment is longer, 1 to 30 seconds.
        min_pause_s: quiet for at least this long ends a segment.
        margin_s: kept before and after speech, at most half of `min_pause_s`.
        vad_threshold: the probability at which speech begins; None takes everything for speech.

    Yields:
        `Segment`; none for silence. A window of ten seconds, one segment and one block are held at a time.

    Raises:
        BadInput: `max_segment_s`, `min_pause_s`, `margin_s` or `vad_threshold` is out of range.
    """
    refuse_impossible(max_segment_s, min_pause_s, margin_s)
    voice = VoiceActivity(sample_rate, vad_threshold)
    frame = voice.frame
    cutter = _Cutter(
        frame=frame,
        sample_rate=sample_rate,
        longest=int(max_segment_s * sample_rate / frame),
        pause=max(1, round(min_pause_s * sample_rate / frame)),
        margin=int(min(margin_s, min_pause_s / 2) * sample_rate / frame),
        shortest=round(SHORTEST_SPEECH_S * sample_rate / frame),
    )
    for waveform, active in marked(blocks, voice):
        yield from cutter.add(waveform, frame_levels_db(waveform, frame), active)
    yield from cutter.finish()


def refuse_impossible(max_segment_s: float, min_pause_s: float = 0.5, margin_s: float = 0.25) -> None:
    """Check the settings of `cut_at_pauses`, in seconds.

    Raises:
        BadInput: one of them is out of range.
    """
    if not SHORTEST_S <= max_segment_s <= LONGEST_S:
        raise BadInput(
            f"max_segment_s={max_segment_s:g}: a segment is {SHORTEST_S:g} to {LONGEST_S:g} seconds long "
            "(Whisper hears at most 30 s)"
        )
    if not 0.1 <= min_pause_s <= 10.0:
        raise BadInput(f"min_pause_s={min_pause_s:g}: expected 0.1 to 10 seconds")
    if margin_s < 0:
        raise BadInput(f"margin_s={margin_s:g}: expected 0 seconds or more")


def frame_levels_db(waveform: np.ndarray, frame: int) -> np.ndarray:
    """The level of each frame in dB below full scale, shape (ceil(samples / frame),), at least -120 dB.

    The mean of each frame is taken out first: a microphone's constant offset is not a sound.
    """
    whole = len(waveform) // frame * frame
    spread = waveform[:whole].reshape(-1, frame).std(axis=1)
    if whole < len(waveform):
        spread = np.append(spread, waveform[whole:].std())
    return 20.0 * np.log10(np.maximum(spread, 1e-6))


def speech_frames(waveform: np.ndarray, sample_rate: int = 16000) -> np.ndarray:
    """Whether each `FRAME_S` of a recording `(samples,)` holds speech, bool `(frames,)`."""
    return VoiceActivity(sample_rate).mark(waveform)


def marked(blocks: Iterable[np.ndarray], voice: VoiceActivity) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A recording's sound in windows of about `WINDOW_S`, each with the frames that hold speech, bool `(frames,)`.

    Args:
        blocks: of any length; the answer does not depend on it.
        voice: a detector that has heard nothing yet.
    """
    for window in _windows(blocks, voice.frame * round(WINDOW_S / FRAME_S)):
        yield window, voice.mark(window)


def _windows(blocks: Iterable[np.ndarray], window: int) -> Iterator[np.ndarray]:
    """Blocks of any length as windows of `window` samples, so that the answer does not depend on the block length."""
    kept = np.zeros(0, dtype=np.float32)
    for block in blocks:
        kept = np.concatenate([kept, block])
        whole = len(kept) // window * window
        for start in range(0, whole, window):
            yield kept[start : start + window]
        kept = kept[whole:].copy()
    if len(kept):
        yield kept


@dataclass
class _Cutter:
    """Collects marked windows and lets whole segments go. All positions are frames since the recording began."""

    frame: int
    sample_rate: int
    longest: int
    pause: int
    margin: int
    shortest: int
    waveform: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    levels_db: np.ndarray = field(default_factory=lambda: np.zeros(0))
    held_from: int = 0  # the frame at which `waveform` and `levels_db` begin
    now: int = 0
    begin: int | None = None  # of the segment that is open
    last_speech: int = 0
    spoken: int = 0  # frames of speech in the segment that is open
    free_from: int = 0  # the end of the segment let go last: the next may not begin before it

    def add(self, waveform: np.ndarray, levels_db: np.ndarray, active: np.ndarray) -> Iterator[Segment]:
        """Take in the next window and yield the segments that end in it."""
        self.waveform = np.concatenate([self.waveform, waveform])
        self.levels_db = np.concatenate([self.levels_db, levels_db])
        for speech in active:
            yield from self._step(bool(speech))
        self._forget()

    def finish(self) -> Iterator[Segment]:
        """Yield the segment that was open when the recording ended."""
        if self.begin is not None:
            yield from self._close(min(self.last_speech + 1 + self.margin, self.now))

    def _step(self, speech: bool) -> Iterator[Segment]:
        if speech:
            if self.begin is None:
                self.begin, self.spoken = max(self.free_from, self.now - self.margin), 0
            self.last_speech = self.now
            self.spoken += 1
        self.now += 1
        if self.begin is None:
            return
        if self.now - 1 - self.last_speech >= self.pause:
            yield from self._close(self.last_speech + 1 + self.margin)
        elif self.now - self.begin >= self.longest:
            yield self._let_go_at_quietest()

    def _close(self, end: int) -> Iterator[Segment]:
        """Let the open segment go, unless what is in it is too short for speech."""
        if self.spoken >= self.shortest:
            yield self._let_go(end)
        else:
            self.begin = None

    def _let_go_at_quietest(self) -> Segment:
        cut = self._quietest(self.begin + self.longest // 2, self.now)
        segment = self._let_go(cut)
        if self.last_speech >= cut:
            self.begin, self.spoken = cut, self.shortest  # it goes on, so it is no click
        return segment

    def _quietest(self, start: int, end: int) -> int:
        """The middle of the quietest fifth of a second between two frames."""
        width = max(1, min(round(0.2 / FRAME_S), end - start))
        levels = self.levels_db[start - self.held_from : end - self.held_from]
        smooth = np.convolve(np.maximum(levels, SILENCE_DB), np.ones(width) / width, mode="valid")
        return start + int(np.argmin(smooth)) + width // 2

    def _let_go(self, end: int) -> Segment:
        first = (self.begin - self.held_from) * self.frame
        piece = self.waveform[first : (end - self.held_from) * self.frame].copy()
        start_s = self.begin * self.frame / self.sample_rate
        self.begin, self.free_from = None, end
        return Segment(start_s, start_s + len(piece) / self.sample_rate, piece)

    def _forget(self) -> None:
        """Drop what no later segment can reach."""
        needed = max(self.free_from, self.now - self.margin) if self.begin is None else self.begin
        drop = min(needed, self.now) - self.held_from
        self.waveform = self.waveform[drop * self.frame :].copy()
        self.levels_db = self.levels_db[drop:].copy()
        self.held_from += drop
