"""Sentences for a synthesiser to speak: everyday ones from a small grammar, and clauses of any text file.

Everything is spelt as words with the letters a to z, the apostrophe and the space, so that what is spoken is
what is written. Sentences fall into disjoint buckets by a hash of their text: the same sentence can never be
in two sets, whatever the seed.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from speech_tl.recording import everyday
from speech_tl.recording.everyday import number_words, year_words

BUCKETS = {
    "train": range(80),
    "dev": range(80, 84),
    "heldout": range(84, 90),
    "adapt_train": range(90, 96),
    "adapt_dev": range(96, 97),
    "adapt_test": range(97, 100),
}
MAX_WORDS = 14
ABBREVIATIONS = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "messrs": "messieurs",
    "etc": "etcetera",
}
_STARTS = "and but or that which who when where while because as of in on at by for from with to into upon"
GOOD_STARTS = frozenset(_STARTS.split())


def everyday_sentences(seed: int, bucket: str) -> Iterator[str]:
    """Endless different everyday sentences of a bucket: greetings, requests, numbers, dates, weather, travel, ...

    Args:
        seed: the same seed gives the same sentences in the same order.
        bucket: a key of `BUCKETS`; sentences of two buckets never meet.
    """
    written = everyday.everyday_sentences(f"{seed} {bucket}", lambda one: bucket_of(spell(one)) == bucket)
    return map(spell, written)


def bucket_of(sentence: str) -> str:
    """The bucket that a sentence falls into, from a hash of its text alone."""
    number = int.from_bytes(hashlib.sha256(sentence.encode()).digest()[:4], "big") % 100
    return next(name for name, numbers in BUCKETS.items() if number in numbers)


def spell(text: str) -> str:
    """Lower case a-z, apostrophe and space only; numbers of up to six digits as words, usual abbreviations in full."""
    text = text.replace("\u2019", "'").replace("&", " and ")
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    text = re.sub(r"\d+(,\d{3})*", lambda found: f" {_spell_digits(found[0])} ", text)
    words = re.sub(r"[^a-z' ]", " ", text).split()
    words = [word.strip("'") if not word.endswith("s'") else word for word in words]
    return " ".join(ABBREVIATIONS.get(word, word) for word in words if word)


def _spell_digits(digits: str) -> str:
    if len(digits) == 4 and digits[0] in "12":
        return year_words(int(digits))
    digits = digits.replace(",", "")
    return number_words(int(digits)) if len(digits) <= 6 else " ".join(number_words(int(digit)) for digit in digits)


def clauses(sentence: str) -> list[str]:
    """A written sentence in pieces of at most `MAX_WORDS` words: whole, at its punctuation, or before small words.

    Nothing is dropped: the pieces' words are the sentence's words in order.
    """
    protected = re.sub(r"\b(Mrs?|Dr|St|Messrs|No)\.", r"\1", sentence)
    pieces: list[list[str]] = []
    for part in re.split(r"(?<=[a-z\d\"')\]])[,;:.?!]+\s|\s-+\s", protected):
        for words in _even_pieces(spell(part).split()):
            short = pieces and (len(words) < 4 or len(pieces[-1]) < 4)
            if short and len(pieces[-1]) + len(words) <= MAX_WORDS:
                pieces[-1].extend(words)
            else:
                pieces.append(words)
    return [" ".join(words) for words in pieces]


def _even_pieces(words: list[str]) -> list[list[str]]:
    if len(words) <= MAX_WORDS:
        return [words] if words else []
    middle = len(words) // 2
    places = sorted(range(4, len(words) - 3), key=lambda place: abs(place - middle))
    cut = next(
        (place for place in places if words[place] in GOOD_STARTS and abs(place - middle) <= 5),
        middle,
    )
    return _even_pieces(words[:cut]) + _even_pieces(words[cut:])


def text_clauses(lines: Iterable[str], bucket: str) -> list[str]:
    """Different clauses of a text's sentences that belong to a bucket, in the text's order.

    A whole source sentence falls into one bucket. A clause that also occurs in a training sentence is training's.
    """
    found: dict[str, None] = {}
    training: set[str] = set()
    for line in lines:
        home = bucket_of(spell(line))
        pieces = clauses(line) if home in (bucket, "train") else []
        if home == "train":
            training.update(pieces)
        if home == bucket:
            found.update(dict.fromkeys(pieces))
    return [clause for clause in found if bucket == "train" or clause not in training]


def read_text(path: str | Path) -> list[str]:
    """The non-empty lines of a UTF-8 text file, one sentence each. Raises OSError when it cannot be read."""
    return [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
