"""Decoders that fall into a loop and write the same over and over: noticed, and cut to what they wrote once.

A few such texts are worth more errors than all the rest of a test set. CTC models cannot: they write no more than they
have frames for.

A text is a loop where it is longer than anyone can speak, which no decoder that found its end writes; where zlib makes
it 2.4 times shorter, as Whisper's authors check (Radford et al. 2023, arXiv 2212.04356, section 4.5); or where the same
words stand in a row more often, or faster, than anybody says them. "No, no, no, no" is none: some people do say it.

Whisper's authors then draw the text anew at higher temperatures. Here the repetition is cut, which costs nothing and
needs no chance: a decoder that loops has nearly always written the sentence first. What is too long and repeats
nothing ends where usual speech would. Measured by `python -m tests.benchmarks.loops` with whisper-tiny.en: none of
7 176 transcripts of people is called a loop, and of 100 dev clips of speechocean762, in windows shortened to the clip,
27 are, with a WER of 329 % as written and 28 % cut.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from speech_tl.models.options import DecodingOptions
from speech_tl.scoring.loops import SPARE_CHARACTERS, longer_than_speech, loops, repeats

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel, Batch
    from speech_tl.models.frame_words import FrameWord

MOST_COMPRESSION = 2.4
"""As published; of the transcripts of `tests/benchmarks/loops.py` none has more than 1.65."""

SURE_LOOPS = ((1, 6), (8, 4))
"""(Longest unit, how often it must stand in a row), in words: so often nobody says it, however slowly."""

USUAL_CHARACTERS_A_SECOND, USUAL_WORDS_A_SECOND = 18, 4
"""Beyond so many characters nobody says the same word four times, and what stands in place of a loop is not longer."""


Spoken = tuple[str, "list[FrameWord]"]
"""A text and its words."""


@dataclass(frozen=True)
class Written:
    """What a model wrote for one utterance.

    Attributes:
        text: as written, or what stands in place of a loop.
        confidence: the model's in what it wrote; 0 where nobody asked, and where a text was cut.
        looped: whether it was.
    """

    text: str
    confidence: float = 0.0
    looped: bool = False


def write(model: AcousticModel, batch: Batch, options: DecodingOptions, confidence: bool = False) -> list[Written]:
    """The texts of a collated batch, without loops.

    Args:
        model: in evaluation mode.
        batch: on the model's device, without labels.
        options: of the decoding.
        confidence: also say how sure the model is.
    """
    if confidence:
        found = [Written(*said) for said in model.transcribe_scored(batch, options)]
    else:
        found = [Written(text) for text in model.transcribe(batch, options)]
    return without_loops(found, model.durations_s(batch)) if model.has_decoder else found


def without_loops(found: Sequence[Written], durations_s: Sequence[float]) -> list[Written]:
    """What a model wrote, loops cut; `durations_s` are the seconds of sound of each."""
    return [
        Written(cut(said.text, seconds), looped=True) if is_loop(said.text, seconds) else said
        for said, seconds in zip(found, durations_s, strict=True)
    ]


def compression_ratio(text: str) -> float:
    """How many times shorter zlib makes a text of one byte a character; 0 for no text.

    Whisper's authors take the bytes of UTF-8, of which a script with three bytes a character repeats two: read
    Malayalam would look like a loop.
    """
    numbers = {character: min(number, 255) for number, character in enumerate(dict.fromkeys(text))}
    written = bytes(numbers[character] for character in text)
    return len(written) / len(zlib.compress(written)) if written else 0.0


def is_loop(text: str, duration_s: float | None = None) -> bool:
    """Whether a decoder wrote `text` because it could not stop, not because it was said.

    Args:
        text: as the model wrote it.
        duration_s: seconds of the sound; None where nobody knows.
    """
    if longer_than_speech(text, duration_s) or compression_ratio(text) > MOST_COMPRESSION:
        return True
    keys = _keys(text.split())
    return repeats(keys, SURE_LOOPS) or (_hurried(text, duration_s) and loops(" ".join(keys)))


def cut(text: str, duration_s: float | None = None) -> str:
    """A loop's text with each repetition written once, and no longer than usual speech.

    >>> cut("we call it bear bear bear bear bear bear bear bear")
    'we call it bear'
    """
    kept = without_repeats(text)
    if duration_s is None:
        return kept
    kept = " ".join(kept.split()[: max(1, int(USUAL_WORDS_A_SECOND * duration_s))])
    room = max(SPARE_CHARACTERS, int(USUAL_CHARACTERS_A_SECOND * duration_s))
    return kept if len(kept) <= room else kept[: room + 1].rpartition(" ")[0] or kept[:room]


def without_repeats(text: str) -> str:
    """A text in which what stands in a row several times stands once.

    One word four times, two or three words three times, more words twice; characters as `_once` has them, five times.
    """
    words = text.split()
    kept = " ".join(words[place] for place in _once(_keys(words), least=3, long=4))
    return "".join(kept[place] for place in _once(kept, least=5))


def _hurried(text: str, duration_s: float | None) -> bool:
    """Whether a text has more characters than usual speech."""
    return duration_s is not None and len(text) > USUAL_CHARACTERS_A_SECOND * duration_s


def _keys(words: Sequence[str]) -> list[str]:
    """What words are compared by: without case and marks, unless that is all they are."""
    return [re.sub(r"[\W_]+", "", word).casefold() or word for word in words]


def _once(units: Sequence[str], least: int, long: int | None = None) -> list[int]:
    """Places of the units that stay when runs of the same unit, or units, in a row stay once.

    Runs count from `least` times on, of a single unit from one more, of `long` units or more from twice; one that
    breaks off in the middle goes with it.
    """
    places, length, fewest = list(range(len(units))), 1, 2 if long else least
    while length * fewest <= len(places):
        times = 2 if long is not None and length >= long else least + (length == 1)
        start = 0
        while start + length * times <= len(places):
            end = start + length
            while end < len(places) and units[places[end]] == units[places[end - length]]:
                end += 1
            if end - start >= length * times:
                del places[start + length : end]
            start += 1
        length += 1
    return places


def cut_with_words(found: Sequence[Spoken], durations_s: Sequence[float]) -> list[Spoken]:
    """Texts whose loops are cut, with the words that are left; `durations_s` are the seconds of sound of each."""
    told = []
    for (text, words), seconds in zip(found, durations_s, strict=True):
        if is_loop(text, seconds):
            text = cut(text, seconds)
            words = _those_in(text, words)
        told.append((text, words))
    return told


def _those_in(text: str, words: Sequence[FrameWord]) -> list[FrameWord]:
    """The words of which a text consists, each the first that fits behind the one before."""
    left, rest = [], iter(words)
    for part in text.split():
        match = next((word for word in rest if word.text == part), None)
        if match is None:
            break
        left.append(match)
    return left
