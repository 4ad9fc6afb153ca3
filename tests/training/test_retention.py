"""Keeping what a model knew, through the trainer, with any strategy: killed and resumed bit by bit, counted, obeyed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.strategies.adapters import LoRA
from speech_tl.strategies.base import BaseStrategy
from speech_tl.strategies.gradual import Gradual
from speech_tl.strategies.kept import L2SP, BaseKeep, Replay
from speech_tl.strategies.trained import BitFit, Full, HeadOnly
from speech_tl.training.progress import read_log
from speech_tl.training.retention import Retention
from speech_tl.training.trainer import AdaptationTrainer
from tests.training.learning import changed, clips, learn, weights, with_dropout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Other voices, all to be replayed."""
    return clips(tmp_path_factory.mktemp("source"), train=5, dev=1)


def fresh(folder: Path) -> AcousticModel:
    """As loaded, with everything random that training has; Whisper on short contexts, to be quick."""
    model = with_dropout(load_model(folder, language="en"))
    if model.has_decoder:
        model.set_audio_context("auto", full_share=0.25)
    return model


def retention(source: Manifest, *ways: BaseKeep) -> Retention:
    return Retention(ways, {way.name: source for way in ways if hasattr(way, "root")})


def curve(folder: Path) -> list[dict[str, Any]]:
    """log.jsonl without what a clock decides."""
    return [{k: v for k, v in entry.items() if k != "seconds"} for entry in read_log(folder / "log.jsonl")]


class Killed(Exception):
    """A power cut."""


def kill(done: int, steps: int, latest: dict[str, float]) -> None:
    """A progress that dies after the fifth step, before its checkpoint."""
    if done == 5:
        raise Killed


CASES: list[tuple[str, BaseStrategy, list[BaseKeep], dict[str, Any]]] = [
    ("ctc", Full(), [Replay(share=0.4), L2SP(weight=0.1)], {"effects": {"speed": {"factors": [0.9, 1.1]}}}),
    ("ctc", Gradual(head_steps=2, layer_steps=1, layers=2), [Replay(share=0.3), L2SP()], {}),
    ("ctc", BitFit(), [L2SP()], {"gradient_accumulation_steps": 2}),
    ("whisper", LoRA(rank=2), [Replay(share=0.4), L2SP()], {}),
]


@pytest.mark.parametrize(("family", "strategy", "ways", "more"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_a_killed_run_goes_on_bit_by_bit(
    family: str,
    strategy: BaseStrategy,
    ways: list[BaseKeep],
    more: dict[str, Any],
    folders: dict[str, Path],
    corpus: Manifest,
    source: Manifest,
    tmp_path: Path,
) -> None:
    run: dict[str, Any] = {"strategy": strategy, "masks": 0.3, "max_steps": 6, "eval_steps": 3, "dev_limit": 1}
    run |= {"batch_seconds": 5.0, **more}
    straight, resumed = fresh(folders[family]), fresh(folders[family])
    result = learn(straight, corpus, tmp_path / "straight", retention=retention(source, *ways), **run)
    killed = {"retention": retention(source, *ways), "progress": kill}
    with pytest.raises(Killed):
        learn(fresh(folders[family]), corpus, tmp_path / "killed", **killed, **run)
    learn(resumed, corpus, tmp_path / "killed", resume=True, retention=retention(source, *ways), **run)
    assert curve(tmp_path / "killed") == curve(tmp_path / "straight")
    assert not changed(weights(straight), weights(resumed))
    told = result.figures["keep"]
    assert list(told) == [way.name for way in ways]
    last = curve(tmp_path / "straight")[-1]
    if "replay" in told:
        assert 0 < last["source_seconds"] < last["audio_seconds"]
        assert result.figures["source_seconds"] == pytest.approx(last["source_seconds"], abs=0.1)
    if "l2_sp" in told:
        logged = [entry["l2_sp_penalty"] for entry in curve(tmp_path / "straight") if "loss" in entry]
        assert all(value > 0 for value in logged)


def test_replayed_utterances_count_as_any_other(
    folders: dict[str, Path], corpus: Manifest, source: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step on a mixture has the gradient of the mean loss over all its utterances, whoever they are from."""
    seen: list[dict[str, torch.Tensor]] = []
    heard: list[list[int]] = []
    clip, batch = AdaptationTrainer._clip_grad_norm, AdaptationTrainer.get_batch_samples

    def look(self: AdaptationTrainer, model: torch.nn.Module) -> Any:
        seen.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})
        return clip(self, model)

    def listen(self: AdaptationTrainer, *given: Any) -> Any:
        found = batch(self, *given)
        heard.append([index for _, indices in self._micro_batches for index in indices])
        return found

    monkeypatch.setattr(AdaptationTrainer, "_clip_grad_norm", look)
    monkeypatch.setattr(AdaptationTrainer, "get_batch_samples", listen)
    model = load_model(folders["ctc"])
    kept = retention(source, Replay(share=0.4))
    run: dict[str, Any] = {"max_steps": 1, "dev": False, "batch_seconds": 8.0, "gradient_accumulation_steps": 2}
    result = learn(model, corpus, tmp_path, retention=kept, **run)

    mixture, again = kept.mixed(corpus.split("train")), load_model(folders["ctc"])
    Full(freeze_feature_encoder=False).prepare(again)
    assert len(set(heard[0])) == len(heard[0]) and {index < 8 for index in heard[0]} == {True, False}
    again.network.train()
    losses = []
    for index in heard[0]:
        utterance = mixture[index]
        features = again.features(utterance.load(again.sample_rate))
        losses.append(again.loss(again.network, again.collate([features], [again.encode(utterance.text)])))
    (sum(losses) / len(losses)).backward()
    wanted = {n: p.grad for n, p in again.network.named_parameters() if p.grad is not None}
    assert seen[0].keys() == wanted.keys()
    for name, gradient in wanted.items():
        assert float((seen[0][name] - gradient).norm()) < 2e-3 * float(gradient.norm()) + 1e-6, name
    seconds = mixture.durations_s()[heard[0]]
    sources = mixture.durations_s()[[index for index in heard[0] if index >= 8]]
    assert result.figures["audio_seconds"] == pytest.approx(seconds.sum(), abs=0.1)
    assert result.figures["source_seconds"] == pytest.approx(sources.sum(), abs=0.1)


def test_an_epoch_is_one_pass_over_the_target(
    folders: dict[str, Path], corpus: Manifest, source: Manifest, tmp_path: Path
) -> None:
    model = load_model(folders["ctc"])
    kept, target_s = retention(source, Replay(share=0.5)), corpus.split("train").durations_s().sum()
    result = learn(model, corpus, tmp_path, retention=kept, max_steps=None, epochs=2, dev=False)
    own_s = result.figures["audio_seconds"] - result.figures["source_seconds"]
    assert own_s == pytest.approx(2 * target_s, rel=0.01)
    assert result.figures["source_seconds"] == pytest.approx(2 * target_s, rel=0.25)


def test_the_pull_is_the_gradient_of_half_the_weighted_squared_distance(folders: dict[str, Path]) -> None:
    model = load_model(folders["ctc"])
    Full().prepare(model)
    kept = Retention([L2SP(weight=0.3)])
    kept.begin(model, Full())
    moving = {n: p for n, p in model.network.named_parameters() if p.requires_grad}
    start = {name: parameter.detach().clone() for name, parameter in moving.items()}
    with torch.no_grad():
        for number, parameter in enumerate(moving.values()):
            parameter.add_(0.01 * (number % 3))
    penalty = sum(0.15 * (parameter - start[name]).square().sum() for name, parameter in moving.items())
    wanted = torch.autograd.grad(penalty, list(moving.values()))
    for parameter in moving.values():
        parameter.grad = torch.ones_like(parameter)
    moving["lm_head.bias"].grad = None
    kept.add_gradients(2.0)
    for (name, parameter), gradient in zip(moving.items(), wanted, strict=True):
        if name == "lm_head.bias":
            assert parameter.grad is None, "what does not learn in this step is not pulled"
        else:
            torch.testing.assert_close(parameter.grad, 1 + 2 * gradient)
    assert kept.penalties()["l2_sp_penalty"] == pytest.approx(float(penalty.detach()), rel=1e-4)


@pytest.mark.parametrize("strategy", [Full(), LoRA(rank=2)], ids=["full", "lora"])
def test_a_strong_pull_keeps_the_weights_near_their_start(
    strategy: BaseStrategy, folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    moved = []
    for weight in (1e-9, 1e3):
        model = load_model(folders["ctc"])
        kept = Retention([L2SP(weight=weight)])
        run: dict[str, Any] = {"strategy": strategy, "max_steps": 30, "eval_steps": 30, "dev": False}
        result = learn(model, corpus, tmp_path / str(weight), retention=kept, weight_decay=0.0, **run)
        moved.append(result.figures["keep"]["l2_sp"]["penalty"] / weight)
    assert moved[1] < 0.1 * moved[0]


def test_new_rows_of_the_head_are_free_and_the_others_are_held(folders: dict[str, Path]) -> None:
    model = load_model(folders["ctc"], texts=["žena"])
    assert model.added_characters == ["ž"]
    Full().prepare(model)
    kept = Retention([L2SP()])
    kept.begin(model, Full())
    head = model.network.lm_head.weight
    for parameter in model.network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    with torch.no_grad():
        head.add_(1.0)
    kept.add_gradients(1.0)
    assert bool((head.grad[-1] == 0).all()) and bool((head.grad[:-1] > 0).all())


def test_there_must_be_something_to_hold_on_to(folders: dict[str, Path]) -> None:
    model, strategy = load_model(folders["ctc"]), HeadOnly(fresh=True)
    strategy.prepare(model)
    with pytest.raises(BadInput, match="everything that this strategy trains begins anew"):
        Retention([L2SP()]).begin(model, strategy)
