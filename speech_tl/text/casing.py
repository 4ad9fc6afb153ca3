"""Upper and lower case as a language writes it: Turkish has two letters i, and German, Greek and Dutch letters of their
own.

Source: Unicode's SpecialCasing.txt (Turkish and Azerbaijani) and full case folding (The Unicode Standard, 5.18).
"""

from __future__ import annotations

from speech_tl.text.languages import language_code, macro_language

DOTTED = frozenset(("tr", "az", "crh", "gag"))
"""Languages with a dotted and a dotless i, each with a capital of its own: i İ, ı I."""

_TO_LOWER = str.maketrans({"I": "ı", "İ": "i"})
_TO_UPPER = str.maketrans({"i": "İ", "ı": "I"})
_ONE_POINT = str.maketrans({"İ": "i"})
"""Python makes two code points of it, i and a dot above, and no vocabulary holds the second."""


def casing_of(language: str | None) -> str:
    """ "dotted" for languages with two letters i, else ""; all that casing asks of a language."""
    return "dotted" if macro_language(language_code(language)) in DOTTED else ""


def lower(text: str, casing: str = "") -> str:
    """`text` in small letters; İ never becomes two code points, ß and a final ς stay as they are.

    >>> lower("İSTANBUL ISPARTA", "dotted"), lower("İstanbul")
    ('istanbul ısparta', 'istanbul')
    """
    return text.translate(_TO_LOWER if casing else _ONE_POINT).lower()


def upper(text: str, casing: str = "") -> str:
    """`text` in capitals.

    >>> upper("iyi ışık", "dotted")
    'İYİ IŞIK'
    """
    return (text.translate(_TO_UPPER) if casing else text).upper()


def fold(text: str, casing: str = "") -> str:
    """`text` as it is compared: small letters, ß as ss, ς as σ.

    >>> fold("STRASSE") == fold("Straße"), fold("ΟΔΟΣ") == fold("οδος"), fold("I", "dotted")
    (True, True, 'ı')
    """
    return text.translate(_TO_LOWER if casing else _ONE_POINT).casefold()
