"""One stream of sound: what must be decoded next, and what to say when it was. Knows no clock, thread or socket."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from speech_tl.live.policies import Policy
from speech_tl.transcribing.recogniser import Word
from speech_tl.transcribing.segments import frame_levels_db
from speech_tl.transcribing.vad import VoiceActivity

MARGIN_S = 0.3
"""Kept before the first sound of speech and behind the last."""

SHORTEST_SPEECH_S = 0.12
"""Less is a click."""

PAUSES_S = ((0.0, 0.9), (10.0, 0.6), (15.0, 0.4))
"""(Length of an utterance in seconds, pause that ends one of that length): the longer it is, the less it needs."""

LONGEST_S = 20.0
"""An utterance without such a pause is cut at its quietest point within the last `SEARCHED_S` seconds."""

SEARCHED_S = 4.0


@dataclass(frozen=True)
class Message:
    """What a listener is told.

    Attributes:
        kind: "final": words that never change; "partial": those after them, which replace the partial ones before;
            "utterance": all of an utterance that is over.
        utterance: counts from 0.
        words: with seconds since the stream began.
        start_s: of the sound that it is about.
        end_s: its end.
    """

    kind: Literal["final", "partial", "utterance"]
    utterance: int
    words: tuple[Word, ...]
    start_s: float
    end_s: float

    @property
    def text(self) -> str:
        """The words in one line."""
        return " ".join(word.text for word in self.words)

    def as_json(self) -> dict[str, Any]:
        """As it is sent to a client."""
        words = [{"word": w.text, "start": round(w.start_s, 3), "end": round(w.end_s, 3)} for w in self.words]
        facts = {"type": self.kind, "utterance": self.utterance, "text": self.text}
        return facts | {"start": round(self.start_s, 3), "end": round(self.end_s, 3), "words": words}


class Utterance:
    """Speech between two pauses.

    Attributes:
        number: counts from 0.
        start_s: seconds since the stream began.
        policy: says which of its words are final.
        speech_s: seconds of it that were marked as speech.
        is_over: whether nothing follows.
        decoded: samples that were decoded so far.
        settled: samples that final words may come from.
    """

    def __init__(self, number: int, start_s: float, policy: Policy, waveform: np.ndarray, speech_s: float) -> None:
        """With its first sound."""
        self.number, self.start_s, self.policy, self.speech_s = number, start_s, policy, speech_s
        self.is_over = False
        self.decoded = self.settled = 0
        self._parts: list[np.ndarray] = []
        self.waveform = waveform

    @property
    def waveform(self) -> np.ndarray:
        """The sound so far, `(samples,)`."""
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0]

    @waveform.setter
    def waveform(self, waveform: np.ndarray) -> None:
        self._parts, self.samples = [waveform], len(waveform)

    def append(self, waveform: np.ndarray) -> None:
        """Sound that follows."""
        self._parts.append(waveform)
        self.samples += len(waveform)


@dataclass(frozen=True)
class DecodingRequest:
    """What is to be decoded: `waveform` from `begin_s` of the utterance on; `last` where the utterance is over."""

    utterance: Utterance
    waveform: np.ndarray
    begin_s: float
    end_s: float
    last: bool


@dataclass
class LiveSession:
    """Sound goes in, `DecodingRequest`s come out one at a time, their words go in again, messages come out.

    Attributes:
        sample_rate: Hz of the sound.
        new_policy: made anew for every utterance.
        step_s: seconds of new speech after which it is decoded again.
    """

    sample_rate: int
    new_policy: Callable[[], Policy]
    step_s: float = 1.0
    _utterances: deque[Utterance] = field(default_factory=deque)
    _count: int = 0
    _pause_s: float = 0.0

    def __post_init__(self) -> None:
        """Silence."""
        self._voice = VoiceActivity(self.sample_rate)
        self._frame_s = self._voice.frame / self.sample_rate
        self._unmarked = np.zeros(0, np.float32)
        self._margin = np.zeros(0, np.float32)  # what was heard just before
        self._samples = 0  # marked so far
        self.is_over = False

    @property
    def heard_s(self) -> float:
        """Seconds of sound that were given."""
        return (self._samples + len(self._unmarked)) / self.sample_rate

    @property
    def behind_s(self) -> float:
        """Seconds of speech that wait to be decoded."""
        return sum(utterance.samples - utterance.decoded for utterance in self._utterances) / self.sample_rate

    @property
    def is_done(self) -> bool:
        """Whether the sound is over and all of it was decoded."""
        return self.is_over and not self._utterances

    def add(self, waveform: np.ndarray) -> None:
        """Sound that follows what was given before, float32 `(samples,)`."""
        self._unmarked = np.concatenate([self._unmarked, waveform])
        frame = self._voice.frame
        whole = len(self._unmarked) // frame * frame
        marked, self._unmarked = self._unmarked[:whole], self._unmarked[whole:].copy()
        for index, speech in enumerate(self._voice.mark(marked)):
            self._step(marked[index * frame : (index + 1) * frame], bool(speech))

    def end(self) -> None:
        """No more sound."""
        self.is_over = True
        if (open_one := self._open()) is not None:
            open_one.append(self._unmarked)
            self._close(open_one)

    def next_request(self) -> DecodingRequest | None:
        """What is to be decoded now; None where nothing new is worth it. Its words are `take`n before the next one."""
        while self._utterances and self._utterances[0].is_over and self._is_click(self._utterances[0]):
            if self._utterances[0].policy.final:
                break
            self._utterances.popleft()
        if not self._utterances:
            return None
        first = self._utterances[0]
        fresh_s = (first.samples - first.decoded) / self.sample_rate
        if not first.is_over and (fresh_s < self.step_s or first.speech_s < SHORTEST_SPEECH_S):
            return None
        begin_s = first.policy.begin_s()
        begin = round(begin_s * self.sample_rate)
        first.settled, first.decoded = first.decoded, first.samples
        return DecodingRequest(first, first.waveform[begin:], begin_s, first.samples / self.sample_rate, first.is_over)

    def take(self, request: DecodingRequest, words: Sequence[Word]) -> list[Message]:
        """The messages of what was decoded; `words` have times since the request's beginning."""
        utterance, policy = request.utterance, request.utterance.policy
        offset_s, start_s = request.begin_s, utterance.start_s
        own = [Word(word.text, word.start_s + offset_s, word.end_s + offset_s) for word in words]
        fresh, rest = policy.take(own, request.end_s, last=request.last)
        end_s = start_s + request.end_s
        messages = []
        if fresh:
            told = _shifted(fresh, start_s)
            messages.append(Message("final", utterance.number, told, told[0].start_s, told[-1].end_s))
        if not request.last:
            messages.append(Message("partial", utterance.number, _shifted(rest, start_s), start_s, end_s))
            return messages
        self._utterances.popleft()
        messages.append(Message("utterance", utterance.number, _shifted(policy.final, start_s), start_s, end_s))
        return messages

    def _step(self, frame: np.ndarray, speech: bool) -> None:
        """One frame."""
        utterance = self._open()
        self._samples += len(frame)
        if utterance is None:
            if speech:
                start_s = (self._samples - len(frame) - len(self._margin)) / self.sample_rate
                waveform = np.concatenate([self._margin, frame])
                self._utterances.append(Utterance(self._count, start_s, self.new_policy(), waveform, self._frame_s))
                self._count += 1
                self._pause_s = 0.0
            else:
                self._margin = np.concatenate([self._margin, frame])[-round(MARGIN_S * self.sample_rate) :]
            return
        utterance.append(frame)
        utterance.speech_s += self._frame_s if speech else 0.0
        self._pause_s = 0.0 if speech else self._pause_s + self._frame_s
        length_s = utterance.samples / self.sample_rate
        enough_s = next(pause_s for from_s, pause_s in reversed(PAUSES_S) if length_s >= from_s)
        if self._pause_s >= enough_s - self._frame_s / 2:
            self._close(utterance)
        elif length_s >= LONGEST_S:
            self._cut(utterance)

    def _close(self, utterance: Utterance) -> None:
        """The utterance is over; of the pause behind it, its margin stays."""
        spare = max(0, round((self._pause_s - MARGIN_S) * self.sample_rate))
        whole = utterance.waveform
        utterance.waveform = whole[: len(whole) - spare]
        utterance.is_over = True
        self._margin = whole[len(whole) - min(spare, round(MARGIN_S * self.sample_rate)) :] if spare else whole[:0]

    def _cut(self, utterance: Utterance) -> None:
        """The utterance is too long: its end becomes the beginning of the next one, with no word that is final."""
        whole, frame = utterance.waveform, self._voice.frame
        searched = min(round(SEARCHED_S * self.sample_rate), len(whole) - utterance.settled) // frame * frame
        levels = frame_levels_db(whole[-searched:], frame)
        width = max(1, min(round(0.2 / self._frame_s), len(levels)))
        quietest = int(np.argmin(np.convolve(levels, np.ones(width) / width, mode="valid"))) + width // 2
        place = len(whole) - searched + quietest * frame
        utterance.waveform, utterance.is_over = whole[:place], True
        start_s = utterance.start_s + place / self.sample_rate
        rest = whole[place:].copy()
        rest_s = len(rest) / self.sample_rate
        self._utterances.append(Utterance(self._count, start_s, self.new_policy(), rest, rest_s))
        self._count += 1

    def _open(self) -> Utterance | None:
        last = self._utterances[-1] if self._utterances else None
        return None if last is None or last.is_over else last

    @staticmethod
    def _is_click(utterance: Utterance) -> bool:
        return utterance.speech_s < SHORTEST_SPEECH_S


def _shifted(words: Sequence[Word], seconds: float) -> tuple[Word, ...]:
    return tuple(Word(word.text, word.start_s + seconds, word.end_s + seconds) for word in words)
