"""Normalisers with names: what is taken out of a text before words are compared, and a hash of how."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from speech_tl.errors import BadInput
from speech_tl.text import rules
from speech_tl.text.casing import casing_of
from speech_tl.text.own import OwnRules, is_dotted, load_own
from speech_tl.text.spelling import nearest

# Raise the number whenever a rule changes what a normaliser writes: the hash beside every WER follows from it.
RULES_VERSION = 2


@dataclass(frozen=True)
class Normaliser:
    """What is taken out of a text before words are compared; the same one for references and every model.

    Attributes:
        name: as it stands in a recipe and beside every WER.
        rules_hash: 12 hexadecimal digits; two equal hashes mean the same rules, whatever the version of speech_tl.
        rules: the text's rewriting before its white space is squeezed.
        casing: what `casing_of` says of the language.
        tags: what of a text the rules drop as tags, such as `[laughter]`; None for rules that know none.
    """

    name: str
    rules_hash: str
    rules: Callable[..., str]
    casing: str = ""
    tags: Callable[[str], list[str]] | None = None

    def __call__(self, text: str) -> str:
        """The normalised `text`: words with one space between them, none at the ends."""
        return " ".join(self.rules(text, self.casing).split())

    def dropped_tags(self, text: str) -> list[str]:
        """The tags in `text` that these rules drop, such as `<COMMA>` and `(coughs)`."""
        return self.tags(text) if self.tags else []

    def spoken(self, text: str) -> str:
        """`text` without what these rules drop as tags: what is not scored shall not be learnt."""
        return rules.without_english_tags(text) if self.dropped_tags(text) else text


_RULES: dict[str, tuple[Callable[[str, str], str], Callable[[], str]]] = {
    "none": (rules.as_written, lambda: "white space squeezed"),
    "basic": (rules.basic_rules, rules.basic_identity),
    "english": (rules.english_rules, rules.english_identity),
    "unspaced": (rules.unspaced_rules, rules.unspaced_identity),
}

NORMALISERS = tuple(_RULES)

CASED = ("basic", "unspaced")
"""Those whose rules depend on how the language writes small and capital letters."""


@cache
def get_normaliser(name: str, language: str | None = None) -> Normaliser:
    """A normaliser by name, for a language where one is known: its casing counts (Turkish i and ı).

    "none"; "basic" for any language; "english" for English; "unspaced" for languages written without spaces; or a
    function of one's own, text to text, as "module:function" or "module.function" (a module of the current folder or
    an installed one; the hash is of its source).

    >>> get_normaliser("basic")("Don\u2019t  PANIC!")
    "don't panic"
    >>> get_normaliser("basic", "tr")("Isparta İstanbul")
    'ısparta istanbul'

    Raises:
        BadInput: there is none of that name (the message names the nearest one), or the function cannot be used.
    """
    return _normaliser(name, casing_of(language))


def _normaliser(name: str, casing: str) -> Normaliser:
    if name in _RULES:
        found, identity = _RULES[name]
        casing = casing if name in CASED else ""
        tags = rules.english_tags if name == "english" else None
        return Normaliser(name, _digest(name, f"{identity()} {casing}".strip()), found, casing, tags)
    if is_dotted(name):
        own: OwnRules = load_own(name)
        return Normaliser(own.name, _digest(own.name, own.identity), own)
    close = nearest(name, _RULES)
    hint = f"; did you mean {close!r}?" if close else ""
    raise BadInput(
        f"unknown normaliser {name!r}: choose one of {', '.join(_RULES)}, or a function of your own as "
        f"module:function{hint}"
    )


def _digest(name: str, identity: str) -> str:
    """12 hexadecimal digits of what decides the rules."""
    return hashlib.sha256(f"{name} {RULES_VERSION} {identity}".encode()).hexdigest()[:12]
