"""CTC heads of our own: what they read, that padding does not matter, how they are saved and what refuses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from speech_tl.decoding.decode import decode_waveforms
from speech_tl.errors import BadInput
from speech_tl.models.ctc import CTCModel
from speech_tl.models.heads import linear_of
from speech_tl.models.load import load_model
from speech_tl.strategies.trained import HeadOnly
from tests.sounds import voice
from tests.tiny import tiny_ctc, tiny_whisper

WAVEFORMS = [voice(1.0, 1), voice(1.7, 2), voice(2.2, 3)]
OWN = [{"layers": "weighted"}, {"lstm": 6}, {"layers": "weighted", "lstm": 6}]
IDS = ["weighted", "lstm", "both"]


@pytest.fixture(scope="module", params=["layer", "group"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ctc(tmp_path_factory.mktemp("model") / request.param, norm=request.param)


def logits(model: CTCModel, waveforms: list[Any]) -> torch.Tensor:
    with torch.inference_mode():
        return model.logits(model.network.eval(), model.collate([model.features(w) for w in waveforms], None))[0]


def prepared(folder: Path, **options: Any) -> CTCModel:
    model = load_model(folder)
    HeadOnly(**options).prepare(model, seed=3)
    return model


@pytest.mark.parametrize("options", OWN, ids=IDS)
def test_padding_changes_nothing(folder: Path, options: dict[str, Any]) -> None:
    model = prepared(folder, **options)
    together = logits(model, WAVEFORMS)
    for row, waveform in zip(together, WAVEFORMS, strict=True):
        alone = logits(model, [waveform])[0]
        torch.testing.assert_close(row[: len(alone)], alone, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("options", OWN, ids=IDS)
def test_the_encoder_hears_as_before_and_all_of_the_head_learns(folder: Path, options: dict[str, Any]) -> None:
    model = prepared(folder, **options)
    model.network.train()
    batch = model.collate([model.features(w) for w in WAVEFORMS], [model.encode("one two")] * 3)
    model.loss(model.network, batch).backward()
    head = dict(model.network.lm_head.named_parameters())
    assert {id(p) for p in model.network.parameters() if p.requires_grad} == {id(p) for p in head.values()}
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in head.values()), "also where the path is long"
    assert ("scores" in head) == ("layers" in options) and any("lstm" in name for name in head) == ("lstm" in options)
    assert model.parameter_counts()[0] == sum(p.numel() for p in head.values())


def test_a_weighted_sum_is_the_sum_of_the_layers(folder: Path) -> None:
    model = prepared(folder, layers="weighted")
    head, batch = model.network.lm_head, model.collate([model.features(WAVEFORMS[0])], None)
    shares = head.scores.softmax(0)
    assert len(shares) == 3 and float(shares[-1].detach()) == pytest.approx(0.9)
    with torch.inference_mode():
        outputs = model.network.base_model(batch["input_values"], output_hidden_states=True)
        states = (*outputs.hidden_states[:-1], outputs.last_hidden_state)
        assert len(states) == 3
        wanted = head.linear(sum(share * state for share, state in zip(shares, states, strict=True)))
    torch.testing.assert_close(logits(model, WAVEFORMS[:1]), wanted)


def test_the_head_that_was_there_goes_on_unless_it_shall_not(folder: Path) -> None:
    plain = linear_of(load_model(folder).network).weight
    assert torch.equal(linear_of(prepared(folder, layers="weighted").network).weight, plain)
    fresh = prepared(folder, fresh=True)
    assert fresh.own_head is None, "a plain head, which plain transformers loads"
    assert linear_of(fresh.network).weight.shape == plain.shape
    assert not torch.equal(linear_of(fresh.network).weight, plain)
    assert torch.equal(linear_of(prepared(folder, fresh=True).network).weight, linear_of(fresh.network).weight)


@pytest.mark.parametrize("options", OWN, ids=IDS)
def test_it_is_saved_and_loaded_by_speech_tl_alone(folder: Path, options: dict[str, Any], tmp_path: Path) -> None:
    from transformers import AutoModelForCTC, Wav2Vec2ForCTC, pipeline

    model = prepared(folder, **options)
    model.save(tmp_path)
    again = load_model(tmp_path)
    torch.testing.assert_close(logits(again, WAVEFORMS), logits(model, WAVEFORMS))
    assert decode_waveforms(again, WAVEFORMS) == decode_waveforms(model, WAVEFORMS)
    assert again.describe()["head"] == model.describe()["head"] in (tmp_path / "README.md").read_text()
    for load in (AutoModelForCTC.from_pretrained, Wav2Vec2ForCTC.from_pretrained):
        with pytest.raises((ValueError, OSError)):
            load(tmp_path)
    with pytest.raises((ValueError, OSError)):
        pipeline("automatic-speech-recognition", model=str(tmp_path))


def test_it_is_adapted_again_with_new_characters(folder: Path, tmp_path: Path) -> None:
    model = prepared(folder, layers="weighted", lstm=6)
    model.save(tmp_path)
    grown = load_model(tmp_path, texts=["na\u00efve"])
    assert set(grown.vocabulary) - set(model.vocabulary) == {"\u00ef"}
    rows = linear_of(model.network).out_features
    torch.testing.assert_close(logits(grown, WAVEFORMS)[..., :rows], logits(model, WAVEFORMS))
    HeadOnly().prepare(grown)
    assert grown.own_head is not None, "head_only goes on with the head that is there"
    HeadOnly(layers="weighted", lstm=6).prepare(grown)
    torch.testing.assert_close(logits(grown, WAVEFORMS)[..., :rows], logits(model, WAVEFORMS))
    other = load_model(tmp_path, from_scratch=True)
    assert other.own_head is not None and not torch.allclose(logits(other, WAVEFORMS), logits(model, WAVEFORMS))


def test_a_damaged_folder_is_told(folder: Path, tmp_path: Path) -> None:
    prepared(folder, lstm=6).save(tmp_path)
    (tmp_path / "speech_tl.safetensors").unlink()
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_model(tmp_path)


def test_whisper_s_head_is_its_decoder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="are for CTC heads; the head of model .* is its decoder: leave them out"):
        HeadOnly(lstm=8).prepare(load_model(tiny_whisper(tmp_path)))
