"""What a text is worth beside its sound: a language model over its words, words that nobody knows, hotwords.

Shallow fusion (Gulcehre et al. 2015, arXiv 1503.03535): a hypothesis scores `log p(sound) + lm_weight * log p(words) +
word_bonus * words`. A word begun is scored by the likeliest word that begins so (the unigram look-ahead of Ney &
Ortmanns 2000), so that words begun and words finished can be held against each other. Any word can be written; one that
the language model does not know costs `UNKNOWN_COST` for each of its letters, so that running words together is no way
out. A hotword earns for each of its letters from the first on and
pays it back where the spelling leaves it (on-the-fly contextual biasing with a trie, Zhao et al. 2019, Interspeech).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speech_tl.text.ngrams import UNKNOWN

if TYPE_CHECKING:
    from speech_tl.text.ngrams import LanguageModel

UNKNOWN_COST = 1.0
"""Natural log units that each letter of an unknown word costs beside what the language model says of `<unk>`."""

Trie = dict[str, Any]
"""Hotwords by their characters; the key "" says that one ends here, " " leads to its next word."""

Match = tuple[Trie, int]
"""A place in the trie, and the letters that led there and have not earned their bonus for good."""


@dataclass(frozen=True)
class Weights:
    """How much text counts against sound, in natural log units.

    Attributes:
        lm: factor of the language model's log probability.
        word: bonus of each word, against the language model's liking for few of them.
        hotword: bonus of each letter of a hotword.
        unknown: cost of each letter of a word that the language model does not know.
    """

    lm: float
    word: float
    hotword: float
    unknown: float = UNKNOWN_COST


@dataclass(slots=True)
class Prefix:
    """A text as far as it is written.

    Attributes:
        lm, words, unknown, letters: of finished words: log probability, number, letters of unknown ones, of hotwords.
        state: the language model's, after the finished words.
        spelt: the word that is being written.
        matches: places in hotwords that it could be part of.
        score: what all that is worth.
    """

    lm: float
    words: int
    unknown: int
    letters: int
    state: Any
    spelt: str
    matches: tuple[Match, ...]
    score: float = 0.0


class Lexicon:
    """The words of a language model as an acoustic model spells them.

    Attributes:
        lm: the language model.
        words: its words by their spelling, the likelier one where two are spelt alike.
        beginnings: log probability of the likeliest word that begins so.
        no_word: log probability of an unknown word.
        rare: of a hotword that the language model does not know.
    """

    def __init__(self, lm: LanguageModel, spell: Callable[[str], str]) -> None:
        """Spell all words; `spell` makes "DON'T" of "don't" where the acoustic model knows capitals only."""
        self.lm = lm
        self.words: dict[str, str] = {}
        self.beginnings: dict[str, float] = {}
        self.no_word = lm.unigram(UNKNOWN)
        self.rare = max(self.no_word, -math.log(len(lm.words) + 1))
        likeliest: dict[str, float] = {}
        for word in lm.words:
            spelt, log = spell(word), lm.unigram(word)
            if log > likeliest.get(spelt, -math.inf):
                likeliest[spelt], self.words[spelt] = log, word
        for spelt, log in likeliest.items():
            for end in range(len(spelt), 0, -1):
                if self.beginnings.get(spelt[:end], -math.inf) >= log:
                    break
                self.beginnings[spelt[:end]] = log


class TextScores:
    """Scores of texts, letter by letter."""

    def __init__(self, weights: Weights, lexicon: Lexicon | None = None, hotwords: Iterable[str] = ()) -> None:
        """Take a language model's words and hotwords, both spelt as the acoustic model does."""
        self.weights, self.lexicon = weights, lexicon
        self.lm = None if lexicon is None else lexicon.lm
        self.root: Trie = {}
        for phrase in hotwords:
            place = self.root
            for character in phrase:
                place = place.setdefault(character, {})
            place[""] = {}

    def start(self) -> Prefix:
        """Nothing written."""
        state = None if self.lm is None else self.lm.start()
        return Prefix(0.0, 0, 0, 0, state, "", ((self.root, 0),) if self.root else ())

    def letter(self, prefix: Prefix, characters: str) -> Prefix:
        """One more label of the word that is being written."""
        spelt = prefix.spelt + characters
        matches = _advanced(prefix.matches, characters) if prefix.matches else ()
        after = Prefix(prefix.lm, prefix.words, prefix.unknown, prefix.letters, prefix.state, spelt, matches)
        after.score = self._score(after) + self._ahead(spelt, matches)
        return after

    def word(self, prefix: Prefix) -> Prefix:
        """The word that was being written ends here."""
        spelt, state, log, unknown = prefix.spelt, prefix.state, prefix.lm, prefix.unknown
        earned, matches = self._ended(prefix.matches) if self.root else (0, ())
        if self.lm is not None:
            known = self.lexicon.words.get(spelt)
            new, state = self.lm.score(state, known if known is not None else spelt)
            if known is None:
                new, unknown = (max(new, self.lexicon.rare), unknown) if earned else (new, unknown + len(spelt))
            log += new
        after = Prefix(log, prefix.words + 1, unknown, prefix.letters + earned, state, "", matches)
        after.score = self._score(after) + self.weights.hotword * _open_letters(matches)
        return after

    def finished(self, prefix: Prefix) -> Prefix:
        """The text ends here."""
        if prefix.spelt:
            prefix = self.word(prefix)
        log = prefix.lm + (0.0 if self.lm is None else self.lm.end(prefix.state))
        after = Prefix(log, prefix.words, prefix.unknown, prefix.letters, None, "", ())
        after.score = self._score(after)
        return after

    def _score(self, prefix: Prefix) -> float:
        """Of the finished words."""
        weights = self.weights
        text = weights.hotword * prefix.letters
        if self.lm is None:
            return text
        return text + weights.lm * prefix.lm + weights.word * prefix.words - weights.unknown * prefix.unknown

    def _ahead(self, spelt: str, matches: tuple[Match, ...]) -> float:
        """Of a word begun: the best that it can become."""
        weights, hot = self.weights, _open_letters(matches)
        text = weights.hotword * hot
        if self.lm is None:
            return text
        best = self.lexicon.beginnings.get(spelt)
        if best is not None:
            return text + weights.lm * best
        if hot:
            return text + weights.lm * self.lexicon.rare
        return text + weights.lm * self.lexicon.no_word - weights.unknown * len(spelt)

    def _ended(self, matches: tuple[Match, ...]) -> tuple[int, tuple[Match, ...]]:
        """Letters of the hotword that ends with this word, and where the next word can be in a hotword."""
        earned = max((letters for place, letters in matches if "" in place), default=0)
        further = [(place[" "], 0 if "" in place else letters + 1) for place, letters in matches if " " in place]
        return earned, (*further, (self.root, 0))


def _advanced(matches: tuple[Match, ...], characters: str) -> tuple[Match, ...]:
    """The matches that go on with these characters."""
    found = []
    for place, letters in matches:
        for character in characters:
            place = place.get(character)
            if place is None:
                break
        else:
            found.append((place, letters + len(characters)))
    return tuple(found)


def _open_letters(matches: tuple[Match, ...]) -> int:
    return max((letters for _, letters in matches), default=0)
