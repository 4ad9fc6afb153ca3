"""Batches of utterances of similar length, and the one dataset and collator that feed training and decoding."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from torch.utils.data import Dataset
from transformers.trainer_pt_utils import BatchRebalanceSampler

from speech_tl.data.cache import RowStore, WaveformStore
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import torch

    from speech_tl.data.manifest import Utterance

LENGTH_JITTER = 0.03
"""Durations are shaken by this share before sorting, so that batches mix differently each epoch. Real speech in batches
of 40 s is then 2.4 % padding, and two utterances that shared a batch share one again in 7 % of the cases; at 0.1 those
are 7.3 % and 2 %."""

QUADRATIC_S = 45.0
"""Attention's share of an utterance grows with its length: at 45 s it weighs as much again as everything else."""


def batch_cost(utterances: int, longest_s: float) -> float:
    """What a padded batch costs in memory and time, in seconds of short audio.

    Linear in the padded audio, plus a quadratic term for attention, measured on wav2vec2-base (4 % more at 2 s,
    67 % more at 30 s). The form is lhotse's `quadratic_duration` (Zelasko et al. 2025, arXiv 2503.05931).
    """
    return utterances * longest_s * (1 + longest_s / QUADRATIC_S)


class Featuriser(Protocol):
    """What of an acoustic model the loaders need."""

    sample_rate: int

    def encode(self, text: str) -> list[int]:
        """Label ids of a text."""

    def label_problem(self, text: str, duration_s: float) -> str | None:
        """Why `text` cannot be learnt from so many seconds of audio, or None."""

    def features(self, waveform: np.ndarray) -> dict[str, np.ndarray]:
        """Model input of one waveform `(samples,)`."""

    def training_features(self, waveform: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The same for training."""

    def collate(self, features: Sequence[dict], labels: Sequence[Sequence[int]] | None) -> dict[str, torch.Tensor]:
        """Padded tensors of one batch."""

    def padded_seconds(self, batch: dict[str, torch.Tensor]) -> float:
        """Seconds of those tensors."""


class Augmentation(Protocol):
    """What of an augmentation's chain the loaders need."""

    def __call__(
        self,
        waveform: np.ndarray,
        sample_rate: int,
        draw: tuple[int, int, int],
        utterance: Utterance,
        keep_length: bool = False,
    ) -> np.ndarray:
        """The waveform `(samples,)` as it is heard; all chance follows from `draw`: (seed, epoch, index)."""

    def factor(self, draw: tuple[int, int, int]) -> float:
        """How much faster than recorded an utterance will be played."""


def batch_by_length(
    durations_s: Sequence[float],
    batch_seconds: float,
    max_batch: int = 1 << 30,
    *,
    equal_only: bool = False,
    windows_s: Sequence[float] | None = None,
    most_window_s: float = float("inf"),
) -> list[list[int]]:
    """Cut utterances, longest first, into batches of at most `batch_seconds` of padded audio.

    Args:
        durations_s: length of each utterance, in seconds.
        batch_seconds: upper bound on `len(batch) * longest`; a longer utterance gets a batch of its own.
        max_batch: upper bound on `len(batch)`.
        equal_only: only utterances of the very same length share a batch, for networks that padding changes.
        windows_s: seconds that the network computes on for each utterance, where it fills a window of its own.
        most_window_s: upper bound on the sum of a batch's `windows_s`.

    Returns:
        Batches of indices into `durations_s`; every index occurs once.
    """
    batches: list[list[int]] = []
    longest = window_s = 0.0
    for index in sorted(range(len(durations_s)), key=lambda i: (-durations_s[i], i)):
        own_s = windows_s[index] if windows_s is not None else 0.0
        full = not batches or len(batches[-1]) >= max_batch or (len(batches[-1]) + 1) * longest > batch_seconds
        if full or window_s + own_s > most_window_s or (equal_only and durations_s[index] != longest):
            batches.append([])
            longest, window_s = durations_s[index], 0.0
        batches[-1].append(index)
        window_s += own_s
    return batches


class SimilarLengthBatches(BatchRebalanceSampler):
    """Shuffled training batches of similar length, the same number each epoch, dealt to ranks without communication.

    Yields lists of `(index, epoch)`, so that what a loader draws at random for an utterance depends on seed, epoch and
    utterance only: not on the worker, and not on where a run was resumed. Bucketing by duration as in lhotse and NeMo
    (Zelasko et al. 2025, arXiv 2503.05931); the Trainer's own `batch_rebalance`, whose type this takes so that the
    Trainer knows it is aware of ranks, groups nothing without gradient accumulation.
    """

    def __init__(
        self,
        durations_s: Sequence[float] | np.ndarray,
        batch_seconds: float,
        seed: int,
        ranks: int = 1,
        rank: int = 0,
        stretch: Callable[[int], np.ndarray | float] = lambda epoch: 1.0,
    ) -> None:
        """`batch_seconds` bounds the `batch_cost` of one batch on one device.

        `stretch(epoch)` says how many times as long as recorded each utterance is heard.
        """
        if not len(durations_s):
            raise BadInput("no training utterances are left to make batches of")
        self.durations_s = np.asarray(durations_s, np.float64)
        self.batch_seconds, self.seed, self.ranks, self.rank = batch_seconds, seed, ranks, rank
        self.epoch, self.stretch = 0, stretch
        planned = int(len(self._cut(0)[1]) * 1.02) + 1
        self.batches = min(-(-planned // ranks) * ranks, len(self.durations_s) // ranks * ranks) or ranks

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose shuffle comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches of one rank in each epoch."""
        return self.batches // self.ranks

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """This rank's batches of the current epoch."""
        order, sizes = self._cut(self.epoch)
        batches = self._fit(order, sizes)
        random.Random(f"order {self.seed} {self.epoch}").shuffle(batches)
        for batch in batches[self.rank :: self.ranks]:
            yield self._keys(batch)

    def _keys(self, batch: np.ndarray) -> list:
        """What the dataset is asked for."""
        return [(index, self.epoch) for index in batch.tolist()]

    def _heard_s(self, epoch: int) -> np.ndarray:
        """Seconds of what goes into batches, each as it is heard in an epoch."""
        return self.durations_s * self.stretch(epoch)

    def _cut(self, epoch: int) -> tuple[np.ndarray, list[int]]:
        """Indices in order of length, from durations shaken by this epoch's noise, and the sizes of their batches."""
        heard_s = self._heard_s(epoch)
        noise = np.random.default_rng([self.seed, epoch]).uniform(1 - LENGTH_JITTER, 1 + LENGTH_JITTER, len(heard_s))
        order = self._order(heard_s * noise, epoch)
        sizes = [0]
        longest_s = 0.0
        for duration_s in heard_s[order].tolist():
            longest_s = max(longest_s, duration_s)
            if sizes[-1] and batch_cost(sizes[-1] + 1, longest_s) > self.batch_seconds:
                sizes.append(0)
                longest_s = duration_s
            sizes[-1] += 1
        return order, sizes

    def _order(self, shaken_s: np.ndarray, epoch: int) -> np.ndarray:
        """Indices of an epoch's utterances, longest first by durations that were shaken."""
        return np.argsort(-shaken_s, kind="stable")

    def _fit(self, order: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
        """Exactly `self.batches` batches: the largest are halved, or the smallest joined, until it fits."""
        batches = np.split(order, np.cumsum(sizes)[:-1])
        missing = self.batches - len(batches)
        return halved(batches, missing) if missing >= 0 else _joined(batches, -missing)


def halved(batches: list[np.ndarray], times: int) -> list[np.ndarray]:
    """The largest batch cut in two, so many times; batches of one are repeated instead."""
    by_size = [(-len(batch), number) for number, batch in enumerate(batches)]
    heapq.heapify(by_size)
    for _ in range(times):
        _, number = by_size[0]
        whole = batches[number]
        if len(whole) > 1:
            batches[number], whole = whole[::2], whole[1::2]
            heapq.heapreplace(by_size, (-len(batches[number]), number))
        heapq.heappush(by_size, (-len(whole), len(batches)))
        batches.append(whole)
    return batches


def _joined(batches: list[np.ndarray], times: int) -> list[np.ndarray]:
    """The two smallest batches made one, so many times."""
    by_size = [(len(batch), number, batch) for number, batch in enumerate(batches)]
    heapq.heapify(by_size)
    for _ in range(times):
        (_, number, first), (_, _, second) = heapq.heappop(by_size), heapq.heappop(by_size)
        heapq.heappush(by_size, (len(first) + len(second), number, np.concatenate([first, second])))
    return [batch for _, _, batch in by_size]


@dataclass
class Example:
    """One utterance (or some that share a window) on its way into a batch; `problem` says why it cannot be used.

    `lost` are those that had to be left out of a shared window: (index, problem). `source_s` are those of its
    `seconds` that are replayed speech of the source domain.
    """

    index: int
    seconds: float = 0.0
    features: dict[str, np.ndarray] | None = None
    labels: list[int] | None = None
    problem: str | None = None
    lost: list[tuple[int, str]] = field(default_factory=list)
    source_s: float = 0.0


@dataclass
class BatchFacts:
    """What the main process wants to know about a batch that the model does not."""

    indices: list[int] = field(default_factory=list)
    seconds: float = 0.0
    padded_seconds: float = 0.0
    problems: list[tuple[int, str]] = field(default_factory=list)
    source_seconds: float = 0.0


class SpeechDataset(Dataset):
    """Utterances as examples: audio decoded, augmented and turned into features in the loader's workers.

    An utterance that fails becomes an example with a `problem`; it never stops the loader.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        model: Featuriser,
        *,
        with_labels: bool,
        augment: Augmentation | None = None,
        seed: int = 0,
        waveforms: WaveformStore | None = None,
        outputs: tuple[str, RowStore] | None = None,
    ) -> None:
        """Keep what all examples share.

        Args:
            utterances: with text where `with_labels`.
            model: makes features and labels.
            with_labels: whether examples are to be learnt from.
            augment: may change the waveform, and its length where the text still fits.
            seed: of everything random.
            waveforms: where waveforms are kept once they were decoded.
            outputs: name and store of what a model made of utterances in epoch 0, to be given instead of their features
                from epoch 1 on.
        """
        self.utterances, self.model, self.with_labels = utterances, model, with_labels
        self.augment, self.seed = augment, seed
        self.waveforms, self.outputs = waveforms, outputs

    def __len__(self) -> int:
        """Number of utterances."""
        return len(self.utterances)

    def __getitem__(self, key: int | tuple[int, int]) -> Example:
        """The example at an index, or at `(index, epoch)` as `SimilarLengthBatches` asks."""
        index, epoch = key if isinstance(key, tuple) else (key, 0)
        try:
            return self._example(index, epoch)
        except BadInput as error:
            return Example(index, problem=str(error))

    def __getitems__(self, keys: Sequence) -> list[Example]:
        """The examples of a batch; from kept outputs where there are some for all that can be used at all."""
        if self.outputs is None:
            return [self[key] for key in keys]
        examples = [self._kept(*key) for key in keys]
        missing = [number for number, example in enumerate(examples) if example is None]
        for number in missing:
            examples[number] = self[keys[number]]
        if len(missing) < len(keys) and any(examples[number].problem is None for number in missing):
            return [self[key] for key in keys]
        return examples

    def _kept(self, index: int, epoch: int) -> Example | None:
        """The example from a kept output. The first epoch always computes, so that a resumed run is as one unbroken."""
        found = self.outputs[1].get(index) if epoch else None
        if found is None:
            return None
        values, samples = found
        labels = self.model.encode(self.utterances[index].text or "")
        features = {self.outputs[0]: values, "samples": np.int64(samples)}
        return self._of(index, samples / self.model.sample_rate, features, labels)

    def _of(self, index: int, seconds: float, features: dict[str, np.ndarray], labels: list[int] | None) -> Example:
        """An example that can be used."""
        return Example(index, seconds, features, labels, source_s=self._source_s(index, seconds))

    def _source_s(self, index: int, seconds: float) -> float:
        """The seconds, where an utterance is replayed speech of the source domain; else 0."""
        return seconds if index >= getattr(self.utterances, "targets", len(self.utterances)) else 0.0

    def heard(self, index: int, epoch: int) -> tuple[np.ndarray, str]:
        """Waveform `(samples,)` as it is heard in an epoch, and the text.

        Raises:
            BadInput: the audio cannot be used.
        """
        utterance = self.utterances[index]
        waveform = self._waveform(index, utterance)
        if self.augment is not None:
            waveform = self._augmented(waveform, utterance, (self.seed, epoch, index))
        return waveform, utterance.text or ""

    def _example(self, index: int, epoch: int) -> Example:
        waveform, text = self.heard(index, epoch)
        labels = self.model.encode(text) if self.with_labels else None
        if self.with_labels and not labels:
            return Example(index, problem=f"{self.utterances[index].audio}: no text that the model can write")
        seconds = len(waveform) / self.model.sample_rate
        if not self.with_labels:
            return self._of(index, seconds, self.model.features(waveform), None)
        return self._of(index, seconds, self.model.training_features(waveform, self.random(index, epoch)), labels)

    def random(self, index: int, epoch: int) -> np.random.Generator:
        """What an utterance's training features are drawn from in an epoch; the augmentation draws from another."""
        return np.random.default_rng([self.seed, epoch, index, 1])

    def _waveform(self, index: int, utterance: Utterance) -> np.ndarray:
        rate = self.model.sample_rate
        if self.waveforms is None:
            return utterance.load(rate)
        return self.waveforms.waveform(index, lambda: utterance.load(rate))

    def _augmented(self, waveform: np.ndarray, utterance: Utterance, draw: tuple[int, int, int]) -> np.ndarray:
        """The waveform after augmentation; one too short or too long for its text keeps its own speed."""
        rate = self.model.sample_rate
        heard = self.augment(waveform, rate, draw, utterance)
        if len(heard) == len(waveform) or not self.with_labels:
            return heard
        if self.model.label_problem(utterance.text or "", len(heard) / rate) is None:
            return heard
        return self.augment(waveform, rate, draw, utterance, keep_length=True)

    def stretch(self, epoch: int) -> np.ndarray | float:
        """How many times as long as recorded each utterance is heard in an epoch: 1.0, or `(utterances,)`."""
        if self.augment is None:
            return 1.0
        return np.array([1 / self.augment.factor((self.seed, epoch, index)) for index in range(len(self))])


class Collator:
    """Examples of one batch -> the model's tensors, with `facts` beside them; an empty batch has only `facts`."""

    def __init__(self, model: Featuriser) -> None:
        """The model's `collate` pads; nothing here knows its family."""
        self.model = model

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Collate what can be used and note what cannot."""
        good = [e for e in examples if e.problem is None]
        facts = BatchFacts(
            indices=[e.index for e in good],
            seconds=sum(e.seconds for e in good),
            problems=[(e.index, e.problem) for e in examples if e.problem is not None]
            + [lost for e in examples for lost in e.lost],
            source_seconds=sum(e.source_s for e in good),
        )
        if not good:
            return {"facts": facts}
        labels = [e.labels for e in good]
        batch = self.model.collate([e.features for e in good], None if labels[0] is None else labels)
        facts.padded_seconds = self.model.padded_seconds(batch)
        return {**batch, "facts": facts}
