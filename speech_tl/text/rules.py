"""What each named normaliser takes out of a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from speech_tl.text.casing import Casing, Recase, fold

APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\uff07", "'"))

# Until Unicode 5.1 these final consonants were typed as letter + virama + zero width joiner. Real Malayalam text mixes
# both spellings of the same letter, and NFKC does not unite them (The Unicode Standard, sections 12.2 and 12.9).
JOINED_LETTERS = {
    "\u0d23\u0d4d\u200d": "\u0d7a",
    "\u0d28\u0d4d\u200d": "\u0d7b",
    "\u0d30\u0d4d\u200d": "\u0d7c",
    "\u0d32\u0d4d\u200d": "\u0d7d",
    "\u0d33\u0d4d\u200d": "\u0d7e",
    "\u0d15\u0d4d\u200d": "\u0d7f",
    "\u09a4\u09cd\u200d": "\u09ce",
}

JOINERS = "\u200c\u200d"  # zero width non-joiner and joiner: they shape Persian, Hindi, Malayalam, Sinhala words

# Thai and Lao, Tibetan, Burmese, Khmer, kana and Han (Unicode blocks): between their characters a space means little.
UNSPACED_SCRIPTS = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f\u1780-\u17ff"
    "\u3005-\u3007\u3040-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_SPACE_BESIDE_UNSPACED = re.compile(rf"(?<=[{UNSPACED_SCRIPTS}])\s+|\s+(?=[{UNSPACED_SCRIPTS}])")


def as_written(text: str) -> str:
    """The rules of `none`: nothing changes (only white space is squeezed, as for every normaliser)."""
    return text


# A tag stands in brackets, and what is in them is not said: <COMMA>, [laughter], (coughs), {noise}, <|nospeech|>,
# [[x]]. As in Whisper's two normalisers (Radford et al. 2022, appendix C), with braces and the full-width forms of all.
_TAG = re.compile(
    r"[<\[\uff1c\uff3b]+[^<>\[\]\uff1c\uff1e\uff3b\uff3d]*[>\]\uff1e\uff3d]+"
    r"|[(\uff08]+[^()\uff08\uff09]*[)\uff09]+"
    r"|[{\uff5b]+[^{}\uff5b\uff5d]*[}\uff5d]+"
)
_OPENING = frozenset("<[({\uff1c\uff3b\uff08\uff5b")
NUMBER_IN_BRACKETS = re.compile(r"[(\uff08]\s*(\+?\d[\d\s.,-]*)[)\uff09]")
"""Said, and so no tag: the first part of (555) 123-4567."""


def is_tag(bracketed: str) -> bool:
    """Whether what stands in brackets is a tag: anything but a number in round brackets."""
    return NUMBER_IN_BRACKETS.fullmatch(bracketed) is None


def tags_of(text: str) -> list[str]:
    """The tags in `text`, brackets included; of a tag in a tag only the inner one and what is around it.

    >>> tags_of("well [laughter] hello <COMMA> (555) you")
    ['[laughter]', '<COMMA>']
    """
    found: list[str] = []

    def drops(tag: str) -> bool:
        if is_tag(tag):
            found.append(" ".join(tag.split()))
        return is_tag(tag)

    without_tags(text, drops)
    return found


def without_tags(text: str, drops: Callable[[str], bool] = is_tag) -> str:
    """`text` without those of its tags that `drops` says so of; all else stays as written.

    No space is left before a mark that followed a tag, and neither space nor mark after a tag that began the text.

    >>> without_tags("[laughter], well <COMMA> yes (coughs), I do [[x]].")
    'well yes, I do.'
    """
    if _OPENING.isdisjoint(text):
        return text
    before = None
    while before != text:  # tags in tags, from the inside
        before = text
        text = _TAG.sub(lambda found: "\0" if drops(found[0]) else found[0], text)
        for pattern, instead in _GAPS:
            text = pattern.sub(instead, text)
    return text


_GAPS = (
    (re.compile(r"^\s*\0[\s\0]*(?:[.,;:!?]+(?:[\s\0]+|$))?"), ""),
    (re.compile(r"\s*\0[\s\0]*(?=[.,;:!?]+(?:\s|$)|$)"), ""),
    (re.compile(r"\s*\0[\s\0]*"), " "),
)
"""What dropped tags (each a zero by then) leave: at the beginning, before a mark or the end, and elsewhere."""


def basic_rules(text: str, casing: Casing = "") -> str:
    """The rules of `basic`, for any language: tags out, compatibility forms united, case folded by the language's
    rules (see `speech_tl.text.casing`), punctuation and symbols out.

    Combining marks (vowel signs, viramas) stay with their letters, and so do joiners and apostrophes inside a word:
    Malayalam, Hindi, Thai and Arabic words stay whole, "don't" stays one word.

    Source: Unicode Standard Annex 15 (NFKC) and its full case folding; which characters count as punctuation is
    decided by general category.
    """
    return words_only(without_tags(text), casing)


def words_only(text: str, casing: Casing = "", recase: Recase = fold) -> str:
    """What `basic` makes of a text without tags, in the case that `recase` gives it."""
    if not text.isascii():  # on ASCII none of these does anything
        text = unicodedata.normalize("NFKC", text).translate(APOSTROPHES)
        for typed, letter in JOINED_LETTERS.items():
            text = text.replace(typed, letter)
    return " ".join(_bare(word, casing, recase) for word in text.split())


@lru_cache(maxsize=65536)
def _bare(word: str, casing: Casing, recase: Recase) -> str:
    """What the rules of `basic` leave of a text without white space; words are met again and again."""
    # Format characters (soft hyphens, direction marks) are invisible: they vanish instead of splitting a word.
    visible = "".join(character for character in word if _kind(character) != "invisible")
    return _words(unicodedata.normalize("NFKC", recase(unicodedata.normalize("NFKC", visible), casing)))


def _words(text: str) -> str:
    """`text` with a space in place of all that is no part of a word."""
    kinds = [_kind(character) for character in text] + ["other"]
    kept = [" "]
    for character, kind, following in zip(text, kinds, kinds[1:], strict=False):
        in_word = _kind(kept[-1]) in ("letter", "mark", "joiner")
        joins = (kind == "joiner" and following in ("letter", "mark")) or (
            kind == "apostrophe" and following == "letter"
        )
        if kind == "letter" or (in_word and (kind == "mark" or joins)):
            kept.append(character)
        elif kind != "joiner":
            kept.append(" ")
    return "".join(kept)


@lru_cache(maxsize=65536)
def _kind(character: str) -> str:
    """One of letter (digits too), mark, joiner, apostrophe, invisible, other; by Unicode general category."""
    category = unicodedata.category(character)
    if character in JOINERS:
        return "joiner"
    if character == "'":
        return "apostrophe"
    if category == "Cf":
        return "invisible"
    if category[0] == "M":
        return "mark"
    return "other" if category[0] in "PSZ" or category == "Cc" else "letter"


def unspaced_rules(text: str, casing: Casing = "") -> str:
    """The rules of `unspaced`, for languages written without spaces: `basic`, then no space beside their letters.

    Whether a model writes "你好，世界" or "你好 世界" is formatting: without this the CER would count it.
    """
    return _SPACE_BESIDE_UNSPACED.sub("", basic_rules(text, casing))


def basic_identity(casing: Casing = "") -> str:
    """What decides the rules of `basic`."""
    own = f" {casing}" if casing else ""
    return f"{_TAG.pattern} NFKC casefold{own} marks joiners apostrophes {sorted(JOINED_LETTERS.items())}"


def unspaced_identity(casing: Casing = "") -> str:
    """What decides the rules of `unspaced`."""
    return f"{basic_identity(casing)} no space beside {UNSPACED_SCRIPTS}"
