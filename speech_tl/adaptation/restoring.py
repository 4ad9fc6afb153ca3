"""Capitals and marks for texts that have none, taken from what the checkpoint wrote for the same audio.

Both are aligned word by word (jiwer). The words stay the text's; of the transcript only case and marks are taken. A
word that no transcript word stands for is written as the transcripts write it most often within a sentence: truecasing
after Lita et al. 2003 ("tRuEcasIng").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import NamedTuple

from speech_tl.scoring.alignment import chunks_of
from speech_tl.scoring.loops import loops
from speech_tl.text.style import (
    CLOSING,
    FINAL_MARKS,
    SHOUTED_WORDS,
    TAG,
    USUAL,
    Style,
    Word,
    capital,
    capitalised,
    has_final_mark,
    is_shouted,
    lowered,
    words_of,
)

MARKS_TAKEN = FINAL_MARKS | frozenset(",;:\u3001\uff0c\uff1b\uff1a\u060c\u061b\u104a\u1363\u1364")
"""What is taken from behind a word; quotes and brackets are not, whose other half may stand at a word that differs."""

OPENING_TAKEN = frozenset("\u00bf\u00a1")
"""What is taken from before a word."""

WITHOUT_SPACES = frozenset("\u3001\uff0c\uff1b\uff1a\u3002\uff1f\uff01\uff0e\uff61")
"""Marks that no space follows; any other one without a space is part of what it stands in (3.5, e.g., well-known)."""

HOPELESS_WER = 0.5
"""A transcript with more word errors says nothing about how the text is built."""

ALIKE = 0.6
"""Words as similar as this may be two spellings of one name; by the share of letters that difflib matches."""

ABBREVIATION = 4
"""Letters that a word with a full stop has at most which may stand for a longer one: "Mr." for mister."""

FEWEST_BEGINNINGS = 3
"""So many texts that begin with a word and end with one mark make a habit."""

VOWELS = frozenset("aeiouy")


@dataclass(frozen=True)
class Habits:
    """How the checkpoint usually writes, learnt from many transcripts.

    Attributes:
        forms: how it writes a word within a sentence, by key; only words with a capital somewhere.
        capital: whether its texts usually begin with a capital.
        mark: what they usually end with; "" where they usually end without.
        marks: what texts that begin with a word (by key) usually end with, where that is another mark: questions.
    """

    forms: dict[str, str] = field(default_factory=dict)
    capital: bool = True
    mark: str = "."
    marks: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, transcripts: Iterable[str], language: str | None = None) -> Habits:
        """Of the checkpoint's transcripts; loops and texts in capitals only say nothing."""
        written = [Heard.of(text, language) for text in transcripts if text.strip() and not is_shouted(text)]
        written = [heard for heard in written if not loops(heard.keys)]
        style, ends = Style.of(heard.text for heard in written), Counter(heard.final_mark() for heard in written)
        counts: dict[str, Counter[str]] = {}
        for heard in written:
            for place, word in enumerate(heard.words):
                if not heard.begins(place):
                    counts.setdefault(word.key, Counter())[heard.form(place)] += 1
        forms = {key: found.most_common(1)[0][0] for key, found in counts.items()}
        del ends[""]
        mark = ends.most_common(1)[0][0] if ends and style.final_marks >= USUAL else ""
        return cls(
            {key: form for key, form in forms.items() if form != lowered(form, language)},
            (style.capitals or 0.0) >= USUAL,
            mark,
            _marks_by_beginning(written, mark) if mark else {},
        )

    def final_mark(self, beginning: str) -> str:
        """What a text that begins with a word (by key) usually ends with."""
        return self.marks.get(beginning, self.mark)


def restored(
    text: str,
    transcript: str,
    habits: Habits | None = None,
    language: str | None = None,
    *,
    shouted_words: int = SHOUTED_WORDS,
) -> str:
    """`text` with the capitals and marks of `transcript`; its words, and what it has of either itself, stay.

    Args:
        text: what is said.
        transcript: what the checkpoint wrote for the same audio.
        habits: what it usually writes, for words and texts that the transcript has nothing for.
        language: whose capitals, see `text.style.capitalised`.
        shouted_words: a text of so many words in capitals only counts as without case.

    >>> restored("is this john's yes i don't know", "Is this John's? Yes, I don't know.")
    "Is this John's? Yes, I don't know."
    """
    given = Heard.of(lowered(text, language) if is_shouted(text, shouted_words) else text, language)
    if not given.words:
        return text
    return _Restoration(given, Heard.of(transcript, language), habits or Habits()).text()


def is_complete(text: str, language: str | None = None) -> bool:
    """Whether a text begins with a capital, where its script has them, and ends with a mark: nothing to restore."""
    return not is_shouted(text) and capitalised(text, language) == text and has_final_mark(text)


def is_useless(transcript: str, text: str, language: str | None = None) -> bool:
    """Whether a transcript of `text` is none: no word, or a loop that the text does not have."""
    said, heard = (Heard.of(side, language).keys for side in (text, transcript))
    return not heard or (loops(heard) and not loops(said))


class Heard(NamedTuple):
    """A text and its words."""

    text: str
    words: list[Word]
    language: str | None

    @classmethod
    def of(cls, text: str, language: str | None) -> Heard:
        """A text, cut into its words."""
        return cls(text.strip(), words_of(text.strip(), language), language)

    @property
    def keys(self) -> str:
        """The words as they are compared, with spaces between."""
        return " ".join(word.key for word in self.words)

    def form(self, place: int) -> str:
        """A word as it is written."""
        word = self.words[place]
        return self.text[word.start : word.end]

    def gap(self, place: int) -> str:
        """What stands behind a word, up to the next; -1 is before the first."""
        start = self.words[place].end if place >= 0 else 0
        return self.text[start : self.words[place + 1].start if place + 1 < len(self.words) else None]

    def marks(self, place: int) -> str:
        """The marks behind a word that another text may take."""
        gap, last = self.gap(place), place + 1 == len(self.words)
        behind = gap.split(maxsplit=1)[0] if gap.strip() and not gap[0].isspace() else ""
        taken = "".join(character for character in behind if character in MARKS_TAKEN)
        if last or any(map(str.isspace, gap)):
            return "" if taken == "." and not last and self.form(place + 1)[0].islower() else taken  # an abbreviation's
        return taken if set(taken) <= WITHOUT_SPACES else ""

    def opening(self, place: int) -> str:
        """The marks before a word that another text may take."""
        return "".join(character for character in self.gap(place - 1) if character in OPENING_TAKEN)

    def begins(self, place: int) -> bool:
        """Whether a word is the first of a sentence."""
        return place == 0 or (_ends_sentence(self.gap(place - 1)) and not self.is_title(place - 1))

    def is_title(self, place: int) -> bool:
        """Whether a word with a full stop is an abbreviation without vowels: Mr., Dr., St."""
        key = self.words[place].key
        return key.isascii() and key.isalpha() and not VOWELS & set(key) and self.gap(place).startswith(".")

    def final_mark(self) -> str:
        """The mark at the text's end; "" where there is none."""
        return self.text.rstrip(CLOSING + " ")[-1:] if has_final_mark(self.text) else ""


class _Restoration:
    """One text and its transcript, aligned."""

    def __init__(self, given: Heard, heard: Heard, habits: Habits) -> None:
        self.given, self.heard, self.habits, self.language = given, heard, habits, given.language
        blocks, errors = _aligned(given, heard)
        self.looped = loops(heard.keys) and not loops(given.keys)
        self.hopeless = not heard.words or self.looped or errors > HOPELESS_WER * len(given.words)
        self.shouted = is_shouted(heard.text)
        self.pairs = {} if self.hopeless else _paired(blocks)  # place in the text -> place in the transcript
        first = given.form(0)
        large = first != lowered(first, self.language) and first == capitalised(first, self.language)
        self.has_own_case = large and first != habits.forms.get(given.words[0].key)

    def text(self) -> str:
        """The words with their case, and between them what the text has, else what the transcript has."""
        pieces, begins = [self._opening(0) or self.given.gap(-1)], True
        for place in range(len(self.given.words)):
            gap = self._gap(place)
            pieces += [self._cased(place, begins), gap]
            begins = _ends_sentence(gap)
        return "".join(pieces)

    def _gap(self, place: int) -> str:
        """What stands behind a word: what the text has there itself, else the transcript's marks."""
        own = self.given.gap(place)
        if TAG.sub("", own).strip():
            return own
        if place + 1 == len(self.given.words):
            return self._final_marks() + own
        return self._marks(place) + own + self._opening(place + 1)

    def _marks(self, place: int) -> str:
        """The transcript's marks behind the word; those of its last word belong to the end."""
        at = self.pairs.get(place)
        if at is None or at + 1 == len(self.heard.words):
            return ""
        marks = self.heard.marks(at)
        same = self.given.words[place].key == self.heard.words[at].key
        return "" if marks == "." and not same and len(self.heard.words[at].key) <= ABBREVIATION else marks

    def _opening(self, place: int) -> str:
        at = self.pairs.get(place)
        return "" if at is None or self.given.gap(place - 1).strip() else self.heard.opening(at)

    def _final_marks(self) -> str:
        """The transcript's own, or the usual one: texts of which some end with a mark and some without would teach
        that it depends on something.
        """
        usual = self.habits.final_mark(self.given.words[0].key)
        if not self.hopeless:
            own = self.heard.marks(len(self.heard.words) - 1)
            return own if not usual or FINAL_MARKS & set(own) else usual
        return ("" if self.looped else self.heard.final_mark()) or usual

    def _cased(self, place: int, begins: bool) -> str:
        """A word in its case: the text's own capitals, the transcript's, the usual ones, a sentence's first."""
        own = self.given.form(place)
        if own != lowered(own, self.language):
            return own
        at = self.pairs.get(place, 0 if place == 0 and not self.hopeless else None)
        if self.shouted:
            at = None
        if begins and at is not None and self.heard.begins(at):
            first = self.heard.form(at)[0]
            written = self._usual(place) if self.has_own_case else self._like(place, at)
            large = (place == 0 and self.habits.capital) or first != lowered(first, self.language)
            return capitalised(written, self.language) if large else written
        cased = self._usual(place) if at is None or self.heard.begins(at) else self._like(place, at)
        return capitalised(cased, self.language) if begins and self.habits.capital else cased

    def _usual(self, place: int) -> str:
        """A word as it usually is written within a sentence."""
        own = self.given.form(place)
        form = self.habits.forms.get(self.given.words[place].key)
        return own if form is None or self.has_own_case else _in_case_of(own, form, self.language)

    def _like(self, place: int, at: int) -> str:
        """A word in the case of the transcript's word, if that is the same, or much like it."""
        own, form = self.given.form(place), self.heard.form(at)
        if self.has_own_case:
            return own
        keys = self.given.words[place].key, self.heard.words[at].key
        if keys[0] == keys[1]:
            return _in_case_of(own, form, self.language)
        name = form == capitalised(form, self.language) and SequenceMatcher(None, *keys).ratio() >= ALIKE
        return capitalised(own, self.language) if name and not self.heard.begins(at) else self._usual(place)


class _Block(NamedTuple):
    """Words of a text and those of the transcript that stand for them: (first, end) of either."""

    said: tuple[int, int]
    heard: tuple[int, int]


def _aligned(given: Heard, heard: Heard) -> tuple[list[_Block], int]:
    """Runs of equal words and of differing ones in turn, and the number of word errors."""
    blocks: list[_Block] = []
    said_at = heard_at = errors = 0
    equal_before = True
    for chunk in chunks_of(given.keys, heard.keys) if heard.words else []:
        ends = said_at + len(chunk.said), heard_at + len(chunk.heard)
        equal = chunk.kind == "equal"
        if equal or equal_before or not blocks:
            blocks.append(_Block((said_at, ends[0]), (heard_at, ends[1])))
        else:
            blocks[-1] = _Block((blocks[-1].said[0], ends[0]), (blocks[-1].heard[0], ends[1]))
        errors += 0 if equal else max(len(chunk.said), len(chunk.heard))
        (said_at, heard_at), equal_before = ends, equal
    return blocks, errors


def _paired(blocks: Iterable[_Block]) -> dict[int, int]:
    """Which word of the transcript stands for which of the text, by places; of unlike numbers only the last two do."""
    pairs: dict[int, int] = {}
    for said, heard in blocks:
        if said[1] - said[0] == heard[1] - heard[0]:
            pairs.update(zip(range(*said), range(*heard), strict=True))
        elif said[0] < said[1] and heard[0] < heard[1]:
            pairs[said[1] - 1] = heard[1] - 1
    return pairs


def _in_case_of(own: str, form: str, language: str | None) -> str:
    """A word in the case of another form of it, letter by letter: McDonald, USA."""
    if len(own) != len(form):
        return capitalised(own, language) if form == capitalised(form, language) else own
    large = [character.isupper() or character.istitle() for character in form]
    return "".join(capital(c, language) if wanted else c for c, wanted in zip(own, large, strict=True))


def _marks_by_beginning(written: Iterable[Heard], usual: str) -> dict[str, str]:
    """For words that begin several texts of which most end with one mark that is not the usual one: that mark."""
    ends: dict[str, Counter[str]] = {}
    for heard in written:
        if heard.words:
            ends.setdefault(heard.words[0].key, Counter())[heard.final_mark()] += 1
    common = {key: (found.most_common(1)[0], found.total()) for key, found in ends.items()}
    return {
        key: mark
        for key, ((mark, count), texts) in common.items()
        if mark and mark != usual and count >= FEWEST_BEGINNINGS and count > USUAL * texts
    }


def _ends_sentence(gap: str) -> bool:
    """Whether what stands between two words ends a sentence."""
    return any(character in FINAL_MARKS for character in gap)
