"""Upper and lower case, as a language has them; one letter stays one letter.

Unicode's rules for all languages (the Unicode Standard, section 5.18 and SpecialCasing.txt) but for two things: Turkic
alphabets have i and ı as two letters (I is the capital of ı, İ of i), and no language's İ becomes two code points.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from speech_tl.text.languages import language_code

Casing = Literal["", "dotless i"]
"""Which rules: those of most languages, or those with i and ı."""

DOTLESS_I = frozenset(("tr", "az", "crh", "gag"))
"""Turkish, Azerbaijani, Crimean Tatar and Gagauz."""

_TO_LOWER = str.maketrans("Iİ", "ıi")
_TO_UPPER = str.maketrans("ıi", "Iİ")

# Lower-casing İ by the general rules leaves "i" and a combining dot above it; Lithuanian dictionaries write that dot
# under accents, and elsewhere nobody does. These letters have a dot anyway.
_DOT_ON_DOT = re.compile("(?<=[ij\u012f\u1ecb])\u0307+")

Recase = Callable[[str, Casing], str]


def casing_of(language: str | None) -> Casing:
    """The rules for a language code or name; where nobody says the language, those of most languages.

    >>> casing_of("tr-TR"), casing_of("de")
    ('dotless i', '')
    """
    return "dotless i" if language_code(language) in DOTLESS_I else ""


def lower(text: str, casing: Casing = "") -> str:
    """`text` in lower case; ß stays, and a Greek sigma that ends a word is ς.

    >>> lower("ISPARTA, İstanbul", "dotless i"), lower("İstanbul")
    ('ısparta, istanbul', 'istanbul')
    """
    return _DOT_ON_DOT.sub("", _with_own_i(text, casing).lower())


def fold(text: str, casing: Casing = "") -> str:
    """`text` without any difference of case: as `lower`, and "Straße" is "STRASSE", ς is σ.

    >>> fold("STRASSE") == fold("Straße"), fold("ΛΟΓΟΣ") == fold("λόγος".replace("ό", "ο"))
    (True, True)
    """
    return _DOT_ON_DOT.sub("", _with_own_i(text, casing).casefold())


def upper(text: str, casing: Casing = "") -> str:
    """`text` in upper case.

    >>> upper("ışık iyi", "dotless i")
    'IŞIK İYİ'
    """
    return (text.translate(_TO_UPPER) if casing else text).upper()


def _with_own_i(text: str, casing: Casing) -> str:
    """I and İ made small where a language has its own rule for them; İ is also written as I with a combining dot."""
    return text.replace("I\u0307", "İ").translate(_TO_LOWER) if casing else text
