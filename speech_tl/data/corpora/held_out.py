"""Splits for what has none: whole groups (speakers, rooms, recordings) are held out, never single rows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from speech_tl.data.corpora.table import Row


def hold_out(
    rows: Iterable[Row],
    group: Callable[[Row], str],
    seed: int,
    shares: Mapping[str, float] | None = None,
    *,
    of: str | None = None,
) -> None:
    """Give every row a split: the groups are shuffled with `seed`, a tenth is dev, a tenth test, the rest train.

    At least one group each for dev and test where there are three. With `of`, only the rows of that split are divided.
    """
    shares = {"dev": 0.1, "test": 0.1} if shares is None else shares
    rows = [row for row in rows if of is None or row["split"] == of]
    groups = sorted({group(row) for row in rows})
    random.Random(seed).shuffle(groups)
    split_of: dict[str, str] = {}
    for split, share in shares.items():
        count = max(1, round(share * len(groups))) if len(groups) > len(shares) else 0
        taken = [name for name in groups if name not in split_of][:count]
        split_of |= dict.fromkeys(taken, split)
    for row in rows:
        row["split"] = split_of.get(group(row), "train")


def alternating(groups: Iterable[Iterable[str]], count: int, seed: int) -> list[str]:
    """`count` names drawn in turns from each group, the same for the same seed.

    >>> [name in "xy" for name in alternating([["a", "b", "c"], ["x", "y"]], 5, seed=0)]
    [False, True, False, True, False]
    """
    rng = random.Random(seed)
    shuffled = []
    for group in groups:
        names = sorted(group)
        rng.shuffle(names)
        shuffled.append(names)
    longest = max(map(len, shuffled), default=0)
    return [names[turn] for turn in range(longest) for names in shuffled if turn < len(names)][:count]


def keep_sentences_apart(rows: list[Row], seed: int, left_out: Counter[str], share: float = 0.2) -> list[Row]:
    """For rows that have splits by speaker, but whose speakers read the same sentences: keep those apart as well.

    `share` of the sentences is for dev and test alone, the others are for train; rows on the wrong side are left out,
    and counted in `left_out`. Where too few speakers put all rows into train they get no split: `speech-tl adapt` then
    splits by sentence.
    """
    if all(row["split"] == "train" for row in rows):
        for row in rows:
            row["split"] = ""
        return rows
    sentences = sorted({row["text"] for row in rows})
    random.Random(seed).shuffle(sentences)
    held = set(sentences[: max(1, round(share * len(sentences)))])
    kept = [row for row in rows if (row["text"] in held) == (row["split"] != "train")]
    left_out["sentences that only the other side may have"] += len(rows) - len(kept)
    return kept
