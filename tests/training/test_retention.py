"""Retention through the trainer, with any strategy: killed and resumed bit by bit, counted, obeyed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel, DecodingOptions
from speech_tl.models.load import load_model
from speech_tl.retention import EWC, L2SP, Distill, Replay
from speech_tl.retention.base import RetentionMethod, TrainingStart
from speech_tl.retention.collection import Retention
from speech_tl.retention.distill import transcribed
from speech_tl.retention.ewc import fisher_importance
from speech_tl.strategies.adapters import LoRA
from speech_tl.strategies.base import BaseStrategy
from speech_tl.strategies.gradual import Gradual
from speech_tl.strategies.trained import BitFit, Full, HeadOnly
from speech_tl.training.options import TrainingOptions
from speech_tl.training.progress import read_log
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


def retention(source: Manifest, *methods: RetentionMethod) -> Retention:
    return Retention(methods, {method.name: source for method in methods if hasattr(method, "root")})


def begin(kept: Retention, model: AcousticModel, strategy: BaseStrategy, folder: Path, **options: Any) -> None:
    chosen = TrainingOptions(**{"batch_seconds": 6.0} | options)
    seconds, decoding = chosen.expected_batch_seconds, DecodingOptions(workers=0)
    kept.before_training(TrainingStart(model, strategy, folder, seconds, decoding, 1, lambda line: None))


def curve(folder: Path) -> list[dict[str, Any]]:
    """log.jsonl without what a clock decides."""
    return [
        {k: v for k, v in entry.items() if k not in ("seconds", "validation_seconds")}
        for entry in read_log(folder / "log.jsonl")
    ]


class Killed(Exception):
    """A power cut."""


def kill(done: int, steps: int, latest: dict[str, float]) -> None:
    """A progress that dies after the fifth step, before its checkpoint."""
    if done == 5:
        raise Killed


CASES: list[tuple[str, BaseStrategy, list[RetentionMethod], dict[str, Any]]] = [
    ("ctc", Full(), [Replay(share=0.4), L2SP(weight=0.1)], {"effects": {"speed": {"factors": [0.9, 1.1]}}}),
    ("ctc", Gradual(head_steps=2, layer_steps=1, layers=2), [Replay(share=0.3), L2SP()], {}),
    ("ctc", BitFit(), [L2SP()], {"gradient_accumulation_steps": 2}),
    ("ctc", Full(), [EWC(weight=0.1), Distill(share=0.4)], {"gradient_accumulation_steps": 2}),
    ("whisper", LoRA(rank=2), [Replay(share=0.4), L2SP(), Distill(share=0.3), EWC()], {}),
]


@pytest.mark.parametrize(("family", "strategy", "methods", "more"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_a_killed_run_goes_on_bit_by_bit(
    family: str,
    strategy: BaseStrategy,
    methods: list[RetentionMethod],
    more: dict[str, Any],
    folders: dict[str, Path],
    corpus: Manifest,
    source: Manifest,
    tmp_path: Path,
) -> None:
    run: dict[str, Any] = {"strategy": strategy, "masks": 0.3, "max_steps": 6, "eval_steps": 3, "dev_limit": 1}
    run |= {"batch_seconds": 5.0, **more}
    straight, resumed = fresh(folders[family]), fresh(folders[family])
    result = learn(straight, corpus, tmp_path / "straight", retention=retention(source, *methods), **run)
    killed = {"retention": retention(source, *methods), "progress": kill}
    with pytest.raises(Killed):
        learn(fresh(folders[family]), corpus, tmp_path / "killed", **killed, **run)
    learn(resumed, corpus, tmp_path / "killed", resume=True, retention=retention(source, *methods), **run)
    assert curve(tmp_path / "killed") == curve(tmp_path / "straight")
    assert not changed(weights(straight), weights(resumed))
    told = result.figures["keep"]
    assert list(told) == [method.name for method in methods]
    last = curve(tmp_path / "straight")[-1]
    if {"replay", "distill"} & set(told):
        assert 0 < last["source_seconds"] < last["audio_seconds"]
        assert result.figures["source_seconds"] == pytest.approx(last["source_seconds"], abs=0.1)
    for name in {"l2_sp_penalty", "ewc_penalty", "distill_loss"}:
        if name.rpartition("_")[0] in told:
            logged = [entry[name] for entry in curve(tmp_path / "straight") if "loss" in entry]
            assert logged and all(value > 0 for value in logged), name


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


def test_the_pull_is_the_gradient_of_half_the_weighted_squared_distance(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    model = load_model(folders["ctc"])
    Full().prepare(model)
    kept = Retention([L2SP(weight=0.3)])
    begin(kept, model, Full(), tmp_path)
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
    assert kept.logged()["l2_sp_penalty"] == pytest.approx(float(penalty.detach()), rel=1e-4)


@pytest.mark.parametrize("strategy", [Full(), LoRA(rank=2)], ids=["full", "lora"])
def test_a_strong_pull_keeps_the_weights_near_their_start(
    strategy: BaseStrategy, folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    moved = []
    for weight in (1e-9, 1e3):
        model = load_model(folders["ctc"])
        kept = Retention([L2SP(weight=weight)])
        run: dict[str, Any] = {"strategy": strategy, "max_steps": 12, "eval_steps": 12, "dev": False}
        result = learn(model, corpus, tmp_path / str(weight), retention=kept, weight_decay=0.0, **run)
        moved.append(result.figures["keep"]["l2_sp"]["penalty"] / weight)
    assert moved[1] < 0.1 * moved[0]


def test_new_rows_of_the_head_are_free_and_the_others_are_held(
    folders: dict[str, Path], source: Manifest, tmp_path: Path
) -> None:
    model = load_model(folders["ctc"], texts=["žena"])
    assert model.added_characters == ["ž"]
    Full().prepare(model)
    kept = retention(source, L2SP())
    begin(kept, model, Full(), tmp_path)
    head = model.network.lm_head.weight
    for parameter in model.network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    with torch.no_grad():
        head.add_(1.0)
    kept.add_gradients(1.0)
    assert bool((head.grad[-1] == 0).all()) and bool((head.grad[:-1] > 0).all())
    moving = dict(model.network.named_parameters())
    importance = fisher_importance(model, {"head": moving["lm_head.weight"]}, source, tmp_path / "fisher.safetensors")
    assert bool((importance["head"][-1] == 0).all()) and bool((importance["head"][:-1] > 0).any())


def test_there_must_be_something_to_hold_on_to(folders: dict[str, Path], tmp_path: Path) -> None:
    model, strategy = load_model(folders["ctc"]), HeadOnly(fresh=True)
    strategy.prepare(model)
    with pytest.raises(BadInput, match="everything that this strategy trains begins anew"):
        begin(Retention([L2SP()]), model, strategy, tmp_path)


# ---- elastic weight consolidation


def test_importance_is_the_mean_squared_gradient_scaled_to_one(
    folders: dict[str, Path], source: Manifest, tmp_path: Path
) -> None:
    model = load_model(folders["ctc"])
    Full().prepare(model)
    moving = {n: p for n, p in model.network.named_parameters() if p.requires_grad}
    importance = fisher_importance(model, moving, source, tmp_path / "fisher.safetensors")
    squares = {name: torch.zeros_like(parameter) for name, parameter in moving.items()}
    for utterance in source:
        features = [model.features(utterance.load(model.sample_rate))]
        model.network.zero_grad()
        model.loss(model.network, model.collate(features, [model.encode(utterance.text)])).backward()
        for name, parameter in moving.items():
            squares[name] += parameter.grad.square()
    mean = torch.cat([square.flatten() for square in squares.values()]).mean()
    for name, square in squares.items():
        torch.testing.assert_close(importance[name], square / mean, rtol=1e-3, atol=1e-5)
    again = fisher_importance(model, moving, [], tmp_path / "fisher.safetensors")
    assert all(torch.equal(again[name], importance[name]) for name in importance), "a resumed run reads it"
    with pytest.raises(BadInput, match="say nothing about any weight"):
        fisher_importance(model, moving, [], tmp_path / "other.safetensors")


def test_what_matters_for_the_source_moves_less(
    folders: dict[str, Path], corpus: Manifest, source: Manifest, tmp_path: Path
) -> None:
    """Measured by the distance that the importance of a run without any pull gives both."""
    distances = []
    for weight in (1e-9, 1e3):
        model, kept = load_model(folders["ctc"]), retention(source, EWC(weight=weight))
        run: dict[str, Any] = {"max_steps": 12, "eval_steps": 12, "dev": False, "weight_decay": 0.0}
        result = learn(model, corpus, tmp_path / str(weight), retention=kept, **run)
        distances.append(result.figures["keep"]["ewc"]["penalty"] / weight)
    assert distances[1] < 0.3 * distances[0]


# ---- distillation


@pytest.mark.parametrize("family", ["ctc", "whisper"])
def test_a_model_that_has_not_learnt_differs_in_nothing(
    family: str, folders: dict[str, Path], source: Manifest, tmp_path: Path
) -> None:
    model, kept = load_model(folders[family], language="en"), retention(source, Distill(share=0.5, weight=3.0))
    LoRA(rank=2).prepare(model)
    begin(kept, model, LoRA(rank=2), tmp_path, batch_seconds=12.0)
    distillation = kept.hooks["distill"]
    batch, facts = max((distillation.batch(n, 1, 0) for n in range(3)), key=lambda found: len(found[1].indices))
    rows = len(facts.indices)
    assert facts.source_seconds == facts.seconds > 0 and rows > 1
    model.network.requires_grad_(False)
    assert float(distillation.loss(model.network, batch, rows)) == pytest.approx(0, abs=1e-5)
    for parameter in model.network.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    whole = float(distillation.loss(model.network, batch, rows))
    parts = [float(distillation.loss(model.network, model.rows(batch, n, n + 1), rows)) for n in range(rows)]
    assert whole > 1e-3 and sum(parts) == pytest.approx(whole, rel=1e-3), "pieces change nothing"
    scores, of = model.label_scores(model.network, batch)
    wanted, _ = distillation.old.label_scores(distillation.old.network, batch)
    by_hand = []
    for row in range(rows):
        old, new = ((side[of == row] / 2).log_softmax(-1) for side in (wanted, scores))
        by_hand.append(float((old.exp() * (old - new)).sum(-1).mean()))
    assert whole == pytest.approx(3.0 * 4 * sum(by_hand) / rows, rel=1e-3)


@pytest.mark.parametrize("family", ["ctc", "whisper"])
def test_outputs_on_the_source_stay_nearer_to_the_old_ones(
    family: str, folders: dict[str, Path], corpus: Manifest, source: Manifest, tmp_path: Path
) -> None:
    far = []
    for weight in (1e-9, 30.0):
        model, kept = load_model(folders[family], language="en"), retention(source, Distill(share=0.5, weight=weight))
        if model.has_decoder:
            model.set_audio_context("auto", full_share=0.0)
        start = weights(model)
        run: dict[str, Any] = {"max_steps": 8, "eval_steps": 8, "dev": False, "batch_seconds": 8.0}
        result = learn(model, corpus, tmp_path / str(weight), retention=kept, learning_rate=3e-3, **run)
        distillation = kept.hooks["distill"]
        assert not changed(start, weights(distillation.old)) & start.keys(), "the old model does not learn"
        batch, facts = distillation.batch(0, 1, 0)
        with torch.no_grad():
            far.append(float(distillation.loss(model.network, batch, len(facts.indices))) / weight)
        assert result.figures["source_seconds"] / result.figures["audio_seconds"] == pytest.approx(0.5, abs=0.15)
    assert far[1] < 0.5 * far[0]


def test_the_old_model_s_transcripts_are_written_once(
    folders: dict[str, Path], source: Manifest, tmp_path: Path
) -> None:
    model = load_model(folders["whisper"], language="en")
    found = transcribed(model, source, DecodingOptions(workers=0), tmp_path / "texts.json")
    texts = json.loads((tmp_path / "texts.json").read_text())
    assert len(texts) == len(source) and set(found.column("text")) <= set(texts)
    (tmp_path / "texts.json").write_text(json.dumps(["as it was"] * len(source)))
    assert set(transcribed(model, source, DecodingOptions(), tmp_path / "texts.json").column("text")) == {"as it was"}
