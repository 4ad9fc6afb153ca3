"""The characters that a CTC model writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from speech_tl.text import rules
from speech_tl.text.casing import Casing, casing_of, fold, lower, upper


def ctc_characters(texts: Iterable[str]) -> list[str]:
    """Every character of `texts` but white space, sorted: what a CTC model trained on them has to write.

    Case stays as it is: fold it before, where the model shall not learn it. Spaces are left to the model's own word
    delimiter.
    """
    found: set[str] = set()
    for text in texts:
        found.update(text)
    return sorted(character for character in found if not character.isspace())


def spelt_words(text: str, language: str | None = None) -> str:
    """The words of `text` in lower case, without punctuation: what a CTC model learns to spell.

    As the normaliser `basic`, but that ß and the Greek ς stay letters of their own, and tags are words like others:
    which of them are dropped is up to what a run scores with (`Normaliser.without_tags`).

    >>> spelt_words("Isparta, İstanbul!", "tr"), spelt_words("Die Straße.")
    ('ısparta istanbul', 'die straße')
    """
    return " ".join(rules.words_only(text, casing_of(language), lower).split())


def fit_case(text: str, characters: Iterable[str], language: str | None = None) -> str:
    """`text` in the case that a vocabulary of `characters` writes, by the rules of a language.

    A character that the vocabulary has in neither case stays as it is, or becomes a capital where capitals are all that
    the vocabulary has; ß becomes ss and ς σ where only those can be written.

    >>> fit_case("Don't", set("ABCDEFGHIJKLMNOPQRSTUVWXYZ'"))
    "DON'T"
    >>> fit_case("için", set("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "tr")
    'İÇİN'
    """
    known = characters if isinstance(characters, (set, frozenset, dict)) else set(characters)
    unknown = set(text).difference(known) - {" "}
    if not unknown:
        return text
    casing = casing_of(language)
    return text.translate({ord(character): _fitting(character, known, casing) for character in unknown})


def _fitting(character: str, known: Collection[str], casing: Casing) -> str:
    """What stands for a character that is not known: it in the other case, its folded form, or itself.

    Only what scoring takes for the same: where nobody says the language, I is no capital of ı.
    """
    folded, capital = fold(character, casing), upper(character, casing)
    same = [other for other in (lower(character, casing), capital, folded) if fold(other, casing) == folded]
    for other in same:
        if all(map(known.__contains__, other)):  # some are two letters in the other case
            return other
    return capital if capital in same and len(capital) == 1 and _capitals_only(known) else character


def _capitals_only(known: Iterable[str]) -> bool:
    """Whether a vocabulary has capitals and no small letter; tokens of several characters ("<unk>") do not count."""
    letters = [token for token in known if len(token) == 1]
    return any(map(str.isupper, letters)) and not any(map(str.islower, letters))
