"""What two splits share and must not: speakers, sentences, recordings."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.text import get_normaliser, without_tags

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest

Pair = tuple[str, str]
SPLITS = ("train", "dev", "test")


def shared_values(values: Sequence[str | None], splits: Sequence[str | None]) -> dict[Pair, list[str]]:
    """Values that occur in two splits, sorted, by pair of splits; empty values are unknown and shared by nobody.

    >>> shared_values(["ann", "bob", "ann", ""], ["train", "train", "test", "test"])
    {('train', 'test'): ['ann']}
    """
    found: dict[str, set[str]] = {name: set() for name in SPLITS}
    for value, split in zip(values, splits, strict=True):
        if value and split in found:
            found[split].add(value)
    pairs = {(first, second): sorted(found[first] & found[second]) for first, second in combinations(SPLITS, 2)}
    return {pair: names for pair, names in pairs.items() if names}


def spoken_in(manifest: Manifest, language: str | None) -> list[str | None]:
    """Each row's language: its own where a column says it, else `language`."""
    return [str(own) if own else language for own in manifest.texts("language")]


def comparable_sentences(
    texts: Sequence[str | None], splits: Sequence[str | None], languages: Sequence[str | None]
) -> list[str | None]:
    """Each text as the normaliser `basic` has it in its language, or None where nothing like it is in another split.

    Normalising a million sentences takes a minute, so a quick rough key first tells which ones can matter.
    """
    keys = [_rough_key(text) if text else None for text in texts]
    splits_of: dict[str, set[str]] = defaultdict(set)
    for key, split in zip(keys, splits, strict=True):
        if key and split:
            splits_of[key].add(split)
    return [
        get_normaliser("basic", language)(text) if text and key and len(splits_of[key]) > 1 else None
        for text, key, language in zip(texts, keys, languages, strict=True)
    ]


def _rough_key(text: str) -> str:
    """Letters and digits only; texts that `basic` makes equal have equal keys, and a few others too."""
    text = unicodedata.normalize("NFKC", without_tags(text)).casefold().replace("\u0131", "i")
    return re.sub(r"[\W_]+", "", text)


def same_audio(digests: np.ndarray) -> list[np.ndarray]:
    """Groups of indices (two or more, in order) whose digests `(rows,)` are equal; the empty digest matches nothing."""
    order = np.argsort(digests, kind="stable")
    ordered = digests[order]
    borders = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    groups = np.split(order, borders)
    return sorted((g for g in groups if len(g) > 1 and digests[g[0]]), key=lambda group: group[0])
