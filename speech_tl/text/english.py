"""The rules of `english`: Whisper's, with numbers that count digit by digit.

How a number is written is formatting: "two five nine nine", "2599", "2-5-9-9" and "25 99" are the same words, and so
are "twenty dollars" and "$20". Whisper's rules make figures of number words; here every figure is then a word of its
own, so that a recogniser is charged for the digit it got wrong, and a text has as many words however it writes numbers:

| written                                     | counted as               |
|---------------------------------------------|--------------------------|
| two five nine nine, 2599, 2-5-9-9, 2,599    | 2 5 9 9                  |
| nineteen eighty four, 1984                  | 1 9 8 4                  |
| seven oh five, 705; double oh seven, 007    | 7 0 5; 0 0 7             |
| twenty thousand, 20,000; 2 million          | 2 0 thousand; 2 million  |
| a hundred, one hundred, 100                 | 1 0 0                    |
| three point five, 3.5                       | 3 point 5                |
| fifty percent, 50 %; twenty dollars, $20    | 5 0 percent; 2 0 dollars |
| three dollars and fifty cents, $3.50        | 3 dollars 5 0            |
| ten thirty, 10:30; ten, 10:00               | 1 0 3 0; 1 0             |
| minus five, -5                              | minus 5                  |
| twenty first, 21st; nineteen nineties, 1990s | 21st; 1990s              |
| one of them, 1 of them                      | one of them              |

Whole thousands keep their names: "two million" is two words, not six zeros to get wrong. Ordinals and decades stay
one word. A one that stands alone is written out, as Whisper does: it is a pronoun more often than a number.

Source: Radford et al. 2022 (arXiv 2212.04356), appendix C, in the package whisper-normalizer.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from speech_tl.text.rules import APOSTROPHES, NUMBER_IN_BRACKETS, without_tags

_BEFORE = (
    (NUMBER_IN_BRACKETS, r" \1 "),
    (re.compile(r"(?<=\d):00\b(?!:)"), ""),
    (re.compile(r"\b(\d+) and a half\b"), r"\1.5"),
    (re.compile(r"\ba (?=(?:hundred|thousand|million|billion|trillion)\b)", re.IGNORECASE), "one "),
    (re.compile(r"(?<![\w.,)])(?<!\d )[-\u2212](?=[$\u00a3\u20ac\u00a2]?\d)"), " minus "),
    (re.compile(r"\s*\+\s*(?=\d)"), " plus "),
    (re.compile(r"(?<=\d)\s+(?=%)|(?<=[$\u00a3\u20ac])\s+(?=\d)"), ""),
    (re.compile(r"(?<![\w$\u00a3\u20ac.,])(\d[\d,]*(?:\.\d+)?)\s?([$\u00a3\u20ac\u00a2])(?!\d)"), r"\2\1"),
)
"""What Whisper's rules make something else of in figures than in words."""

# Whisper's rules take figures for one number: 05 would lose its zero. 16 digits and more are nobody's number either.
_NO_NUMBER = re.compile(r"(?<!\d)(?<!\d[.,])(?:0\d+|\d{16,})(?![\d]*,\d)")

_NUMBER = re.compile(r"([-+]?)([$\u00a3\u20ac\u00a2]?)(\d*)((?:\.\d+)*)(%?)")
_SIGNS = {"-": "minus", "+": "plus"}
_UNITS = {"$": "dollars", "\u00a3": "pounds", "\u20ac": "euros", "\u00a2": "cents", "%": "percent"}
_ZEROS = ((12, "trillion"), (9, "billion"), (6, "million"), (3, "thousand"))


def english_rules(text: str) -> str:
    """The rules of `english`, for English: tags and fillers out, contractions written out, US spelling, numbers digit
    by digit.

    The spelling map is the one in the package whisper-normalizer, never a checkpoint's, so that any two models are
    compared alike. Typographic apostrophes are made plain first: the original leaves "don\u2019t" in two pieces.

    >>> english_rules("The colour of twenty-one DOGS isn't grey, um (laughs)").split()
    ['the', 'color', 'of', '2', '1', 'dogs', 'is', 'not', 'gray']
    """
    text = without_tags(text.translate(APOSTROPHES))
    for pattern, instead in _BEFORE:
        text = pattern.sub(instead, text)
    return _whisper_english()(_NO_NUMBER.sub(lambda found: " ".join(found[0]), text))


@lru_cache(maxsize=1)
def _whisper_english() -> Any:
    """The package's normaliser, made once: its hundreds of rules are read from a file."""
    from whisper_normalizer.english import EnglishTextNormalizer

    normaliser = EnglishTextNormalizer()
    normaliser.standardize_numbers.postprocess = digit_by_digit
    return normaliser


def digit_by_digit(text: str) -> str:
    """Every number of a text spelt as the digits it has; numbers that follow each other are one.

    Args:
        text: as Whisper's rules leave it, numbers as figures: "$20.50", "-5", "50%".

    >>> digit_by_digit("flight 25 99 on the 21st costs $20 and \u00a250")
    'flight 2 5 9 9 on the 21st costs 2 0 dollars 5 0'
    """
    text = re.sub(r"([$\u00a3\u20ac])(\d+) (?:and )?\u00a2(\d\d?)\b", lambda m: f"{m[1]}{m[2]}.{m[3]:0>2}", text)
    text = re.sub(r"[$\u00a3\u20ac]0\.(\d\d?)\b", lambda m: f"\u00a2{int(m[1])}", text)
    spelt: list[str] = []
    figures = ""
    for word in [*text.split(), ""]:
        if word.isdecimal():
            figures += word
            continue
        spelt += [*_figures(figures), *_spelt(word)]
        figures = ""
    return " ".join(spelt)


def _figures(figures: str) -> list[str]:
    """The digits of a whole number, thousands by name."""
    if figures == "1":
        return ["one"]
    for zeros, name in _ZEROS:
        if figures.endswith("0" * zeros) and figures.strip("0"):
            return [*(figures[:-zeros] if figures[:-zeros] == "1" else _figures(figures[:-zeros])), name]
    return list(figures)


def _spelt(word: str) -> list[str]:
    """A number with a sign, a unit or a point in words; any other word as it is."""
    if word in ("1s", "1's"):
        return ["ones"]
    found = _NUMBER.fullmatch(word)
    if not found or not (found[3] or found[4]):
        return [word] if word else []
    sign, unit, whole, fraction, percent = found.groups()
    parts = [[*part] for part in fraction.split(".")[1:]]
    spelt = [_SIGNS[sign]] if sign else []
    spelt += ["1"] if whole == "1" else _figures(whole)
    if unit:
        return [*spelt, _UNITS[unit], *(digit for part in parts for digit in part)]
    spelt += [word for part in parts for word in ("point", *part)]
    return [*spelt, _UNITS[percent]] if percent else spelt


def english_identity() -> str:
    """What decides the rules of `english`: the package's version and its spelling map."""
    from importlib.metadata import version

    spelling = sorted(_whisper_english().standardize_spellings.mapping.items())
    return f"whisper-normalizer {version('whisper-normalizer')} digit by digit {spelling}"
