"""Source utterances among a target's: their share in every batch, all of them heard, the same again with one seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speech_tl.data.batching import batch_cost
from speech_tl.data.manifest import Manifest
from speech_tl.data.packing import PackedWindows
from speech_tl.retention.mixture import MixedBatches, Mixture
from tests.small import written

TARGETS, SOURCES = 300, 120


def manifest(folder: Path, name: str, durations_s: np.ndarray) -> Manifest:
    rows = [
        {"audio": f"{name}{n}.wav", "text": f"{name} {n}", "duration": f"{d:.3f}"} for n, d in enumerate(durations_s)
    ]
    return Manifest.read(written(folder / f"{name}.csv", rows))


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Mixture:
    """Target utterances of 2 to 6 s, source utterances of 3 to 12 s."""
    folder, chance = tmp_path_factory.mktemp("mixture"), np.random.default_rng(0)
    target = manifest(folder, "target", chance.uniform(2, 6, TARGETS))
    return Mixture(target, manifest(folder, "source", chance.uniform(3, 12, SOURCES)), 0.25)


def epoch_of(batches: MixedBatches, epoch: int) -> list[list[int]]:
    batches.set_epoch(epoch)
    return [[index for index, at in batch if at == epoch] for batch in batches]


def shares(mixture: Mixture, batches: list[list[int]]) -> list[float]:
    seconds = mixture.durations_s()
    return [sum(seconds[i] for i in batch if i >= TARGETS) / sum(seconds[batch]) for batch in batches]


def test_both_parts_are_one_behind_the_other(mixture: Mixture) -> None:
    assert len(mixture) == TARGETS + SOURCES and mixture.targets == TARGETS
    assert mixture[TARGETS - 1].text == f"target {TARGETS - 1}" and mixture[TARGETS].text == "source 0"
    assert mixture.column("text")[-1] == f"source {SOURCES - 1}"
    assert [utterance.text for utterance in mixture.select([0, TARGETS + 1])] == ["target 0", "source 1"]
    assert mixture.epoch_s == pytest.approx(mixture.durations_s()[:TARGETS].sum() / 0.75)


def test_the_source_has_its_share_of_every_batch(mixture: Mixture) -> None:
    sampler, seconds = MixedBatches(mixture, 160.0, seed=1), mixture.durations_s()
    for epoch in range(3):
        batches = epoch_of(sampler, epoch)
        found = shares(mixture, batches)
        heard = [index for batch in batches for index in batch]
        assert shares(mixture, [heard])[0] == pytest.approx(0.25, abs=0.005)
        assert sorted(found)[1] > 0.1 and max(found) < 0.4, "what is left over at the end may be less than a batch"
        full = [batch_cost(len(batch), max(seconds[batch])) for batch in batches]
        assert max(full) <= 160.0, "batches are no longer than without"


def test_every_target_once_an_epoch_and_every_source_before_one_is_heard_again(mixture: Mixture) -> None:
    sampler = MixedBatches(mixture, 40.0, seed=3)
    heard: list[int] = []
    for epoch in range(5):
        batches = epoch_of(sampler, epoch)
        indices = sorted(index for batch in batches for index in batch)
        assert [index for index in indices if index < TARGETS] == list(range(TARGETS))
        assert len(batches) == len(sampler)
        drawn = mixture.drawn(epoch, 3).tolist()
        assert sorted(drawn) == [index for index in indices if index >= TARGETS]
        heard += drawn
    assert sorted(heard[:SOURCES]) == list(range(TARGETS, TARGETS + SOURCES))
    times = np.bincount(np.array(heard) - TARGETS, minlength=SOURCES)
    assert times.max() - times.min() <= 1


def test_a_small_source_is_heard_over_and_over(tmp_path: Path) -> None:
    small = Mixture(manifest(tmp_path, "t", np.full(50, 4.0)), manifest(tmp_path, "s", np.full(3, 4.0)), 0.5)
    drawn = small.drawn(0, 0)
    assert len(drawn) == 50 and set(drawn.tolist()) == {50, 51, 52}
    halves = [set(np.array(batch) < 50) for batch in epoch_of(MixedBatches(small, 20.0, 0), 0)]
    assert sum(len(kinds) == 2 for kinds in halves) >= len(halves) - 1, "the halves of a batch are mixtures too"


def test_one_seed_one_order_and_ranks_share_an_epoch(mixture: Mixture) -> None:
    first = epoch_of(MixedBatches(mixture, 40.0, seed=7), 2)
    assert epoch_of(MixedBatches(mixture, 40.0, seed=7), 2) == first != epoch_of(MixedBatches(mixture, 40.0, seed=8), 2)
    dealt = [epoch_of(MixedBatches(mixture, 40.0, 7, ranks=2, rank=rank), 2) for rank in (0, 1)]
    assert len(dealt[0]) == len(dealt[1])
    targets = sorted(i for part in dealt for batch in part for i in batch if i < TARGETS)
    assert targets == list(range(TARGETS))


def test_padding_stays_small_where_both_are_alike(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    parts = [manifest(tmp_path, name, chance.lognormal(1.3, 0.4, count)) for name, count in (("t", 900), ("s", 400))]
    mixture = Mixture(*parts, 0.2)
    seconds = mixture.durations_s()
    batches = epoch_of(MixedBatches(mixture, 40.0, 0), 0)
    padded = sum(len(batch) * max(seconds[batch]) for batch in batches)
    assert 1 - sum(seconds[batch].sum() for batch in batches) / padded < 0.06


def test_packed_windows_hold_the_source_s_share(mixture: Mixture) -> None:
    seconds = mixture.durations_s()

    def drawn(epoch: int) -> np.ndarray:
        return np.concatenate([np.arange(TARGETS), mixture.drawn(epoch, 0)])

    windows = PackedWindows(seconds, [5] * len(seconds), 30.0, 400, 2, 0.0, 0, drawn=drawn)
    batches = [[index for window in batch for index, _ in window] for batch in windows]
    assert sorted(i for batch in batches for i in batch) == sorted(drawn(0).tolist())
    assert np.mean(shares(mixture, batches)) == pytest.approx(0.25, abs=0.04)
