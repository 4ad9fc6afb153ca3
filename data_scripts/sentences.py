"""Sentences for a synthesiser to speak: everyday ones from a small grammar, and clauses of any text file.

Everything is spelt as words with the letters a to z, the apostrophe and the space, so that what is spoken is
what is written. Sentences fall into disjoint buckets by a hash of their text: the same sentence can never be
in two sets, whatever the seed.
"""

from __future__ import annotations

import hashlib
import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from data_scripts.everyday_words import PATTERNS, WORDS

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

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_ONES = _UNITS.split()
_TENS = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
}


def number_words(number: int) -> str:
    """A whole number from 0 to 999 999 spelt as words: 342 is "three hundred and forty two".

    Raises:
        ValueError: the number is outside that range.
    """
    if not 0 <= number < 1_000_000:
        raise ValueError(f"number_words spells 0 to 999999, not {number}")
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10] + (f" {_ONES[number % 10]}" if number % 10 else "")
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    rest = number % size
    joiner = " and " if rest < 100 else " "
    return f"{number_words(number // size)} {name}" + (joiner + number_words(rest) if rest else "")


def ordinal_words(number: int) -> str:
    """An ordinal spelt as words: 21 is "twenty first". Raises ValueError outside 0 to 999 999."""
    *head, last = number_words(number).split()
    if last.endswith("y"):
        spelt = last[:-1] + "ieth"
    else:
        spelt = _ORDINALS.get(last) or ("twelfth" if last == "twelve" else last + "th")
    return " ".join([*head, spelt])


def year_words(year: int) -> str:
    """A year as it is read aloud: 1984 is "nineteen eighty four", 2007 "two thousand and seven"."""
    if 2000 <= year < 2010:
        return number_words(year)
    century, rest = divmod(year, 100)
    if rest == 0:
        return f"{number_words(century)} hundred"
    return f"{number_words(century)} {'oh ' if rest < 10 else ''}{number_words(rest)}"


def _time(rng: random.Random) -> str:
    hour, minute = (
        rng.randint(1, 12),
        rng.choice((5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55)),
    )
    spelt, following = _ONES[hour], _ONES[hour % 12 + 1]
    return rng.choice(
        (
            f"{spelt} o'clock",
            f"half past {spelt}",
            f"a quarter past {spelt}",
            f"a quarter to {following}",
            f"{number_words(min(minute, 25))} past {spelt}",
            f"{number_words(min(minute, 25))} to {following}",
            f"{spelt} {'oh five' if minute == 5 else number_words(minute)}",
            f"{spelt} {rng.choice(('in the morning', 'in the afternoon', 'in the evening'))}",
            rng.choice(("noon", "midnight")),
        )
    )


def _price(rng: random.Random) -> str:
    units, cents = number_words(rng.randint(2, 99)), number_words(rng.randint(2, 99))
    big = number_words(rng.randint(1, 90) * 10 ** rng.randint(1, 3))
    return rng.choice(
        (
            f"{units} dollars",
            f"{units} dollars and {cents} cents",
            f"{units} pounds {cents}",
            f"{big} dollars",
            f"{cents} cents",
        )
    )


def _date(rng: random.Random) -> str:
    month, day = rng.choice(_fillers("month")), ordinal_words(rng.randint(1, 31))
    return rng.choice((f"{month} {day}", f"{month} the {day}", f"the {day} of {month}"))


def _minutes(rng: random.Random) -> str:
    unit = rng.choice(("seconds", "minutes", "minutes", "hours", "days", "weeks", "years"))
    return f"{number_words(rng.choice((*range(2, 21), 25, 30, 35, 40, 45, 50, 60, 75, 90)))} {unit}"


def _digits(rng: random.Random) -> str:
    names = ["oh" if rng.random() < 0.5 else "zero", *_ONES[1:10]]
    return " ".join(rng.choice(names) for _ in range(rng.randint(3, 7)))


MADE: dict[str, Callable[[random.Random], str]] = {
    "time": _time,
    "price": _price,
    "date": _date,
    "minutes": _minutes,
    "digits": _digits,
    "number": lambda rng: number_words(rng.choice((rng.randint(2, 100), rng.randint(2, 999), rng.randint(1, 9) * 100))),
    "small": lambda rng: number_words(rng.randint(2, 12)),
    "big": lambda rng: number_words(rng.randint(10, 999) * 1000 + rng.choice((0, 0, 100, 500))),
    "ordinal": lambda rng: ordinal_words(rng.randint(1, 31)),
    "percent": lambda rng: f"{number_words(rng.randint(2, 99))} percent",
    "year": lambda rng: year_words(rng.randint(1750, 2029)),
    "past_day": lambda rng: rng.choice(_fillers("day")),
}

_cache: dict[str, list[str]] = {}


def _fillers(slot: str) -> list[str]:
    if slot not in _cache:
        _cache[slot] = [" ".join(filler.split()) for filler in WORDS[slot].split(",")]
    return _cache[slot]


def _fill(text: str, rng: random.Random) -> str:
    def choose(slot: re.Match[str]) -> str:
        name = slot.group(1)
        return MADE[name](rng) if name in MADE else _fill(rng.choice(_fillers(name)), rng)

    return re.sub(r"\{(\w+)\}", choose, text)


def _grammar(text: str) -> str:
    """Repairs what slots cannot know: a before a vowel, and the -s of animals."""
    text = re.sub(r"\ba (?=[aeiou](?!niform|niversity|seful|nique))", "an ", text)
    text = re.sub(r"\ba (?=hour|honest)", "an ", text)
    for wrong, right in {
        "mouses": "mice",
        "sheeps": "sheep",
        "fishs": "fish",
        "gooses": "geese",
        "wolfs": "wolves",
    }.items():
        text = text.replace(wrong, right)
    return re.sub(
        r"(fox|butterfly|puppy)s\b",
        lambda found: {"fox": "foxes"}.get(found[1], found[1][:-1] + "ies"),
        text,
    )


def everyday_sentences(seed: int, bucket: str) -> Iterator[str]:
    """Endless different everyday sentences of a bucket: greetings, requests, numbers, dates, weather, travel, ...

    Args:
        seed: the same seed gives the same sentences in the same order.
        bucket: a key of `BUCKETS`; sentences of two buckets never meet.
    """
    rng, seen = random.Random(f"{seed} {bucket}"), set()
    patterns = [pattern for line in PATTERNS.strip().splitlines() for pattern in line.split("|")]
    while True:
        sentence = _grammar(_fill(rng.choice(patterns), rng))
        if len(sentence.split()) <= MAX_WORDS + 2 and sentence not in seen and bucket_of(sentence) == bucket:
            seen.add(sentence)
            yield sentence


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
    return number_words(int(digits)) if len(digits) <= 6 else " ".join(_ONES[int(digit)] for digit in digits)


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
