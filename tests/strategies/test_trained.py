"""What a strategy lets move, and at which rate; what it fixes also runs as in evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.strategies.trained import Full, HeadOnly
from speech_tl.training.optimizers import new_optimizer
from speech_tl.training.options import TrainingOptions
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
