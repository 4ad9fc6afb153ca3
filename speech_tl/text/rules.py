"""What each named normaliser takes out of a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from speech_tl.text.casing import fold, lower

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
_LEADING_ZEROS = re.compile(r"(?<![\w.,])0\d+(?![\w]|[.,]\d)")
_WHOLE_NUMBER = re.compile(r"(?<!\S)-?(\d{1,})(?!\S)")
_TAG = re.compile(r"[<\[][^>\]]*[>\]]|\([^)]+?\)")  # as the English normaliser of Whisper has them

Case = Callable[[str, str], str]
"""`lower` or `fold`: called with a text and the casing of its language."""

_SPACE_BESIDE_UNSPACED = re.compile(rf"(?<=[{UNSPACED_SCRIPTS}])\s+|\s+(?=[{UNSPACED_SCRIPTS}])")


def as_written(text: str, casing: str = "") -> str:
    """The rules of `none`: nothing changes (only white space is squeezed, as for every normaliser)."""
    return text


def basic_rules(text: str, casing: str = "", case: Case = fold) -> str:
    """The rules of `basic`, for any language: compatibility forms united, case folded, punctuation and symbols out.

    `casing` is the language's (`casing_of`). `case` folds for comparing; a label maker passes `lower`, which leaves ß
    and final sigma to be written.

    Combining marks (vowel signs, viramas) stay with their letters, and so do joiners and apostrophes inside a word:
    Malayalam, Hindi, Thai and Arabic words stay whole, "don't" stays one word.

    Source: Unicode Standard Annex 15 (NFKC) and its full case folding; which characters count as punctuation is
    decided by general category.
    """
    if not text.isascii():  # on ASCII none of these does anything
        text = unicodedata.normalize("NFKC", text).translate(APOSTROPHES)
        for typed, letter in JOINED_LETTERS.items():
            text = text.replace(typed, letter)
    return " ".join(_bare(word, casing, case) for word in text.split())


@lru_cache(maxsize=65536)
def _bare(word: str, casing: str, case: Case) -> str:
    """What the rules of `basic` leave of a text without white space; words are met again and again."""
    # Format characters (soft hyphens, direction marks) are invisible: they vanish instead of splitting a word.
    folded = "".join(character for character in case(word, casing) if _kind(character) != "invisible")
    return _words_only(unicodedata.normalize("NFKC", folded))


def _words_only(text: str) -> str:
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


def unspaced_rules(text: str, casing: str = "") -> str:
    """The rules of `unspaced`, for languages written without spaces: `basic`, then no space beside their letters.

    Whether a model writes "你好，世界" or "你好 世界" is formatting: without this the CER would count it.
    """
    return _SPACE_BESIDE_UNSPACED.sub("", basic_rules(text, casing))


def english_rules(text: str, casing: str = "") -> str:
    """The rules of `english`: Whisper's English normaliser (numbers, contractions, US spelling, fillers out), and whole
    numbers digit by digit.

    Whisper's rules turn spelt numbers into digits ("two five nine nine" and "two thousand five hundred ninety nine"
    into "2599") but leave "2 5 9 9" and "2-5-9-9" in pieces: who writes digits apart would have four wrong words. So
    each digit of a whole number is a word, on both sides, zeros in front among them; a minus sign is not compared.
    Years ("nineteen eighty four", 1984) and times (10:30, "ten thirty") follow. What has a symbol or letters stays one
    word, as Whisper's rules write it: $20, 5%, 3.5, 21st, 1990s.

    The spelling map is the one in the package whisper-normalizer, never a checkpoint's, so that any two models are
    compared alike. Typographic apostrophes are made plain first: the original leaves "don\u2019t" in two pieces.

    Source: Radford et al. 2022 (arXiv 2212.04356), appendix C.
    """
    text = _LEADING_ZEROS.sub(lambda found: " ".join(found[0]), lower(text.translate(APOSTROPHES)))
    return _WHOLE_NUMBER.sub(lambda found: " ".join(found[1]), _whisper_english()(text))


def english_tags(text: str) -> list[str]:
    """What the rules of `english` take for tags and drop: `<COMMA>`, `[laughter]`, `(coughs)`."""
    return [found[0] for found in _TAG.finditer(text)]


def without_english_tags(text: str) -> str:
    """`text` without the tags that the rules of `english` drop."""
    return " ".join(_TAG.sub(" ", text).split())


@lru_cache(maxsize=1)
def _whisper_english() -> Any:
    """The package's normaliser, made once: its hundreds of rules are read from a file."""
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()


def basic_identity() -> str:
    """What decides the rules of `basic`."""
    return f"NFKC casefold one i marks joiners apostrophes {sorted(JOINED_LETTERS.items())}"


def unspaced_identity() -> str:
    """What decides the rules of `unspaced`."""
    return f"{basic_identity()} no space beside {UNSPACED_SCRIPTS}"


def english_identity() -> str:
    """What decides the rules of `english`: the package's version and its spelling map."""
    from importlib.metadata import version

    spelling = sorted(_whisper_english().standardize_spellings.mapping.items())
    return f"whisper-normalizer {version('whisper-normalizer')} digit by digit {spelling}"
