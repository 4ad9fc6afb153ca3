"""The fixed log-mel front end: hears pitch and loudness, is never trained, and travels through plain transformers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCTC

from speech_tl.errors import BadInput
from speech_tl.models.ctc import CTCModel
from speech_tl.models.filterbank import STEEPNESS, channels
from speech_tl.models.load import load_model
from speech_tl.models.random_initialisation import new_model
from speech_tl.strategies.trained import Full

FILTERS = 20
SHAPE = {
    "log_mel_filters": FILTERS,
    "conv_dim": [*channels(FILTERS), 16],
    "conv_kernel": [240, 10, 8],
    "conv_stride": [40, 4, 4],
    "num_feat_extract_layers": 3,
    "conv_bias": True,
    "feat_extract_norm": "layer",
    "feat_extract_activation": "relu6",
    "do_stable_layer_norm": True,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}


@pytest.fixture
def model() -> CTCModel:
    torch.manual_seed(0)
    return new_model("new:wav2vec2", ["abc"], SHAPE)


def bands(model: CTCModel, waveform: torch.Tensor) -> torch.Tensor:
    """The saturating copies of each band added up, `(filters, frames)`."""
    layers = model.network.wav2vec2.feature_extractor.conv_layers
    heard = layers[1](layers[0](waveform[None, None]))[0]
    assert not heard[-3:].any(), "the spare channels must stay silent"
    return heard[:-3].view(FILTERS, len(STEEPNESS), -1).sum(1)


def tone(hertz: float, level: float = 1.0) -> torch.Tensor:
    return level * torch.sin(2 * torch.pi * hertz * torch.arange(8000) / 16000)


def test_each_band_hears_its_own_frequency_best_and_steadily(model: CTCModel) -> None:
    mels = torch.linspace(*(2595 * torch.tensor(1 + hertz / 700).log10() for hertz in (60.0, 7800.0)), FILTERS + 2)
    ripples = []
    for band, mel in enumerate(mels[1:-1]):
        heard = bands(model, tone(float(700 * (10 ** (mel / 2595) - 1)), 0.2))
        assert abs(int(heard.mean(-1).argmax()) - band) <= 1
        ripples.append(float(heard[band].std() / heard[band].mean()))
    assert sum(ripple < 0.05 for ripple in ripples) >= 0.7 * FILTERS, "means over 25 ms see little of the phase"


def test_loudness_counts_as_a_logarithm_would(model: CTCModel) -> None:
    heard = torch.stack([bands(model, tone(1000, 0.5**halvings)).amax(0).mean() for halvings in range(1, 9)])
    steps = heard[:-1] - heard[1:]
    assert (steps > 0.5).all(), "every halving down to 1/256 is heard"
    assert steps.max() < 6 * steps.min(), "and none counts much more than another"


def test_a_loud_band_does_not_hide_a_soft_one(model: CTCModel) -> None:
    alone, beside = bands(model, tone(3000, 0.01)), bands(model, tone(3000, 0.01) + tone(300))
    band = int(alone.mean(-1).argmax())
    assert beside[band].mean() == pytest.approx(float(alone[band].mean()), rel=0.1)


def test_training_never_moves_it(model: CTCModel) -> None:
    Full(freeze_feature_encoder=False).prepare(model)
    model.set_spec_augment(0.0, 1, 0.0, 1)
    layers = model.network.wav2vec2.feature_extractor.conv_layers
    assert [any(p.requires_grad for p in layer.parameters()) for layer in layers] == [False, False, True]
    model.network.train()
    batch = model.collate([model.features(tone(500).numpy())], [model.encode("abc")])
    model.loss(model.network, batch).backward()
    assert layers[1].conv.weight.grad is None
    assert layers[2].conv.weight.grad.abs().sum() > 0


def test_autocast_leaves_it_in_full_precision(model: CTCModel) -> None:
    expected = bands(model, tone(700))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(bands(model, tone(700)), expected)


def test_plain_transformers_loads_it_and_gives_the_same(model: CTCModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    values = torch.from_numpy(model.features(tone(700).numpy())["input_values"])[None]
    plain = AutoModelForCTC.from_pretrained(tmp_path).eval()
    ours = load_model(tmp_path).network
    with torch.no_grad():
        assert torch.allclose(plain(values).logits, ours(values).logits, atol=1e-6)
        half = plain.half()(values.half()).logits.float()
        assert torch.allclose(half, ours(values).logits, atol=0.05), "nothing overflows in half precision"


def test_from_scratch_keeps_the_signal_processing(model: CTCModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    torch.manual_seed(5)
    layers = [
        m.network.wav2vec2.feature_extractor.conv_layers for m in (model, load_model(tmp_path, from_scratch=True))
    ]
    same = [torch.equal(a.conv.weight, b.conv.weight) for a, b in zip(*layers, strict=True)]
    assert same == [True, True, False]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("conv_dim", [8, 8, 8]),
        ("conv_stride", [20, 4, 4]),
        ("feat_extract_activation", "gelu"),
        ("feat_extract_norm", "group"),
    ],
)
def test_a_shape_without_room_for_it_is_one_line(field: str, value: object) -> None:
    with pytest.raises(BadInput, match=f"model.shape does not fit new:wav2vec2: log_mel_filters.*{field}"):
        new_model("new:wav2vec2", ["abc"], {**SHAPE, field: value})
