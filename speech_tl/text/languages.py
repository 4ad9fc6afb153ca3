"""What a language asks of scoring: its default normaliser, and whether words or characters are the fairer unit."""

from __future__ import annotations

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
    spoken = _spoken(language)
    if spoken in ENGLISH:
        return "english"
    return "unspaced" if spoken in UNSPACED else "basic"


def leading_rate(language: str | None, normaliser: str = "") -> Rate:
    """Which error rate leads: "cer" for languages written without spaces (there is no agreed word), else "wer".

    Where nobody says the language, the normaliser "unspaced" does.

    >>> leading_rate("th"), leading_rate("en-GB"), leading_rate(None)
    ('cer', 'wer', 'wer')
    """
    unspaced = _spoken(language) in UNSPACED if _spoken(language) else normaliser == "unspaced"
    return "cer" if unspaced else "wer"


def _spoken(language: str | None) -> str:
    """The language itself, in lower case, without region or script."""
    return (language or "").strip().lower().replace("_", "-").split("-")[0]
