"""The estimate counts steps as the Trainer does and measures on the real thing, for both families."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from speech_tl.data.augment import Augmenter, AugmentOptions
from speech_tl.data.manifest import Manifest
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.strategies.trained import Full, HeadOnly
from speech_tl.training.estimate import Estimate, estimate
from speech_tl.training.optimizers import MuonWithAdamW, new_optimizer
from speech_tl.training.options import TrainingOptions
from tests.small import made_corpus, rows_of, written
from tests.tiny import tiny_ctc, tiny_whisper


def roomy_whisper(folder: Path) -> Path:
    return tiny_whisper(folder, tokens=64)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("corpus")
    rows = rows_of(made_corpus(folder))
    durations_s = [1.2 + number % 3 / 4 for number in range(len(rows))]
    return Manifest.read(written(folder / "timed.csv", [r | {"duration": d} for r, d in zip(rows, durations_s)]))  # noqa: B905


def estimated(folder: Path, corpus: Manifest, **training: object) -> Estimate:
    model = load_model(folder, language="en", device="cpu")
    HeadOnly().prepare(model)
    options = TrainingOptions(**{"batch_seconds": 4.0, "workers": 0, "precision": "float32", **training})
    splits = [corpus.split(name) for name in ("train", "dev", "test")]
    return estimate(model, *splits, options, DecodingOptions(), Augmenter(AugmentOptions()), seed=0)


@pytest.mark.parametrize("make", [tiny_ctc, roomy_whisper], ids=["ctc", "whisper"])
def test_both_families_are_measured(make, corpus, tmp_path):
    found = estimated(make(tmp_path / "model"), corpus, max_steps=100, eval_steps=30, gradient_checkpointing=True)
    assert (found.steps, found.looks, found.precision) == (100, 4, "float32")
    assert min(found.training_s, found.looks_s, found.test_s) > 0
    assert found.total_s == pytest.approx(sum(found.parts().values()))
    assert found.total_s == pytest.approx(
        found.training_s + found.looks_s + 2 * found.test_s + found.checkpoints_s + found.window_check_s
    )
    assert found.dev_utterances == len(corpus.split("dev"))
    assert found.peak_memory_bytes > 50e6


def test_the_clock_bounds_training_and_accumulation_makes_fewer_steps(corpus, tmp_path):
    folder = tiny_ctc(tmp_path / "model")
    single = estimated(folder, corpus, epochs=4)
    joined = estimated(folder, corpus, epochs=4, gradient_accumulation_steps=2)
    assert (single.epochs, joined.epochs) == (4, 4) and single.steps in (2 * joined.steps, 2 * joined.steps - 4)
    assert estimated(folder, corpus, max_steps=10**6, max_minutes=1.0).training_s == 60


def test_fixed_weights_stay_as_they_are(corpus, tmp_path):
    folder = tiny_ctc(tmp_path / "model")
    model = load_model(folder, device="cpu")
    HeadOnly().prepare(model)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    splits = [corpus.split(name) for name in ("train", "dev", "test")]
    estimate(model, *splits, TrainingOptions(workers=0), DecodingOptions(), Augmenter(AugmentOptions()), seed=0)
    moved = {
        name for name, value in model.network.state_dict().items() if not torch.equal(value, before.get(name, value))
    }
    assert {name.partition(".")[0] for name in moved} == {"lm_head"}


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_dry_run_steps_with_the_optimiser_of_the_run(optimizer, corpus, tmp_path, monkeypatch):
    """Steps of the very kind that training takes: Muon's cost is not AdamW's."""
    stepped = []
    for kind in (torch.optim.AdamW, MuonWithAdamW):
        step = kind.step

        def counted(self, *given, _step=step):
            stepped.append(type(self))
            return _step(self, *given)

        monkeypatch.setattr(kind, "step", counted)
    model = load_model(tiny_ctc(tmp_path / "model"), device="cpu")
    Full(freeze_feature_encoder=False).prepare(model)
    options = TrainingOptions(optimizer=optimizer, workers=0, batch_seconds=4.0, precision="float32", max_steps=2)
    splits = [corpus.split(name) for name in ("train", "dev", "test")]
    estimate(model, *splits, options, DecodingOptions(), Augmenter(AugmentOptions()), seed=0)
    measured, trained = list(stepped), new_optimizer(model.network, options, 1e-4)
    assert measured.count(type(trained)) == 4
    assert (MuonWithAdamW in measured) == (optimizer == "muon")
