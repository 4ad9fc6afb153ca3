"""Languages: one code for each of their many names, and what a language asks of scoring."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, get_args

Rate = Literal["wer", "cer"]
"""An error rate: of words or of characters."""

RATES: tuple[Rate, ...] = get_args(Rate)

UNSPACED = frozenset(("zh", "cmn", "yue", "wuu", "nan", "hak", "gan", "ja", "th", "lo", "km", "dz", "my", "bo"))
"""Languages written without spaces between words, by code."""

_CODE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*", re.IGNORECASE)


@lru_cache(maxsize=4096)
def language_code(language: str | None) -> str:
    """The shortest ISO 639 code of a language given as code, tag or name; "" for none.

    Two letters where there are two ("deu", "ger", "German", "Deutsch", "de-AT", "<|de|>" are "de"), else three. A name
    that nobody knows comes back in lower case.

    >>> [language_code(name) for name in ("tur", "GERMAN", "pt_BR", "<|nl|>", "nno", "yue", None)]
    ['tr', 'de', 'pt', 'nl', 'nn', 'yue', '']

    Source: ISO 639 and BCP 47 by the package langcodes.
    """
    import langcodes

    tag = (language or "").strip().strip("<|>").strip().replace("_", "-")
    if _CODE.fullmatch(tag):
        try:
            return langcodes.Language.get(tag).language or ""
        except ValueError:
            return tag.lower().split("-")[0]
    try:
        return langcodes.find(tag).language or ""
    except LookupError:
        return tag.lower()


@lru_cache(maxsize=4096)
def macro_language(code: str) -> str:
    """The code of the language group that speakers and corpora often name instead ("cmn" is "zh"), or the same code.

    >>> [macro_language(code) for code in ("cmn", "swh", "arb", "de")]
    ['zh', 'sw', 'ar', 'de']
    """
    import langcodes

    try:
        return langcodes.Language.get(langcodes.standardize_tag(code, macro=True)).language or code
    except ValueError:
        return code


def language_name(code: str) -> str:
    """The English name of a language, or `code` where none is known.

    >>> language_name("nl"), language_name("jw")
    ('Dutch', 'Javanese')
    """
    import langcodes

    try:
        return langcodes.Language.get(code).language_name("en")
    except ValueError:
        return code


def three_letters(code: str) -> str:
    """The ISO 639-3 code of a language, or `code` where it has none.

    >>> three_letters("de"), three_letters("yue")
    ('deu', 'yue')
    """
    import langcodes

    try:
        return langcodes.Language.get(code).to_alpha3()
    except (LookupError, ValueError):
        return code


def is_language(code: str) -> bool:
    """Whether ISO 639 has a language of this code."""
    import langcodes

    try:
        return langcodes.tag_is_valid(code)
    except ValueError:
        return False


def same_language(one: str | None, other: str | None) -> bool:
    """Whether two names mean one language; an unknown one is only itself."""
    return macro_language(language_code(one)) == macro_language(language_code(other))


def agreed(languages: Iterable[str | None]) -> str | None:
    """The one language that all of these mean, as the first of them writes it; None where they differ or nobody says.

    >>> agreed(["tr", "", "Turkish", None]), agreed(["tr", "de"])
    ('tr', None)
    """
    said = list(dict.fromkeys(language for language in languages if language and language.strip()))
    return said[0] if len({language_code(language) for language in said}) == 1 else None


def default_normaliser(language: str | None) -> str:
    """The normaliser's name for a language code or name of a language.

    "english" for English, "unspaced" for languages written without spaces, else "basic".
    """
    spoken = language_code(language)
    if spoken == "en":
        return "english"
    return "unspaced" if spoken in UNSPACED else "basic"


def leading_rate(language: str | None, normaliser: str = "") -> Rate:
    """Which error rate leads: "cer" for languages written without spaces (there is no agreed word), else "wer".

    Where nobody says the language, the normaliser "unspaced" does.

    >>> leading_rate("th"), leading_rate("en-GB"), leading_rate(None)
    ('cer', 'wer', 'wer')
    """
    spoken = language_code(language)
    unspaced = spoken in UNSPACED if spoken else normaliser == "unspaced"
    return "cer" if unspaced else "wer"
