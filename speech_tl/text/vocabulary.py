"""The characters that a CTC model writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def ctc_characters(texts: Iterable[str]) -> list[str]:
    """Every character of `texts` but white space, sorted: what a CTC model trained on them has to write.

    Case stays as it is: fold it before, where the model shall not learn it. Spaces are left to the model's own word
    delimiter.
    """
    found: set[str] = set()
    for text in texts:
        found.update(text)
    return sorted(character for character in found if not character.isspace())


def fit_case(text: str, characters: Iterable[str]) -> str:
    """`text` in the case that a vocabulary of `characters` can write; what it writes in neither case stays as it is.

    >>> fit_case("Don't", set("ABCDEFGHIJKLMNOPQRSTUVWXYZ'"))
    "DON'T"
    """
    known = characters if isinstance(characters, (set, frozenset, dict)) else set(characters)
    return "".join(_fitting(character, known) for character in text)


def _fitting(character: str, known: Any) -> str:
    """The character itself, or its other case where only that one is known."""
    if character in known:
        return character
    other_cases = (character.lower(), character.upper())
    return next((other for other in other_cases if other and all(part in known for part in other)), character)
