"""N-gram models made from sentences by interpolated modified Kneser-Ney smoothing.

Chen & Goodman 1999, "An empirical study of smoothing techniques for language modeling", Computer Speech and Language
13(4), section 3: three discounts for each order, estimated from how many n-grams occur once to four times; below the
highest order an n-gram counts once for each different word before it, except after `<s>`, which nothing precedes.
Unigrams are interpolated with the uniform distribution over all words and `<unk>` (KenLM: Heafield et al. 2013).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from speech_tl.errors import BadInput
from speech_tl.text.ngrams.model import END, NEVER, START, UNKNOWN

NGram = tuple[str, ...]

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where a text is too small, or too regular, to estimate them: those that KenLM falls back on."""


@dataclass(frozen=True)
class Estimate:
    """An estimated model.

    Attributes:
        probabilities: of each n-gram by its order (first: unigrams), interpolated with the lower orders.
        backoffs: weight of each context that some longer n-gram begins with.
        discounts: of n-grams that count 1, 2 and 3 or more, by order.
    """

    probabilities: list[dict[NGram, float]]
    backoffs: dict[NGram, float]
    discounts: list[tuple[float, float, float]]


def estimate(sentences: Iterable[Sequence[str]], order: int) -> Estimate:
    """Estimate a model of an order.

    Args:
        sentences: their words; empty ones are left out.
        order: words of the longest n-grams, 1 or more.

    Raises:
        BadInput: there are no words.
    """
    counts = _adjusted(_counted(sentences, order))
    if not counts[0]:
        raise BadInput("the texts hold no words: expected a sentence a line")
    words = len(counts[0]) + 1  # and <unk>
    probabilities: list[dict[NGram, float]] = []
    backoffs: dict[NGram, float] = {}
    discounts = [discounts_of(some.values()) for some in counts]
    for some, three in zip(counts, discounts, strict=True):
        totals, weights = _contexts(some, three)
        backoffs |= weights
        lower = probabilities[-1] if probabilities else None
        probabilities.append(
            {
                gram: (count - discounted(count, three)) / totals[gram[:-1]]
                + weights[gram[:-1]] * (1 / words if lower is None else lower[gram[1:]])
                for gram, count in some.items()
            }
        )
    probabilities[0][(UNKNOWN,)] = backoffs.pop(()) / words
    return Estimate(probabilities, backoffs, discounts)


def discounts_of(counts: Iterable[int]) -> tuple[float, float, float]:
    """What n-grams that count 1, 2 and 3 or more give away (Chen & Goodman 1999, equation 26).

    >>> [round(discount, 3) for discount in discounts_of([1, 1, 1, 1, 2, 2, 3, 4])]
    [0.5, 1.25, 1.0]
    """
    once, twice, thrice, four = (tally := Counter(counts))[1], tally[2], tally[3], tally[4]
    if not (once and twice and thrice):
        return FALLBACK
    share = once / (once + 2 * twice)
    found = (
        1 - 2 * share * twice / once,
        2 - 3 * share * thrice / twice,
        3 - 4 * share * four / thrice,
    )
    return found if all(0 < one <= place for place, one in enumerate(found, 1)) else FALLBACK


def discounted(count: int, three: tuple[float, float, float]) -> float:
    """What an n-gram that counts so much gives away."""
    return three[min(count, 3) - 1]


def arpa_lines(model: Estimate) -> Iterator[str]:
    """The lines of an ARPA file, n-grams sorted."""
    grams = [dict(table) for table in model.probabilities]
    grams[0][(START,)] = 0.0
    yield "\\data\\"
    for order, table in enumerate(grams, 1):
        yield f"ngram {order}={len(table)}"
    for order, table in enumerate(grams, 1):
        yield ""
        yield f"\\{order}-grams:"
        for gram in sorted(table):
            weight = model.backoffs.get(gram)
            line = f"{_log10(table[gram]):.6f}\t{' '.join(gram)}"
            yield line if weight is None else f"{line}\t{_log10(weight):.6f}"
    yield ""
    yield "\\end\\"


def _log10(probability: float) -> float:
    return math.log10(probability) if probability > 0 else NEVER


def _counted(sentences: Iterable[Sequence[str]], order: int) -> list[Counter[NGram]]:
    """How often each n-gram occurs, by order; `<s>` is predicted by nothing."""
    counts: list[Counter[NGram]] = [Counter() for _ in range(order)]
    for sentence in sentences:
        if not sentence:
            continue
        words = (START, *sentence, END)
        for length, table in enumerate(counts, 1):
            table.update(words[place : place + length] for place in range(len(words) - length + 1))
    del counts[0][(START,)]
    return counts


def _adjusted(counts: Sequence[Counter[NGram]]) -> list[dict[NGram, int]]:
    """The counts that lower orders are estimated from: different words before an n-gram, not occurrences."""
    found: list[dict[NGram, int]] = [dict(counts[-1])]
    for shorter, longer in zip(reversed(counts[:-1]), reversed(counts[1:]), strict=True):
        before = Counter(gram[1:] for gram in longer)
        found.insert(0, {gram: count if gram[0] == START else before[gram] for gram, count in shorter.items()})
    return found


def _contexts(
    counts: dict[NGram, int], three: tuple[float, float, float]
) -> tuple[dict[NGram, int], dict[NGram, float]]:
    """Of each context: what its n-grams count in all, and the share that discounting leaves to the lower order."""
    totals: dict[NGram, int] = defaultdict(int)
    given: dict[NGram, float] = defaultdict(float)
    for gram, count in counts.items():
        totals[gram[:-1]] += count
        given[gram[:-1]] += discounted(count, three)
    return totals, {context: given[context] / total for context, total in totals.items()}
