"""Several short utterances in one 30 s window: which share one, and the example that comes of them."""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from transformers.trainer_pt_utils import BatchRebalanceSampler

from speech_tl.data.batching import Example, SpeechDataset, halved
from speech_tl.errors import BadInput

Key = tuple[int, int]
"""(index, epoch) of an utterance."""


class PackedWindows(BatchRebalanceSampler):
    """Training batches of full windows: lists of windows, each a tuple of `(index, epoch)`.

    Utterances in random order go into the fullest window that still has room for them (best fit), so that a window
    holds utterances of all lengths; every utterance occurs once an epoch. A share of them keeps a window of its own:
    a model that never hears silence after the speech forgets to stop. As `SimilarLengthBatches`, the number of batches
    is the same each epoch and they are dealt to ranks without communication.
    """

    def __init__(
        self,
        durations_s: Sequence[float],
        tokens: Sequence[int],
        window_s: float,
        room: int,
        windows: int,
        alone_share: float,
        seed: int,
        ranks: int = 1,
        rank: int = 0,
        stretch: Callable[[int], np.ndarray | float] = lambda epoch: 1.0,
        drawn: Callable[[int], np.ndarray] | None = None,
    ) -> None:
        """Plan the first epoch.

        Args:
            durations_s: of each utterance.
            tokens: what each adds to a window's target.
            window_s: how much audio a window holds.
            room: how many tokens it holds.
            windows: in a batch on one device.
            alone_share: share of the utterances that get a window each.
            seed: of everything random.
            ranks, rank: devices, and which one this is.
            stretch: how many times as long as recorded each utterance is heard in an epoch.
            drawn: which utterances an epoch hears; None is all of them, once.
        """
        if not len(durations_s):
            raise BadInput("no training utterances are left to make windows of")
        self.durations_s, self.tokens = np.asarray(durations_s, np.float64), np.asarray(tokens)
        self.window_s, self.room, self.alone_share = window_s, room, alone_share
        self.seed, self.ranks, self.rank, self.stretch, self.epoch = seed, ranks, rank, stretch, 0
        self.drawn = drawn or (lambda epoch: np.arange(len(self.durations_s)))
        planned = -(-int(1.01 * len(self.fill(0))) // windows)
        self.batches = min(-(-planned // ranks) * ranks, len(self.durations_s) // ranks * ranks) or ranks

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose shuffle comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches of one rank in each epoch."""
        return self.batches // self.ranks

    def __iter__(self) -> Iterator[list[tuple[Key, ...]]]:
        """This rank's batches of the current epoch."""
        windows = [np.array(window) for window in self.fill(self.epoch)]
        random.Random(f"windows {self.seed} {self.epoch}").shuffle(windows)
        windows = halved(windows, max(0, self.batches - len(windows)))
        for number in range(self.rank, self.batches, self.ranks):
            batch = windows[number :: self.batches]
            yield [tuple((index, self.epoch) for index in window.tolist()) for window in batch]

    def fill(self, epoch: int) -> list[list[int]]:
        """The windows of an epoch: indices of the utterances that share one, in the order they are heard."""
        chance = np.random.default_rng([self.seed, epoch, 2])
        heard_s = self.durations_s * self.stretch(epoch)
        order = chance.permutation(self.drawn(epoch)).tolist()
        alone = chance.random(len(heard_s)) < self.alone_share
        windows: list[list[int]] = []
        left: list[tuple[float, int]] = []  # (seconds, number) of windows with room, sorted
        used: list[int] = []  # tokens of each window
        for index in order:
            seconds, tokens = float(heard_s[index]), int(self.tokens[index])
            place = None if alone[index] else self._fullest(left, used, seconds, tokens)
            if place is None:
                windows.append([])
                used.append(0)
                room_s, number = self.window_s, len(windows) - 1
            else:
                room_s, number = left.pop(place)
            windows[number].append(index)
            used[number] += tokens
            if not alone[index]:
                insort(left, (room_s - seconds, number))
        return windows

    def _fullest(self, left: list[tuple[float, int]], used: list[int], seconds: float, tokens: int) -> int | None:
        """Place in `left` of the fullest window that can take an utterance."""
        places = range(bisect_left(left, (seconds, -1)), len(left))
        return next((place for place in places if used[left[place][1]] + tokens <= self.room), None)


class PackedDataset(SpeechDataset):
    """Windows as examples; one utterance that fails is left out of its window and reported."""

    def __getitem__(self, key: tuple[Key, ...]) -> Example:
        """The example of the utterances that share a window."""
        heard, waveforms, texts, lost = [], [], [], []
        room = round(self.model.window_limit_s * self.model.sample_rate)
        for index, epoch in key:
            try:
                waveform, text = self.heard(index, epoch)
            except BadInput as error:
                lost.append((index, str(error)))
                continue
            if len(waveform) > room:
                lost.append(
                    (index, f"{self.utterances[index].audio}: longer than its duration says; its window is full")
                )
                continue
            room -= len(waveform)
            heard.append(index)
            waveforms.append(waveform)
            texts.append(text)
        if not waveforms:
            return Example(lost[0][0], problem=lost[0][1], lost=lost[1:])
        rng = self.random(*key[0])
        ends_s = np.cumsum([len(waveform) for waveform in waveforms]) / self.model.sample_rate
        labels = self.model.packed_labels(texts, ends_s.tolist(), rng)
        features = self.model.training_features(np.concatenate(waveforms), rng)
        source_s = sum(
            self._source_s(index, len(waveform) / self.model.sample_rate)
            for index, waveform in zip(heard, waveforms, strict=True)
        )
        return Example(key[0][0], float(ends_s[-1]), features, labels, lost=lost, source_s=source_s)
