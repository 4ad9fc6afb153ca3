"""What kind of errors: words taken for others, what was mended, what was broken, and text that nobody said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from speech_tl.scoring.alignment import Chunk, chunks_of_all
from speech_tl.scoring.loops import longer_than_speech, loops
from speech_tl.scoring.silence import silence_figures
from speech_tl.scoring.wer import ScoredUtterance
from speech_tl.text import Rate

MOST = 20  # entries of each list


def error_kinds(
    before: Sequence[ScoredUtterance], after: Sequence[ScoredUtterance], rate: Rate = "wer"
) -> dict[str, Any]:
    """What changed in the errors, as it stands in report.json under `errors`.

    Args:
        before, after: of the same utterances in the same order.
        rate: which one leads: where it is the CER, characters take the place of words.

    Returns:
        `confusions`: by side, the most frequent substitutions as [said, heard, count]. `fixed` and `broken`: words of
        the references that were wrong before and are right after, or the other way round, as [word, count]. `improved`
        and `worsened`: utterances as [id, errors before, errors after], the greatest change first. `loops`, `overlong`
        and `on_silence`: by side, how many utterances have text that repeats itself where the reference does not (or
        had, before decoding stopped it), that is longer than anyone can speak, or where nothing was said; one utterance
        may be counted in each of them.
        Lists are cut after 20.
    """
    sides = {"before": list(before), "after": list(after)}
    aligned = {
        side: chunks_of_all([u.reference for u in said], [u.hypothesis for u in said], rate)
        for side, said in sides.items()
    }
    fixed, broken = _changed_words(aligned["before"], aligned["after"])
    return {
        "confusions": {side: _most(confusions(chunks)) for side, chunks in aligned.items()},
        "fixed": _most(fixed),
        "broken": _most(broken),
        "improved": _most_changed(before, after, rate, sign=-1),
        "worsened": _most_changed(before, after, rate, sign=1),
        "loops": {
            side: sum(u.looped or (loops(u.hypothesis) and not loops(u.reference)) for u in said)
            for side, said in sides.items()
        },
        "overlong": {
            side: sum(longer_than_speech(u.hypothesis, u.duration) for u in said) for side, said in sides.items()
        },
        "on_silence": {side: silence_figures(said)["with_text"] for side, said in sides.items()},
    }


def confusions(aligned: Iterable[Sequence[Chunk]]) -> Counter[tuple[str, str]]:
    """How often each word was heard as which other one."""
    found: Counter[tuple[str, str]] = Counter()
    for chunks in aligned:
        for kind, said, heard in chunks:
            if kind == "substitute":
                found.update(zip(said, heard, strict=True))
    return found


def _changed_words(before: Sequence[Sequence[Chunk]], after: Sequence[Sequence[Chunk]]) -> tuple[Counter, Counter]:
    """The words of the references that are right after only, and before only."""
    fixed: Counter[tuple[str]] = Counter()
    broken: Counter[tuple[str]] = Counter()
    for first, last in zip(before, after, strict=True):
        for (word, was_right), (_, is_right) in zip(_heard_right(first), _heard_right(last), strict=True):
            if was_right != is_right:
                (fixed if is_right else broken)[(word,)] += 1
    return fixed, broken


def _heard_right(chunks: Sequence[Chunk]) -> list[tuple[str, bool]]:
    """Each word of a reference, and whether it was heard."""
    return [(word, kind == "equal") for kind, said, _ in chunks for word in said]


def _most(counted: Counter) -> list[list[Any]]:
    """The most frequent entries with their counts, equally frequent ones by alphabet."""
    ordered = sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))
    return [[*words, count] for words, count in ordered[:MOST]]


def _most_changed(
    before: Sequence[ScoredUtterance], after: Sequence[ScoredUtterance], rate: Rate, sign: int
) -> list[list[Any]]:
    """The utterances whose errors became more (`sign` 1) or fewer (-1), the greatest change first."""
    changes: list[list[Any]] = [
        [first.id, first.edits(rate).errors, last.edits(rate).errors] for first, last in zip(before, after, strict=True)
    ]
    changes = sorted(
        (found for found in changes if sign * (found[2] - found[1]) > 0), key=lambda f: sign * (f[1] - f[2])
    )
    return changes[:MOST]
