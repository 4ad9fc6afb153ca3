"""Training on trimmed windows with a share of 30 s ones: repeatable, resumable, and another training than 30 s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from speech_tl.data.manifest import Manifest
from speech_tl.models.load import load_model
from speech_tl.models.whisper import WhisperModel
from tests.training.learning import changed, learn, logged, weights, with_dropout
from tests.training.test_train import Killed, curve, killer

RUN: dict[str, Any] = {"masks": 0.3, "max_steps": 6, "eval_steps": 2, "batch_seconds": 4.0, "dev": False}


def trimmed(folder: Path, share: float = 0.4) -> WhisperModel:
    """A model whose training has everything that is random."""
    model = with_dropout(load_model(folder, language="en"))
    model.set_audio_context("auto", share)
    return model


@pytest.fixture(scope="module")
def straight(folders: dict[str, Path], corpus: Manifest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """An unbroken run's folder and weights."""
    folder, model = tmp_path_factory.mktemp("straight"), trimmed(folders["whisper"])
    learn(model, corpus, folder, **RUN)
    return folder, weights(model)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_killed_run_draws_the_same_30_s_windows(
    workers: int, straight: tuple[Path, Any], folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        learn(trimmed(folders["whisper"]), corpus, tmp_path, progress=killer(5), **RUN)
    resumed = trimmed(folders["whisper"])
    learn(resumed, corpus, tmp_path, resume=True, workers=workers, **RUN)
    assert curve(tmp_path) == curve(straight[0])
    assert not changed(straight[1], weights(resumed))


def test_one_seed_is_one_run_and_the_share_makes_another(
    straight: tuple[Path, Any], folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    again = trimmed(folders["whisper"])
    learn(again, corpus, tmp_path / "again", **RUN)
    assert curve(tmp_path / "again") == curve(straight[0])
    assert not changed(straight[1], weights(again))
    learn(trimmed(folders["whisper"], share=0.0), corpus, tmp_path / "none", **RUN)
    assert logged(tmp_path / "none", "loss") != logged(straight[0], "loss")
    padded = [logged(folder, "padded_seconds")[-1][1] for folder in (tmp_path / "none", straight[0])]
    assert padded[0] < padded[1] / 2, "thirty seconds were not drawn, or not counted"


def test_trimmed_training_turned_off_is_the_published_one(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    """Every utterance at 30 s through the trimming code, and no trimming at all: one loss curve."""
    losses = []
    for name, option, share in (("off", "full", 0.0), ("all", "auto", 1.0)):
        model = load_model(folders["whisper"], language="en")
        model.set_audio_context(option, share)
        learn(model, corpus, tmp_path / name, **{**RUN, "masks": 0.0, "max_steps": 3, "eval_steps": 1})
        losses.append([loss for _, loss in logged(tmp_path / name, "loss")])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
