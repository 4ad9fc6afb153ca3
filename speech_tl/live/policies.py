"""When a word is certain, although the sentence goes on.

A decoder that reads the whole window may write the beginning anew with every second that comes: what two hypotheses in
a row agree on is final (LocalAgreement-2: Liu et al. 2020, Interspeech; for Whisper Macháček et al. 2023, arXiv
2307.14743). A model that scores frames writes a word where it was said: final is what lies far enough back.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Protocol

from speech_tl.transcribing.recogniser import Word

LEFT_CONTEXT_S = 6.0
"""Sound before the first word that is not final yet, for a model that scores frames."""

RIGHT_CONTEXT_S = 0.64
"""A frame needs so much sound behind it to be final."""


class Policy(Protocol):
    """One utterance's words: those that are final, which never change, and those that may."""

    final: list[Word]

    def begin_s(self) -> float:
        """From where on the utterance must be decoded again, in its own seconds."""

    def take(self, words: Sequence[Word], end_s: float, *, last: bool) -> tuple[list[Word], list[Word]]:
        """The words that become final with a hypothesis, and those that may change.

        Args:
            words: all of the hypothesis, times in the utterance.
            end_s: of the sound that it was made from.
            last: whether the utterance is over.
        """


class LocalAgreement:
    """What two hypotheses in a row agree on, from the utterance's beginning, is final."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.final: list[Word] = []
        self._before: list[str] = []

    def begin_s(self) -> float:
        """Always from the beginning: the decoder needs the sentence."""
        return 0.0

    def take(self, words: Sequence[Word], end_s: float, *, last: bool) -> tuple[list[Word], list[Word]]:
        """See `Policy`. Words are compared without their case and punctuation."""
        known = [_bare(word.text) for word in words]
        position = continued(known, [_bare(word.text) for word in self.final])
        rest = list(words[position:])
        agreed = len(rest) if last else _common(known[position:], self._before)
        fresh = [_after(word, self.final) for word in rest[:agreed]]
        self.final += fresh
        self._before = known[position + agreed :]
        return fresh, rest[agreed:]


class StableFrames:
    """What lies `RIGHT_CONTEXT_S` before the end of the sound is final."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.final: list[Word] = []

    def begin_s(self) -> float:
        """Some context before what is not final."""
        return max(0.0, self._final_until_s() - LEFT_CONTEXT_S)

    def take(self, words: Sequence[Word], end_s: float, *, last: bool) -> tuple[list[Word], list[Word]]:
        """See `Policy`."""
        until_s = self._final_until_s()
        rest = [word for word in words if (word.start_s + word.end_s) / 2 > until_s]
        stable = [word for word in rest if last or word.end_s <= end_s - RIGHT_CONTEXT_S]
        fresh = rest[: len(stable)]
        self.final += fresh
        return fresh, rest[len(fresh) :]

    def _final_until_s(self) -> float:
        return self.final[-1].end_s if self.final else 0.0


def continued(words: Sequence[str], final: Sequence[str]) -> int:
    """Where in a new hypothesis the words that are final end: the beginning that is nearest to them by edit distance,
    among equals one that ends in the same word.

    >>> continued(["the", "old", "cat", "sat", "down"], ["a", "cat"])
    3
    """
    costs = list(range(len(final) + 1))  # of turning an empty beginning into all that is final so far
    best, place = (costs[-1], bool(final), len(final)), 0
    for number, word in enumerate(words, start=1):
        above, costs[0] = costs[0], number
        for column, known in enumerate(final, start=1):
            above, costs[column] = (
                costs[column],
                min(above + (word != known), costs[column] + 1, costs[column - 1] + 1),
            )
        found = (costs[-1], word != final[-1] if final else True, abs(number - len(final)))
        if found < best:
            best, place = found, number
    return place


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words two hypotheses begin with alike."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _bare(word: str) -> str:
    """A word without case and punctuation; a word of nothing else stays."""
    kept = "".join(c for c in word.casefold() if unicodedata.category(c)[0] not in "PS")
    return kept or word


def _after(word: Word, final: Sequence[Word]) -> Word:
    """The word with times that do not lie before those of what is final: estimates move with every hypothesis."""
    earliest = final[-1].end_s if final else 0.0
    start_s = max(word.start_s, earliest)
    return Word(word.text, start_s, max(word.end_s, start_s))
