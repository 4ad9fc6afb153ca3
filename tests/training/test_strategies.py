"""Every strategy through the trainer: killed and resumed bit by bit, selected on dev, counted, with checkpointing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from speech_tl.data.manifest import Manifest
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.strategies.adapters import Adapters, LoRA
from speech_tl.strategies.base import BaseStrategy
from speech_tl.strategies.gradual import Gradual
from speech_tl.strategies.trained import BitFit, EncoderOnly, Full, HeadOnly, LanguageAdapter
from speech_tl.training.progress import read_log
from speech_tl.training.trainer import AdaptationTrainer
from tests.models.test_load import tiny_mms
from tests.tiny import tiny_ctc, tiny_whisper
from tests.training.learning import changed, learn, logged, weights, with_dropout

GRADUAL = Gradual(head_steps=2, layer_steps=1, layers=2)
CASES: list[tuple[str, BaseStrategy]] = [
    ("ctc", Full(layer_decay=0.7, head_rate=2, freeze_layers=1)),
    ("ctc", GRADUAL),
    ("ctc", HeadOnly(layers="weighted", lstm=8)),
    ("ctc", LoRA(rank=2, dropout=0.1)),
    ("ctc", Adapters(method="lokr")),
    ("ctc", BitFit()),
    ("mms", LanguageAdapter()),
    ("whisper", LoRA(rank=2, dora=True)),
    ("whisper", EncoderOnly()),
]
IDS = [f"{family}-{strategy.name}" for family, strategy in CASES]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "ctc": tiny_ctc(folder / "ctc", norm="group"),
        "mms": tiny_mms(folder / "mms"),
        "whisper": tiny_whisper(folder / "whisper", tokens=32, layers=2),
    }


class Killed(Exception):
    """A power cut."""


def kill(done: int, steps: int, latest: dict[str, float]) -> None:
    """A progress that dies after the fifth step, before its checkpoint."""
    if done == 5:
        raise Killed


def fresh(models: dict[str, Path], family: str) -> AcousticModel:
    """As loaded, with everything random that training has; Whisper on short contexts, to be quick."""
    language = {"ctc": None, "mms": "eng", "whisper": "en"}[family]
    return short_contexts(with_dropout(load_model(models[family], language=language)))


def short_contexts(model: AcousticModel) -> AcousticModel:
    if model.has_decoder:
        model.set_audio_context("auto", full_share=0.0)
    return model


def curve(folder: Path) -> list[dict[str, Any]]:
    """log.jsonl without what a clock decides."""
    return [
        {k: v for k, v in entry.items() if k not in ("seconds", "validation_seconds")}
        for entry in read_log(folder / "log.jsonl")
    ]


@pytest.mark.parametrize(("family", "strategy"), CASES, ids=IDS)
def test_a_killed_run_goes_on_bit_by_bit(
    family: str, strategy: BaseStrategy, models: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    run: dict[str, Any] = {
        "strategy": strategy,
        "masks": 0.3,
        "max_steps": 6,
        "eval_steps": 3,
        "dev_limit": 1,
        "batch_seconds": 4.0,
    }
    straight, resumed = fresh(models, family), fresh(models, family)
    before = weights(straight)
    result = learn(straight, corpus, tmp_path / "straight", **run)
    with pytest.raises(Killed):
        learn(fresh(models, family), corpus, tmp_path / "killed", progress=kill, **run)
    learn(resumed, corpus, tmp_path / "killed", resume=True, **run)
    assert curve(tmp_path / "killed") == curve(tmp_path / "straight")
    assert [step for step, _ in logged(tmp_path / "straight", "dev_wer")] == [0, 3, 6]
    after = weights(straight)
    assert after.keys() == weights(resumed).keys() and not changed(after, weights(resumed))
    # what has moved is what was said to move, and as much of it as was said
    moving = {name: p for name, p in straight.network.named_parameters() if p.requires_grad}
    assert result.figures["trainable_parameters"] == sum(p.numel() for p in moving.values())
    assert result.figures["total_parameters"] == sum(p.numel() for p in straight.network.parameters())
    kept = {name.replace(".base_layer", ""): weight for name, weight in after.items() if name not in moving}
    assert not changed({name: before[name] for name in kept if name in before}, kept) - {"proj_out.weight"}


def test_the_best_adapter_by_dev_is_kept(
    models: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, seen, wers = fresh(models, "ctc"), [], [0.9, 0.8, 0.3, 0.5, 0.4]

    def look() -> dict[str, float]:
        seen.append(weights(model))
        return {"wer": wers[len(seen) - 1], "cer": 0.5}

    monkeypatch.setattr("speech_tl.training.train._dev_scorer", lambda *_: look)
    result = learn(model, corpus, tmp_path, strategy=LoRA(rank=2))
    assert result.figures["best_step"] == 2
    assert not changed(seen[2], weights(model)) and changed(seen[3], weights(model))


@pytest.mark.parametrize(
    ("family", "strategy"),
    [("ctc", LoRA(rank=2)), ("whisper", LoRA(rank=2)), ("ctc", BitFit())],
    ids=["ctc-lora", "whisper-lora", "ctc-bitfit"],
)
def test_gradient_checkpointing_changes_no_gradient(
    family: str,
    strategy: BaseStrategy,
    models: dict[str, Path],
    corpus: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The frozen front end gives the checkpointed layers inputs that need no gradient; the adapters in them do."""
    seen: list[dict[str, torch.Tensor]] = []
    clip = AdaptationTrainer._clip_grad_norm

    def look(self: AdaptationTrainer, model: torch.nn.Module) -> Any:
        seen.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})
        return clip(self, model)

    monkeypatch.setattr(AdaptationTrainer, "_clip_grad_norm", look)
    for saving in (False, True):
        model = short_contexts(load_model(models[family], language="en"))
        learn(
            model,
            corpus,
            tmp_path / str(saving),
            strategy=strategy,
            max_steps=1,
            dev=False,
            gradient_checkpointing=saving,
        )
        assert model.network.is_activation_checkpointing == saving
    plain, saving = seen
    assert plain.keys() == saving.keys() == {n for n, p in model.network.named_parameters() if p.requires_grad}
    for name in plain:
        torch.testing.assert_close(saving[name], plain[name], rtol=1e-4, atol=1e-7)


def test_gradual_layers_learn_only_from_their_step_on(
    models: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved_at: dict[str, int] = {}
    model = fresh(models, "ctc")
    start, steps = weights(model), iter(range(1, 9))
    clip = AdaptationTrainer._clip_grad_norm

    def look(self: AdaptationTrainer, network: torch.nn.Module) -> Any:
        step = next(steps)
        for name, parameter in network.named_parameters():
            if parameter.grad is not None:
                moved_at.setdefault(name, step)
        return clip(self, network)

    monkeypatch.setattr(AdaptationTrainer, "_clip_grad_norm", look)
    learn(model, corpus, tmp_path, strategy=GRADUAL, max_steps=5, dev=False)
    joined = {name.split(".")[3]: step for name, step in moved_at.items() if ".layers." in name}
    assert moved_at["lm_head.weight"] == 1 and joined == {"1": 3, "0": 4}
    moved = changed(start, weights(model))
    assert not any("feature" in name or "pos_conv" in name for name in moved) and any("layers.0" in n for n in moved)
    early = learn(fresh(models, "ctc"), corpus, tmp_path / "early", strategy=Gradual(), max_steps=9, max_minutes=1e-6)
    assert early.notes[-1] == "training ended at step 1, before 3 of 3 stages were unfrozen"


def test_rates_of_its_own_reach_the_optimiser(models: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    """With a tiny rate everywhere but in the head, only the head moves noticeably."""
    model = load_model(models["ctc"])
    start = weights(model)
    learn(model, corpus, tmp_path, strategy=Full(layer_decay=1e-4), dev=False, warmup_share=0.0)
    after = weights(model)
    distance = {n: float((after[n] - start[n]).abs().max()) for n in start}
    assert distance["lm_head.weight"] > 1e-3
    layers = [d for n, d in distance.items() if ".layers.0." in n]
    assert 0 < max(layers) < 1e-6
    assert max(d for n, d in distance.items() if ".layers.1." in n) > max(layers)
