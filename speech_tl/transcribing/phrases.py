"""Windows of a Whisper into segments: its words, placed in the recording, cut at ends of sentences and in pauses.

Words are placed by the decoder's cross-attention (`models/whisper_words.py`). Whisper could also write timestamp tokens
between its segments; it is not asked to, because writing them costs whisper-tiny.en words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from speech_tl.text import leading_rate
from speech_tl.transcribing.converted_whisper import ConvertedWhisper
from speech_tl.transcribing.formats import TranscribedSegment
from speech_tl.transcribing.segments import Segment
from speech_tl.transcribing.words import CLAUSE_END, SENTENCE_END, Word

if TYPE_CHECKING:
    import numpy as np

    from speech_tl.decoding.loops import Spoken
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.frame_words import FrameWord
    from speech_tl.models.options import DecodingOptions

PAUSE_S = 0.8
"""Between two words it ends a segment."""

SHORTEST_S, LONGEST_S = 1.0, 15.0
"""Sentences shorter than the first stay with the next one; no segment is longer than the second."""

CLAUSE_IS_WORTH_S, MIDDLE_IS_WORTH_S = 0.3, 0.5
"""A long sentence is cut in its longest pause; after a clause, or in the middle, shorter ones will do."""

SURE, CHARACTERS_A_SECOND, PART_PAUSE_S = 0.6, 6.0, 0.5
"""A window whose words are less probable, or that has fewer characters a second of speech, is tried in parts as well,
cut at pauses of so many seconds."""

BREATH_S = 0.15
"""Shorter gaps in the speech say nothing about where a word ends."""


Decoded = tuple[Segment, str, "Sequence[FrameWord]"]
"""What was heard at a time, its text and its words."""


def segments_of_windows(
    model: AcousticModel | ConvertedWhisper,
    heard: Sequence[Segment],
    options: DecodingOptions,
    longest_s: float = LONGEST_S,
) -> list[list[TranscribedSegment]]:
    """The segments of each window, with their words; one without words where a model writes no word.

    Args:
        model: one with a decoder that tells words.
        heard: windows, which share batches.
        options: of the decoding.
        longest_s: no segment is longer, in seconds, unless it is one word.
    """
    frame_s = model.frame_samples / model.sample_rate
    space = " " if leading_rate(model.language) == "wer" else ""
    found = []
    for window, parts in zip(heard, _decoded(model, heard, options), strict=True):
        words = [word for part, _, placed in parts for word in _placed(placed, part, frame_s, model.words_late_s)]
        alone = TranscribedSegment(window.start_s, window.end_s, _text(parts))
        found.append(phrases(words, longest_s, space) if words else [alone])
    return found


def text_of_windows(
    model: AcousticModel | ConvertedWhisper, heard: Sequence[Segment], options: DecodingOptions
) -> list[str]:
    """The text of each window as `segments_of_windows` decodes it."""
    return [_text(parts) for parts in _decoded(model, heard, options)]


def _text(parts: Sequence[Decoded]) -> str:
    """The text of a window, or of its parts in order."""
    return " ".join(" ".join(text for _, text, _ in parts).split())


def _decoded(
    model: AcousticModel | ConvertedWhisper, heard: Sequence[Segment], options: DecodingOptions
) -> list[list[Decoded]]:
    """Each window with its text and words, or its parts, where the model writes those better than the whole.

    A model that was adapted to short utterances may lose its way in a full window. What it then writes is improbable,
    or too little.
    """
    texts = _write(model, [window.waveform for window in heard], options)
    found = [[(window, text, words)] for window, (text, words) in zip(heard, texts, strict=True)]
    doubtful = [number for number, ((window, text, words),) in enumerate(found) if _is_doubtful(window, text, words)]
    parts = {number: heard[number].parts(model.sample_rate, PART_PAUSE_S) for number in doubtful}
    parts = {number: cut for number, cut in parts.items() if len(cut) > 1}
    again = iter(_write(model, [part.waveform for cut in parts.values() for part in cut], options))
    for number, cut in parts.items():
        tried = [(part, *next(again)) for part in cut]
        if _worth(tried) > _worth(found[number]):
            found[number] = tried
    return found


def _write(
    model: AcousticModel | ConvertedWhisper, waveforms: Sequence[np.ndarray], options: DecodingOptions
) -> list[Spoken]:
    """The text of each waveform `(samples,)` with its words."""
    if isinstance(model, ConvertedWhisper):
        return model.decoding(options).written(waveforms)
    from speech_tl.decoding.words import decode_words

    return decode_words(model, waveforms, options)


def _is_doubtful(window: Segment, text: str, words: Sequence[FrameWord]) -> bool:
    speech_s = sum(end_s - start_s for start_s, end_s in window.speech)
    return bool(words) and (_sure([words]) < SURE or len(text) < CHARACTERS_A_SECOND * speech_s)


def _sure(texts: Sequence[Sequence[FrameWord]]) -> float:
    """Geometric mean of the probabilities of all words."""
    logs = [math.log(max(word.probability, 1e-9)) for words in texts for word in words]
    return math.exp(sum(logs) / len(logs)) if logs else 0.0


def _worth(parts: Sequence[Decoded]) -> float:
    """How much a model has written, and how surely: what is made up is long as well."""
    return sum(len(text) for _, text, _ in parts) * _sure([words for _, _, words in parts]) ** 2


def _placed(words: Sequence[FrameWord], window: Segment, frame_s: float, late_s: float) -> list[Word]:
    """Words on a window's frames -> on the recording's seconds, in order, none in a pause."""
    found: list[Word] = []
    for word in words:
        start_s = window.place_s(max(0.0, word.first * frame_s - late_s))
        end_s = window.place_s(max(0.0, (word.last + 1) * frame_s - late_s))
        if window.speech:
            start_s, end_s = _out_of_pauses(start_s, max(start_s, end_s), window.speech)
        start_s = max(start_s, found[-1].end_s if found else 0.0)
        found.append(Word(start_s, max(start_s, end_s), word.text, word.probability))
    return found


def _out_of_pauses(start_s: float, end_s: float, speech: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """A word that reaches into a pause ends or begins with it: on the side where more of its speech is, or nearer."""
    for (_, pause_s), (after_s, _) in pairwise([(0.0, 0.0), *speech, (float("inf"), float("inf"))]):
        if after_s - pause_s < BREATH_S or end_s <= pause_s or start_s >= after_s:
            continue
        before_s, behind_s = pause_s - start_s, end_s - after_s
        if before_s >= behind_s and before_s > 0:
            end_s = pause_s
        elif behind_s > 0:
            start_s = after_s
        else:
            start_s = end_s = pause_s if start_s - pause_s < after_s - end_s else after_s
    return start_s, end_s


def phrases(words: Sequence[Word], longest_s: float = LONGEST_S, space: str = " ") -> list[TranscribedSegment]:
    """Words in order as segments: a sentence each, or what lies between long pauses.

    Args:
        words: of one window, at least one.
        longest_s: longer segments are cut in their longest pauses.
        space: what stands between words.
    """
    parts, first = [], 0
    for place, (word, following) in enumerate(pairwise(words), 1):
        long_enough = word.end_s - words[first].start_s >= SHORTEST_S
        if following.start_s - word.end_s >= PAUSE_S or (long_enough and SENTENCE_END.search(word.text)):
            parts.append(words[first:place])
            first = place
    parts.append(words[first:])
    return [
        TranscribedSegment(part[0].start_s, part[-1].end_s, space.join(word.text for word in part), list(part))
        for whole in parts
        for part in _shorter(whole, longest_s)
    ]


def _shorter(words: Sequence[Word], longest_s: float) -> Iterator[Sequence[Word]]:
    """Words cut in two, again and again, until no part is too long."""
    length_s = words[-1].end_s - words[0].start_s
    if length_s <= longest_s or len(words) == 1:
        yield words
        return

    def worth(place: int) -> float:
        before, after = words[place - 1], words[place]
        share = (before.end_s - words[0].start_s) / length_s
        clause = CLAUSE_IS_WORTH_S if CLAUSE_END.search(before.text) else 0.0
        return after.start_s - before.end_s + clause - 2 * MIDDLE_IS_WORTH_S * abs(share - 0.5)

    best = max(range(1, len(words)), key=worth)
    yield from _shorter(words[:best], longest_s)
    yield from _shorter(words[best:], longest_s)
