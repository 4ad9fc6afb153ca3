"""The characters that a CTC model writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from speech_tl.text.casing import lower, upper


def ctc_characters(texts: Iterable[str]) -> list[str]:
    """Every character of `texts` but white space, sorted: what a CTC model trained on them has to write.

    Case stays as it is: fold it before, where the model shall not learn it. Spaces are left to the model's own word
    delimiter.
    """
    found: set[str] = set()
    for text in texts:
        found.update(text)
    return sorted(character for character in found if not character.isspace())


def fit_case(text: str, characters: Iterable[str], casing: str = "") -> str:
    """`text` in the case that a vocabulary of `characters` can write; what it writes in neither case stays as it is.

    `casing` is the language's (`casing_of`): the capital of a Turkish i is İ.

    >>> fit_case("Don't", set("ABCDEFGHIJKLMNOPQRSTUVWXYZ'"))
    "DON'T"
    """
    known = characters if isinstance(characters, (set, frozenset, dict)) else set(characters)
    unknown = set(text).difference(known)
    return text.translate({ord(c): _fitting(c, known, casing) for c in unknown}) if unknown - {" "} else text


def _fitting(character: str, known: Any, casing: str) -> str:
    """The other case of an unknown character where that one is known, else the character."""
    for other in (lower(character, casing), upper(character, casing)):
        if all(map(known.__contains__, other)):  # some are two letters in the other case
            return other
    return character
