"""Target utterances with a share of source-domain ones mixed into every batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from speech_tl.data.batching import SimilarLengthBatches
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest, Utterance


class Mixture(Sequence["Utterance"]):
    """The utterances of a target and of a source, one after the other, and how much of the source an epoch hears.

    An epoch is one pass over the target; source utterances fill up the share, drawn without replacement from epoch to
    epoch until all have been heard.

    Attributes:
        targets: how many are the target's: the first ones.
        share: of an epoch's seconds that are the source's.
    """

    def __init__(self, target: Manifest, source: Manifest, share: float) -> None:
        """Every duration is known; `share` is above 0 and below 1."""
        self._parts = (target, source)
        self.targets, self.share = len(target), share
        self._durations_s = np.concatenate([part.durations_s() for part in self._parts])

    def __len__(self) -> int:
        """Utterances of both."""
        return len(self._durations_s)

    def __getitem__(self, index: Any) -> Any:
        """One utterance of the target, or behind those of the source."""
        target, source = self._parts
        return target[index] if index < self.targets else source[index - self.targets]

    def durations_s(self) -> np.ndarray:
        """Seconds of each utterance, float64 `(utterances,)`."""
        return self._durations_s

    def column(self, name: str) -> list[Any]:
        """One column's values of both."""
        return [value for part in self._parts for value in part.column(name)]

    def select(self, indices: Sequence[int]) -> list[Utterance]:
        """These utterances."""
        return [self[index] for index in indices]

    def fingerprint(self) -> str:
        """Changes with any row of either."""
        return " ".join(part.fingerprint() for part in self._parts)

    @property
    def epoch_s(self) -> float:
        """Seconds of an epoch, both parts together."""
        return float(self._durations_s[: self.targets].sum()) / (1 - self.share)

    def drawn(self, epoch: int, seed: int) -> np.ndarray:
        """Indices of the source utterances that an epoch hears; where all are heard, those heard again follow.

        The source's utterances stand in an endless row, each pass over them in another order; an epoch takes up where
        the one before it ended.
        """
        seconds = self._durations_s[self.targets :]
        whole_s, wanted_s = float(seconds.sum()), self.share * self.epoch_s
        start_s, end_s = epoch * wanted_s, (epoch + 1) * wanted_s
        taken = []
        for number in range(int(start_s // whole_s), int(end_s // whole_s) + 1):
            order = np.random.default_rng([seed, number, 3]).permutation(len(seconds))
            middles_s = number * whole_s + np.cumsum(seconds[order]) - seconds[order] / 2
            taken.append(order[(start_s <= middles_s) & (middles_s < end_s)])
        return self.targets + np.concatenate(taken)


class MixedBatches(SimilarLengthBatches):
    """`SimilarLengthBatches` of a mixture: in each batch the source has its share, as near as whole utterances allow.

    The longest of the target share a batch with the longest of the source.
    """

    def __init__(
        self,
        mixture: Mixture,
        batch_seconds: float,
        seed: int,
        ranks: int = 1,
        rank: int = 0,
        stretch: Callable[[int], np.ndarray | float] = lambda epoch: 1.0,
    ) -> None:
        """As `SimilarLengthBatches`; `batch_seconds` are those of both parts together."""
        if not mixture.targets:
            raise BadInput("no training utterances are left to make batches of")
        self.mixture = mixture
        super().__init__(mixture.durations_s(), batch_seconds, seed, ranks, rank, stretch)

    def _order(self, shaken_s: np.ndarray, epoch: int) -> np.ndarray:
        """Both parts longest first, merged so that each stretch of the row holds its share of the source."""
        parts = [np.arange(self.mixture.targets), self.mixture.drawn(epoch, self.seed)]
        parts = [part[np.argsort(-shaken_s[part], kind="stable")] for part in parts]
        places = []
        for part in parts:
            ends_s = np.cumsum(shaken_s[part])
            places.append((ends_s - shaken_s[part] / 2) / ends_s[-1] if len(part) else ends_s)
        return np.concatenate(parts)[np.argsort(np.concatenate(places), kind="stable")]

    def _cut(self, epoch: int) -> tuple[np.ndarray, list[int]]:
        """As `SimilarLengthBatches`; in a batch the source stands behind the target, so that every other utterance of
        it, which is how batches are halved, has the same share.
        """
        order, sizes = super()._cut(epoch)
        batch = np.repeat(np.arange(len(sizes)), sizes)
        return order[np.lexsort((order >= self.mixture.targets, batch))], sizes
