"""Muon beside AdamW: every weight once, both under one schedule, a checkpoint that goes on exactly."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import Trainer, TrainingArguments

from speech_tl.data.manifest import Manifest
from speech_tl.models.load import load_model
from speech_tl.strategies.trained import HeadOnly
from speech_tl.training import muon
from speech_tl.training.optimizers import MUON_RATE, MuonWithAdamW, new_optimizer
from speech_tl.training.options import TrainingOptions
from speech_tl.training.progress import read_log
from tests.training.learning import learn, weights
from tests.training.test_train import Killed, killer


def parts(network: nn.Module) -> tuple[set[str], set[str]]:
    """Names of the parameters that Muon has, and of those that AdamW has."""
    optimiser = MuonWithAdamW(network, 1e-3, 0.01)
    names = {id(p): name for name, p in network.named_parameters()}
    matrices = {names[id(p)] for g in optimiser.param_groups if "ns_steps" in g for p in g["params"]}
    adam = [names[id(p)] for g in optimiser.param_groups if "betas" in g for p in g["params"]]
    assert len(adam) == len(set(adam)) and not matrices & set(adam)
    return matrices, set(adam)


@pytest.mark.parametrize("family", ["ctc", "whisper"])
def test_muon_has_the_matrices_of_the_layers_and_adamw_the_rest(family: str, folders: dict[str, Path]) -> None:
    network = load_model(folders[family], language="en").network
    matrices, adam = parts(network)
    assert matrices | adam == {name for name, p in network.named_parameters() if p.requires_grad}
    assert all(name.endswith(".weight") and ".layers." in name for name in matrices)
    assert any("q_proj" in name for name in matrices)
    assert any("conv" in name for name in adam)
    assert any("embed_tokens" in name or "lm_head" in name for name in adam)


def test_what_is_frozen_stays_out(folders: dict[str, Path]) -> None:
    network = load_model(folders["ctc"]).network
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith("lm_head"))
    assert parts(network) == (set(), {"lm_head.weight", "lm_head.bias"})


def test_one_schedule_moves_both() -> None:
    network = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(4, 4)]), "head": nn.Linear(4, 2)})
    optimiser = MuonWithAdamW(network, 1e-3, 0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 0.5**step)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    schedule.step()
    assert all(not torch.equal(before[name], p) for name, p in network.named_parameters())
    rates = {"ns_steps" in group: group["lr"] for group in optimiser.param_groups}
    assert rates == {True: pytest.approx(MUON_RATE * 0.5e-3), False: pytest.approx(0.5e-3)}


@pytest.mark.parametrize("shape", [(24, 16), (16, 24)])
def test_muon_is_torch_s_but_for_the_precision(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "cpu_multiplies_bf16", lambda: True)  # the reference always uses bf16
    torch.manual_seed(0)
    ours, theirs = nn.Parameter(torch.randn(shape)), nn.Parameter(torch.empty(shape))
    theirs.data.copy_(ours.data)
    one = muon.Muon([ours], 0.02, 0.1, 3)
    other = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1, ns_steps=3, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        one.step()
        other.step()
    assert torch.allclose(ours, theirs, atol=1e-3)
    monkeypatch.setattr(muon, "cpu_multiplies_bf16", lambda: False)
    gradient = torch.randn(shape)
    assert muon.orthogonal(gradient, 3).dtype == torch.float32
    monkeypatch.setattr(muon, "cpu_multiplies_bf16", lambda: True)
    assert muon.orthogonal(gradient, 3).dtype == torch.bfloat16


def test_an_update_is_nearly_orthogonal() -> None:
    network = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(16, 16, bias=False)])})
    weight = network["layers"][0].weight
    before = weight.detach().clone()
    torch.manual_seed(0)
    weight.grad = torch.randn(16, 1) @ torch.randn(1, 16) * 5 + torch.randn(16, 16)  # one direction drowns the rest
    MuonWithAdamW(network, 1e-3, 0.0).step()
    update, gradient = torch.linalg.svdvals(before - weight.detach()), torch.linalg.svdvals(weight.grad)
    assert update[0] / update[8] < 3 < gradient[0] / gradient[8]


@pytest.mark.parametrize("family", ["ctc", "whisper"])
def test_adamw_shrinks_what_the_trainer_s_own_does(family: str, folders: dict[str, Path], tmp_path: Path) -> None:
    model = load_model(folders[family], language="en")
    HeadOnly().prepare(model)
    ours = new_optimizer(model.network, TrainingOptions(weight_decay=0.03), 1e-4)
    arguments = TrainingArguments(
        output_dir=str(tmp_path), learning_rate=1e-4, weight_decay=0.03, adam_beta2=0.98, use_cpu=True, report_to=[]
    )
    theirs = Trainer(model.network, arguments).create_optimizer()
    assert type(ours) is type(theirs) is torch.optim.AdamW
    for group, other in zip(ours.param_groups, theirs.param_groups, strict=True):
        assert [id(p) for p in group.pop("params")] == [id(p) for p in other.pop("params")]
        assert group == other


def stepped(optimiser: MuonWithAdamW, network: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """The weights after one step on random gradients."""
    torch.manual_seed(seed)
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimiser.step()
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def test_a_fresh_optimiser_goes_on_from_a_loaded_state() -> None:
    """Loading replaces groups and state by new objects; the parts must step with those, not with their own old ones."""
    network = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(4, 4)]), "head": nn.Linear(4, 2)})
    original = MuonWithAdamW(network, 1e-3, 0.01)
    for seed in range(3):
        stepped(original, network, seed)
    for group in original.param_groups:  # as a schedule would
        group["lr"] *= 0.5
    twin = copy.deepcopy(network)
    fresh = MuonWithAdamW(twin, 1e-3, 0.01)
    fresh.load_state_dict(copy.deepcopy(original.state_dict()))  # as from a file: tensors of its own
    both = fresh._parts
    assert all(part.state is fresh.state for part in both)
    owned = [group for part in both for group in part.param_groups]
    assert [id(group) for group in owned] == [id(group) for group in fresh.param_groups]
    expected, found = stepped(original, network, 9), stepped(fresh, twin, 9)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_training_with_muon_goes_on_after_a_kill(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    run: dict[str, Any] = {"optimizer": "muon", "max_steps": 8, "eval_steps": 2, "batch_seconds": 4.0}
    straight = load_model(folders["ctc"])
    learn(straight, corpus, tmp_path / "straight", **run)
    with pytest.raises(Killed):
        learn(load_model(folders["ctc"]), corpus, tmp_path / "killed", progress=killer(6), **run)
    resumed = load_model(folders["ctc"])
    learn(resumed, corpus, tmp_path / "killed", resume=True, **run)
    assert all(torch.equal(a, b) for a, b in zip(weights(straight).values(), weights(resumed).values(), strict=True))


def test_training_with_muon_teaches(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    learn(load_model(folders["ctc"]), corpus, tmp_path, optimizer="muon", max_steps=30, eval_steps=30, dev=False)
    losses = [entry["loss"] for entry in read_log(tmp_path / "log.jsonl") if "loss" in entry]
    assert losses[-1] < losses[0] / 2
