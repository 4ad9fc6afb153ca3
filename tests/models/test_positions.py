"""The positional convolution with channels last: the same figures and gradients, in every architecture that has it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from speech_tl.models.load import load_model
from speech_tl.models.positions import ChannelsLast, rearrange
from tests.tiny import tiny_ctc


def network_of(config: type, model: type) -> torch.nn.Module:
    """Small, but with the published width of the convolution and 16 groups."""
    torch.manual_seed(0)
    return model(config(hidden_size=64, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64)).eval()


@pytest.mark.parametrize("name", ["Wav2Vec2", "Hubert", "WavLM", "Data2VecAudio"])
def test_figures_and_gradients_are_those_of_the_published_code(name: str) -> None:
    import transformers

    network = network_of(getattr(transformers, f"{name}Config"), getattr(transformers, f"{name}Model"))
    switches = rearrange(network)
    assert switches, "it has such a convolution"
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv1d) and "_conv_forward" in vars(m)]
    for conv in convolutions:
        hidden = torch.randn(3, conv.in_channels, 37, requires_grad=True)
        found = []
        for on in (True, False):
            conv._conv_forward.on = on
            out = conv(hidden)
            given = [hidden, *conv.parameters()]
            found.append([out, *torch.autograd.grad(out.square().sum(), given)])
        for fast, plain in zip(*found, strict=True):
            assert torch.allclose(fast, plain, rtol=1e-4, atol=1e-5 * float(plain.detach().abs().max()))


def test_only_wide_grouped_convolutions_are_meant() -> None:
    dense, depthwise, narrow = (torch.nn.Conv1d(8, 8, k, groups=g) for k, g in ((32, 1), (32, 8), (4, 2)))
    assert rearrange(torch.nn.ModuleList([dense, depthwise, narrow])) == []


def test_a_copy_computes_with_its_own_weights() -> None:
    conv = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(8, 8, 16, groups=2, padding=8), dim=2)
    rearrange(conv)
    other = copy.deepcopy(conv)
    with torch.no_grad():
        other.parametrizations.weight.original0.zero_()
        other.bias.zero_()
    assert (
        float(other(torch.ones(1, 8, 20)).detach().abs().max())
        == 0
        < float(conv(torch.ones(1, 8, 20)).detach().abs().max())
    )


def test_the_switch_reaches_it(tmp_path: Path) -> None:
    model = load_model(tiny_ctc(tmp_path / "m"), language="en")
    conv = next(m for m in model.network.modules() if isinstance(m, torch.nn.Conv1d) and m.groups > 1)
    switch = ChannelsLast(conv)
    model._positions = [switch]
    batch = model.collate([model.features(torch.randn(16000).numpy())], [[5, 6]])
    for wanted in (False, True):
        model.shortcuts = wanted
        model.loss(model.network, batch)
        assert switch.on is wanted
