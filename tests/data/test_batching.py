"""Batches of similar length, and the one loader: nothing lost, nothing twice, the same whoever loads it."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from speech_tl.audio import save_audio
from speech_tl.data.augment import Augmenter, AugmentOptions, Noise, Speed
from speech_tl.data.batching import Collator, Example, SimilarLengthBatches, SpeechDataset, batch_by_length, batch_cost
from speech_tl.data.manifest import Utterance
from speech_tl.errors import BadInput
from tests.sounds import voice

DURATIONS = st.lists(st.floats(0.1, 35.0), min_size=1, max_size=80)
SECONDS = st.floats(1.0, 60.0)

# ---- decoding batches


@given(DURATIONS, SECONDS, st.integers(1, 8), st.booleans())
def test_every_utterance_is_decoded_once_within_bounds(
    durations_s: list[float], batch_seconds: float, max_batch: int, equal_only: bool
) -> None:
    batches = batch_by_length(durations_s, batch_seconds, max_batch, equal_only=equal_only)
    assert sorted(i for batch in batches for i in batch) == list(range(len(durations_s)))
    for batch in batches:
        lengths = [durations_s[i] for i in batch]
        assert len(batch) <= max_batch
        assert len(batch) == 1 or len(batch) * max(lengths) <= batch_seconds
        assert not equal_only or len(set(lengths)) == 1
    longest = [max(durations_s[i] for i in batch) for batch in batches]
    assert longest == sorted(longest, reverse=True), "what does not fit in memory should show at once"


def test_decoding_batches_are_not_smaller_than_they_must_be() -> None:
    assert batch_by_length([2.0] * 10, 8.0) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert batch_by_length([3.0, 3.0, 2.0, 3.0], 100.0, equal_only=True) == [[0, 1, 3], [2]]
    assert batch_by_length([], 8.0) == []


# ---- training batches


def epoch_of(sampler: SimilarLengthBatches, epoch: int) -> list[list[int]]:
    """The batches of an epoch, indices only."""
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert {key[1] for batch in batches for key in batch} <= {epoch}
    return [[index for index, _ in batch] for batch in batches]


@given(DURATIONS, SECONDS, st.integers(0, 5))
def test_every_epoch_holds_every_utterance_once_in_as_many_batches(
    durations_s: list[float], batch_seconds: float, seed: int
) -> None:
    sampler = SimilarLengthBatches(durations_s, batch_seconds, seed)
    for epoch in range(4):
        batches = epoch_of(sampler, epoch)
        assert len(batches) == len(sampler)
        assert sorted(i for batch in batches for i in batch) == list(range(len(durations_s)))
        for batch in batches:
            assert (
                len(batch) == 1 or batch_cost(len(batch), max(durations_s[i] for i in batch)) <= batch_seconds * 1.0001
            )


@given(st.lists(st.floats(0.1, 35.0), min_size=12, max_size=80), SECONDS, st.integers(2, 4))
def test_ranks_share_an_epoch_without_talking(durations_s: list[float], batch_seconds: float, ranks: int) -> None:
    samplers = [SimilarLengthBatches(durations_s, batch_seconds, 3, ranks, rank) for rank in range(ranks)]
    assert len({len(sampler) for sampler in samplers}) == 1
    for epoch in range(2):
        dealt = [epoch_of(sampler, epoch) for sampler in samplers]
        assert {len(batches) for batches in dealt} == {len(samplers[0])}
        assert sorted(i for batches in dealt for b in batches for i in b) == list(range(len(durations_s)))


def test_more_ranks_than_utterances_still_take_steps_together() -> None:
    dealt = [epoch_of(SimilarLengthBatches([1.0, 2.0], 10.0, 0, 3, rank), 0) for rank in range(3)]
    assert [len(batches) for batches in dealt] == [1, 1, 1]
    assert {i for batches in dealt for batch in batches for i in batch} == {0, 1}


def test_batches_mix_differently_each_epoch_and_alike_for_a_seed() -> None:
    durations_s = np.random.default_rng(0).uniform(1, 10, 300).tolist()
    first, second = (epoch_of(SimilarLengthBatches(durations_s, 40.0, 7), epoch) for epoch in (0, 1))
    assert epoch_of(SimilarLengthBatches(durations_s, 40.0, 7), 1) == second
    assert epoch_of(SimilarLengthBatches(durations_s, 40.0, 8), 0) != first
    mates = [
        {frozenset((i, j)) for batch in batches for i in batch for j in batch if i < j} for batches in (first, second)
    ]
    assert len(mates[0] & mates[1]) < 0.5 * len(mates[0]), "the same utterances keep meeting"
    order = [durations_s[batch[0]] for batch in first]
    assert abs(np.corrcoef(order, range(len(order)))[0, 1]) < 0.5, "batches come sorted by length"


def test_long_clips_count_more_than_their_seconds() -> None:
    assert batch_cost(1, 3.0) == pytest.approx(3.2)
    assert batch_cost(2, 30.0) == pytest.approx(100.0)
    batches = epoch_of(SimilarLengthBatches([2.0] * 1000 + [20.0] * 40, 120.0, 0), 0)
    longest = max(len(batch) for batch in batches if max(batch) < 1000)
    assert longest == 57, "120 s hold 60 clips of 2 s, less 4 % for attention"
    assert max(len(batch) for batch in batches if min(batch) >= 1000) == 4, "6 by their seconds alone"


def test_many_utterances_are_dealt_in_seconds() -> None:
    durations_s = np.random.default_rng(0).gamma(4, 1.2, 300_000)
    began = time.process_time()
    batches = list(SimilarLengthBatches(durations_s, 40.0, 0, ranks=8, rank=3))
    assert len(batches) > 3000 and time.process_time() - began < 10


def test_nothing_to_train_on_is_one_line() -> None:
    with pytest.raises(BadInput, match="no training utterances"):
        SimilarLengthBatches([], 10.0, 0)


def test_real_durations_are_padded_far_less_than_in_random_batches(corpora: Path) -> None:
    with (corpora / "speechocean762" / "manifest.csv").open(encoding="utf-8") as stream:
        durations_s = [float(row["duration"]) for row in csv.DictReader(stream) if row["split"] == "train"]
    batches = epoch_of(SimilarLengthBatches(durations_s, 40.0, 0), 0)
    shuffled = np.random.default_rng(0).permutation(len(durations_s)).tolist()
    at_random = [shuffled[i : i + 8] for i in range(0, len(shuffled), 8)]
    assert padding_share(batches, durations_s) < 0.03
    large = epoch_of(SimilarLengthBatches(durations_s, 240.0, 0), 0)
    assert padding_share(large, durations_s) < 0.05
    assert padding_share(at_random, durations_s) > 0.35


def padding_share(batches: list[list[int]], durations_s: list[float]) -> float:
    """Share of the padded seconds that is padding."""
    padded = sum(len(batch) * max(durations_s[i] for i in batch) for batch in batches)
    return 1 - sum(durations_s) / padded


# ---- the loader


class Spectrum:
    """A small model's side of loading: features and labels that show what went in."""

    sample_rate = 16000
    longest_s = 30.0

    def label_problem(self, text: str, duration_s: float) -> str | None:
        return "too long" if duration_s > self.longest_s else None

    def encode(self, text: str) -> list[int]:
        return [ord(c) for c in text.strip()]

    def features(self, waveform: np.ndarray) -> dict[str, np.ndarray]:
        return {"input": waveform}

    def training_features(self, waveform: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return self.features(waveform)

    def padded_seconds(self, batch: dict[str, torch.Tensor]) -> float:
        return batch["input"].numel() / self.sample_rate

    def collate(self, features: list[dict], labels: list[list[int]] | None) -> dict[str, torch.Tensor]:
        rows = [torch.from_numpy(np.array(f["input"])) for f in features]
        batch = {"input": torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)}
        return batch if labels is None else {**batch, "labels": torch.tensor([len(ids) for ids in labels])}


@pytest.fixture
def utterances(tmp_path: Path) -> list[Utterance]:
    """Six clips; the third is no audio, the fifth has no text."""
    found = []
    for number in range(6):
        path = tmp_path / f"{number}.wav"
        save_audio(path, voice(0.5 + number / 10, number), 16000)
        found.append(Utterance(str(number), str(path), text="words" if number != 4 else " "))
    (tmp_path / "2.wav").write_text("not audio")
    return found


class Shaken:
    """An augmentation that shows what was drawn."""

    def __call__(self, waveform: np.ndarray, sample_rate: int, draw: tuple, utterance: Utterance, keep_length=False):
        return waveform + np.random.default_rng(draw).standard_normal(1).astype(np.float32)

    def factor(self, draw: tuple) -> float:
        return 1.0


class Slowed(Shaken):
    """Every second utterance, or all, at another speed."""

    def __init__(self, factor: float, every: int = 1) -> None:
        self.speed, self.every = factor, every

    def __call__(self, waveform: np.ndarray, sample_rate: int, draw: tuple, utterance: Utterance, keep_length=False):
        return waveform if keep_length else np.resize(waveform, round(len(waveform) / self.factor(draw)))

    def factor(self, draw: tuple) -> float:
        return self.speed if draw[2] % self.every == 0 else 1.0


def test_a_broken_file_or_an_empty_text_costs_itself_only(utterances: list[Utterance], tmp_path: Path) -> None:
    dataset = SpeechDataset(utterances, Spectrum(), with_labels=True)
    batch = Collator(Spectrum())([dataset[i] for i in range(6)])
    facts = batch["facts"]
    assert facts.indices == [0, 1, 3, 5]
    assert len(batch["input"]) == len(batch["labels"]) == 4
    assert dict(facts.problems).keys() == {2, 4}
    assert str(tmp_path / "2.wav") in dict(facts.problems)[2]
    assert "no text" in dict(facts.problems)[4]
    assert facts.seconds == pytest.approx(0.5 + 0.6 + 0.8 + 1.0, abs=1e-3)
    assert facts.padded_seconds == pytest.approx(4 * 1.0, abs=1e-3)


def test_a_batch_that_lost_everything_has_only_facts(utterances: list[Utterance]) -> None:
    dataset = SpeechDataset(utterances, Spectrum(), with_labels=True)
    batch = Collator(Spectrum())([dataset[2], dataset[4]])
    assert list(batch) == ["facts"]
    assert batch["facts"].indices == [] and len(batch["facts"].problems) == 2


def test_text_is_not_looked_at_when_there_are_no_labels(utterances: list[Utterance]) -> None:
    dataset = SpeechDataset(utterances, Spectrum(), with_labels=False)
    assert dataset[4].problem is None and dataset[4].labels is None


def test_what_is_drawn_depends_on_seed_epoch_and_utterance(utterances: list[Utterance]) -> None:
    def drawn(seed: int, epoch: int, index: int) -> np.ndarray:
        dataset = SpeechDataset(utterances, Spectrum(), with_labels=True, augment=Shaken(), seed=seed)
        return dataset[index, epoch].features["input"][:100]

    plain = SpeechDataset(utterances, Spectrum(), with_labels=True)[0].features["input"][:100]
    np.testing.assert_array_equal(drawn(1, 2, 0), drawn(1, 2, 0))
    assert len({float((drawn(*key) - plain)[0]) for key in [(1, 2, 0), (2, 2, 0), (1, 3, 0)]}) == 3


def test_examples_are_the_same_whatever_the_workers(utterances: list[Utterance]) -> None:
    dataset = SpeechDataset(utterances, Spectrum(), with_labels=True, augment=Shaken(), seed=4)
    batches = [[(0, 1), (3, 1)], [(5, 1), (2, 1)], [(1, 1)]]

    def loaded(workers: int) -> list[dict]:
        loader = DataLoader(dataset, batch_sampler=batches, collate_fn=Collator(Spectrum()), num_workers=workers)
        return list(loader)

    for alone, others in zip(loaded(0), loaded(2), strict=True):
        assert torch.equal(alone["input"], others["input"])
        assert alone["facts"] == others["facts"]


def test_an_augmentation_may_change_the_length(utterances: list[Utterance]) -> None:
    example: Example = SpeechDataset(utterances, Spectrum(), with_labels=True, augment=Slowed(2.0))[0]
    assert example.seconds == pytest.approx(0.25, abs=1e-3)
    assert len(example.features["input"]) == 4000


def test_an_utterance_whose_text_would_not_fit_keeps_its_speed(utterances: list[Utterance]) -> None:
    model = Spectrum()
    model.longest_s = 0.7  # 0.5 s and 0.6 s stay below it, slowed to 0.8 the second does not
    dataset = SpeechDataset(utterances, model, with_labels=True, augment=Slowed(0.8))
    assert dataset[0].seconds == pytest.approx(0.5 / 0.8, abs=1e-3)
    assert dataset[1].seconds == pytest.approx(0.6, abs=1e-3)
    assert SpeechDataset(utterances, model, with_labels=False, augment=Slowed(0.8))[1].seconds > 0.7


def test_batches_are_planned_by_what_will_be_heard(utterances: list[Utterance]) -> None:
    """Whatever speeds are drawn, a batch stays within its seconds and holds utterances of similar length."""
    durations_s = np.random.default_rng(0).uniform(1, 10, 200)
    dataset = SpeechDataset([utterances[0]] * 200, Spectrum(), with_labels=True, augment=Slowed(0.6, every=3))
    heard_s = durations_s * dataset.stretch(1)
    assert heard_s[0] == pytest.approx(durations_s[0] / 0.6) and heard_s[1] == durations_s[1]
    batches = epoch_of(SimilarLengthBatches(durations_s, 40.0, 0, stretch=dataset.stretch), 1)
    assert all(len(b) * heard_s[b].max() <= 40.0001 for b in batches if len(b) > 1)
    blind = epoch_of(SimilarLengthBatches(durations_s, 40.0, 0), 1)
    assert padding_share(batches, heard_s) < 0.6 * padding_share(blind, heard_s)


def test_each_epoch_has_its_own_speeds(utterances: list[Utterance]) -> None:
    chain = Augmenter(AugmentOptions(speed=Speed())).chain("train")
    dataset = SpeechDataset(utterances, Spectrum(), with_labels=True, augment=chain, seed=3)
    assert not np.array_equal(dataset.stretch(0), dataset.stretch(1))
    for index in (0, 1, 3):
        seconds = dataset[index, 1].seconds
        assert seconds == pytest.approx((0.5 + index / 10) * dataset.stretch(1)[index], abs=1e-3)


def test_silent_speech_in_noise_costs_itself_only(utterances: list[Utterance], tmp_path: Path) -> None:
    save_audio(tmp_path / "3.wav", np.zeros(8000, np.float32), 16000)
    chain = Augmenter(AugmentOptions(noise=Noise(generated=["pink"]))).chain("train")
    dataset = SpeechDataset(utterances, Spectrum(), with_labels=True, augment=chain)
    facts = Collator(Spectrum())([dataset[i] for i in (0, 1, 3)])["facts"]
    assert facts.indices == [0, 1]
    assert f"{tmp_path / '3.wav'}: silent, so that no signal-to-noise ratio" in dict(facts.problems)[3]
