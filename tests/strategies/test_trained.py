"""What a strategy lets move, and at which rate; what it fixes also runs as in evaluation."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.strategies.trained import STRATEGIES, BitFit, DecoderOnly, EncoderOnly, Full, HeadOnly, LanguageAdapter
from speech_tl.training.optimizers import new_optimizer
from speech_tl.training.options import TrainingOptions
from tests.models.test_load import tiny_mms
from tests.tiny import tiny_ctc, tiny_whisper

ROLES = ("feature_encoder", "encoder", "head")


@pytest.fixture(params=["ctc", "whisper"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> AcousticModel:
    """A tiny model of each family."""
    return load_model(tiny_ctc(tmp_path / "m") if request.param == "ctc" else tiny_whisper(tmp_path / "m", layers=2))


def modules(model: AcousticModel, role: str) -> list[nn.Module]:
    """Every module of a role."""
    return [module for part in model.parts()[role] for module in part.modules()]


def moving(model: AcousticModel) -> set[int]:
    """Parameters that are trained."""
    return {id(p) for p in model.network.parameters() if p.requires_grad}


@pytest.mark.parametrize(
    ("strategy", "roles"),
    [
        (Full(), ("encoder", "head")),
        (Full(freeze_feature_encoder=False), ROLES),
        (HeadOnly(), ("head",)),
    ],
)
def test_only_the_chosen_parts_move(model: AcousticModel, strategy: Full | HeadOnly, roles: tuple[str, ...]) -> None:
    strategy.prepare(model)
    model.network.train()
    assert moving(model) == {id(p) for role in roles for m in modules(model, role) for p in m.parameters()}
    for role in ROLES:
        assert all(m.training == (role in roles) for m in modules(model, role)), role


def test_a_strategy_may_be_changed(model: AcousticModel) -> None:
    HeadOnly().prepare(model)
    Full(freeze_feature_encoder=False).prepare(model)
    model.network.train()
    assert all(m.training for role in ROLES for m in modules(model, role))


@pytest.mark.parametrize("strategy", [Full(), Full(freeze_layers=1), HeadOnly()])
def test_what_is_said_to_be_frozen_is_all_that_is(model: AcousticModel, strategy: Full | HeadOnly) -> None:
    strategy.prepare(model)
    model.network.train()
    frozen = strategy.frozen(model)
    inside = {id(p) for module in frozen for p in module.parameters()}
    outside = {id(p) for p in model.network.parameters()} - inside
    assert not inside & moving(model)
    assert all(not m.training for module in frozen for m in module.modules())
    held = {id(p) for module in model.network.modules() for p in module._parameters.values() if p is not None}
    loose = {id(getattr(model.network.base_model, "masked_spec_embed", None))}
    assert outside - moving(model) <= loose & held


def test_stages_are_the_whole_encoder_each_weight_once(model: AcousticModel) -> None:
    staged = [id(p) for stage in model.stages() for module in stage for p in module.parameters()]
    assert len(staged) == len(set(staged))
    assert set(staged) == {id(p) for m in modules(model, "encoder") for p in m.parameters()}
    assert len(model.stages()) == 3, "what lies below, and two layers"


def test_the_lowest_layers_stay(model: AcousticModel) -> None:
    below, first, second = model.stages()
    Full(freeze_layers=1).prepare(model)
    model.network.train()
    assert not any(m.training for part in (*below, *first) for m in part.modules())
    assert all(m.training for part in second for m in part.modules())
    staying = {id(p) for part in (*below, *first, *model.parts()["feature_encoder"]) for p in part.parameters()}
    assert not staying & moving(model)
    assert {id(p) for part in (*second, *model.parts()["head"]) for p in part.parameters()} == moving(model)


def test_freezing_every_layer_is_refused_with_what_fits(model: AcousticModel) -> None:
    with pytest.raises(BadInput, match="has 2 encoder layers; freeze at most 1, or all with strategy=head_only"):
        Full(freeze_layers=2).prepare(model)


def test_rates_fall_from_the_head_down(model: AcousticModel) -> None:
    strategy = Full(freeze_feature_encoder=False, layer_decay=0.5, head_rate=4)
    strategy.prepare(model)
    optimiser = new_optimizer(model.network, TrainingOptions(weight_decay=0.01), 1e-3, strategy.rates(model))
    usual = new_optimizer(model.network, TrainingOptions(weight_decay=0.01), 1e-3)
    decaying = {id(p) for p in usual.param_groups[0]["params"]}
    rate = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    decay = {id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    assert rate.keys() == moving(model)
    wanted = {0: 1e-3 / 8, 1: 1e-3 / 4, 2: 1e-3 / 2}
    for depth, stage in enumerate(model.stages()):
        assert {rate[id(p)] for m in stage for p in m.parameters()} <= {wanted[depth]}
    assert {rate[id(p)] for m in model.parts()["feature_encoder"] for p in m.parameters()} == {1e-3 / 8}
    assert {rate[id(p)] for m in model.parts()["head"] for p in m.parameters()} == {4e-3}
    assert {p for p, value in decay.items() if value == 0.01} == decaying < moving(model)
    assert optimiser.param_groups[0]["lr"] == 1e-3 / 2, "the rate nearest to the run's is logged"


def test_one_rate_needs_no_groups(model: AcousticModel) -> None:
    assert Full().rates(model) == HeadOnly().rates(model) == []


# ---- biases, halves, languages


def test_bitfit_moves_biases_and_ctc_s_head(model: AcousticModel) -> None:
    BitFit().prepare(model)
    moved = {name for name, p in model.network.named_parameters() if p.requires_grad}
    head = {"lm_head.weight"} if model.family == "ctc" else set()
    assert head < moved and all(name.endswith(".bias") for name in moved - head)
    assert not any("feature_extractor" in name or ".conv1" in name for name in moved)
    assert sum("layers.1" in name for name in moved) >= 8
    model.network.train()
    dropouts = [m for m in model.stages()[1][0].modules() if isinstance(m, nn.Dropout)]
    assert all(m.training for m in dropouts), "layers whose biases learn drop out"


def test_whisper_s_halves(tmp_path: Path) -> None:
    model = load_model(tiny_whisper(tmp_path / "m"))
    for strategy, roles in ((DecoderOnly(), {"head"}), (EncoderOnly(), {"encoder"})):
        strategy.prepare(model)
        model.network.train()
        assert moving(model) == {id(p) for role in roles for m in modules(model, role) for p in m.parameters()}
        assert all(m.training == (role in roles) for role in ROLES for m in modules(model, role))


def test_what_does_not_fit_a_ctc_model_says_what_does(tmp_path: Path) -> None:
    model = load_model(tiny_ctc(tmp_path / "m"))
    with pytest.raises(BadInput, match="decoder_only is for Whisper; .* strategy=head_only trains its head"):
        DecoderOnly().prepare(model)
    with pytest.raises(BadInput, match="MMS checkpoints.*use strategy=lora or strategy=adapters"):
        LanguageAdapter().prepare(model)
    EncoderOnly().prepare(model)
    assert moving(model) == {id(p) for m in modules(model, "encoder") for p in m.parameters()}
    model.head_is_new = True
    with pytest.raises(BadInput, match="encoder_only keeps the head, and that of model .* is new"):
        EncoderOnly().prepare(model)


def test_mms_language_adapters_learn_and_load_as_transformers_has_them(tmp_path: Path) -> None:
    from transformers import Wav2Vec2ForCTC

    model = load_model(tiny_mms(tmp_path / "mms"), language="deu", texts=["\u00f1and\u00fa"])
    LanguageAdapter().prepare(model)
    moved = {name for name, p in model.network.named_parameters() if p.requires_grad}
    assert moved and all("adapter_layer" in name or "lm_head" in name for name in moved)
    with torch.no_grad():
        for parameter in model.network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.5)
    assert LanguageAdapter().save_adapter(model, tmp_path / "adapter")
    model.save(tmp_path / "saved")
    wanted = model.network.state_dict()
    for loaded in (
        Wav2Vec2ForCTC.from_pretrained(tmp_path / "saved"),
        load_model(tmp_path / "saved", language="deu").network,
    ):
        assert all(torch.equal(weight, wanted[name]) for name, weight in loaded.state_dict().items())
    beside = Wav2Vec2ForCTC.from_pretrained(tmp_path / "mms", target_lang="eng")
    shutil.copy(tmp_path / "adapter" / "adapter.deu.safetensors", tmp_path / "mms")
    beside.load_adapter("deu")
    assert all(torch.equal(weight, wanted[name]) for name, weight in beside.state_dict().items())
    saved, whole = (sum(f.stat().st_size for f in (tmp_path / d).glob("*.safetensors")) for d in ("adapter", "saved"))
    assert saved < whole / 2
    before = wanted["wav2vec2.encoder.layers.0.adapter_layer.linear_1.weight"].clone()
    LanguageAdapter(fresh=True).prepare(model)
    assert not torch.equal(
        model.network.state_dict()["wav2vec2.encoder.layers.0.adapter_layer.linear_1.weight"], before
    )


def test_every_strategy_has_a_name_and_defaults() -> None:
    for name, kind in STRATEGIES.items():
        assert kind().name == name and kind.__doc__
