"""What kind of errors: words taken for others, what was mended, what was broken, and text that nobody said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from pydantic import Field

from speech_tl.figures import Figures, Sides
from speech_tl.scoring.alignment import Chunk, chunks_of_all
from speech_tl.scoring.loops import longer_than_speech, loops
from speech_tl.scoring.wer import ScoredUtterance
from speech_tl.text import Rate

MOST = 20  # entries of each list

Entry = TypeVar("Entry", str, tuple[str, str])


class Confusions(Figures):
    """The most frequent substitutions of either side: (said, heard, count)."""

    before: list[tuple[str, str, int]] = Field([])
    after: list[tuple[str, str, int]] = Field([])


class ErrorKinds(Figures):
    """What changed in the errors; lists are cut after 20.

    Attributes:
        confusions: words that were taken for others.
        fixed, broken: words of the references that were wrong before and are right after, or the other way round, as
            (word, count).
        improved, worsened: utterances as (id, errors before, errors after), the greatest change first.
        loops: utterances with text that repeats itself where the reference does not, or had before decoding stopped it.
        overlong: with text that is longer than anyone can speak.
        on_silence: with text where nothing was said. One utterance may be counted in each of the three.
    """

    confusions: Confusions = Confusions()
    fixed: list[tuple[str, int]] = Field([])
    broken: list[tuple[str, int]] = Field([])
    improved: list[tuple[str, int, int]] = Field([])
    worsened: list[tuple[str, int, int]] = Field([])
    loops: Sides | None = None
    overlong: Sides | None = None
    on_silence: Sides | None = None


def error_kinds(before: Sequence[ScoredUtterance], after: Sequence[ScoredUtterance], rate: Rate = "wer") -> ErrorKinds:
    """What changed in the errors.

    Args:
        before, after: of the same utterances in the same order.
        rate: which one leads: where it is the CER, characters take the place of words.
    """
    aligned = [
        chunks_of_all([u.reference for u in side], [u.hypothesis for u in side], rate) for side in (before, after)
    ]
    fixed, broken = _changed_words(*aligned)

    def counted(odd: Callable[[ScoredUtterance], bool]) -> Sides:
        return Sides(before=sum(map(odd, before)), after=sum(map(odd, after)))

    confused = [[(*pair, count) for pair, count in _most(confusions(chunks))] for chunks in aligned]
    return ErrorKinds(
        confusions=Confusions(before=confused[0], after=confused[1]),
        fixed=_most(fixed),
        broken=_most(broken),
        improved=_most_changed(before, after, rate, sign=-1),
        worsened=_most_changed(before, after, rate, sign=1),
        loops=counted(lambda u: u.looped or (loops(u.hypothesis) and not loops(u.reference))),
        overlong=counted(lambda u: longer_than_speech(u.hypothesis, u.duration)),
        on_silence=counted(lambda u: bool(u.hypothesis) and not u.reference),
    )


def confusions(aligned: Iterable[Sequence[Chunk]]) -> Counter[tuple[str, str]]:
    """How often each word was heard as which other one."""
    found: Counter[tuple[str, str]] = Counter()
    for chunks in aligned:
        for kind, said, heard in chunks:
            if kind == "substitute":
                found.update(zip(said, heard, strict=True))
    return found


def _changed_words(
    before: Sequence[Sequence[Chunk]], after: Sequence[Sequence[Chunk]]
) -> tuple[Counter[str], Counter[str]]:
    """The words of the references that are right after only, and before only."""
    fixed: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for first, last in zip(before, after, strict=True):
        for (word, was_right), (_, is_right) in zip(_heard_right(first), _heard_right(last), strict=True):
            if was_right != is_right:
                (fixed if is_right else broken)[word] += 1
    return fixed, broken


def _heard_right(chunks: Sequence[Chunk]) -> list[tuple[str, bool]]:
    """Each word of a reference, and whether it was heard."""
    return [(word, kind == "equal") for kind, said, _ in chunks for word in said]


def _most(counted: Counter[Entry]) -> list[tuple[Entry, int]]:
    """The most frequent entries with their counts, equally frequent ones by alphabet."""
    return sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST]


def _most_changed(
    before: Sequence[ScoredUtterance], after: Sequence[ScoredUtterance], rate: Rate, sign: int
) -> list[tuple[str, int, int]]:
    """The utterances whose errors became more (`sign` 1) or fewer (-1), the greatest change first."""
    changes = [
        (first.id, first.edits(rate).errors, last.edits(rate).errors) for first, last in zip(before, after, strict=True)
    ]
    changed = [found for found in changes if sign * (found[2] - found[1]) > 0]
    return sorted(changed, key=lambda found: sign * (found[1] - found[2]))[:MOST]
