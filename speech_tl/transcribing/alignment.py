"""Where each word of a known text is in a recording: CTC forced alignment, piece of text by piece of text.

Forced alignment finds the likeliest path through the labels' scores that spells the text (Kürzinger et al. 2020, arXiv
2007.09127; Pratap et al. 2023, arXiv 2305.13516, section 3). Between the pieces of text the path may pass through a
filler, which stands for any sound: what the best label scores in a frame, less a penalty. So an announcement, a cough
or a remark that the text does not have is passed over instead of being spelt by its neighbours. And a piece that nobody
said takes its neighbours' place: those that fit there hardly better than their own letters in any other order are taken
out one by one, each time the one whose absence lets the others around it score best.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from speech_tl.models.ctc_words import label_spans

FILLER_PENALTY = 0.1
"""Nats a frame below the best label; with more, speech that is not in the text pulls the text's letters to it."""

BLOCK_FRAMES = 15_000  # aligned at once: time and memory grow with its square
TRIED_SHARE = 0.75  # of the text that a block should hold: all of what is tried must be spoken there
TRUSTED_SHARE = 0.6  # of the pieces tried are kept; the others are aligned again in the next block
MARGIN = 1.3
"""Nats a letter by which a text must score better than its letters shuffled, in the same place. A text that nobody
says has little of it whatever the model and the recording, which is not so of the score itself.
"""

SHUFFLES = 8
ROOM_FRAMES = 5  # around a text when its shuffled letters are placed there
MOST_TRIED = 8  # of a longer run of bad pieces a quarter is taken out at once
LETTERS_TO_RETURN = 12  # fewer are found anywhere


@dataclass(frozen=True)
class Word:
    """A word's place in frames (the last one included), and how it scored.

    Attributes:
        start: first frame of its first letter; -1 where the model can write none of its letters.
        end: last frame of its last letter.
        score: ln p(path) - ln p(best path), over its frames and those up to the next word, a letter; 0 is perfect.
        letters: how many the model could write.
    """

    start: int = -1
    end: int = -1
    score: float = 0.0
    letters: int = 0


@dataclass(frozen=True)
class Piece:
    """A piece of text as labels, a list a word (empty where the model can write nothing of it)."""

    words: tuple[tuple[int, ...], ...]

    def labels(self, delimiter: int | None, filler: int) -> tuple[list[int], list[int]]:
        """(a filler and the words' labels, the word that each belongs to; -1 for what stands between words).

        A word that cannot be written is a filler too.
        """
        labels, owners = [filler], [-1]
        for place, word in enumerate(self.words):
            between = delimiter if word else filler
            if labels[-1] != filler and between is not None:
                labels.append(between)
                owners.append(-1)
            labels += word
            owners += [place] * len(word)
        last = len(labels) - (labels[-1] == filler and len(labels) > 1)
        return labels[:last], owners[:last]


@dataclass(frozen=True)
class Placed:
    """A piece of text in the recording: its words, or nothing where it was not spoken."""

    words: tuple[Word, ...] = ()

    @property
    def start(self) -> int:
        """First frame."""
        return min(word.start for word in self.words if word.letters)

    @property
    def end(self) -> int:
        """Last frame."""
        return max(word.end for word in self.words if word.letters)

    @property
    def score(self) -> float:
        """Mean over letters."""
        return mean_score(self.words)


class Aligner:
    """Aligns pieces of text with one recording's scores."""

    def __init__(self, scores: np.ndarray, blank: int, delimiter: int | None, penalty: float = FILLER_PENALTY) -> None:
        """`scores` are log probabilities `(frames, labels)`; `blank` is CTC's, `delimiter` stands between words."""
        self.scores = scores
        self.blank = blank
        self.delimiter = delimiter
        self.best = scores.max(axis=1)
        self.emission = np.concatenate([scores, (self.best - penalty)[:, None]], axis=1).astype(np.float32)
        self.filler = scores.shape[1]

    def locate(self, pieces: Sequence[Piece]) -> list[Placed | None]:
        """Every piece's place, in order; None for those that were not spoken.

        A long recording is aligned a block after the other, each a little overlapping; a block in which less than half
        of the text is found is made longer.

        Args:
            pieces: the text; `fits` says whether there are frames enough.
        """
        placed: list[Placed | None] = []
        frame, block = 0, BLOCK_FRAMES
        while len(placed) < len(pieces):
            rest = pieces[len(placed) :]
            count, end = self._next_block(rest, frame, block)
            found = self._spoken(rest[:count], frame, end)
            if count < len(rest) and sum(piece is not None for piece in found) < count / 2:
                block *= 2
                continue
            if count < len(rest):
                found = found[: max(1, int(count * TRUSTED_SHARE))]
            placed += found
            frame = max((piece.end + 1 for piece in found if piece is not None), default=frame)
            block = BLOCK_FRAMES
        return placed

    def _next_block(self, rest: Sequence[Piece], frame: int, block: int) -> tuple[int, int]:
        """(how many pieces, up to which frame)."""
        frames = len(self.scores) - frame
        lengths = np.cumsum([self._needed(piece) for piece in rest])
        if frames <= 1.5 * block or lengths[-1] + 1 > frames:
            return len(rest), len(self.scores)
        wanted = lengths[-1] * block / frames * TRIED_SHARE
        count = max(1, int(np.searchsorted(lengths, wanted, side="right")))
        return count, min(len(self.scores), frame + max(block, 2 * int(lengths[count - 1])))

    def _needed(self, piece: Piece) -> int:
        """Frames that a piece takes at the least: one a label, one more between equal ones, one for the filler."""
        labels, _ = piece.labels(self.delimiter, self.filler)
        return len(labels) + sum(a == b for a, b in pairwise(labels))

    def fits(self, pieces: Sequence[Piece], first: int = 0, end: int | None = None) -> bool:
        """Whether there are frames enough for the pieces."""
        there = (len(self.scores) if end is None else end) - first
        return sum(self._needed(piece) for piece in pieces) + 1 <= there

    def place_within(self, pieces: Sequence[Piece], first: int, end: int) -> list[Placed]:
        """The pieces in frames `first` to `end`, a filler before, between and after them."""
        import torch
        from torchaudio.functional import forced_align

        targets: list[int] = []
        owners: list[tuple[int, int]] = []
        for number, piece in enumerate(pieces):
            labels, words = piece.labels(self.delimiter, self.filler)
            targets += labels
            owners += [(number, word) for word in words]
        emission = torch.from_numpy(self.emission[first:end])[None]
        targets.append(self.filler)
        owners.append((len(pieces), -1))
        path, scores = forced_align(emission, torch.tensor([targets], dtype=torch.int32), blank=self.blank)
        sums = np.concatenate([[0.0], np.cumsum(scores[0].numpy() - self.best[first:end], dtype=np.float64)])
        letters: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for owner, place in zip(owners, label_spans(path[0].numpy(), self.blank), strict=True):
            letters.setdefault(owner, []).append(place)
        return [
            Placed(_words([letters.get((number, word), []) for word in range(len(piece.words))], sums, first))
            for number, piece in enumerate(pieces)
        ]

    def margin(self, piece: Piece, placed: Sequence[Word]) -> float:
        """By how many nats a letter a piece scores better than its letters shuffled do in its place.

        Args:
            piece: the text.
            placed: its words, in order.
        """
        heard = [word for word in placed if word.letters]
        first = max(0, heard[0].start - ROOM_FRAMES)
        room = max(heard[-1].end + 1 + ROOM_FRAMES - first, round(1.2 * self._needed(piece)))
        end = min(len(self.scores), first + room)
        rng = np.random.default_rng(0)
        others = [
            mean_score(self.place_within([other], first, end)[0].words)
            for other in (_shuffled(piece, rng) for _ in range(SHUFFLES))
            if self.fits([other], first, end)
        ]
        return mean_score(heard) - float(np.mean(others)) if others else -np.inf

    def _spoken(self, pieces: Sequence[Piece], first: int, end: int) -> list[Placed | None]:
        """The pieces in frames `first` to `end`, None for those taken out (see `locate`)."""
        if not self.fits(pieces, first, end):
            return [None] * len(pieces)
        now = dict(enumerate(self.place_within(pieces, first, end)))
        known: dict[tuple[int, Placed], float] = {}
        while now:
            kept = sorted(now)
            for number in kept:
                if (number, now[number]) not in known:
                    known[number, now[number]] = self.margin(pieces[number], now[number].words)
            bad = [place for place, number in enumerate(kept) if known[number, now[number]] < MARGIN]
            if not bad:
                break
            run = sorted(_runs(bad)[0], key=lambda place: known[kept[place], now[kept[place]]])
            low, high = max(0, min(run) - 1), min(len(kept), max(run) + 2)
            begin = now[kept[low - 1]].end + 1 if low else first
            stop = now[kept[high]].start if high < len(kept) else end
            self._take_one_out(pieces, now, kept[low:high], [kept[place] for place in run], (begin, stop))
        for run in _runs([number for number in range(len(pieces)) if now and number not in now]):
            begin = now[run[0] - 1].end + 1 if run[0] - 1 in now else first
            stop = now[run[-1] + 1].start if run[-1] + 1 in now else end
            now |= self._put_back(pieces, run, (begin, stop))
        return [now.get(number) for number in range(len(pieces))]

    def _put_back(self, pieces: Sequence[Piece], run: Sequence[int], within: tuple[int, int]) -> dict[int, Placed]:
        """Those of a run of pieces taken out that, each by itself, are found between the run's neighbours after all.

        Args:
            pieces: all of them.
            run: consecutive numbers of `pieces`.
            within: the frames between the neighbours.
        """
        found: list[tuple[float, int, Placed]] = []
        for number in run:
            letters = sum(map(len, pieces[number].words))
            if letters >= LETTERS_TO_RETURN and self.fits([pieces[number]], *within):
                (placed,) = self.place_within([pieces[number]], *within)
                found.append((letters * (self.margin(pieces[number], placed.words) - MARGIN), number, placed))
        gain, best, placed = max(found, key=lambda one: one[0], default=(0.0, -1, Placed()))
        if gain <= 0:
            return {}
        before, after = [number for number in run if number < best], [number for number in run if number > best]
        return {
            best: placed,
            **self._put_back(pieces, before, (within[0], placed.start)),
            **self._put_back(pieces, after, (placed.end + 1, within[1])),
        }

    def _take_one_out(
        self, pieces: Sequence[Piece], now: dict[int, Placed], near: list[int], run: list[int], within: tuple[int, int]
    ) -> None:
        """Of a run of bad pieces, take out the one that the others near them miss least; of a long run a quarter.

        Args:
            pieces: all of them.
            now: where those still in are; changed.
            near: the run and its neighbours, numbers of `pieces`.
            run: the bad ones, the worst first.
            within: the frames between the pieces that stay as they are.
        """
        trials = [[number] for number in run] if len(run) <= MOST_TRIED else [run[: len(run) // 4]]
        outcomes = []
        for removed in trials:
            others = [number for number in near if number not in removed]
            if others and self.fits([pieces[number] for number in others], *within):
                found = self.place_within([pieces[number] for number in others], *within)
                score = mean_score(word for piece in found for word in piece.words)
                outcomes.append((score, removed, dict(zip(others, found, strict=True))))
        removed = trials[0]
        if outcomes:
            _, removed, better = max(outcomes, key=lambda outcome: outcome[0])
            now |= better
        for number in removed:
            del now[number]


def _shuffled(piece: Piece, rng: np.random.Generator) -> Piece:
    """Words of the same lengths from the same letters in any order."""
    letters = iter(rng.permutation([label for word in piece.words for label in word]).tolist())
    return Piece(tuple(tuple(next(letters) for _ in word) for word in piece.words))


def mean_score(words: Iterable[Word]) -> float:
    """Mean over the letters of words; of none the worst there is."""
    heard = [word for word in words if word.letters]
    letters = sum(word.letters for word in heard)
    return sum(word.score * word.letters for word in heard) / letters if letters else -np.inf


def _runs(places: Sequence[int]) -> list[list[int]]:
    """Consecutive numbers together.

    >>> _runs([1, 2, 5])
    [[1, 2], [5]]
    """
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _words(words: Sequence[Sequence[tuple[int, int]]], sums: np.ndarray, first: int) -> tuple[Word, ...]:
    """A piece's words from their letters' frames and the running sum of the path's scores; frames count from `first`.

    What is between two words is the first one's.
    """
    written = [letters for letters in words if letters]
    until = iter([*(letters[0][0] for letters in written[1:]), *(letters[-1][1] + 1 for letters in written[-1:])])
    placed = []
    for letters in words:
        if not letters:
            placed.append(Word())
            continue
        begin, last = letters[0][0], letters[-1][1]
        score = float(sums[next(until)] - sums[begin]) / len(letters)
        placed.append(Word(begin + first, last + first, score, len(letters)))
    return tuple(placed)
