"""Text: normalisers with names, the characters a CTC model writes, nearest names, files written whole. Floor 0."""

from __future__ import annotations

import difflib
import hashlib
import os
import tempfile
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from speech_tl.errors import BadInput

# Raise the number whenever a rule below changes what a normaliser writes: the hash beside every WER follows from it.
RULES_VERSION = 1

APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\uff07", "'"))

# Until Unicode 5.1 these final consonants were typed as letter + virama + zero width joiner. Real Malayalam text mixes
# both spellings of the same letter, and NFKC does not unite them (The Unicode Standard, sections 12.2 and 12.9).
JOINED_LETTERS = {
    "\u0d23\u0d4d\u200d": "\u0d7a",
    "\u0d28\u0d4d\u200d": "\u0d7b",
    "\u0d30\u0d4d\u200d": "\u0d7c",
    "\u0d32\u0d4d\u200d": "\u0d7d",
    "\u0d33\u0d4d\u200d": "\u0d7e",
    "\u0d15\u0d4d\u200d": "\u0d7f",
    "\u09a4\u09cd\u200d": "\u09ce",
}

JOINERS = "\u200c\u200d"  # zero width non-joiner and joiner: they shape Persian, Hindi, Malayalam, Sinhala words


@dataclass(frozen=True)
class Normaliser:
    """What is taken out of a text before words are compared; the same one for references and every model.

    Attributes:
        name: as it stands in a recipe and beside every WER.
        rules_hash: 12 hexadecimal digits; two equal hashes mean the same rules, whatever the version of speech_tl.
        rules: the text's rewriting before its white space is squeezed.
    """

    name: str
    rules_hash: str
    rules: Callable[[str], str]

    def __call__(self, text: str) -> str:
        """The normalised `text`: words with one space between them, none at the ends."""
        return " ".join(self.rules(text).split())


def as_written(text: str) -> str:
    """The rules of `none`: nothing changes (only white space is squeezed, as for every normaliser)."""
    return text


def basic_rules(text: str) -> str:
    """The rules of `basic`, for any language: compatibility forms united, case folded, punctuation and symbols out.

    Combining marks (vowel signs, viramas) stay with their letters, and so do joiners and apostrophes inside a word:
    Malayalam, Hindi, Thai and Arabic words stay whole, "don't" stays one word.

    Source: Unicode Standard Annex 15 (NFKC) and its full case folding; which characters count as punctuation is
    decided by general category.
    """
    text = unicodedata.normalize("NFKC", text).translate(APOSTROPHES)
    for typed, letter in JOINED_LETTERS.items():
        text = text.replace(typed, letter)
    # Format characters (soft hyphens, direction marks) are invisible: they vanish instead of splitting a word.
    folded = "".join(character for character in text.casefold() if _kind(character) != "invisible")
    return _words_only(unicodedata.normalize("NFKC", folded))


def _words_only(text: str) -> str:
    """`text` with a space in place of all that is no part of a word."""
    kinds = [_kind(character) for character in text] + ["other"]
    kept = [" "]
    for character, kind, following in zip(text, kinds, kinds[1:], strict=False):
        in_word = _kind(kept[-1]) in ("letter", "mark", "joiner")
        joins = (kind == "joiner" and following in ("letter", "mark")) or (
            kind == "apostrophe" and following == "letter"
        )
        if kind == "letter" or (in_word and (kind == "mark" or joins)):
            kept.append(character)
        elif kind != "joiner":
            kept.append(" ")
    return "".join(kept)


@lru_cache(maxsize=65536)
def _kind(character: str) -> str:
    """One of letter (digits too), mark, joiner, apostrophe, invisible, other; by Unicode general category."""
    category = unicodedata.category(character)
    if character in JOINERS:
        return "joiner"
    if character == "'":
        return "apostrophe"
    if category == "Cf":
        return "invisible"
    if category[0] == "M":
        return "mark"
    return "other" if category[0] in "PSZ" or category == "Cc" else "letter"


def english_rules(text: str) -> str:
    """The rules of `english`: Whisper's English normaliser (numbers, contractions, US spelling, fillers out).

    The spelling map is the one in the package whisper-normalizer, never a checkpoint's, so that any two models are
    compared alike. Typographic apostrophes are made plain first: the original leaves "don\u2019t" in two pieces.

    Source: Radford et al. 2022 (arXiv 2212.04356), appendix C.
    """
    return _whisper_english()(text.translate(APOSTROPHES))


@lru_cache(maxsize=1)
def _whisper_english() -> Any:
    """The package's normaliser, made once: its hundreds of rules are read from a file."""
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()


def _english_identity() -> str:
    """What decides the rules of `english`: the package's version and its spelling map."""
    from importlib.metadata import version

    spelling = sorted(_whisper_english().standardize_spellings.mapping.items())
    return f"whisper-normalizer {version('whisper-normalizer')} {spelling}"


_RULES: dict[str, tuple[Callable[[str], str], Callable[[], str]]] = {
    "none": (as_written, lambda: "white space squeezed"),
    "basic": (basic_rules, lambda: f"NFKC casefold marks joiners apostrophes {sorted(JOINED_LETTERS.items())}"),
    "english": (english_rules, _english_identity),
}

NORMALISERS = tuple(_RULES)


@cache
def get_normaliser(name: str) -> Normaliser:
    """The normaliser called `name`: "none", "basic" (any language) or "english".

    >>> get_normaliser("basic")("Don\u2019t  PANIC!")
    "don't panic"

    Raises:
        BadInput: there is none of that name (the message names the nearest one).
    """
    if name not in _RULES:
        close = nearest(name, _RULES)
        hint = f"; did you mean {close!r}?" if close else ""
        raise BadInput(f"unknown normaliser {name!r}: choose one of {', '.join(_RULES)}{hint}")
    rules, identity = _RULES[name]
    digest = hashlib.sha256(f"{name} {RULES_VERSION} {identity()}".encode()).hexdigest()
    return Normaliser(name=name, rules_hash=digest[:12], rules=rules)


def default_normaliser(language: str | None) -> str:
    """The normaliser's name for a language code or English name of a language: "english" for English, else "basic"."""
    spoken = (language or "").strip().lower().replace("_", "-").split("-")[0]
    return "english" if spoken in ("en", "eng", "english") else "basic"


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


def write_atomically(path: str | Path, data: str | bytes) -> Path:
    """Write `data` to `path` whole or not at all: a temporary neighbour first, then a rename.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing half-written is left behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data.encode("utf-8") if isinstance(data, str) else data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def require_writable(folder: str | Path) -> None:
    """Refuse, before any work, a folder that could not be made or written; touches nothing.

    Raises:
        BadInput: something on its way is a file, or may not be written.
    """
    existing = next(p for p in [Path(folder), *Path(folder).absolute().parents] if p.exists())
    if not existing.is_dir():
        raise BadInput(f"folder {folder} cannot be made: {existing} is a file; choose another one")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise BadInput(f"folder {folder} cannot be written: no permission in {existing}; choose another one")


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice spelt most like `word`, for "did you mean"; None when nothing comes close."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return found[0] if found else None
