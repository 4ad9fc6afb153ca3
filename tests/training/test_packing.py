"""Training on packed windows: repeatable, resumable, in a whole run and in its plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from speech_tl.adaptation import adapt, plan
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from speech_tl.models.whisper import WhisperModel
from speech_tl.recipe import recipe_from_yaml
from tests.small import made_corpus, recipe_yaml
from tests.tiny import tiny_ctc, tiny_whisper
from tests.training.learning import changed, learn, logged, weights, with_dropout
from tests.training.test_train import Killed, curve, killer

RUN: dict[str, Any] = {
    "masks": 0.3,
    "max_steps": 6,
    "eval_steps": 2,
    "packing": True,
    "batch_seconds": 30,
    "dev": False,
}


def packing(folder: Path) -> WhisperModel:
    """Half of the windows with timestamps, a third of the utterances in a window of their own."""
    model = with_dropout(load_model(folder, language="en"))
    model.set_audio_context("auto", 0.3)
    model.set_packing(timestamp_share=0.5)
    return model


def test_a_killed_run_packs_the_same_windows(tmp_path: Path, corpus: Manifest) -> None:
    folder = tiny_whisper(tmp_path / "tiny", tokens=200)
    straight, resumed = packing(folder), packing(folder)
    result = learn(straight, corpus, tmp_path / "straight", **RUN)
    with pytest.raises(Killed):
        learn(packing(folder), corpus, tmp_path / "killed", progress=killer(5), **RUN)
    learn(resumed, corpus, tmp_path / "killed", resume=True, workers=1, **RUN)
    assert curve(tmp_path / "killed") == curve(tmp_path / "straight")
    assert not changed(weights(straight), weights(resumed))
    audio_s, padded_s = (logged(tmp_path / "straight", f"{name}_seconds")[-1][1] for name in ("audio", "padded"))
    assert padded_s % 30 == 0
    assert result.figures["padding_share"] == pytest.approx(1 - audio_s / padded_s, abs=1e-4)


def test_a_whole_run_packs_and_is_decoded_with_30_s(tmp_path: Path) -> None:
    manifest, model = made_corpus(tmp_path / "corpus"), tiny_whisper(tmp_path / "tiny", tokens=300)
    path = recipe_yaml(tmp_path / "recipe.yaml", model, manifest, packing=True, batch_seconds=60, max_steps=2)
    recipe = recipe_from_yaml(path)
    assert "steps     2" in plan(recipe)
    adapt(recipe, tmp_path / "run")
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert "audio_context" not in report["training"]
    assert report["decoding"]["audio_context"] == "full"
    with pytest.raises(BadInput, match="only Whisper has"):
        adapt(recipe.with_overrides([f"model={tiny_ctc(tmp_path / 'ctc')}"]), tmp_path / "other")
    with pytest.raises(BadInput, match="training.packing fills windows"):
        adapt(recipe.with_overrides(["model.audio_context=9"]), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_joined_utterances_are_trimmed_and_a_killed_run_joins_the_same(tmp_path: Path, corpus: Manifest) -> None:
    folder = tiny_whisper(tmp_path / "tiny", tokens=200)
    run = RUN | {"packing": False, "join_seconds": 6.0}

    def joining() -> WhisperModel:
        model = with_dropout(load_model(folder, language="en"))
        model.set_audio_context("auto", 0.3)
        return model

    straight, resumed = joining(), joining()
    learn(straight, corpus, tmp_path / "straight", **run)
    with pytest.raises(Killed):
        learn(joining(), corpus, tmp_path / "killed", progress=killer(5), **run)
    learn(resumed, corpus, tmp_path / "killed", resume=True, workers=1, **run)
    assert curve(tmp_path / "killed") == curve(tmp_path / "straight")
    assert not changed(weights(straight), weights(resumed))
    padded_s = logged(tmp_path / "straight", "padded_seconds")[-1][1]
    assert padded_s % 30, "30 s for every window"


def test_whole_runs_of_both_families_join(tmp_path: Path) -> None:
    manifest, model = made_corpus(tmp_path / "corpus"), tiny_whisper(tmp_path / "tiny", tokens=300)
    path = recipe_yaml(tmp_path / "recipe.yaml", model, manifest, join_seconds=8, batch_seconds=60, max_steps=2)
    recipe = recipe_from_yaml(path)
    assert "steps     2" in plan(recipe)
    adapt(recipe, tmp_path / "run")
    assert "audio_context" in json.loads((tmp_path / "run" / "report.json").read_text())["training"]
    ctc = [f"model={tiny_ctc(tmp_path / 'ctc')}", "strategy=head_only", "training.epochs=3", "training.max_steps=null"]
    result = adapt(recipe.with_overrides(ctc), tmp_path / "ctc-run")
    assert result.report["training"]["kept"] == "waveforms", "an utterance's own output is no window's"
    with pytest.raises(BadInput, match="give one of the two"):
        recipe.with_overrides(["training.packing=true"])
