"""LoRA and its kin: what is added and trained, that merging changes nothing, that peft loads what was saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from speech_tl.decoding.decode import decode_waveforms
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.strategies.adapters import Adapters, LoRA, PeftStrategy
from speech_tl.strategies.trained import Full
from tests.sounds import voice
from tests.tiny import tiny_ctc, tiny_whisper

KINDS = [LoRA(rank=4), LoRA(rank=4, dora=True), Adapters(), Adapters(method="loha"), Adapters(method="lokr")]
NAMES = ["lora", "dora", "ia3", "loha", "lokr"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {"ctc": tiny_ctc(folder / "ctc"), "whisper": tiny_whisper(folder / "whisper", layers=2)}


@pytest.fixture(params=["ctc", "whisper"])
def model(request: pytest.FixtureRequest, folders: dict[str, Path]) -> AcousticModel:
    return load_model(folders[request.param], language="en")


def batch(model: AcousticModel) -> dict[str, torch.Tensor]:
    waveforms = [voice(1.0, 1), voice(1.4, 2)]
    return model.collate([model.features(w) for w in waveforms], [model.encode(t) for t in ("one two", "no")])


def trained_by_hand(model: AcousticModel, steps: int = 3) -> dict[str, torch.Tensor]:
    """A few large steps on one batch; the gradients of the first."""
    trained = {name: p for name, p in model.network.named_parameters() if p.requires_grad}
    optimiser, first = torch.optim.AdamW(trained.values(), lr=0.02), {}
    model.network.train()
    for step in range(steps):
        model.loss(model.network, batch(model)).backward()
        if step == 0:
            first = {name: p.grad for name, p in trained.items() if p.grad is not None}
            assert first.keys() == trained.keys(), "everything that is said to be trained is reached by the loss"
            first = {name: grad.clone() for name, grad in first.items()}
        optimiser.step()
        optimiser.zero_grad()
    model.network.eval()
    return first


def loss_of(model: AcousticModel) -> float:
    with torch.inference_mode():
        return float(model.loss(model.network.eval(), batch(model)))


# ---- what is added and trained


@pytest.mark.parametrize("strategy", KINDS, ids=NAMES)
def test_a_fresh_adapter_changes_nothing_and_what_moves_is_small(model: AcousticModel, strategy: PeftStrategy) -> None:
    before, whole = loss_of(model), model.parameter_counts()[1]
    head = sum(p.numel() for m in model.output_layers() for p in m.parameters())
    strategy.prepare(model)
    assert loss_of(model) == pytest.approx(before, rel=1e-5)
    trained, total = model.parameter_counts()
    assert trained - head == total - whole > 0, "what was added, and CTC's head"
    moving = {name for name, p in model.network.named_parameters() if p.requires_grad}
    ours = {
        f"{n}.{part}"
        for n, m in model.network.named_modules()
        if m in model.output_layers()
        for part in ("weight", "bias")
    }
    assert ours <= moving and all("default" in name for name in moving - ours)


def test_the_size_of_lora_is_that_of_the_paper(model: AcousticModel) -> None:
    layers = model.adaptable()
    whole = model.parameter_counts()[1]
    LoRA(rank=3).prepare(model)
    assert model.parameter_counts()[1] - whole == sum(3 * (m.in_features + m.out_features) for m in layers.values())


@pytest.mark.parametrize("strategy", KINDS, ids=NAMES)
def test_the_loss_reaches_every_weight_that_is_trained(model: AcousticModel, strategy: PeftStrategy) -> None:
    before = {name: p.detach().clone() for name, p in model.network.named_parameters()}
    first = loss_of(model)
    strategy.prepare(model)
    trained_by_hand(model)
    assert loss_of(model) < first
    kept = {name.replace(".base_layer", ""): p for name, p in model.network.named_parameters() if not p.requires_grad}
    assert all(torch.equal(p, before[name]) for name, p in kept.items())


def test_targets_are_chosen_by_name_or_by_the_end_of_a_dotted_name(model: AcousticModel) -> None:
    every = list(model.adaptable())
    LoRA(targets=["q_proj", "layers.1." + every[0].split("layers.0.")[1]]).prepare(model)
    wrapped = {name.rsplit(".lora_A", 1)[0] for name, _ in model.network.named_parameters() if ".lora_A" in name}
    second = "layers.1." + every[0].split("layers.0.")[1]
    assert wrapped == {name for name in every if name.endswith((".q_proj", second))}
    assert len(wrapped) < len(every)


def test_wavlm_s_attention_is_left_out_because_it_would_not_hear(tmp_path: Path) -> None:
    model = load_model(tiny_ctc(tmp_path / "wavlm", model_type="wavlm"))
    LoRA(rank=2).prepare(model)
    trained_by_hand(model, steps=1)
    with pytest.raises(BadInput, match="no linear layer q_proj that lora can sit on.*output_dense"):
        LoRA(targets=["q_proj"]).prepare(model)


def test_one_seed_draws_one_adapter(folders: dict[str, Path]) -> None:
    def drawn(seed: int) -> torch.Tensor:
        model = load_model(folders["ctc"])
        torch.rand(seed + 1)  # whatever was drawn before
        LoRA().prepare(model, seed)
        return next(p for n, p in model.network.named_parameters() if "lora_A" in n)

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))


def test_another_strategy_after_it_starts_from_the_checkpoint(model: AcousticModel) -> None:
    names, before = list(model.network.state_dict()), loss_of(model)
    LoRA().prepare(model)
    LoRA(rank=2).prepare(model)
    assert {p.shape[0] for n, p in model.network.named_parameters() if "lora_A" in n} == {2}
    Adapters().finish(model)
    assert list(model.network.state_dict()) == names and loss_of(model) == pytest.approx(before)


# ---- merging


@pytest.mark.parametrize("strategy", KINDS, ids=NAMES)
def test_merged_it_is_a_plain_model_that_writes_the_same(
    model: AcousticModel, strategy: PeftStrategy, tmp_path: Path
) -> None:
    names, waveforms = set(model.network.state_dict()), [voice(1.0 + n / 5, n) for n in range(2)]
    untouched = decode_waveforms(model, waveforms)
    strategy.prepare(model)
    trained_by_hand(model)
    loss, texts = loss_of(model), decode_waveforms(model, waveforms)
    strategy.finish(model)
    assert set(model.network.state_dict()) == names
    assert loss_of(model) == pytest.approx(loss, rel=1e-4)
    assert decode_waveforms(model, waveforms) == texts != untouched
    model.save(tmp_path / "merged")
    assert decode_waveforms(plain(model, tmp_path / "merged"), waveforms) == texts


def plain(model: AcousticModel, folder: Path) -> AcousticModel:
    """The folder's network as plain transformers loads it, all weights found and no more."""
    from transformers import AutoModelForCTC, AutoModelForSpeechSeq2Seq

    loader = AutoModelForSpeechSeq2Seq if model.has_decoder else AutoModelForCTC
    network, info = loader.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    again = load_model(folder, language="en")
    again.network.load_state_dict(network.state_dict())
    return again


@pytest.mark.parametrize("strategy", [LoRA(rank=4), Adapters()], ids=["lora", "ia3"])
def test_peft_loads_the_saved_adapter_on_the_plain_checkpoint(
    model: AcousticModel, strategy: PeftStrategy, folders: dict[str, Path], tmp_path: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCTC, AutoModelForSpeechSeq2Seq

    strategy.prepare(model)
    trained_by_hand(model)
    assert strategy.save_adapter(model, tmp_path)
    wanted = loss_of(model)
    loader = AutoModelForSpeechSeq2Seq if model.has_decoder else AutoModelForCTC
    loaded = PeftModel.from_pretrained(loader.from_pretrained(folders[model.family]), tmp_path)
    again = load_model(folders[model.family], language="en")
    again.network.load_state_dict(loaded.merge_and_unload().state_dict())
    assert loss_of(again) == pytest.approx(wanted, rel=1e-4)
    assert "PeftModel.from_pretrained" in (tmp_path / "README.md").read_text()
    assert (tmp_path / "adapter_model.safetensors").stat().st_size < 0.9 * sum(
        f.stat().st_size for f in folders[model.family].glob("model.safetensors")
    )


# ---- refused


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "lora", "rank": 0}, "greater than or equal to 1"),
        ({"name": "lora", "alpha": 0}, "greater than 0"),
        ({"name": "lora", "targets": []}, "at least 1 item"),
        ({"name": "adapters", "method": "ia3", "rank": 4}, "no rank"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        {"lora": LoRA, "adapters": Adapters}[options["name"]](**options)


def test_an_unknown_target_is_told_with_what_there_is(model: AcousticModel) -> None:
    with pytest.raises(BadInput, match=r"has no linear layer q_prj .*did you mean q_proj\? There are .*k_proj"):
        LoRA(targets=["v_proj", "q_prj"]).prepare(model)
    assert not any("lora" in name for name in model.network.state_dict()), "nothing is half done"


def test_a_model_without_linear_layers_is_told_what_fits(folders: dict[str, Path]) -> None:
    model = load_model(folders["ctc"])
    model.network.wav2vec2.encoder.layers = torch.nn.ModuleList()
    with pytest.raises(BadInput, match="needs linear layers.*use strategy=full or strategy=head_only"):
        LoRA().prepare(model)
    Full(freeze_layers=0).prepare(load_model(folders["ctc"]))


def test_a_nan_is_not_merged(folders: dict[str, Path]) -> None:
    model = load_model(folders["ctc"])
    strategy = LoRA()
    strategy.prepare(model)
    with torch.no_grad():
        next(p for n, p in model.network.named_parameters() if "lora_B" in n).fill_(np.nan)
    with pytest.raises(ValueError, match="NaN"):
        strategy.finish(model)
