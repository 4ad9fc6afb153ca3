"""The update: a mean over the whole effective batch, whatever the pieces; what must not move does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.strategies.trained import Full, HeadOnly
from speech_tl.training.trainer import AdaptationTrainer
from tests.training.learning import GivenBatches, changed, clips, learn, logged, weights

FAMILIES = ["ctc", "whisper"]
WHOLE = [[0, 1, 2, 3, 4, 5, 6, 7]]
PIECES = [[0], [1, 2, 3], [4, 5], [6, 7]]


@pytest.fixture
def gradients(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, torch.Tensor]]:
    """Every step's gradients before clipping, as training goes on."""
    seen: list[dict[str, torch.Tensor]] = []
    clip = AdaptationTrainer._clip_grad_norm

    def look(self: AdaptationTrainer, model: torch.nn.Module) -> Any:
        seen.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})
        return clip(self, model)

    monkeypatch.setattr(AdaptationTrainer, "_clip_grad_norm", look)
    return seen


def given(monkeypatch: pytest.MonkeyPatch, batches: list[list[int]]) -> None:
    """Train on these batches."""
    monkeypatch.setattr(AdaptationTrainer, "_get_train_sampler", lambda self, dataset=None: GivenBatches(batches))


# ---- the effective batch


@pytest.mark.parametrize("family", FAMILIES)
def test_four_accumulated_batches_make_the_step_of_one(
    family: str,
    folders: dict[str, Path],
    corpus: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gradients: list[dict[str, torch.Tensor]],
) -> None:
    models = []
    for name, batches in (("one", WHOLE), ("four", PIECES)):
        given(monkeypatch, batches)
        model = load_model(folders[family], language="en")
        learn(model, corpus, tmp_path / name, max_steps=2, gradient_accumulation_steps=len(batches))
        models.append(weights(model))
    for one, four in zip(gradients[:2], gradients[2:], strict=True):
        largest = max(float(g.abs().max()) for g in one.values())
        for name in one:
            torch.testing.assert_close(four[name], one[name], rtol=1e-3, atol=1e-5 * largest, msg=name)
    for name in ("loss", "grad_norm"):
        one, four = (dict(logged(tmp_path / run, name)) for run in ("one", "four"))
        assert one == pytest.approx(four, rel=1e-4)
    before = weights(load_model(folders[family]))
    moved = sum(float((models[0][n] - w).square().sum()) for n, w in before.items())
    apart = sum(float((models[0][n] - models[1][n]).square().sum()) for n in before)
    assert moved > 0 and apart < 1e-4 * moved


@pytest.mark.parametrize("family", FAMILIES)
def test_the_logged_loss_is_the_mean_over_items(
    family: str, folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, PIECES)
    model = load_model(folders[family], language="en")
    train = corpus.split("train")
    batch = model.collate(
        [model.features(u.load(model.sample_rate)) for u in train], [model.encode(u.text) for u in train]
    )
    with torch.no_grad():
        wanted = float(model.loss(model.network, batch)) / model.items(batch)
    learn(model, corpus, tmp_path, max_steps=1, gradient_accumulation_steps=4)
    assert dict(logged(tmp_path, "loss"))[1] == pytest.approx(wanted, rel=1e-4)


def test_a_last_step_of_fewer_batches_is_a_mean_too(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = []
    for name, batches in (("three", [[0], [1], [2]]), ("one", [[0, 1], [2]])):
        given(monkeypatch, batches)
        pieces = 2 if name == "three" else 1
        learn(load_model(folders["ctc"]), corpus, tmp_path / name, max_steps=2, gradient_accumulation_steps=pieces)
        losses.append(dict(logged(tmp_path / name, "loss")))
    # AdamW's first step is nearly the sign of the gradient: the last digits of a sum may turn a few weights around.
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize(("family", "frozen"), [("ctc", True), ("ctc", False), ("whisper", True)])
def test_gradient_checkpointing_changes_no_gradient(
    family: str,
    frozen: bool,
    folders: dict[str, Path],
    corpus: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gradients: list[dict[str, torch.Tensor]],
) -> None:
    given(monkeypatch, WHOLE)
    for name, saving in (("plain", False), ("saving", True)):
        model = load_model(folders[family], language="en")
        learn(
            model,
            corpus,
            tmp_path / name,
            strategy=Full(freeze_feature_encoder=frozen),
            max_steps=1,
            gradient_checkpointing=saving,
        )
        assert model.network.is_activation_checkpointing == saving
    plain, saving = gradients
    assert plain.keys() == saving.keys()
    assert sum("encoder.layers" in name for name in plain) > 5
    for name in plain:
        torch.testing.assert_close(saving[name], plain[name], rtol=1e-4, atol=1e-7)


# ---- what moves and what stays


def outputs(model: AcousticModel, corpus: Manifest) -> torch.Tensor:
    """The encoder's states of the dev clips, without padding."""
    network = model.network
    encoder = network.base_model if model.family == "ctc" else network.model.encoder
    states = []
    with torch.inference_mode():
        for utterance in corpus.split("dev"):
            batch = model.collate([model.features(utterance.load(model.sample_rate))], None)
            states.append(encoder(batch["input_values" if model.family == "ctc" else "input_features"])[0][0])
    return torch.cat(states)


@pytest.mark.parametrize("family", FAMILIES)
def test_head_only_trains_the_head_and_the_encoder_hears_as_before(
    family: str, folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    model = load_model(folders[family], language="en")
    before, heard = weights(model), outputs(model, corpus)
    result = learn(model, corpus, tmp_path, strategy=HeadOnly(), masks=0.3)
    moved = changed(before, weights(model))
    head = "lm_head" if family == "ctc" else "decoder"
    assert moved and all(head in name or "proj_out" in name for name in moved)
    torch.testing.assert_close(outputs(model, corpus), heard, rtol=1e-5, atol=1e-5)
    trained = sum(p.numel() for m in model.parts()["head"] for p in m.parameters())
    assert result.figures["trainable_parameters"] == trained < result.figures["total_parameters"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("freeze", [True, False])
def test_the_convolutional_front_end_moves_only_if_it_may(
    family: str, freeze: bool, folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    model = load_model(folders[family], language="en")
    before = weights(model)
    learn(model, corpus, tmp_path, strategy=Full(freeze_feature_encoder=freeze), max_steps=2)
    moved = changed(before, weights(model))
    front = {name for name in before if "feature_extractor" in name or "encoder.conv" in name}
    assert front and bool(front & moved) != freeze
    assert any("encoder.layers.0" in name for name in moved)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_auxiliary_loss_trains_and_leaves_no_trace(
    family: str, folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    model = load_model(folders[family], language="en")
    names = set(weights(model))
    learn(model, corpus, tmp_path / "with", max_steps=1, auxiliary_ctc=0.5)
    assert set(weights(model)) == names
    learn(load_model(folders[family], language="en"), corpus, tmp_path / "without", max_steps=1)
    assert logged(tmp_path / "with", "loss")[0][1] != pytest.approx(logged(tmp_path / "without", "loss")[0][1])
    model.save(tmp_path / "saved")
    saved = load_model(tmp_path / "saved", language="en")
    assert not changed(weights(model), weights(saved))


# ---- losses that are not finite


def test_an_utterance_without_a_finite_loss_is_skipped_counted_and_reported(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, [[0], [1], [2], [3]])
    model = load_model(folders["ctc"])
    poisoned, features = corpus.split("train")[2].load(16000), model.features

    def with_one_nan(waveform: np.ndarray) -> dict[str, np.ndarray]:
        found = features(waveform)
        return {"input_values": found["input_values"] * np.float32("nan")} if len(waveform) == len(poisoned) else found

    monkeypatch.setattr(model, "features", with_one_nan)
    before = weights(model)
    result = learn(model, corpus, tmp_path, max_steps=8, dev=False, bad_losses=2)
    assert result.figures["skipped_losses"] == 2
    assert "2 batches had a loss that was not finite" in result.notes[0]
    after = weights(model)
    assert changed(before, after) and all(torch.isfinite(w).all() for w in after.values())
    assert [step for step, _ in logged(tmp_path, "loss")] == list(range(1, 9))


def test_losses_that_stay_non_finite_end_the_run_in_one_line(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"not finite 3 times in a row at step \d+: lower training.learning_rate"):
        wild = {"learning_rate": 1e30}
        learn(load_model(folders["ctc"]), corpus, tmp_path, unchecked=wild, max_steps=50, bad_losses=3, dev=False)


# ---- files that cannot be loaded


def test_a_batch_that_lost_every_utterance_keeps_the_steps_in_place(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = clips(tmp_path / "clips")
    (tmp_path / "clips" / "2.wav").write_text("not audio")
    (tmp_path / "clips" / "4.wav").write_text("not audio")
    losses = []
    for name, batches, pieces in (("broken", [[0, 4], [2], [1], [3]], 2), ("whole", [[0], [1, 3]], 1)):
        given(monkeypatch, batches)
        model = load_model(folders["ctc"])
        result = learn(model, corpus, tmp_path / name, max_steps=4, gradient_accumulation_steps=pieces, dev=False)
        losses.append(dict(logged(tmp_path / name, "loss")))
        if name == "broken":
            assert set(result.problems) == {2, 4}
            assert "2.wav" in result.problems[2]
            assert result.figures["epochs"] == 2
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
