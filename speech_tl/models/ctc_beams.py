"""CTC prefix beam search (Graves & Jaitly 2014; Hannun et al. 2014, arXiv 1408.2873), a text's own scores fused in.

A prefix is a text, whatever path of labels and blanks spelt it: its probability is the sum over those paths, kept apart
by whether the last frame was blank. Frames that are surely blank change no order and are passed over (phone synchronous
decoding, Chen et al. 2016).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from math import exp, log1p
from operator import attrgetter

import numpy as np

from speech_tl.models.fusion import Prefix, TextScores

DEFAULT_BEAM = 50
"""Hypotheses where a language model or hotwords are wanted and nobody said how many."""

MOST_LABELS = 16
"""Labels that are tried in a frame."""

LABEL_RANGE = 9.0
"""A label that is so many natural log units below the frame's best is not tried."""

BEAM_RANGE = 16.0
"""A hypothesis that is so far below the best is dropped."""

SURELY_BLANK = math.log(0.9995)

NEVER = -math.inf


@dataclass(frozen=True)
class Hypothesis:
    """A text that was found.

    Attributes:
        labels: of its characters and delimiters.
        sound: natural log of the probability of its paths.
        text: what its words are worth, by part.
    """

    labels: list[int]
    sound: float
    text: Prefix

    @property
    def score(self) -> float:
        """Sound and text together."""
        return self.sound + self.text.score


class _Node:
    """A prefix in the tree of all: log probabilities of its paths that end in blank, in its label, and both."""

    __slots__ = (
        *("parent", "label", "prefix", "children", "frame"),
        *("blank", "spoken", "both", "next_blank", "next_spoken", "rank"),
    )

    def __init__(self, parent: _Node | None, label: int, prefix: Prefix) -> None:
        self.parent, self.label, self.prefix = parent, label, prefix
        self.children: dict[int, _Node] = {}
        self.blank = self.spoken = self.both = NEVER
        self.frame = -1


class BeamSearch:
    """A search over the labels of one acoustic model."""

    def __init__(
        self, labels: dict[int, str], delimiter: int | None, scores: TextScores, width: int, *, spaced: bool = True
    ) -> None:
        """What can be written.

        Args:
            labels: the characters of each label that is one; the delimiter, blank and special tokens are none.
            delimiter: the label between words, where there is one.
            scores: of texts.
            width: hypotheses that are kept.
            spaced: whether the delimiter ends words; else every label is a word of its own.
        """
        self.labels, self.delimiter, self.scores, self.width = labels, delimiter, scores, width
        self.spaced = spaced and delimiter is not None

    def best(self, log_probabilities: np.ndarray, count: int = 1) -> list[Hypothesis]:
        """The best texts for `(frames, labels)`, best first; one or more."""
        root = _Node(None, -1, self.scores.start())
        root.blank = root.both = root.rank = 0.0
        alive = [root]
        for number, (blank, labels) in enumerate(self._frames(log_probabilities)):
            if labels:
                alive = self._step(alive, blank, labels, number)
            else:
                for node in alive:
                    node.blank = node.both = node.both + blank
                    node.spoken = NEVER
        found = [Hypothesis(_spelt(node), node.both, self.scores.finished(node.prefix)) for node in alive]
        return nlargest(count, found, key=attrgetter("score"))

    def _frames(self, log_probabilities: np.ndarray) -> list[tuple[float, list[tuple[int, float]]]]:
        """Each frame's log probability of blank, special tokens counted in, and of the labels that are tried: none
        where it is surely blank.
        """
        scores = np.asarray(log_probabilities, dtype=np.float64)
        known = {*self.labels, *(() if self.delimiter is None else (self.delimiter,))}
        written = sorted(label for label in known if label < scores.shape[1])  # a vocabulary may go beyond its head
        spoken = scores[:, written]
        nothing = np.delete(scores, written, axis=1)
        top = nothing.max(axis=1)
        blanks = top + np.log(np.exp(nothing - top[:, None]).sum(axis=1))
        count = min(MOST_LABELS, len(written))
        chosen = np.argpartition(-spoken, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(spoken, chosen, axis=1)
        floor = np.maximum(values.max(axis=1), blanks) - LABEL_RANGE
        frames = []
        for blank, places, logs, least in zip(blanks.tolist(), chosen.tolist(), values.tolist(), floor, strict=True):
            if blank > SURELY_BLANK:
                frames.append((blank, []))
            else:
                pairs = zip(places, logs, strict=True)
                frames.append((blank, [(written[place], log) for place, log in pairs if log >= least]))
        return frames

    def _step(
        self, alive: Sequence[_Node], blank: float, labels: Sequence[tuple[int, float]], number: int
    ) -> list[_Node]:
        """The hypotheses after one more frame, best first."""
        touched: list[_Node] = []
        least = alive[0].rank + max(blank, max(log for _, log in labels)) - BEAM_RANGE
        for node in alive:
            if node.frame != number:
                _touch(node, number, touched)
            both = node.both
            node.next_blank = _sum(node.next_blank, both + blank)
            hopeless = least - node.prefix.score
            between = not node.prefix.spelt
            for label, log in labels:
                grown = both + log
                if label == node.label:
                    node.next_spoken = _sum(node.next_spoken, node.spoken + log)
                    grown = node.blank + log
                if between and label == self.delimiter:  # between words, another delimiter says nothing
                    node.next_blank = _sum(node.next_blank, grown)
                    continue
                child = node.children.get(label)
                if child is None:
                    if grown < hopeless:
                        continue
                    child = node.children[label] = _Node(node, label, self._extended(node.prefix, label))
                if child.frame != number:
                    _touch(child, number, touched)
                child.next_spoken = _sum(child.next_spoken, grown)
        return self._kept(touched)

    def _extended(self, prefix: Prefix, label: int) -> Prefix:
        if label == self.delimiter:
            return self.scores.word(prefix)
        after = self.scores.letter(prefix, self.labels[label])
        return after if self.spaced else self.scores.word(after)

    def _kept(self, touched: list[_Node]) -> list[_Node]:
        """The best of a frame's hypotheses; those that go, and that nothing grew from, leave the tree."""
        for node in touched:
            node.blank, node.spoken = node.next_blank, node.next_spoken
            node.both = _sum(node.blank, node.spoken)
            node.rank = node.both + node.prefix.score
        touched.sort(key=attrgetter("rank"), reverse=True)
        least = touched[0].rank - BEAM_RANGE
        kept = [node for node in touched[: self.width] if node.rank >= least]
        for node in touched[len(kept) :]:
            if not node.children and node.parent is not None:
                node.parent.children.pop(node.label, None)
        return kept


def _touch(node: _Node, number: int, touched: list[_Node]) -> None:
    node.frame, node.next_blank, node.next_spoken = number, NEVER, NEVER
    touched.append(node)


def _sum(one: float, other: float) -> float:
    """Log of the sum of two probabilities given by their logs."""
    if one < other:
        one, other = other, one
    return one if other == NEVER else one + log1p(exp(other - one))


def _spelt(node: _Node) -> list[int]:
    labels = []
    while node.parent is not None:
        labels.append(node.label)
        node = node.parent
    return labels[::-1]
