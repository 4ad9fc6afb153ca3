"""A whole run of a strategy: merged and checked, saved beside the model, resumed, foreseen, refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from speech_tl import adaptation
from speech_tl.adaptation import adapt, plan
from speech_tl.cli import _run
from speech_tl.evaluation import evaluate
from speech_tl.models.load import load_model
from speech_tl.recipe import Recipe, recipe_from_yaml
from speech_tl.reporting.words import count
from tests.small import made_corpus, recipe_yaml, timeless
from tests.tiny import tiny_ctc, tiny_whisper

pytestmark = pytest.mark.usefixtures("dev_chooses")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, two models, a recipe of a few steps for each."""
    folder = tmp_path_factory.mktemp("shop")
    data = made_corpus(folder / "data")
    recipe_yaml(folder / "ctc.yaml", tiny_ctc(folder / "ctc"), data, learning_rate=0.02)
    recipe_yaml(folder / "whisper.yaml", tiny_whisper(folder / "whisper", tokens=64), data, max_steps=2)
    return folder


def recipe(shop: Path, *overrides: str, family: str = "ctc") -> Recipe:
    return recipe_from_yaml(shop / f"{family}.yaml").with_overrides(overrides)


def hypotheses(folder: Path) -> dict[str, str]:
    lines = (folder / "after" / "utterances.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row["hypothesis_raw"] for row in map(json.loads, lines)}


def evaluated(model: Path, run: Recipe) -> dict[str, str]:
    found = evaluate(str(model), run.data.root, language="en", decoding=run.decoding)
    return {u.id: u.hypothesis_raw for u in found.utterances}


@pytest.mark.parametrize("family", ["ctc", "whisper"])
def test_lora_is_merged_into_a_plain_model_with_the_same_transcripts(family: str, shop: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCTC, AutoModelForSpeechSeq2Seq

    run = recipe(shop, "strategy=lora", "strategy.rank=2", family=family)
    result = adapt(run, tmp_path / "run")
    merging = result.report.training.merging
    assert merging["utterances"] == 2 and merging["changed"] == 0
    assert merging["wer_before"] == merging["wer_after"] == result.report.as_dict()["training"]["best_dev_wer"]
    assert "0 of 2 dev transcripts changed" in (tmp_path / "run" / "report.md").read_text()
    loader = AutoModelForCTC if family == "ctc" else AutoModelForSpeechSeq2Seq
    _, info = loader.from_pretrained(tmp_path / "run" / "model", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert evaluated(tmp_path / "run" / "model", run) == hypotheses(tmp_path / "run")
    saved = load_file(tmp_path / "run" / "adapter" / "adapter_model.safetensors")
    assert sum(w.numel() for w in saved.values()) == result.report.as_dict()["training"]["trainable_parameters"]


def test_a_run_killed_while_merging_ends_as_one_that_was_not(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recipe(shop, "strategy=lora")
    straight = adapt(run, tmp_path / "straight")
    with monkeypatch.context() as patch:

        def die(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr(adaptation, "merge_and_check", die)
        with pytest.raises(KeyboardInterrupt):
            adapt(run, tmp_path / "killed")
    resumed = adapt(run, tmp_path / "killed", resume=True)
    assert hypotheses(tmp_path / "killed") == hypotheses(tmp_path / "straight")
    assert resumed.report.training.merging == straight.report.training.merging
    again = adapt(run, tmp_path / "killed", resume=True)
    assert timeless(again.report.as_dict())["training"] == timeless(resumed.report.as_dict())["training"]


def test_a_transcript_that_merging_changes_is_told(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from speech_tl.strategies.adapters import LoRA, remove_adapters

    monkeypatch.setattr(LoRA, "finish", lambda self, model: remove_adapters(model, merge=False))  # learnt for nothing
    result = adapt(recipe(shop, "strategy=lora", "strategy.rank=4"), tmp_path / "run")
    assert result.report.training.merging["changed"] > 0
    assert any("merging changed" in note for note in result.report.notes)


def test_a_head_of_our_own_says_so_and_loads_through_speech_tl(shop: Path, tmp_path: Path) -> None:
    run = recipe(shop, "strategy=head_only", "strategy.layers=weighted", "strategy.lstm=4")
    result = adapt(run, tmp_path / "run")
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert "a weighted sum of all layers and a BiLSTM of 4 units" in card and "does not load it" in card
    assert "AutoModel" not in card and "pipeline(" not in card
    assert "merging" not in result.report.as_dict()["training"] and not (tmp_path / "run" / "adapter").exists()
    assert evaluated(tmp_path / "run" / "model", run) == hypotheses(tmp_path / "run")
    again = adapt(run, tmp_path / "run", resume=True)
    assert again.report.as_dict()["model"]["head"] == load_model(tmp_path / "run" / "model").describe()["head"]


@pytest.mark.parametrize(
    ("family", "strategy"), [("ctc", "lora"), ("whisper", "lora"), ("ctc", "gradual"), ("ctc", "head_only")]
)
def test_a_dry_run_measures_what_the_run_would_train(family: str, strategy: str, shop: Path) -> None:
    run = recipe(shop, f"strategy={strategy}", family=family)
    told = plan(run)
    model = load_model(run.model.source, language="en")
    run.strategy.prepare(model)
    trained, total = map(count, model.parameter_counts())
    assert f"trains    {trained} of {total} parameters" in told


REFUSED = [
    ("ctc", ["strategy=lora", "strategy.rank=0"], "strategy.rank: Input should be greater than or equal to 1, not 0"),
    ("ctc", ["strategy=lora", "strategy.targets=[q_prj]"], "no linear layer q_prj"),
    ("ctc", ["strategy=lora", "strategy.rnk=4"], "did you mean strategy.rank"),
    ("ctc", ["strategy.rank=0", "strategy=lora"], "strategy.rank: Input should be greater than or equal to 1, not 0"),
    ("ctc", ["strategy=lorra"], "did you mean lora"),
    ("ctc", ["strategy=decoder_only"], "decoder_only is for Whisper"),
    ("ctc", ["strategy=language_adapter"], "use strategy=lora"),
    ("ctc", ["strategy=gradual", "strategy.head_steps=4"], "and the training has 4"),
    ("ctc", ["strategy.freeze_layers=2"], "freeze at most 1"),
    ("ctc", ["strategy.layer_decay=0.5", "training.optimizer=muon"], "training.optimizer=muon has one learning rate"),
    ("whisper", ["strategy=head_only", "strategy.lstm=8"], "its decoder: leave them out"),
    ("whisper", ["strategy=language_adapter"], "MMS checkpoints"),
]


@pytest.mark.parametrize(("family", "overrides", "told"), REFUSED, ids=[" ".join(case[1]) for case in REFUSED])
def test_what_cannot_work_is_one_line_before_anything_is_written(
    family: str, overrides: list[str], told: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    code = _run(["adapt", str(shop / f"{family}.yaml"), *overrides, "--out", str(tmp_path / "run")])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech-tl: ")]
    assert code == 2 and len(lines) == 1 and told in lines[0], lines
    assert not (tmp_path / "run").exists()
