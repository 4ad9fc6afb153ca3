"""Text that no one said: what a recogniser repeats over and over, and what is longer than anyone can speak."""

from __future__ import annotations

from collections.abc import Sequence

# (longest unit, how often it must stand in a row) in words and, where words are not told apart, in characters
WORD_LOOPS = ((1, 4), (8, 3))
CHARACTER_LOOPS = ((1, 8), (20, 5))

FASTEST_CHARACTERS_A_SECOND = 30  # English is read at 15, auctioneers stay below 30
SPARE_CHARACTERS = 10  # so that a clip that was cut too short is no hallucination


def loops(text: str) -> bool:
    """Whether `text` (normalised) repeats itself as speech rarely does.

    One word four times in a row, two to eight words three times, or within the whole text a character eight times or 2
    to 20 characters five times. Whoever compares with a reference asks the same of that: some people do say no, no,
    no, no.

    >>> loops("i i know i know i know"), loops("no no no"), loops("hahahahaha")
    (True, False, True)
    """
    characters = "".join(text.split())
    return repeats(text.split(), WORD_LOOPS) or repeats(characters, CHARACTER_LOOPS)


def longer_than_speech(text: str, duration_s: float | None) -> bool:
    """Whether so much `text` cannot be said in `duration_s` seconds; False where nobody knows how long it was."""
    if duration_s is None:
        return False
    return len(text) > most_characters(duration_s)


def most_characters(duration_s: float) -> float:
    """What can be said in so many seconds: none of the transcripts of `tests/benchmarks/loops.py` has more."""
    return FASTEST_CHARACTERS_A_SECOND * duration_s + SPARE_CHARACTERS


def repeats(units: Sequence[str], rules: Sequence[tuple[int, int]]) -> bool:
    """Whether a run of units up to a rule's length stands as often in a row as the rule says."""
    shortest = 1
    for longest, times in rules:
        if any(_in_a_row(units, length, times) for length in range(shortest, longest + 1)):
            return True
        shortest = longest + 1
    return False


def _in_a_row(units: Sequence[str], length: int, times: int) -> bool:
    """Whether some `length` units stand `times` times in a row: as many units in a row equal those `length` before."""
    wanted, equal = length * (times - 1), 0
    if len(units) < wanted + length:
        return False
    for earlier, later in zip(units, units[length:], strict=False):
        equal = equal + 1 if earlier == later else 0
        if equal == wanted:
            return True
    return False
