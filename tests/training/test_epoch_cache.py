"""What is kept for later epochs changes nothing but the time: against the plain path, after a kill, with new inputs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speech_tl.data.batching import SpeechDataset
from speech_tl.data.manifest import Manifest
from speech_tl.models.base import AcousticModel
from speech_tl.models.frozen import FrozenStage
from speech_tl.models.load import load_model
from speech_tl.strategies.trained import Full, HeadOnly
from speech_tl.training.epoch_cache import open_cache
from tests.training.learning import changed, clips, learn, logged, weights, with_dropout
from tests.training.test_train import Killed, curve, killer

EPOCHS: dict[str, Any] = {"max_steps": None, "epochs": 3, "batch_seconds": 5.0, "eval_steps": 3, "dev": False}


def fresh(folder: Path) -> AcousticModel:
    return with_dropout(load_model(folder, language="en"))


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every file that is decoded."""
    from speech_tl.data.manifest import Utterance

    seen, load = [], Utterance.load

    def loaded(self: Utterance, rate: int | None = 16000) -> np.ndarray:
        seen.append(self.id)
        return load(self, rate)

    monkeypatch.setattr(Utterance, "load", loaded)
    return seen


# ---- the same result


@pytest.mark.parametrize(
    ("strategy", "masks", "kept"), [(Full(), 0.2, "front"), (HeadOnly(), 0.0, "encoded"), (HeadOnly(), 0.2, "front")]
)
def test_kept_outputs_teach_what_the_plain_path_teaches(
    strategy: Full | HeadOnly,
    masks: float,
    kept: str,
    folders: dict[str, Path],
    corpus: Manifest,
    tmp_path: Path,
    loads: list[str],
) -> None:
    runs: dict[float, dict] = {}
    for limit_gb in (0.0, 1.0):
        model, loads[:] = fresh(folders["ctc"]), []
        said: list[str] = []
        run = EPOCHS | {"strategy": strategy, "masks": masks, "cache_gb": limit_gb, "tell": said.append}
        result = learn(model, corpus, tmp_path / str(limit_gb), **run)
        losses = dict(logged(tmp_path / str(limit_gb), "loss"))
        runs[limit_gb] = {"losses": losses, "loads": len(loads), "weights": weights(model), "said": said}
        assert result.figures["kept"] == (kept if limit_gb else None)
        assert not (tmp_path / str(limit_gb) / "cache").exists(), "given back at the end"
    plain, quick = runs[0.0], runs[1.0]
    assert quick["losses"] == pytest.approx(plain["losses"], rel=2e-3)
    before = weights(load_model(folders["ctc"]))
    moved = sum(float((plain["weights"][n] - w).square().sum()) for n, w in before.items())
    apart = sum(float((plain["weights"][n] - quick["weights"][n]).square().sum()) for n in before)
    assert moved > 0 and apart < 1e-3 * moved
    assert (quick["loads"], plain["loads"]) == (8, 24), "decoded in the first epoch only"
    assert plain["said"] == [] and "MB in" in quick["said"][0] and "data.cache_gb=0" in quick["said"][0]


def test_what_changes_at_random_keeps_waveforms_and_hears_the_same(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, loads: list[str]
) -> None:
    run = EPOCHS | {"effects": {"gain": {}}, "strategy": Full()}
    models = []
    for limit_gb, decoded in ((0.0, 24), (1.0, 8)):
        loads[:] = []
        models.append(fresh(folders["ctc"]))
        result = learn(models[-1], corpus, tmp_path / str(limit_gb), cache_gb=limit_gb, **run)
        assert len(loads) == decoded
        assert result.figures["kept"] == ("waveforms" if limit_gb else None)
    assert not changed(*map(weights, models)), "16-bit recordings come back to the bit"


def test_whisper_keeps_waveforms(folders: dict[str, Path], corpus: Manifest, tmp_path: Path, loads: list[str]) -> None:
    result = learn(load_model(folders["whisper"], language="en"), corpus, tmp_path, cache_gb=1.0, **EPOCHS)
    assert result.figures["kept"] == "waveforms" and len(loads) == 8


def test_workers_read_what_the_trainer_kept(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    for workers in (0, 2):
        learn(fresh(folders["ctc"]), corpus, tmp_path / str(workers), **EPOCHS, cache_gb=1.0, workers=workers)
    assert curve(tmp_path / "0") == curve(tmp_path / "2")


def test_one_epoch_keeps_nothing(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    said: list[str] = []
    learn(fresh(folders["ctc"]), corpus, tmp_path, **EPOCHS | {"epochs": 1}, cache_gb=1.0, tell=said.append)
    assert said == []


def test_an_unreadable_file_does_not_keep_its_batch_from_the_cache(
    folders: dict[str, Path], tmp_path: Path, loads: list[str]
) -> None:
    corpus = clips(tmp_path / "clips")
    (tmp_path / "clips" / "3.wav").write_text("not audio")
    result = learn(fresh(folders["ctc"]), corpus, tmp_path / "run", **EPOCHS, strategy=Full(), cache_gb=1.0)
    assert set(result.problems) == {3}
    assert sorted(loads) == sorted([f"{n}.wav" for n in range(8)] + ["3.wav"] * 2)


# ---- killed and resumed


@pytest.mark.parametrize("kill_at", [2, 7])
def test_a_killed_run_goes_on_bit_by_bit_with_what_it_kept(
    kill_at: int, folders: dict[str, Path], corpus: Manifest, tmp_path: Path, loads: list[str]
) -> None:
    run = EPOCHS | {"strategy": Full(), "masks": 0.2, "cache_gb": 1.0, "eval_steps": 1}
    straight = fresh(folders["ctc"])
    learn(straight, corpus, tmp_path / "straight", **run)
    with pytest.raises(Killed):
        learn(fresh(folders["ctc"]), corpus, tmp_path / "killed", progress=killer(kill_at), **run)
    assert (tmp_path / "killed" / "cache").is_dir()
    loads[:] = []
    resumed = fresh(folders["ctc"])
    learn(resumed, corpus, tmp_path / "killed", resume=True, **run)
    assert curve(tmp_path / "killed") == curve(tmp_path / "straight")
    assert not changed(weights(straight), weights(resumed))
    if kill_at == 7:
        assert loads == [], "all was kept in the first epoch"
    assert not (tmp_path / "killed" / "cache").exists()


# ---- what it depends on


def opened(model: AcousticModel, corpus: Manifest, folder: Path, **options: Any) -> Any:
    strategy = options.pop("strategy", Full())
    strategy.prepare(model)
    given = {"limit_gb": 1.0, "augmented": False} | options
    return open_cache(folder, model, corpus.split("train"), strategy.frozen(model), **given)


def test_another_model_or_other_data_starts_anew(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    model = load_model(folders["ctc"])
    kept = opened(model, corpus, tmp_path / "c")
    kept.rows.put(0, np.ones((2, kept.stage.width), np.float16), 5.0)
    assert opened(model, corpus, tmp_path / "c").rows.has([0])
    shutil.copytree(tmp_path / "c", tmp_path / "copy")
    other = load_model(folders["ctc"])
    with_other_weights = other.parts()["feature_encoder"][0].conv_layers[0].conv.weight
    with_other_weights.data[0] += 1
    assert not opened(other, corpus, tmp_path / "c").rows.has([0])
    longer = corpus.with_column("text", [f"{text} again" for text in corpus.column("text")])
    assert not opened(model, longer, tmp_path / "copy").rows.has([0])
    assert opened(model, corpus, tmp_path / "c", augmented=True).waveforms is not None


def test_a_recording_that_was_replaced_is_read_again(folders: dict[str, Path], tmp_path: Path) -> None:
    corpus, model = clips(tmp_path / "clips"), load_model(folders["ctc"])
    kept = opened(model, corpus, tmp_path / "c")
    for row in (0, 1):
        kept.rows.put(row, np.ones((2, kept.stage.width), np.float16), 5.0)
    later = (tmp_path / "c" / "outputs" / "key.json").stat().st_mtime + 10
    os.utime(tmp_path / "clips" / "1.wav", (later, later))
    past = later - 1000
    os.utime(tmp_path / "c" / "outputs" / "key.json", (later - 5, later - 5))
    os.utime(tmp_path / "clips" / "0.wav", (past, past))
    again = opened(model, corpus, tmp_path / "c").rows
    assert again.has([0]) and not again.has([1])


@pytest.mark.parametrize(("limit_gb", "kept"), [(1e-6, None), (5e-4, "waveforms")])
def test_what_does_not_fit_is_said_and_the_next_best_is_kept(
    limit_gb: float, kept: str | None, folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: Any
) -> None:
    said: list[str] = []
    model = load_model(folders["ctc"])
    stage = FrozenStage("front", 4096, model.front.module)
    monkeypatch.setattr(model, "frozen_stage", lambda *_: stage)
    found = opened(model, corpus, tmp_path / "c", limit_gb=limit_gb, tell=said.append)
    assert found.what == kept
    assert said[0] == f"the front end's output is not kept: 2 MB are more than data.cache_gb={limit_gb:g}"
    assert ("decoded audio is kept for later epochs: 0 MB" in said[1]) == bool(kept)


def test_several_machines_share_no_memory(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert opened(load_model(folders["ctc"]), corpus, tmp_path / "c").what is None


def test_a_dataset_without_outputs_is_as_before(folders: dict[str, Path], corpus: Manifest) -> None:
    model = load_model(folders["ctc"])
    dataset = SpeechDataset(corpus, model, with_labels=True)
    one, two = dataset.__getitems__([(0, 1), (3, 1)])
    assert (one.index, two.index) == (0, 3) and "input_values" in one.features
    assert json.dumps(one.labels) == json.dumps(model.encode(corpus[0].text))
