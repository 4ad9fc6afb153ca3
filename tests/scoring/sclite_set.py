"""A fixed test set for comparing with NIST's sclite: 200 utterances, and what two made-up recognisers wrote."""

from __future__ import annotations

import random
from typing import NamedTuple

WORDS = [f"{first}{second}" for first in "bdfgklmn" for second in ("a", "e", "i", "o")]
WRONG = ["xa", "xe", "xi", "xo", "xu", "ya", "ye", "yi"]  # never said: it is plain what such a word stands for


class SpokenSet(NamedTuple):
    """References and two recognisers' texts, in the same order."""

    references: list[str]
    first: list[str]
    second: list[str]

    def pairs(self, side: str) -> list[tuple[str, str]]:
        """(reference, hypothesis) of one side."""
        return list(zip(self.references, getattr(self, side), strict=True))


def spoken_set(apart: bool, seed: int = 0) -> SpokenSet:
    """The set; with errors `apart` there is one best alignment of each utterance, else often several."""
    chance = random.Random(seed)
    said = [chance.sample(WORDS, chance.randint(3, 20)) for _ in range(200)]
    hear = heard_apart if apart else heard
    sides = [[" ".join(hear(words, rate, chance)) for words in said] for rate in (0.3, 0.25)]
    return SpokenSet([" ".join(words) for words in said], *sides)


def heard(words: list[str], rate: float, chance: random.Random) -> list[str]:
    """Any word may be replaced, lost, or followed by another one; those are words that are said elsewhere, too."""
    found = []
    for word in words:
        luck = chance.random()
        if luck < 0.6 * rate:
            found.append(chance.choice(WORDS))
        elif luck > 0.8 * rate:
            found.append(word)
        if chance.random() < 0.2 * rate:
            found.append(chance.choice(WORDS))
    return found


def heard_apart(words: list[str], rate: float, chance: random.Random) -> list[str]:
    """At most every fourth word is replaced, lost, or followed by one that nobody said."""
    found = list(words)
    for position in reversed(range(0, len(words), 4)):
        luck = chance.random()
        if luck < rate:
            found[position] = chance.choice(WRONG)
        elif luck < 1.5 * rate:
            del found[position]
        elif luck < 2 * rate:
            found.insert(position + 1, chance.choice(WRONG))
    return found
