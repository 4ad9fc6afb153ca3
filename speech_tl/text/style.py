"""How a text is written: capitals, final marks, and the words between whatever else stands there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from speech_tl.text.rules import UNSPACED_SCRIPTS

FINAL_MARKS = frozenset(
    ".?!\u2026\u2047\u2048\u2049\u203d\u3002\uff1f\uff01\uff0e\uff61\u0964\u0965"
    "\u061f\u06d4\u0589\u055e\u055c\u1362\u1367\u104b\u17d4\u0f0d\u037e"
)
"""What ends a sentence: Latin, Cyrillic and Greek (whose question mark looks like a semicolon), Chinese and Japanese,
Devanagari, Arabic and Urdu, Armenian, Ethiopic, Burmese, Khmer, Tibetan."""

CLOSING = "\"'\u2019\u201d\u00bb\u203a)]}\u300d\u300f\uff09"
"""What may stand behind a final mark."""

APOSTROPHES = "'\u2019\u02bc\uff07"
JOINERS = "\u200c\u200d"
DOTTED = ("tr", "az", "tur", "aze")
"""Languages in which i and \u0131 are two letters, each with a capital of its own."""

USUAL = 0.5
"""What at least this share of some texts has is usual among them."""

TAG = re.compile(r"\[[^\[\]]*\]|<[^<>]*>")
"""What stands for a sound or an event, not for a word."""

_WORD = re.compile(r"um*|l[lm]*(?:'l[lm]*)*")
_UNSPACED = re.compile(f"[{UNSPACED_SCRIPTS}]")

SHOUTED_WORDS = 3
"""From so many words on a text in capitals has no case: fewer may be an abbreviation or I."""


def has_final_mark(text: str) -> bool:
    """Whether a text ends with a full stop, a question mark or their like, closing quotes aside.

    >>> has_final_mark('He said "no."'), has_final_mark("we call it bear"), has_final_mark("\u4f60\u597d\u3002")
    (True, False, True)
    """
    bare = text.rstrip().rstrip(CLOSING).rstrip()
    return bare[-1:] in FINAL_MARKS


def has_case(text: str) -> bool:
    """Whether a text has letters of a script with capitals and small letters."""
    return any(_cased(character) for character in text)


def has_capital(text: str) -> bool:
    """Whether some letter is a capital, and not all of several words: a text all in capitals has no case."""
    return any(c.isupper() or c.istitle() for c in text) and not is_shouted(text)


def is_shouted(text: str, words: int = SHOUTED_WORDS) -> bool:
    """Whether a text of at least so many words has capitals only, as LibriSpeech's have."""
    letters = [character for character in text if _cased(character)]
    return bool(letters) and len(text.split()) >= words and all(c.isupper() for c in letters)


@dataclass(frozen=True)
class Style:
    """How some texts are written.

    Attributes:
        texts: how many were looked at, empty ones left out.
        capitals: share of the texts in a script with case that have a capital; None where none is in such a script.
        final_marks: share of all that end with a mark.
    """

    texts: int
    capitals: float | None
    final_marks: float

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> Style:
        """Of some texts; None and empty ones do not count."""
        written = [text for text in texts if text and text.strip()]
        cased = [text for text in written if has_case(text)]
        capitals = sum(map(has_capital, cased)) / len(cased) if cased else None
        marks = sum(map(has_final_mark, written)) / len(written) if written else 0.0
        return cls(len(written), capitals, marks)


@dataclass(frozen=True)
class Word:
    """One word of a text, or one character of a script without spaces.

    Attributes:
        start, end: where it stands.
        key: what it is compared by: in small letters, its apostrophes plain.
    """

    start: int
    end: int
    key: str


def words_of(text: str, language: str | None = None) -> list[Word]:
    """The words of a text, in order; hyphens part them, apostrophes inside do not; tags ([laughter], <unk>) are none.

    >>> [word.key for word in words_of("Don\u2019t  touch the well-known (two) 3.5!")]
    ["don't", 'touch', 'the', 'well', 'known', 'two', '3', '5']
    """
    found = _WORD.finditer("".join(map(_kind, TAG.sub(lambda tag: " " * len(tag[0]), text))))
    return [Word(*match.span(), key_of(text[slice(*match.span())], language)) for match in found]


def key_of(word: str, language: str | None = None) -> str:
    """A word as it is compared with others: case, apostrophes and Unicode form make no difference."""
    plain = "".join("'" if character in APOSTROPHES else character for character in unicodedata.normalize("NFC", word))
    return lowered(plain, language)


def lowered(text: str, language: str | None = None) -> str:
    """A text in small letters, as many as it had; Turkish and Azerbaijani I is \u0131."""
    if dotted(language):
        text = text.replace("I", "\u0131")
    return text.replace("\u0130", "i").lower()


def capitalised(text: str, language: str | None = None) -> str:
    """A text whose first letter is a capital: of Turkish i that is \u0130, of Dutch ij IJ.

    >>> capitalised("\u00bfd\u00f3nde"), capitalised("istanbul", "tr"), capitalised("ijs", "nl"), capitalised("2 men")
    ('\u00bfD\u00f3nde', '\u0130stanbul', 'IJs', '2 men')
    """
    place = next((place for place, character in enumerate(text) if character.isalnum()), None)
    if place is None or not _cased(text[place]):
        return text
    letters = 2 if _base(language) in ("nl", "nld", "dut", "dutch") and text[place : place + 2] == "ij" else 1
    first = "".join(capital(letter, language) for letter in text[place : place + letters])
    return text[:place] + first + text[place + letters :]


def capital(letter: str, language: str | None = None) -> str:
    """The capital of a letter that has one of a single character, else the letter."""
    if letter == "i" and dotted(language):
        return "\u0130"
    large = letter.title()
    return large if len(large) == 1 else letter


def dotted(language: str | None) -> bool:
    """Whether a language tells i from \u0131."""
    return _base(language) in (*DOTTED, "turkish", "azerbaijani")


def _base(language: str | None) -> str:
    """The language itself, in small letters, without region."""
    return (language or "").strip().lower().replace("_", "-").split("-")[0]


@lru_cache(maxsize=65536)
def _kind(character: str) -> str:
    """One character that says what it is: l letter or digit, u the same of a script without spaces, m mark of a letter,
    an apostrophe, or a space for anything else.
    """
    category = unicodedata.category(character)
    if character in APOSTROPHES:
        return "'"
    if category[0] == "M" or character in JOINERS:
        return "m"
    if category[0] not in "LN":
        return " "
    return "u" if _UNSPACED.match(character) else "l"


@lru_cache(maxsize=65536)
def _cased(character: str) -> bool:
    """Whether a letter has a capital that sentences begin with (Georgian's have not)."""
    return character.isupper() or character.istitle() or character.title() != character
