"""Which sentences to read, in which order: every wanted word often enough, and many different sounds in few seconds."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from speech_tl.recording.sounds import Sounds, sounds_of
from speech_tl.text import get_normaliser

SLOT = "{word}"
"""Where a wanted word goes in a carrier sentence."""

LETTERS_PER_S = 12.0
"""Letters and spaces a second of somebody who reads a sentence from a page."""

PAUSES_S = 1.0  # before and after


def reading_s(sentence: str) -> float:
    """About how long a recording of the sentence is, in seconds; marks are not read."""
    return PAUSES_S + len(key(sentence)) / LETTERS_PER_S


def by_coverage(sentences: Sequence[str], sounds: Sequence[Sounds], heard: Iterable[Sounds] = ()) -> Iterator[str]:
    """The sentences, each time the one that adds most a second to those before it.

    A unit is worth half as much each time it comes again. This worth only falls, so a sentence that is still the best
    after a new look is the best of all (lazy greedy: Minoux 1978).

    Args:
        sentences: to choose from.
        sounds: the units of each.
        heard: those of sentences that are recorded already.
    """
    counts = Counter(unit for held in heard for unit in held)
    lengths_s = [reading_s(sentence) for sentence in sentences]

    def worth(number: int) -> float:
        return sum(0.5 ** counts[unit] for unit in sounds[number]) / lengths_s[number]

    waiting = [(-worth(number), number) for number in range(len(sentences))]
    heapq.heapify(waiting)
    while waiting:
        _, number = heapq.heappop(waiting)
        now = -worth(number)
        if waiting and now > waiting[0][0]:
            heapq.heappush(waiting, (now, number))
            continue
        counts.update(sounds[number])
        yield sentences[number]


def key(sentence: str) -> str:
    """What makes two sentences the same: their words without case, and with it the dot of i, and punctuation."""
    return get_normaliser("basic")(sentence).replace("\u0131", "i")


class Wanted:
    """Words or phrases that are to be said.

    Attributes:
        times: how often each is to be said.
    """

    def __init__(self, words: Sequence[str] = (), times: int = 0, *, spaced: bool = True) -> None:
        """Look for `words` without case and punctuation; not inside others where the language has spaces (`spaced`)."""
        self.times = times
        self._written = {key(word): word for word in words}
        self._edges = (r"(?<!\w)", r"(?!\w)") if spaced else ("", "")

    def held(self, sentence: str) -> list[str]:
        """The wanted words in a sentence, as they were given."""
        text, (before, after) = key(sentence), self._edges
        found = (one for one in self._written if one in text and re.search(before + re.escape(one) + after, text))
        return [self._written[one] for one in found]

    def missing(self, said: Iterable[str]) -> Counter[str]:
        """How often each word is still to be said after the sentences `said`; those said often enough are left out."""
        left = Counter(dict.fromkeys(self._written.values(), self.times))
        left.subtract(word for sentence in said for word in self.held(sentence))
        return +left


def reading_list(
    sentences: Sequence[str], carriers: Sequence[str], wanted: Wanted, language: str, done: Sequence[str] = ()
) -> tuple[list[str], str]:
    """What to read, in order: sentences for the wanted words and sentences for their sounds by turns.

    Args:
        sentences: to choose from.
        carriers: sentences with `{word}` in them, for words that not enough of `sentences` hold.
        wanted: words to be said; those in `done` count.
        language: for espeak-ng, see `sounds_of`.
        done: sentences that are recorded or were skipped.

    Returns:
        The sentences, and what their sounds were told by.
    """
    finished = {key(sentence) for sentence in done}
    fresh = [sentence for sentence in sentences if key(sentence) not in finished]
    sounds, basis = sounds_of([*fresh, *done], language)
    missing = wanted.missing(done)
    for_words: list[str] = []
    others: list[str] = []
    for sentence in by_coverage(fresh, sounds[: len(fresh)], sounds[len(fresh) :]):
        held = wanted.held(sentence)
        (for_words if any(missing[word] > 0 for word in held) else others).append(sentence)
        missing.subtract(held)
    for_words += with_words(carriers, +missing, [*done, *for_words])
    by_turns = [one for pair in zip_longest(for_words, others) for one in pair if one is not None]
    return by_turns, basis


def with_words(carriers: Sequence[str], missing: Counter[str], used: Iterable[str]) -> Iterator[str]:
    """A sentence for each time that a word is still missing.

    Args:
        carriers: sentences with `{word}` in them; a word that has been in all of them is read by itself.
        missing: how often each word is to be said.
        used: sentences that are there already, not to be made again.
    """
    taken = {key(sentence) for sentence in used}
    for again in range(max(missing.values(), default=0)):
        for place, word in enumerate(word for word, left in missing.items() if left > again):
            turned = (carriers[(place + again + step) % len(carriers)] for step in range(len(carriers)))
            made = (carrier.replace(SLOT, word) for carrier in turned)
            sentence = next((one for one in made if key(one) not in taken), word)
            taken.add(key(sentence))
            yield sentence
