"""Several utterances in one window: who shares one, what a model gets to learn from it, and that nobody is lost."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.audio import save_audio
from speech_tl.data.batching import Collator
from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.data.packing import JoinedUtterances, PackedDataset, PackedWindows
from speech_tl.errors import BadInput
from speech_tl.models.audio_context import FULL
from speech_tl.models.load import load_model
from speech_tl.models.whisper import WhisperModel
from tests.sounds import voice
from tests.tiny import tiny_ctc, tiny_whisper

TEXTS = ["one two", "well then", "no", "what is it", "yes"]


def windows_of(sampler: PackedWindows, epoch: int = 0) -> list[tuple[int, ...]]:
    """All windows of an epoch, batch after batch."""
    sampler.set_epoch(epoch)
    keys = [window for batch in sampler for window in batch]
    assert all(e == epoch for window in keys for _, e in window)
    return [tuple(index for index, _ in window) for window in keys]


def packed(durations_s: list[float], tokens: int = 10, **options: object) -> PackedWindows:
    """Windows of 30 s and 400 tokens, two in a batch."""
    chosen = {"windows": 2, "alone_share": 0.0, "seed": 0} | options
    return PackedWindows(durations_s, [tokens] * len(durations_s), 30.0, 400, **chosen)


# ---- who shares a window


@given(
    durations_s=st.lists(st.floats(0.1, 30), min_size=1, max_size=60),
    tokens=st.integers(1, 300),
    windows=st.integers(1, 4),
    ranks=st.integers(1, 3),
    share=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_everybody_is_heard_once_an_epoch_and_every_window_fits(
    durations_s: list[float], tokens: int, windows: int, ranks: int, share: float
) -> None:
    samplers = [
        packed(durations_s, tokens, windows=windows, alone_share=share, ranks=ranks, rank=rank) for rank in range(ranks)
    ]
    for epoch in (0, 1):
        dealt = [windows_of(sampler, epoch) for sampler in samplers]
        heard = [index for windows in dealt for window in windows for index in window]
        if len(durations_s) >= ranks:  # fewer utterances than devices: some are heard twice, so that nobody waits
            assert sorted(heard) == list(range(len(durations_s)))
        for window in [window for windows in dealt for window in windows]:
            assert sum(durations_s[index] for index in window) <= 30 + 1e-6
            assert len(window) == 1 or tokens * len(window) <= 400
    assert len({len(sampler) for sampler in samplers}) == 1
    assert all(len(list(sampler)) == len(sampler) for sampler in samplers)


def test_an_epoch_is_shuffled_and_repeatable() -> None:
    durations_s = np.random.default_rng(0).uniform(2, 6, 200).tolist()
    first, second = (windows_of(packed(durations_s, seed=7), epoch) for epoch in (0, 1))
    assert windows_of(packed(durations_s, seed=7), 1) == second != first
    assert windows_of(packed(durations_s, seed=8)) != first
    assert len(set(first) & set(second)) < 3, "the same utterances share a window each time"


def test_a_share_has_a_window_of_its_own() -> None:
    durations_s = [3.0] * 1000
    alone = [window for window in windows_of(packed(durations_s, alone_share=0.1)) if len(window) == 1]
    assert 70 < len(alone) < 130
    assert all(len(window) == 1 for window in windows_of(packed(durations_s, alone_share=1.0)))


def test_real_durations_fill_their_windows(corpora: Path) -> None:
    with (corpora / "speechocean762" / "manifest.csv").open(encoding="utf-8") as stream:
        durations_s = [float(row["duration"]) for row in csv.DictReader(stream) if row["split"] == "train"]
    sampler = packed(durations_s, windows=1)
    assert sum(durations_s) / (30 * len(sampler.fill(0))) > 0.97
    assert sum(durations_s) / (30 * len(windows_of(sampler, 3))) > 0.96


def test_texts_that_fill_a_window_leave_time_empty() -> None:
    windows = windows_of(packed([1.0] * 30, tokens=150))
    assert {len(window) for window in windows} == {2}, "two texts of 150 tokens fit into 400, three do not"


def test_nothing_to_train_on_is_one_line() -> None:
    with pytest.raises(BadInput, match="no training utterances"):
        packed([])


# ---- utterances that follow each other in trimmed windows


@given(
    durations_s=st.lists(st.floats(0.1, 30), min_size=3, max_size=60),
    join_s=st.floats(1, 30),
    ranks=st.integers(1, 3),
)
def test_joined_utterances_are_heard_once_an_epoch_and_fit(durations_s: list[float], join_s: float, ranks: int) -> None:
    tokens = [100] * len(durations_s)
    samplers = [JoinedUtterances(durations_s, tokens, join_s, 400, 40.0, 0, ranks, rank) for rank in range(ranks)]
    for epoch in (0, 1):
        windows = []
        for sampler in samplers:
            sampler.set_epoch(epoch)
            batches = list(sampler)
            assert len(batches) == len(sampler)
            windows += [window for batch in batches for window in batch]
        indices = [index for window in windows for index, _ in window]
        assert set(indices) == set(range(len(durations_s)))
        if len(samplers[0].windows) >= ranks * len(samplers[0]):  # else some windows are heard twice: nobody waits
            assert len(indices) == len(durations_s)
        for window in windows:
            seconds = sum(durations_s[index] for index, _ in window)
            assert len(window) == 1 or (seconds <= join_s + 1e-6 and len(window) <= 4)


def test_joined_windows_are_of_all_lengths_and_batches_of_similar_ones() -> None:
    durations_s = np.random.default_rng(0).uniform(2, 4, 400).tolist()
    sampler = JoinedUtterances(durations_s, [10] * 400, 12.0, 400, 40.0, seed=0)
    batches = [[sum(durations_s[index] for index, _ in window) for window in batch] for batch in sampler]
    lengths = np.array([seconds for batch in batches for seconds in batch])
    assert all(((lengths > low) & (lengths < low + 4)).mean() > 0.1 for low in (2, 5, 8))
    padded = sum(len(batch) * max(batch) for batch in batches)
    assert padded / lengths.sum() < 1.1
    assert [*sampler] == [*sampler], "an epoch is repeatable"
    first = {tuple(index for index, _ in window) for batch in sampler for window in batch if len(window) > 1}
    sampler.set_epoch(1)
    second = {tuple(index for index, _ in window) for batch in sampler for window in batch if len(window) > 1}
    assert len(first & second) < 0.05 * len(first), "the same utterances follow each other each time"


# ---- what a model learns from it


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Whisper with timestamp tokens."""
    return tiny_whisper(tmp_path_factory.mktemp("whisper") / "tiny", tokens=448)


@pytest.fixture
def model(folder: Path) -> WhisperModel:
    """Set to write timestamps always."""
    model = load_model(folder, language="en")
    model.set_packing(timestamp_share=1.0)
    return model


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    """Five clips; the fourth is no audio, the last is longer than its table says."""
    folder, found = tmp_path_factory.mktemp("clips"), []
    for number, text in enumerate(TEXTS):
        path = folder / f"{number}.wav"
        save_audio(path, voice([1.0, 0.7, 1.33, 0.5, 29.0][number], number), 16000)
        found.append(Utterance(str(number), str(path), text=text))
    (folder / "3.wav").write_text("not audio")
    return found


def window(model: WhisperModel, utterances: list[Utterance], *indices: int) -> dict:
    """A batch of one window, through the one collator."""
    dataset = PackedDataset(utterances, model, with_labels=True)
    return Collator(model)([dataset[tuple((index, 0) for index in indices)]])


def test_a_target_has_the_time_at_which_each_text_begins_and_ends(
    model: WhisperModel, utterances: list[Utterance]
) -> None:
    batch = window(model, utterances, 0, 1, 2)
    names = model.tokenizer.convert_ids_to_tokens(batch["decoder_input_ids"][0].tolist())
    assert names[:4] == ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|0.00|>"]
    targets = [i for i in batch["labels"][0].tolist() if i >= 0]
    spoken = [(o["text"], o["timestamp"]) for o in model.tokenizer.decode(targets, output_offsets=True)["offsets"]]
    assert spoken == [(" one two", (0.0, 1.0)), (" well then", (1.0, 1.7)), (" no", (1.7, 3.04))]
    assert targets[-1] == model.end and targets[0] == model.first_timestamp
    assert model.items(batch) == len(targets) == sum(len(model.encode(t)) + 1 for t in TEXTS[:3]) + 1


def test_the_audio_is_that_of_all_behind_each_other(model: WhisperModel, utterances: list[Utterance]) -> None:
    batch = window(model, utterances, 0, 1, 2)
    whole = np.concatenate([utterances[i].load(16000) for i in range(3)])
    alone = model.collate([model.features(whole)], None)
    assert np.array_equal(batch["input_features"], alone["input_features"])
    assert batch["facts"].seconds == pytest.approx(3.03, abs=1e-3)
    assert batch["facts"].padded_seconds == 30.0


def test_a_window_of_one_without_timestamps_is_the_usual_training(
    folder: Path, model: WhisperModel, utterances: list[Utterance]
) -> None:
    model.set_packing(timestamp_share=0.0)
    alone, plain = window(model, utterances, 1), load_model(folder, language="en")
    usual = plain.collate([plain.features(utterances[1].load(16000))], [plain.encode(TEXTS[1])])
    assert all(np.array_equal(alone[name], usual[name]) for name in ("labels", "decoder_input_ids", "input_features"))


def test_without_timestamps_the_text_is_that_of_all(model: WhisperModel, utterances: list[Utterance]) -> None:
    model.set_packing(timestamp_share=0.0)
    batch = window(model, utterances, 0, 1, 2)
    assert batch["labels"][0].tolist()[len(model.prompt) - 1 :] == model.encode("one two well then no")
    assert "<|notimestamps|>" in model.tokenizer.convert_ids_to_tokens(batch["decoder_input_ids"][0].tolist())


def test_as_many_windows_as_asked_have_timestamps(model: WhisperModel) -> None:
    model.set_packing(timestamp_share=0.3)
    rng = np.random.default_rng(0)
    drawn = [model.packed_labels(["a"], [1.0], rng)[0] == model.first_timestamp for _ in range(500)]
    assert 110 < sum(drawn) < 190


def test_a_tokenizer_without_timestamps_does_without(folder: Path) -> None:
    model = load_model(folder, language="en")
    model.first_timestamp = model.network.config.vocab_size  # as of a checkpoint whose rows end before them
    model.set_packing(timestamp_share=1.0)
    assert model.packed_labels(["a", "b"], [1.0, 2.0], np.random.default_rng(0)) == model.encode("a b")


def test_rows_with_and_without_timestamps_share_a_batch(model: WhisperModel, utterances: list[Utterance]) -> None:
    timed = PackedDataset(utterances, model, with_labels=True)[(0, 0), (1, 0)]
    model.set_packing(timestamp_share=0.0)
    plain = PackedDataset(utterances, model, with_labels=True)[(0, 0), (1, 0)]
    together = Collator(model)([timed, plain])
    alone = [Collator(model)([example]) for example in (timed, plain)]
    losses = [float(model.loss(model.network, {**batch, "facts": None}).detach()) for batch in (together, *alone)]
    assert losses[0] == pytest.approx(losses[1] + losses[2], rel=1e-5)
    assert model.items(together) == sum(model.items(batch) for batch in alone)


def test_who_cannot_be_heard_costs_nobody_else_the_window(model: WhisperModel, utterances: list[Utterance]) -> None:
    batch = window(model, utterances, 0, 3, 1, 4, 2)
    assert dict(batch["facts"].problems).keys() == {3, 4}
    assert "longer than its duration says" in dict(batch["facts"].problems)[4]
    targets = [i for i in batch["labels"][0].tolist() if i >= 0]
    offsets = model.tokenizer.decode(targets, output_offsets=True)["offsets"]
    assert [o["text"] for o in offsets] == [" one two", " well then", " no"]
    assert batch["facts"].seconds == pytest.approx(3.03, abs=1e-3)
    nobody = window(model, utterances, 3)
    assert list(nobody) == ["facts"] and [index for index, _ in nobody["facts"].problems] == [3]


def test_packing_needs_a_window_and_the_whole_of_it(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"training.packing: .*only Whisper has"):
        load_model(tiny_ctc(tmp_path / "ctc")).set_packing(0.5)
    model = load_model(folder, language="en")
    model.set_audio_context(8.0, 0.0)
    with pytest.raises(BadInput, match=r"leave model.audio_context at auto or full, not 8"):
        model.set_packing(0.5)
    model.set_audio_context("auto", 0.0)
    model.set_packing(0.5)
    assert model.trained_context == FULL


def test_what_the_plan_counts_is_what_the_target_needs(model: WhisperModel) -> None:
    texts = [TEXTS[i % 5] for i in range(20)]
    labels = model.packed_labels(texts, [float(i) for i in range(1, 21)], np.random.default_rng(0))
    planned = sum(model.packing_tokens(text) for text in texts)
    assert len(labels) == planned + 1
    assert model.packing_room == 448 - len(model.prompt) - 1


def test_a_manifest_serves_as_well(model: WhisperModel, utterances: list[Utterance], tmp_path: Path) -> None:
    from speech_tl.training.batches import training_batches, training_dataset
    from speech_tl.training.options import TrainingOptions
    from tests.small import written

    rows = [{"audio": u.audio, "text": u.text, "duration": d} for u, d in zip(utterances, [1, 0.7, 1.33], strict=False)]
    options = TrainingOptions(packing=True)
    dataset = training_dataset(Manifest.read(written(tmp_path / "m.csv", rows)), model, options, None, 0)
    batches = list(training_batches(dataset, model, options, 0))
    assert len(batches) == 1 and sorted(index for index, _ in batches[0][0]) == [0, 1, 2]
    assert Collator(model)([dataset[key] for key in batches[0]])["facts"].seconds == pytest.approx(3.03, abs=1e-3)
