"""Languages by code or name, and what one asks of scoring: its default normaliser, words or characters as the unit."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Literal, get_args

from speech_tl.text.spelling import nearest

Rate = Literal["wer", "cer"]
"""An error rate: of words or of characters."""

RATES: tuple[Rate, ...] = get_args(Rate)

UNSPACED = frozenset(("zh", "yue", "wuu", "nan", "hak", "gan", "ja", "th", "lo", "km", "dz", "my", "bo"))
"""Codes of languages written without spaces between words."""

SAME = {"fil": "tl", "zlm": "ms"}
"""Codes that are one language to recognisers and not to ISO 639: Filipino is the Philippines' standard Tagalog."""

SHORTEST_NAME = 4
"""Letters of a word that may be a name spelt wrong; a shorter one is a code, and those are all alike."""

UNDETERMINED = ("und", "mis", "zxx")
"""ISO 639's codes for "not known", "has no code" and "no language"."""


@cache
def language_code(language: str | None) -> str:
    """The code of a language that is given by any code or name: two letters (ISO 639-1) where it has them, else three.

    Args:
        language: a code of ISO 639-1, -2 (either) or -3, with or without script, region and variants ("pt_BR",
            "zh-Hant-TW"), or a name in English or in another language ("German", "Deutsch"), in any case.

    Returns:
        The code of the language itself; of a macrolanguage where that is what people mean ("cmn" and "zh" are both
        "zh", "yue" is Cantonese). Without its region: "en" for "en-GB". Empty where nothing is said; what is neither
        code nor name comes back in lower case, up to its first hyphen.

    Source: BCP 47 and CLDR's aliases and names, through langcodes (https://github.com/georgkrause/langcodes).

    >>> [language_code(name) for name in ("tur", "Turkish", "tr-TR", "GERMAN", "nob", "iw", "yue", "Gobbledygook")]
    ['tr', 'tr', 'tr', 'de', 'nb', 'he', 'yue', 'gobbledygook']
    """
    wanted = _plain(language)
    code = _known(wanted) or wanted.partition("-")[0]
    return "" if code in UNDETERMINED else code


def is_language(language: str) -> bool:
    """Whether this is a code or a name of some language."""
    return (_known(_plain(language)) or UNDETERMINED[0]) not in UNDETERMINED


def language_name(code: str) -> str:
    """English name of a language; the code itself where it is none.

    >>> language_name("nl"), language_name("deu"), language_name("xx")
    ('Dutch', 'German', 'xx')
    """
    import langcodes

    return langcodes.Language.get(language_code(code)).language_name() if is_language(code) else code


def nearest_language(wanted: str, codes: Iterable[str]) -> str | None:
    """For "did you mean": the name of that language of `codes` which is spelt most like `wanted`.

    None for what is a language itself, because another one is no spelling of it, and for what is as short as a code.
    """
    if is_language(wanted) or len(wanted) < SHORTEST_NAME:
        return None
    names = {language_name(code) for code in codes}
    return nearest(wanted.strip().title(), names, cutoff=0.7)


def same_language(one: str | None, other: str | None) -> bool:
    """Whether two names mean one language; an unknown one is only itself."""
    return language_code(one) == language_code(other)


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
    code = language_code(language)
    if code == "en":
        return "english"
    return "unspaced" if code in UNSPACED else "basic"


def leading_rate(language: str | None, normaliser: str = "") -> Rate:
    """Which error rate leads: "cer" for languages written without spaces (there is no agreed word), else "wer".

    Where nobody says the language, the normaliser "unspaced" does.

    >>> leading_rate("th"), leading_rate("en-GB"), leading_rate(None)
    ('cer', 'wer', 'wer')
    """
    code = language_code(language)
    unspaced = code in UNSPACED if code else normaliser == "unspaced"
    return "cer" if unspaced else "wer"


def _plain(language: str | None) -> str:
    """In lower case with hyphens; without a locale's encoding ("de_DE.UTF-8") and the marks of a token ("<|de|>")."""
    return " ".join((language or "").lower().replace("_", "-").partition(".")[0].strip(" -<|>").split())


def _known(wanted: str) -> str | None:
    """The language that the whole, or what stands before the first hyphen, is a code or a name of."""
    for part in dict.fromkeys((wanted, wanted.partition("-")[0])):
        if code := _of_tag(part) or _of_name(part):
            return code
    return None


def _of_tag(tag: str) -> str | None:
    """The language of a BCP 47 tag; None where it is none, or one of no known language."""
    import langcodes

    try:
        language = langcodes.Language.get(langcodes.standardize_tag(tag, macro=True))
    except ValueError:
        return None
    return _usual(language.language) if language.language and langcodes.tag_is_valid(language.language) else None


def _of_name(name: str) -> str | None:
    """The language that has this name in some language."""
    import langcodes

    try:
        found = langcodes.find(name)
    except (LookupError, ValueError):  # its table of names ends in a decoding error for some that are none
        return None
    return _usual(langcodes.standardize_tag(found.language or "", macro=True)) if found.language else None


def _usual(code: str) -> str:
    """The code that recognisers know the language by."""
    code = code.partition("-")[0]
    return SAME.get(code, code)
