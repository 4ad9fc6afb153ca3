"""A wav2vec2 front end whose first two convolutions are a fixed log-mel filterbank, as Whisper's input is.

Learning to hear from nothing costs a small network much of its training; this start spares it that. It stays within
`Wav2Vec2ForCTC`, so plain `from_pretrained` loads it; `config.log_mel_filters` says that it is there.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2LayerNormConvLayer

KERNELS, STRIDES = (240, 10), (40, 4)
"""15 ms filters each 2.5 ms, then 25 ms windows each 10 ms, at 16 kHz; a tone near a multiple of 400 Hz beats."""

SPARE_CHANNELS = 3
"""Of each layer norm: two that hold a large constant and one that brings the sum to zero."""

CONSTANT = 1e4
STEEPNESS = (1.5, 6.0, 24.0, 96.0)
"""Gains of the four copies of a band before they saturate at 6 (ReLU6): added up they rise like a logarithm."""

SCALE = 1 / 32
"""Keeps the second convolution's outputs within half precision; its norm multiplies it back."""


class FixedFilters(Wav2Vec2LayerNormConvLayer):
    """A convolution that is signal processing: never trained, and in full precision under autocast."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, samples)` -> `(batch, filters, frames)`."""
        with torch.no_grad(), torch.autocast(hidden.device.type, enabled=False):
            return super().forward(hidden)


def channels(filters: int) -> tuple[int, int]:
    """What `conv_dim` must begin with for so many mel bands."""
    return 2 * filters + SPARE_CHANNELS, len(STEEPNESS) * filters + SPARE_CHANNELS


def fix_filterbank(network: PreTrainedModel) -> None:
    """Make the filterbank of a network that has one fixed."""
    if getattr(network.config, "log_mel_filters", 0):
        for layer in network.base_model.feature_extractor.conv_layers[:2]:
            layer.__class__ = FixedFilters


def trainable_convolutions(network: PreTrainedModel) -> list[nn.Module]:
    """The parts of the convolutional front end that are not a fixed filterbank."""
    front = network.base_model.feature_extractor
    return list(front.conv_layers[2:]) if getattr(network.config, "log_mel_filters", 0) else [front]


def start_as_log_mel(network: PreTrainedModel, sample_rate: int = 16000) -> None:
    """Write the filterbank of `config.log_mel_filters` bands into the first two convolutions, in place.

    First, band-pass filters on the mel scale from 60 to 7800 Hz (cosine and sine under a Gaussian window, as the
    learnable filterbank of Zeghidour et al. 2018 starts, arXiv 1711.01161; mel scale: O'Shaughnessy 1987), rectified
    by the activation; then each band's Hann-weighted mean over 25 ms, in four copies that saturate one after the other.
    A layer norm over channels would hide how loud a frame is: two channels of a large constant make it a division
    by a constant.

    Raises:
        ValueError: the configuration's first two convolutions, norm or activation are others.
    """
    config, filters = network.config, network.config.log_mel_filters
    wanted = {
        "conv_dim": channels(filters),
        "conv_kernel": KERNELS,
        "conv_stride": STRIDES,
    }
    for field, start in wanted.items():
        if tuple(getattr(config, field)[:2]) != start:
            raise ValueError(f"log_mel_filters={filters} needs {field} to begin with {list(start)}")
    if (config.feat_extract_norm, config.feat_extract_activation, config.conv_bias) != ("layer", "relu6", True):
        raise ValueError(
            "log_mel_filters needs feat_extract_norm=layer, feat_extract_activation=relu6 and conv_bias=true"
        )
    first, second = network.base_model.feature_extractor.conv_layers[:2]
    with torch.no_grad():
        _write(first, _band_passes(filters, sample_rate)[:, None], 1.0)
        _write(second, _smoothing_copies(filters), SCALE)


def _band_passes(filters: int, sample_rate: int) -> torch.Tensor:
    """Kernels `(2 * filters, taps)`: a cosine and a sine a band, higher ones louder as speech is softer there."""
    taps = KERNELS[0]
    lowest, highest = (2595 * math.log10(1 + hertz / 700) for hertz in (60, 7800))
    edges = 700 * (10 ** (torch.linspace(lowest, highest, filters + 2) / 2595) - 1)
    time_s = (torch.arange(taps) - (taps - 1) / 2) / sample_rate
    centre, bandwidth = edges[1:-1, None], (edges[2:] - edges[:-2])[:, None].div(2).clamp(min=80)
    window = torch.exp(-0.5 * (time_s * bandwidth * math.pi / 1.2) ** 2) * torch.hamming_window(taps, periodic=False)
    window = window / window.norm(dim=1, keepdim=True) * (1 + (centre / 1000) ** 1.5) / 2
    phase = 2 * math.pi * centre * time_s
    waves = torch.stack([window * phase.cos(), window * phase.sin()], dim=1)
    return (waves - waves.mean(-1, keepdim=True)).flatten(0, 1)


def _smoothing_copies(filters: int) -> torch.Tensor:
    """Kernels `(4 * filters, 2 * filters, taps)`: the mean of a band's two phases over 25 ms, at four gains."""
    taps = KERNELS[1]
    window = torch.hann_window(taps + 2, periodic=False)[1:-1]
    gains = torch.tensor(STEEPNESS) / 2
    copies = torch.kron(torch.eye(filters), torch.ones(len(STEEPNESS), 2))
    return copies[:, :, None] * gains.repeat(filters)[:, None, None] * window / window.sum()


def _write(layer: Wav2Vec2LayerNormConvLayer, kernels: torch.Tensor, scale: float) -> None:
    """Kernels into a convolution, the spare channels beside them, and a norm that only undoes what those do."""
    used, total = len(kernels), layer.conv.out_channels
    layer.conv.weight.zero_()
    layer.conv.bias.zero_()
    layer.conv.weight[:used, : kernels.shape[1]] = scale * kernels
    layer.conv.weight[used] = -layer.conv.weight[:used].sum(0)
    layer.conv.bias[used + 1], layer.conv.bias[used + 2] = CONSTANT, -CONSTANT
    layer.layer_norm.weight.zero_()
    layer.layer_norm.bias.zero_()
    layer.layer_norm.weight[:used] = CONSTANT * math.sqrt(2 / total) / scale
