"""Decoders that fall into a loop and write the same over and over: noticed, and cut to what they wrote once.

A few such texts are worth more errors than all the rest of a test set. CTC models cannot: they write no more than they
have frames for.

A text is a loop where it is longer than anyone can speak, which no decoder that found its end writes; where zlib makes
it 2.4 times shorter, as Whisper's authors check (Radford et al. 2023, arXiv 2212.04356, section 4.5); or where the same
words stand in a row more often, or faster, than anybody says them. None of 7 000 transcripts of nine corpora, in five
languages, is one, and "no, no, no, no" is none: some people do say it.

Whisper's authors then draw the text anew at higher temperatures. Here the repetition is cut, which is better, costs
nothing and needs no chance: a decoder that loops has nearly always written the sentence first. On the 28 of 100 dev
clips in which whisper-tiny.en loops when its windows are cut to the clips (speechocean762), the WER is 329 % as
written, 74 % with their temperatures, 111 % where no four tokens may come twice, and 26 % cut. Only what is too long
without any repetition is drawn anew, with a fixed seed, and shortened if it is too long still.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from speech_tl.models.options import DecodingOptions, Search
from speech_tl.scoring.loops import longer_than_speech, loops, repeats

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel, Batch

MOST_COMPRESSION = 2.4
"""Bytes of a text over bytes of what zlib makes of it; English read aloud has up to 1.6 in a clip, Malayalam 2.25."""

SURE_LOOPS = ((1, 6), (8, 4))
"""(Longest unit, how often it must stand in a row), in words: so often nobody says it, however slowly."""

USUAL_CHARACTERS_A_SECOND, USUAL_WORDS_A_SECOND = 18, 4
"""What most speech stays below (English read aloud in 99 of 100 clips, German and Dutch in half of them). Beyond so
many characters nobody says the same word four times, and what stands in place of a loop is not longer."""

TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""At which what repeats nothing and is too long is drawn anew, until it is neither: as published."""


@dataclass(frozen=True)
class Written:
    """What a model wrote for one utterance.

    Attributes:
        text: as written, or what stands in place of a loop.
        confidence: the model's in what it wrote; 0 where nobody asked, and where a text had to be cut.
        looped: whether the first try was a loop.
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
    first = _written(model, batch, options, confidence)
    if not model.has_decoder:
        return first

    def again(places: Sequence[int], temperature: float) -> list[Written]:
        part = {key: value[places] for key, value in batch.items()}
        return _written(model, part, options, confidence, Search(temperature))

    return without_loops(first, model.durations_s(batch), again)


def _written(
    model: AcousticModel, batch: Batch, options: DecodingOptions, confidence: bool, *search: Search
) -> list[Written]:
    if confidence:
        return [Written(*found) for found in model.transcribe_scored(batch, options, *search)]
    return [Written(text) for text in model.transcribe(batch, options, *search)]


def without_loops(
    first: Sequence[Written], durations_s: Sequence[float], again: Callable[[list[int], float], Sequence[Written]]
) -> list[Written]:
    """Of texts that are loops, each repetition written once; those that none explains are drawn anew, or shortened.

    Args:
        first: as the model wrote them.
        durations_s: seconds of sound of each.
        again: writes those at some places once more, at a temperature.
    """
    found, left = list(first), []
    for place, (said, seconds) in enumerate(zip(first, durations_s, strict=True)):
        if is_loop(said.text, seconds):
            found[place] = Written(cut(said.text, seconds), looped=True)
            left += [place] if _unusual(without_repeats(said.text), seconds) else []
    for temperature in TEMPERATURES:
        drawn = list(zip(left, again(left, temperature) if left else [], strict=True))
        good = {place: said for place, said in drawn if _is_usual(said.text, durations_s[place])}
        for place, said in good.items():
            found[place] = replace(said, looped=True)
        left = [place for place in left if place not in good]
    return found


def compression_ratio(text: str) -> float:
    """How many times shorter zlib makes a text, by bytes of UTF-8; 0 for no text."""
    written = text.encode("utf-8", "surrogatepass")
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
    if duration_s is None or not _unusual(kept, duration_s):
        return kept
    kept = " ".join(kept.split()[: int(USUAL_WORDS_A_SECOND * duration_s)])
    room = int(USUAL_CHARACTERS_A_SECOND * duration_s)
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


def _is_usual(text: str, duration_s: float) -> bool:
    """Whether it is no loop and no longer than usual speech."""
    return not is_loop(text, duration_s) and not _unusual(text, duration_s)


def _unusual(text: str, duration_s: float) -> bool:
    """Whether it has more characters or more words."""
    return _hurried(text, duration_s) or len(text.split()) > USUAL_WORDS_A_SECOND * duration_s


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
