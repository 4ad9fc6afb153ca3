"""What a language asks of scoring: its default normaliser, and whether words or characters are the fairer unit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, get_args

ENGLISH = frozenset(("en", "eng", "english"))

Rate = Literal["wer", "cer"]
"""An error rate: of words or of characters."""

RATES: tuple[Rate, ...] = get_args(Rate)

UNSPACED = frozenset([
    "zh", "zho", "chi", "cmn", "chinese", "mandarin", "yue", "cantonese", "wuu", "nan", "hak", "gan",
    "ja", "jpn", "japanese", "th", "tha", "thai", "lo", "lao", "km", "khm", "khmer", "dz", "dzo", "dzongkha",
    "my", "mya", "bur", "burmese", "myanmar", "bo", "bod", "tib", "tibetan",
])  # fmt: skip
"""Languages written without spaces between words, by ISO 639 code and English name."""


def default_normaliser(language: str | None) -> str:
    """The normaliser's name for a language code or English name of a language.

    "english" for English, "unspaced" for languages written without spaces, else "basic".
    """
    spoken = bare_language(language)
    if spoken in ENGLISH:
        return "english"
    return "unspaced" if spoken in UNSPACED else "basic"


def leading_rate(language: str | None, normaliser: str = "") -> Rate:
    """Which error rate leads: "cer" for languages written without spaces (there is no agreed word), else "wer".

    Where nobody says the language, the normaliser "unspaced" does.

    >>> leading_rate("th"), leading_rate("en-GB"), leading_rate(None)
    ('cer', 'wer', 'wer')
    """
    unspaced = bare_language(language) in UNSPACED if bare_language(language) else normaliser == "unspaced"
    return "cer" if unspaced else "wer"


def one_language(said: Iterable[str | None]) -> str | None:
    """The language of several texts, as the first that says one says it; None where none does or they differ.

    >>> one_language(["tr-TR", None, "tr"]), one_language(["tr", "en"])
    ('tr-TR', None)
    """
    found: dict[str, str] = {}
    for language in said:
        if language:
            found.setdefault(bare_language(language), language)
    return next(iter(found.values())) if len(found) == 1 else None


def bare_language(language: str | None) -> str:
    """The language itself, in lower case, without region, script or the marks of a token; "" where nobody says it.

    >>> bare_language("tr-TR"), bare_language("<|tr|>"), bare_language("Turkish (Turkey)"), bare_language(None)
    ('tr', 'tr', 'turkish', '')
    """
    found = re.search(r"[^\W\d_]+", str(language or "").casefold())
    return found[0] if found else ""
