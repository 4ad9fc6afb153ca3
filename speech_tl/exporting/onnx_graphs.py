"""Recognisers as ONNX graphs, of clips of any length and batches of any size.

A CTC model is one graph, `model.onnx`, with the names that optimum's exports have: `input_values` and
`attention_mask` to `logits`. A Whisper is `encoder_model.onnx`, from mel frames to the keys and values that the decoder
attends to, and `decoder_model.onnx`, from tokens, those, and the keys and values of the tokens before, to `logits` of
the last token and its own keys and values: a prompt and each token after it take the same graph, so that its weights
are there once.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from speech_tl.models.transformers_output import quiet_transformers

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.ctc import CTCModel
    from speech_tl.models.whisper import WhisperModel

OPSET = 17
"""Operators of 2022, which every onnxruntime of today runs."""

CTC, ENCODER, DECODER = "model.onnx", "encoder_model.onnx", "decoder_model.onnx"

Axes = Mapping[str, Mapping[int, str]]
"""Of an input or output by its name: which dimensions may be of any size, and what they are called."""


def write_ctc(model: CTCModel, folder: Path) -> None:
    """Write a CTC model's graph into a folder."""
    graph = _CTCGraph(_plain(model))
    mask = torch.ones(2, 16000, dtype=torch.long)
    mask[1, 9000:] = 0  # with padding, so that the graph heeds it
    values = torch.randn(2, 16000, generator=torch.Generator().manual_seed(0)) * mask
    sound = {0: "batch", 1: "samples"}
    axes = {"input_values": sound, "attention_mask": sound, "logits": {0: "batch", 1: "frames"}}
    _write(graph, (values, mask), folder / CTC, ["input_values", "attention_mask"], ["logits"], axes)


def write_whisper(model: WhisperModel, folder: Path) -> None:
    """Write a Whisper's two graphs into a folder."""
    network = copy.deepcopy(model.network).eval()
    layers = len(network.model.decoder.layers)
    heard, own = (names(layers, side) for side in ("encoder", "decoder"))
    sound = torch.zeros(2, network.config.num_mel_bins, model.full_frames)
    position = {0: "batch", 2: "positions"}
    axes: Axes = {"input_features": {0: "batch"}, **{f"present.{name}": position for name in heard}}
    encoder = _WhisperEncoder(network)
    _write(encoder, (sound,), folder / ENCODER, ["input_features"], [f"present.{name}" for name in heard], axes)
    with torch.no_grad():
        cross = encoder(sound[:, :, :8])
    width = network.config.d_model // network.config.decoder_attention_heads
    past = [torch.zeros(2, network.config.decoder_attention_heads, 3, width) for _ in own]
    inputs = ["input_ids", *(f"past_key_values.{name}" for name in (*own, *heard))]
    outputs = ["logits", *(f"present.{name}" for name in own)]
    axes = {"input_ids": {0: "batch", 1: "tokens"}, "logits": {0: "batch"}}
    axes |= {name: {0: "batch", 2: "past"} for name in inputs[1:] if ".decoder." in name}
    axes |= {name: position for name in inputs[1:] if ".encoder." in name}
    axes |= {name: {0: "batch", 2: "past and tokens"} for name in outputs[1:]}
    tokens = torch.zeros(2, 2, dtype=torch.long)
    _write(_WhisperDecoder(network), (tokens, *past, *cross), folder / DECODER, inputs, outputs, axes)


def names(layers: int, side: str) -> list[str]:
    """What keys and values are called: of the sound ("encoder") or of the tokens ("decoder"), layer by layer."""
    return [f"{layer}.{side}.{part}" for layer in range(layers) for part in ("key", "value")]


def _write(
    graph: nn.Module, example: tuple[Any, ...], file: Path, inputs: Sequence[str], outputs: Sequence[str], axes: Axes
) -> None:
    """Trace a graph. torch's newer exporter writes the same graphs, but takes 20 times as long and a package more."""
    with torch.no_grad(), quiet_transformers():
        torch.onnx.export(
            graph.eval(),
            example,
            str(file),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(named) for name, named in axes.items()},
            opset_version=OPSET,
            dynamo=False,
        )


def _plain(model: AcousticModel) -> AcousticModel:
    """A copy of a CTC model in published code: no shortcuts of this processor, weights that are not computed."""
    network = copy.deepcopy(model.network).eval().cpu()
    for parent in list(network.modules()):
        for name, conv in list(parent.named_children()):
            if parametrize.is_parametrized(conv):  # removing them in place would take them from the original's class
                setattr(parent, name, _convolution(conv))
    network.set_attn_implementation("eager")
    plain = model._around(network)
    plain.shortcuts = False
    return plain


def _convolution(conv: nn.Conv1d) -> nn.Conv1d:
    """A convolution with the weights that another one computes."""
    sizes = (conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, conv.dilation)
    plain = nn.Conv1d(*sizes, groups=conv.groups, bias=conv.bias is not None)
    plain.weight = nn.Parameter(conv.weight.detach().clone())
    plain.bias = conv.bias
    return plain


class _CTCGraph(nn.Module):
    """A CTC model that takes waveforms `(batch, samples)` and a mask of the same shape, 0 behind each clip."""

    def __init__(self, model: CTCModel) -> None:
        super().__init__()
        self.network = model.network
        self._model = [model]  # in a list, as it is no module

    def forward(self, input_values: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Scores `(batch, frames, vocabulary)`; what is behind a clip's own frames means nothing."""
        model = self._model[0]
        lengths = attention_mask.sum(-1)
        for positions in model._positions:
            positions.on = False
        heard = {"frames": model.front.frames(lengths)} if model.own_head else {}
        with model.front.heeding(lengths):
            return self.network(input_values, attention_mask=attention_mask, **heard).logits


class _WhisperEncoder(nn.Module):
    """The encoder and, of each of the decoder's layers, the keys and values that it makes of the sound."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_features: torch.Tensor) -> list[torch.Tensor]:
        """Mel frames `(batch, mels, frames)` to two `(batch, heads, positions, width of a head)` a layer."""
        states = self.network.model.encoder(input_features)[0]
        found = []
        for layer in self.network.model.decoder.layers:
            attention = layer.encoder_attn
            found += [_heads(attention, project(states)) for project in (attention.k_proj, attention.v_proj)]
        return found


class _WhisperDecoder(nn.Module):
    """The decoder over some tokens that follow others, whose keys and values it is given; there may be none yet."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: torch.Tensor, *memory: torch.Tensor) -> list[torch.Tensor]:
        """Scores `(batch, vocabulary)` of what follows the last token, and all keys and values of tokens."""
        decoder, layers = self.network.model.decoder, self.network.model.decoder.layers
        past, heard = memory[: 2 * len(layers)], memory[2 * len(layers) :]
        first, count = past[0].shape[2], input_ids.shape[1]
        places = torch.arange(count) + first
        hidden = decoder.embed_tokens(input_ids) + decoder.embed_positions.weight[places]
        ahead = torch.arange(first + count)[None] > places[:, None]
        kept: list[torch.Tensor] = []
        for number, layer in enumerate(layers):
            attention, inner = layer.self_attn, layer.self_attn_layer_norm(hidden)
            for old, project in zip(past[2 * number :], (attention.k_proj, attention.v_proj), strict=False):
                kept.append(torch.cat([old, _heads(attention, project(inner))], dim=2))
            hidden = hidden + _attended(attention, inner, *kept[-2:], ahead)
            inner = layer.encoder_attn_layer_norm(hidden)
            hidden = hidden + _attended(layer.encoder_attn, inner, *heard[2 * number : 2 * number + 2], None)
            inner = layer.activation_fn(layer.fc1(layer.final_layer_norm(hidden)))
            hidden = hidden + layer.fc2(inner)
        return [self.network.proj_out(decoder.layer_norm(hidden[:, -1])), *kept]


def _heads(attention: nn.Module, projected: torch.Tensor) -> torch.Tensor:
    """`(batch, positions, width)` -> `(batch, heads, positions, width of a head)`."""
    rows, positions = projected.shape[0], projected.shape[1]
    return projected.view(rows, positions, attention.num_heads, attention.head_dim).transpose(1, 2)


def _attended(
    attention: nn.Module, hidden: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, ahead: torch.Tensor | None
) -> torch.Tensor:
    """The attention's output for `hidden` `(batch, count, width)`; nothing is seen where `ahead` is true."""
    query = _heads(attention, attention.q_proj(hidden) * attention.scaling)
    scores = query @ keys.transpose(2, 3)
    scores = scores if ahead is None else scores.masked_fill(ahead, torch.finfo(scores.dtype).min)
    return attention.out_proj((scores.softmax(-1) @ values).transpose(1, 2).flatten(2))
