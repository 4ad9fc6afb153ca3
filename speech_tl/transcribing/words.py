"""Words with their times, and the lines of subtitles that are cut from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speech_tl.transcribing.formats import TranscribedSegment

LINES = 2
"""Lines of one subtitle, at most."""

SENTENCE_END, CLAUSE_END = re.compile(r"[.!?…。！？।؟۔][\"'”’»)\]]*$"), re.compile(r"[,;:—–、，；：،][\"'”’»)\]]*$")

CUT_COSTS = {"sentence": 0.0, "clause": 1.0, "word": 2.0}
"""What it costs to cut after the end of a sentence, of a clause, or of any other word; each subtitle costs 1."""


@dataclass(frozen=True)
class Word:
    """One word as it stands in a segment's text, its punctuation with it.

    Attributes:
        start_s: where it begins in the recording, in seconds.
        end_s: where it ends.
        text: without spaces around it.
        probability: that the model gave it, 0 to 1.
    """

    start_s: float
    end_s: float
    text: str
    probability: float


def placed(text: str, words: Sequence[Word]) -> list[tuple[str, Word]]:
    """Each word with what stands before it in `text`: a space, or nothing in scripts that have none."""
    found, at = [], 0
    for word in words:
        start = text.find(word.text, at)
        if start >= 0:
            found.append((text[at:start], word))
            at = start + len(word.text)
    return found


def in_lines(segment: TranscribedSegment, max_line: int) -> list[TranscribedSegment]:
    """A segment as subtitles of at most `LINES` lines of `max_line` characters, cut at ends of sentences if it has any.

    A word longer than a line has one to itself. Without words the times are spread over the characters.
    """
    said = placed(segment.text, segment.words or _spread(segment))
    if not said:
        return [segment]
    borders = _cuts(said, max_line)
    parts = [said[first:last] for first, last in pairwise(borders)]
    cut = [
        replace(
            segment,
            start_s=part[0][1].start_s,
            end_s=part[-1][1].end_s,
            text="\n".join(_lines(part, max_line)),
            words=[word for _, word in part] if segment.words else None,
        )
        for part in parts
    ]
    cut[0], cut[-1] = replace(cut[0], start_s=segment.start_s), replace(cut[-1], end_s=segment.end_s)
    return cut


def _spread(segment: TranscribedSegment) -> list[Word]:
    """The words of a segment that has none, its seconds shared out by characters."""
    texts = segment.text.split()
    a_character_s = (segment.end_s - segment.start_s) / max(1, sum(map(len, texts)))
    words, start_s = [], segment.start_s
    for text in texts:
        end_s = start_s + len(text) * a_character_s
        words.append(Word(start_s, end_s, text, 0.0))
        start_s = end_s
    return words


def _cuts(said: Sequence[tuple[str, Word]], max_line: int) -> list[int]:
    """Where subtitles begin, and the number of words: the cheapest by `CUT_COSTS`, shortest paths from the left."""
    cost, before = [0.0] + [float("inf")] * len(said), [0] * (len(said) + 1)
    for last in range(1, len(said) + 1):
        for first in range(last - 1, -1, -1):
            if last - first > 1 and len(_lines(said[first:last], max_line)) > LINES:
                break
            total = cost[first] + 1 + CUT_COSTS[_kind(said[last - 1][1].text)]
            if total < cost[last]:
                cost[last], before[last] = total, first
    borders = [len(said)]
    while borders[-1]:
        borders.append(before[borders[-1]])
    return borders[::-1]


def _kind(word: str) -> str:
    if SENTENCE_END.search(word):
        return "sentence"
    return "clause" if CLAUSE_END.search(word) else "word"


def _lines(said: Sequence[tuple[str, Word]], max_line: int) -> list[str]:
    """Words in as few lines as they fit."""
    lines = [said[0][1].text]
    for space, word in said[1:]:
        longer = lines[-1] + space + word.text
        if len(longer) <= max_line:
            lines[-1] = longer
        else:
            lines.append(word.text)
    return lines
