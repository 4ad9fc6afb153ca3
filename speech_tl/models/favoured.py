"""Words that a Whisper is to write more readily: a bonus on their tokens while it searches.

Shallow contextual biasing with a prefix trie over the tokens of the words (Zhao et al. 2019, Interspeech): a hypothesis
earns for each letter of a word that has begun, the first token's letters among them, and pays all of it back where its
next token leaves the word unfinished. So no word wins by its beginning; a search of several hypotheses keeps those that
may become one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from transformers import LogitsProcessor

WEIGHT, BEAM = 0.4, 5
"""Bonus of a letter in natural log units, and hypotheses that are kept, where nobody says."""

Node = dict[int | None, Any]
"""What may follow, by token: another node; None is there where a word may end."""

Places = tuple[tuple[Node, float], ...]
"""Where in listed words a text may be, with what it earned for each since the last one that was whole."""


class Favoured:
    """Some words by their tokens, and what these earn."""

    def __init__(self, words: Iterable[Sequence[int]], letters: torch.Tensor, weight: float | None = None) -> None:
        """Put words in a trie.

        Args:
            words: their tokens.
            letters: how many letters each token has `(vocabulary,)`.
            weight: bonus of a letter; None is `WEIGHT`.
        """
        self.root: Node = {}
        self.weight = WEIGHT if weight is None else weight
        for tokens in words:
            node = self.root
            for token in tokens:
                node = node.setdefault(token, {})
            node[None] = {}
        self.letters = letters.tolist()

    def after(self, places: Places, token: int) -> Places:
        """Where a text is after one more token."""
        found = []
        for node, earned in ((self.root, 0.0), *places):
            if (further := node.get(token)) is not None:
                found.append((further, 0.0 if None in further else earned + self.bonus(token)))
        return tuple(found)

    def bonus(self, token: int) -> float:
        """Of a token that goes on with a word."""
        return self.weight * self.letters[token]

    def changes(self, places: Places) -> tuple[float, dict[int, float]]:
        """What any next token costs, and what those that go on with a word earn instead."""
        owed = max((earned for _, earned in places), default=0.0)
        gains: dict[int, float] = {}
        for node, earned in ((self.root, 0.0), *places):
            for token in node:
                if token is not None:
                    gains[token] = max(gains.get(token, 0.0), earned + self.bonus(token))
        return owed, {token: gain - owed for token, gain in gains.items()}


class FavouredScores(LogitsProcessor):
    """Favoured words in transformers' own search, of one batch."""

    def __init__(self, favoured: Favoured, start: int) -> None:
        """`start` is how many tokens stand before what is written."""
        self.favoured, self.start = favoured, start
        self.known: dict[tuple[int, ...], Places] = {(): ()}

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores `(hypotheses, vocabulary)` of what follows `input_ids` `(hypotheses, tokens)`."""
        scores = scores.clone()
        for row, tokens in enumerate(input_ids[:, self.start :].tolist()):
            owed, changes = self.favoured.changes(self._places(tuple(tokens)))
            scores[row] -= owed
            following = list(changes)
            scores[row, following] += torch.tensor(list(changes.values()), device=scores.device) + owed
        return scores

    def _places(self, tokens: tuple[int, ...]) -> Places:
        if tokens not in self.known:
            self.known[tokens] = self.favoured.after(self._places(tokens[:-1]), tokens[-1])
        return self.known[tokens]
