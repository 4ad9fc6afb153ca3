"""Attention by length: what plain and fused attention compute is the same, and long inputs take the fused one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from speech_tl.models import attention
from speech_tl.models.attention import BY_LENGTH
from speech_tl.models.load import load_model
from tests.tiny import tiny_ctc, tiny_whisper


@pytest.mark.parametrize("make", [tiny_ctc, tiny_whisper], ids=["ctc", "whisper"])
@pytest.mark.parametrize("long_positions", [2, 10**6], ids=["long", "short"])
def test_loss_and_gradients_are_the_same(
    make, long_positions: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(make(tmp_path), language="en", device="cpu")
    model.set_audio_context("auto", 0.0)
    monkeypatch.setattr(attention, "LONG_POSITIONS", long_positions)
    fused, attend = [], attention.sdpa_attention_forward
    monkeypatch.setattr(
        attention, "sdpa_attention_forward", lambda *given, **named: fused.append(1) or attend(*given, **named)
    )
    rng = torch.Generator().manual_seed(0)
    sounds = [torch.randn(samples, generator=rng).numpy() / 10 for samples in (16000, 12000)]
    batch = model.collate([model.features(sound) for sound in sounds], [model.encode("one two"), model.encode("no")])
    found = {}
    for name in ("sdpa", BY_LENGTH):
        model.network.zero_grad()
        with model.attention(name):
            loss = model.loss(model.network, batch)
        loss.backward()
        gradients = [p.grad.flatten() for p in model.network.parameters() if p.grad is not None]
        found[name] = loss.item(), torch.cat(gradients)
    assert bool(fused) == (long_positions == 2)
    assert found[BY_LENGTH][0] == pytest.approx(found["sdpa"][0], rel=1e-4)
    torch.testing.assert_close(found[BY_LENGTH][1], found["sdpa"][1], rtol=1e-3, atol=1e-5)
    assert model.network.config._attn_implementation == "sdpa"
