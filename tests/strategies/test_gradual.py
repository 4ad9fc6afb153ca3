"""Gradual unfreezing: who moves at which step, what waits in evaluation, and what schedule is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.strategies.gradual import Gradual
from tests.tiny import tiny_ctc, tiny_whisper


@pytest.fixture(params=["ctc", "whisper"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> AcousticModel:
    """Two encoder layers."""
    return load_model(tiny_ctc(tmp_path / "m") if request.param == "ctc" else tiny_whisper(tmp_path / "m", layers=2))


def moves(part: list[nn.Module]) -> bool | None:
    """Whether a part is trained, as a whole; it must be all or nothing, gradients and dropout alike."""
    parameters = {p.requires_grad for m in part for p in m.parameters()}
    modes = {m.training for whole in part for m in whole.modules() if any(True for _ in m.parameters())}
    assert len(parameters) <= 1 and modes <= parameters | set()
    return parameters.pop() if parameters else None


def state(model: AcousticModel) -> list[bool | None]:
    """Head, top layer, lowest layer, what lies below, front end."""
    model.network.train()
    parts, (below, lowest, top) = model.parts(), model.stages()
    return [moves(part) for part in (parts["head"], top, lowest, below, parts["feature_encoder"])]


def at(strategy: Gradual, model: AcousticModel, step: int, steps: int = 100) -> list[bool | None]:
    strategy.on_step(model, step, steps)
    return state(model)


def test_the_head_is_first_and_layers_join_from_the_top(model: AcousticModel) -> None:
    strategy = Gradual(head_steps=10, layer_steps=5, freeze_feature_encoder=False)
    strategy.prepare(model)
    has_below = any(True for m in model.stages()[0] for _ in m.parameters())
    assert has_below == (model.family == "ctc")
    last = 25 if has_below else 20
    below = (lambda joined: joined) if has_below else (lambda joined: None)
    strategy.require_steps(model, last + 1)
    assert state(model) == [True, True, True, below(True), True], "an optimiser must know all that ever moves"
    for step, wanted in [
        (0, [True, False, False, below(False), False]),
        (9, [True, False, False, below(False), False]),
        (10, [True, True, False, below(False), False]),
        (15, [True, True, True, below(False), not has_below and False]),
        (20, [True, True, True, below(True), not has_below]),
        (last, [True, True, True, below(True), True]),
    ]:
        assert at(strategy, model, step) == wanted, step


def test_a_resumed_run_begins_where_it_stood(model: AcousticModel) -> None:
    strategy = Gradual(head_steps=10, layer_steps=5)
    strategy.prepare(model)
    assert at(strategy, model, 12)[:3] == [True, True, False]


def test_without_numbers_half_of_the_training_is_enough(model: AcousticModel) -> None:
    strategy = Gradual()
    strategy.prepare(model)
    strategy.require_steps(model, 10)
    assert at(strategy, model, 0, 60)[:3] == [True, False, False]
    assert at(strategy, model, 30, 60)[:3] == [True, True, True]
    assert state(model)[4] is False, "the front end stays"


def test_what_never_joins_is_frozen_for_the_whole_run(model: AcousticModel) -> None:
    strategy = Gradual(layers=1)
    strategy.prepare(model)
    strategy.on_step(model, 0, 100)
    frozen = {id(p) for module in strategy.frozen(model) for p in module.parameters()}
    below, lowest, top = model.stages()
    inside = {id(p) for part in (*below, *lowest, *model.parts()["feature_encoder"]) for p in part.parameters()}
    assert inside <= frozen
    assert not frozen & {id(p) for part in (*top, *model.parts()["head"]) for p in part.parameters()}
    assert at(strategy, model, 99)[:3] == [True, True, False]


def test_weights_wait_and_then_move(model: AcousticModel) -> None:
    strategy = Gradual(head_steps=1, layer_steps=1)
    strategy.prepare(model)
    optimiser = torch.optim.AdamW([p for p in model.network.parameters() if p.requires_grad], lr=0.1, weight_decay=0.1)
    top = [p.detach().clone() for m in model.stages()[2] for p in m.parameters()]
    for step in range(2):
        strategy.on_step(model, step, 10)
        for parameter in model.network.parameters():
            parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None
        optimiser.step()
        after = [p for m in model.stages()[2] for p in m.parameters()]
        assert all(torch.equal(a, b) for a, b in zip(top, after, strict=True)) == (step == 0)


# ---- refused


def test_a_schedule_longer_than_the_training_says_both_lengths(model: AcousticModel) -> None:
    strategy = Gradual(head_steps=50, layer_steps=30, layers=2)
    strategy.prepare(model)
    strategy.require_steps(model, 81)
    with pytest.raises(BadInput, match=r"unfreezes its last layer after 80 steps and the training has 80: lower"):
        strategy.require_steps(model, 80)


def test_more_layers_than_there_are(model: AcousticModel) -> None:
    with pytest.raises(BadInput, match=r"strategy.layers=3: model .* has 2 encoder layers"):
        Gradual(layers=3).prepare(model)


def test_a_run_that_ended_early_says_what_never_moved(model: AcousticModel) -> None:
    strategy = Gradual(head_steps=10, layer_steps=10, layers=2)
    assert strategy.note(model, 100, 100) is None
    assert strategy.note(model, 15, 100) == "training ended at step 15, before 1 of 2 stages were unfrozen"
