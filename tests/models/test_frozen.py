"""What training leaves as it is may be computed by itself: the same loss and gradients, within half precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from speech_tl.models import front
from speech_tl.models.base import AcousticModel, Batch
from speech_tl.models.load import load_model
from speech_tl.strategies.trained import Full, HeadOnly
from tests.sounds import voice
from tests.tiny import tiny_ctc

CLIPS = [voice(seconds, seed) for seed, seconds in enumerate((0.6, 1.0, 1.0, 1.7, 2.9))]
TEXTS = ["we", "good", "the cat", "open it", "one two three"]
STYLES = [("wav2vec2", "group"), ("wav2vec2", "layer"), ("hubert", "layer"), ("wavlm", "group"), ("unispeech", "group")]
OFF = {"time_share": 0.0, "time_width": 3, "feature_share": 0.0, "feature_width": 3}


def prepared(folder: Path, strategy: Full | HeadOnly, masks: float = 0.0) -> AcousticModel:
    """A model in training, with masks or without."""
    model = load_model(folder)
    strategy.prepare(model)
    model.set_spec_augment(**OFF | {"time_share": masks})
    model.network.train()
    return model


def batch_of(model: AcousticModel) -> Batch:
    return model.collate([model.features(c) for c in CLIPS], [model.encode(t) for t in TEXTS])


def learnt(model: AcousticModel, batch: Batch) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients."""
    model.network.zero_grad()
    loss = model.loss(model.network, batch)
    loss.backward()
    return float(loss.detach()), {n: p.grad.clone() for n, p in model.network.named_parameters() if p.grad is not None}


def assert_alike(found: tuple, wanted: tuple, share: float) -> None:
    """Losses and each gradient, to a share of its largest value (keys' biases have none but rounding)."""
    assert found[0] == pytest.approx(wanted[0], rel=share)
    assert found[1].keys() == wanted[1].keys() and wanted[1]
    overall = max(float(gradient.abs().max()) for gradient in wanted[1].values())
    for name, gradient in wanted[1].items():
        largest = max(float(gradient.abs().max()), 1e-3 * overall)
        assert float((found[1][name] - gradient).abs().max()) < 10 * share * largest, name


@pytest.mark.parametrize(("model_type", "norm"), STYLES)
def test_utterance_by_utterance_the_front_end_gives_what_the_batch_gives(
    model_type: str, norm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = prepared(tiny_ctc(tmp_path, norm=norm, model_type=model_type), Full())
    batch = batch_of(model)
    wanted, taken = learnt(model, batch), []
    outputs = model.front.outputs
    monkeypatch.setattr(model.front, "outputs", lambda *batch: taken.append(len(batch[0])) or outputs(*batch))
    assert_alike(learnt(model, batch), wanted, 1e-7)
    assert not taken, "so small a front end is faster with the batch"
    monkeypatch.setattr(front, "LARGE", 0)
    assert_alike(learnt(model, batch), wanted, 1e-5)
    assert taken == [len(CLIPS)]
    model.shortcuts = False
    assert_alike(learnt(model, batch), wanted, 1e-7)
    assert taken == [len(CLIPS)]


def test_a_front_end_that_learns_is_run_with_the_rest(tmp_path: Path) -> None:
    model = prepared(tiny_ctc(tmp_path, norm="group"), Full(freeze_feature_encoder=False))
    gradients = learnt(model, batch_of(model))[1]
    assert any("feature_extractor" in name for name in gradients)
    assert model.frozen_stage(Full(freeze_feature_encoder=False).frozen(model)) is None


@pytest.mark.parametrize(("model_type", "norm"), STYLES)
@pytest.mark.parametrize(("strategy", "name"), [(Full(), "front"), (HeadOnly(), "encoded")])
def test_from_a_kept_output_the_loss_and_its_gradients_are_the_same(
    strategy: Full | HeadOnly, name: str, model_type: str, norm: str, tmp_path: Path
) -> None:
    model = prepared(tiny_ctc(tmp_path, norm=norm, model_type=model_type), strategy)
    stage = model.frozen_stage(strategy.frozen(model))
    assert stage.name == name
    batch = batch_of(model)
    kept = model.with_stage(stage, batch)
    assert "input_values" not in kept and kept[name].dtype == torch.float16
    frames = model.stage_frames(stage, batch["lengths"])
    assert kept[name].shape == (len(CLIPS), int(frames.max()), stage.width)
    assert model.padded_seconds(kept) == model.padded_seconds(batch)
    model.shortcuts = False
    assert_alike(learnt(model, kept), learnt(model, batch), 2e-3)
    rows = [{name: row[:n].numpy(), "samples": int(s)} for row, n, s in zip(kept[name], frames, batch["lengths"])]  # noqa: B905
    again = model.collate(rows, [model.encode(t) for t in TEXTS])
    assert learnt(model, again)[0] == learnt(model, kept)[0]


def test_an_utterance_is_kept_alike_whatever_its_batch(tmp_path: Path) -> None:
    model = prepared(tiny_ctc(tmp_path, norm="group"), Full())
    stage = model.frozen_stage(Full().frozen(model))
    together = model.with_stage(stage, batch_of(model))
    alone = model.with_stage(stage, model.collate([model.features(CLIPS[1])], None))
    frames = alone["front"].shape[1]
    assert torch.equal(together["front"][1, :frames], alone["front"][0])
    assert not together["front"][1, frames:].any()


def test_what_is_random_is_not_kept(tmp_path: Path) -> None:
    folder = tiny_ctc(tmp_path)
    masked = prepared(folder, HeadOnly(), masks=0.2)
    assert masked.frozen_stage(HeadOnly().frozen(masked)).name == "front", "masks come after the front end"
    quiet = prepared(folder, HeadOnly())
    assert quiet.frozen_stage(HeadOnly().frozen(quiet)).name == "encoded"
    assert quiet.frozen_stage(HeadOnly().frozen(quiet), whole=False).name == "front"
    quiet.attach_auxiliary_ctc(0.5)
    assert quiet.frozen_stage(HeadOnly().frozen(quiet)).name == "front", "the middle layer is listened to"
    assert quiet.frozen_stage([]) is None


def test_networks_that_padding_changes_keep_nothing(tmp_path: Path) -> None:
    model = prepared(tiny_ctc(tmp_path, model_type="data2vec-audio"), Full())
    assert model.frozen_stage(Full().frozen(model)) is None


def test_decoding_reads_the_same_with_and_without_shortcuts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "LARGE", 0)
    model = load_model(tiny_ctc(tmp_path, norm="group"))
    batch = model.collate([model.features(c) for c in CLIPS], None)
    with torch.inference_mode():
        quick, _ = model.logits(model.network, batch)
        model.shortcuts = False
        plain, frames = model.logits(model.network, batch)
    for one, other, n in zip(quick, plain, frames, strict=True):
        np.testing.assert_allclose(one[:n], other[:n], rtol=1e-3, atol=1e-4 * float(other.std()))
