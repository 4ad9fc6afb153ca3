"""Normalisers with names: what is taken out of a text before words are compared, and a hash of how."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache, partial

from speech_tl.errors import BadInput
from speech_tl.text import rules
from speech_tl.text.casing import casing_of
from speech_tl.text.english import english_identity, english_rules
from speech_tl.text.languages import default_normaliser
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
        language: whose rules of upper and lower case they are, as somebody said it; None where nobody did.
        reason: why these rules, for people; "" where nobody had to choose.
    """

    name: str
    rules_hash: str
    rules: Callable[[str], str]
    language: str | None = None
    reason: str = field(default="", compare=False)

    def __call__(self, text: str) -> str:
        """The normalised `text`: words with one space between them, none at the ends."""
        return " ".join(self.rules(text).split())

    def spoken_in(self, language: str | None) -> Normaliser:
        """The same for a text of which only its own row says the language."""
        return self if self.language or not language else get_normaliser(self.name, str(language))

    def without_tags(self, text: str) -> str:
        """`text` as written, without the tags ([laughter], <COMMA>) of which these rules leave nothing.

        What is not scored is not to be learnt either: labels are made of this.
        """
        return rules.without_tags(text, self.drops)

    def drops(self, tag: str) -> bool:
        """Whether these rules leave nothing of a tag."""
        return not self.rules(tag).strip()


_CASED: dict[str, tuple[Callable[..., str], Callable[..., str]]] = {
    "basic": (rules.basic_rules, rules.basic_identity),
    "unspaced": (rules.unspaced_rules, rules.unspaced_identity),
}
"""Rules, and what decides them, that depend on how a language writes upper and lower case."""

_RULES: dict[str, tuple[Callable[..., str], Callable[..., str]]] = {
    "none": (rules.as_written, lambda: "white space squeezed"),
    "english": (english_rules, english_identity),
    **_CASED,
}

NORMALISERS = ("none", "basic", "english", "unspaced")


@cache
def get_normaliser(name: str, language: str | None = None) -> Normaliser:
    """A normaliser by name, for texts in a language.

    "none"; "basic" for any language; "english" for English; "unspaced" for languages written without spaces; or a
    function of one's own, text to text, as "module:function" or "module.function" (a module of the current folder or
    an installed one; the hash is of its source), which is imported here: a name out of data goes through
    `stated_normaliser` first.

    Args:
        name: of the rules.
        language: code or name ("tr", "tr-TR", "Turkish"). It decides how `basic` and `unspaced` fold case, and only
            where that makes a difference does the hash tell; None is the rules of most languages.

    >>> get_normaliser("basic")("Don\u2019t  PANIC!")
    "don't panic"
    >>> get_normaliser("basic", "tr")("\u0130stanbul, Isparta")
    'istanbul \u0131sparta'

    Raises:
        BadInput: there is none of that name (the message names the nearest one), or the function cannot be used.
    """
    language = language or None
    casing = casing_of(language)
    if name in _CASED and casing:
        found, identity = _CASED[name]
        return Normaliser(name, _digest(name, identity(casing)), partial(found, casing=casing), language)
    if name in _RULES:
        found, identity = _RULES[name]
        return Normaliser(name, _digest(name, identity()), found, language)
    if is_dotted(name):
        own: OwnRules = load_own(name)
        return Normaliser(own.name, _digest(own.name, own.identity), own, language)
    close = nearest(name, _RULES)
    hint = f"; did you mean {close!r}?" if close else ""
    raise BadInput(
        f"unknown normaliser {name!r}: choose one of {', '.join(NORMALISERS)}, or a function of your own as "
        f"module:function{hint}"
    )


def stated_normaliser(name: str, where: str, option: str) -> str:
    """A normaliser's name as data states it: an evaluation's summary, a recipe that somebody sent.

    A function of one's own would be imported and called, so only its owner may name it: on the command line, in a
    recipe script, or in a call.

    Args:
        name: as it stands there.
        where: what states it, for the message.
        option: by which its owner may name a function: "--normaliser ", "scoring.normaliser=".

    Raises:
        BadInput: it is none of `NORMALISERS`.
    """
    if name in NORMALISERS:
        return name
    if is_dotted(name):
        raise BadInput(
            f"{where} names the function {name!r} as normaliser, and no file may say what code is run here: if it is "
            f"yours, give {option}{name}"
        )
    raise BadInput(f"{where} names an unknown normaliser {name!r}: expected one of {', '.join(NORMALISERS)}")


def normaliser_for(asked: str | None, language: str | None, checkpoints: str | None = None) -> Normaliser:
    """The normaliser that somebody asks for, else the default of the language; its `reason` says which it was.

    Args:
        asked: by name.
        language: of the speech, where recipe, command line or manifest say it.
        checkpoints: that of the checkpoint, which stands for the speech's where nobody says that.

    >>> found = normaliser_for(None, None, "en")
    >>> found.name, found.reason
    ('english', "the checkpoint's language is en")

    Raises:
        BadInput: as `get_normaliser`.
    """
    if asked:
        reason = "as asked"
    elif language:
        reason = f"the language is {language}"
    else:
        reason = f"the checkpoint's language is {checkpoints}" if checkpoints else "no language is given"
    spoken = language or checkpoints
    return replace(get_normaliser(asked or default_normaliser(spoken), spoken), reason=reason)


def joint_hash(normalisers: Iterable[Normaliser]) -> str:
    """The hash of the rules of one test set: of more than one where its rows are in languages with different rules."""
    hashes = sorted({normaliser.rules_hash for normaliser in normalisers})
    return hashes[0] if len(hashes) == 1 else _digest("rows", " ".join(hashes))


def _digest(name: str, identity: str) -> str:
    """12 hexadecimal digits of what decides the rules."""
    return hashlib.sha256(f"{name} {RULES_VERSION} {identity}".encode()).hexdigest()[:12]
