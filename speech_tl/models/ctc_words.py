"""Where the words of a CTC text are: torchaudio's forced alignment of the text with its own frames.

Forced alignment finds the likeliest path through the frames that spells the text (Kürzinger et al. 2020, arXiv
2007.09127; Pratap et al. 2023, arXiv 2305.13516, section 3). Of a text that was searched greedily that is the path of
the search itself; of any other text it is the best that can be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def align_words(
    log_probabilities: torch.Tensor, words: Sequence[Sequence[int]], blank: int, delimiter: int | None
) -> list[tuple[int, int, float]]:
    """First frame, last frame and probability of each word.

    Args:
        log_probabilities: `(frames, labels)`, a frame or more for each label, one more between equal ones.
        words: the labels of each; none is empty.
        blank: CTC's.
        delimiter: what stands between words; None where they just follow each other.
    """
    import torch
    from torchaudio.functional import forced_align

    if not words:
        return []
    labels, owners = list(words[0]), [0] * len(words[0])
    for number, word in enumerate(words[1:], 1):
        between = [] if delimiter is None else [delimiter]
        labels += [*between, *word]
        owners += [-1] * len(between) + [number] * len(word)
    scores = log_probabilities.float().cpu()[None]
    path, sure = forced_align(scores, torch.tensor([labels], dtype=torch.int32), blank=blank)
    path, sure = path[0].numpy(), sure[0].numpy()
    letters: list[list[tuple[int, int]]] = [[] for _ in words]
    for owner, place in zip(owners, label_spans(path, blank), strict=True):
        if owner >= 0:
            letters[owner].append(place)
    return [_place(spans, sure) for spans in letters]


def _place(spans: Sequence[tuple[int, int]], sure: np.ndarray) -> tuple[int, int, float]:
    frames = np.concatenate([sure[first : last + 1] for first, last in spans])
    return spans[0][0], spans[-1][1], float(np.exp(frames.mean()))


def label_spans(path: np.ndarray, blank: int) -> list[tuple[int, int]]:
    """First and last frame of every label that a path emits: equal neighbours are one, blanks none."""
    changes = np.flatnonzero(np.diff(path)) + 1
    starts = np.concatenate([[0], changes])
    ends = np.concatenate([changes, [len(path)]]) - 1
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True) if path[start] != blank]


def labels_of(path: Sequence[int], blank: int) -> list[int]:
    """The labels that a path spells: repeats merged, blanks dropped."""
    return [label for label, _ in groupby(path) if label != blank]


def words_of(labels: Sequence[int], delimiter: int | None) -> list[list[int]]:
    """The labels of each word; without a delimiter every label is a word of its own.

    >>> words_of(labels_of([0, 5, 5, 0, 5, 4, 4, 0, 6], blank=0), delimiter=4)
    [[5, 5], [6]]
    """
    if delimiter is None:
        return [[label] for label in labels]
    return [list(word) for is_word, word in groupby(labels, lambda label: label != delimiter) if is_word]
