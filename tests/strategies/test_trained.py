"""What a strategy lets move; what it fixes also runs as in evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.strategies.trained import Full, HeadOnly
from tests.tiny import tiny_ctc, tiny_whisper

ROLES = ("feature_encoder", "encoder", "head")


@pytest.fixture(params=["ctc", "whisper"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> AcousticModel:
    """A tiny model of each family."""
    return load_model(tiny_ctc(tmp_path / "m") if request.param == "ctc" else tiny_whisper(tmp_path / "m"))


def modules(model: AcousticModel, role: str) -> list[nn.Module]:
    """Every module of a role."""
    return [module for part in model.parts()[role] for module in part.modules()]


@pytest.mark.parametrize(
    ("strategy", "moving"),
    [
        (Full(), ("encoder", "head")),
        (Full(freeze_feature_encoder=False), ROLES),
        (HeadOnly(), ("head",)),
    ],
)
def test_only_the_chosen_parts_move(model: AcousticModel, strategy: Full | HeadOnly, moving: tuple[str, ...]) -> None:
    strategy.prepare(model)
    model.network.train()
    trained = {id(p) for p in model.network.parameters() if p.requires_grad}
    wanted = {id(p) for role in moving for m in modules(model, role) for p in m.parameters()}
    assert trained == wanted
    for role in ROLES:
        assert all(m.training == (role in moving) for m in modules(model, role)), role


def test_a_strategy_may_be_changed(model: AcousticModel) -> None:
    HeadOnly().prepare(model)
    Full(freeze_feature_encoder=False).prepare(model)
    model.network.train()
    assert all(m.training for role in ROLES for m in modules(model, role))
