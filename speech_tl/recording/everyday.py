"""English sentences as people say them every day, from a small grammar, written with capitals and marks.

Numbers, times, prices and dates are spelt as they are said, so that what is read is what is written. Recordings teach a
model these texts: without capitals and marks it would unlearn writing any.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from speech_tl.recording.everyday_words import PATTERNS, WORDS

MAX_WORDS = 16

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
    text = re.sub(r"\ba (?=[aeiouAEIOU](?!niform|niversity|seful|nique))", "an ", text)
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


def _finished(text: str) -> str:
    """With the capital it begins with and the mark it ends with."""
    text = text[0].upper() + text[1:]
    return text if text.endswith("?") else f"{text}?" if text.startswith("How ") else f"{text}."


def everyday_sentences(seed: int | str, wanted: Callable[[str], bool] = bool) -> Iterator[str]:
    """Endless different everyday sentences: greetings, requests, numbers, dates, weather, travel, ...

    Args:
        seed: the same seed gives the same sentences in the same order.
        wanted: says of a sentence whether it may come.
    """
    rng, seen = random.Random(seed), set()
    patterns = [pattern for line in PATTERNS.strip().splitlines() for pattern in line.split("|")]
    while True:
        sentence = _finished(_grammar(_fill(rng.choice(patterns), rng)))
        if len(sentence.split()) <= MAX_WORDS and sentence not in seen and wanted(sentence):
            seen.add(sentence)
            yield sentence
