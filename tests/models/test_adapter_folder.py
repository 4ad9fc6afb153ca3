"""Adapter folders, ours and peft's: loaded by their name, the same network as the merged one, refused in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCTC, PreTrainedModel, WhisperForConditionalGeneration

from speech_tl.decoding.decode import decode_waveforms
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.strategies.adapters import Adapters, LoRA, PeftStrategy
from tests.sounds import voice
from tests.tiny import tiny_ctc, tiny_whisper


def moved(network: torch.nn.Module) -> None:
    """As after some training: fresh additions would change nothing."""
    torch.manual_seed(3)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "lora_B" in name or "ia3_l" in name or "modules_to_save" in name:
                weight.add_(torch.randn_like(weight) * 0.3)


def peft_folder(base: Path, out: Path, *, task: str | None = None, **options: Any) -> PreTrainedModel:
    """An adapter trained with peft alone, as others do, and the merged network."""
    from peft import LoraConfig, get_peft_model

    kind = WhisperForConditionalGeneration if "whisper" in base.name else AutoModelForCTC
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type=task, **options)
    wrapped = get_peft_model(kind.from_pretrained(base), config)
    moved(wrapped)
    wrapped.save_pretrained(out)
    return wrapped.merge_and_unload()


def same(model: AcousticModel, network: PreTrainedModel) -> bool:
    """Whether the weights are those of a network of transformers."""
    ours, theirs = dict(model.network.named_parameters()), dict(network.named_parameters())
    return ours.keys() == theirs.keys() and all(torch.allclose(ours[n], theirs[n], atol=1e-6) for n in ours)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bases")
    tiny_whisper(folder / "whisper", tokens=64)
    tiny_whisper(folder / "whisper2", tokens=64, layers=2)
    tiny_ctc(folder / "ctc")
    peft_folder(folder / "whisper", folder / "adapter")
    return folder


@pytest.fixture
def changed(bases: Path, tmp_path: Path):
    """A copy of an adapter with another entry in its adapter_config.json."""

    def copy(**change: Any) -> Path:
        folder = Path(shutil.copytree(bases / "adapter", tmp_path / "changed", dirs_exist_ok=True))
        config = json.loads((folder / "adapter_config.json").read_text())
        (folder / "adapter_config.json").write_text(json.dumps(config | change))
        return folder

    return copy


def refused(source: Path, message: str, **options: Any) -> None:
    """Loading says so in one line."""
    with pytest.raises(BadInput, match=message) as error:
        load_model(source, **options)
    assert "\n" not in str(error.value)


# ---- loaded


@pytest.mark.parametrize("task", [None, "SEQ_2_SEQ_LM"])
def test_an_adapter_of_whisper(task: str | None, bases: Path, tmp_path: Path) -> None:
    merged = peft_folder(bases / "whisper", tmp_path / "a", task=task)
    model = load_model(tmp_path / "a", language="de")
    assert same(model, merged) and not same(load_model(bases / "whisper"), merged)
    assert (model.family, model.language, model.source) == ("whisper", "de", str(tmp_path / "a"))
    assert type(model.network) is WhisperForConditionalGeneration
    model.save(tmp_path / "saved")
    assert decode_waveforms(load_model(tmp_path / "saved"), [voice(1.0)]) == decode_waveforms(model, [voice(1.0)])


@pytest.mark.parametrize("options", [{}, {"modules_to_save": ["lm_head"]}], ids=["alone", "with a head"])
def test_an_adapter_of_a_ctc_model(options: dict[str, Any], bases: Path, tmp_path: Path) -> None:
    merged = peft_folder(bases / "ctc", tmp_path / "a", **options)
    model = load_model(tmp_path / "a")
    assert same(model, merged) and model.vocabulary == load_model(bases / "ctc").vocabulary
    assert load_model(tmp_path / "a", texts=["na\u00efve"]).added_characters == ["\u00ef"]


@pytest.mark.parametrize("content", ["{", "[1]", '{"suppress_tokens": "all"}'])
def test_an_adapter_of_whisper_with_damaged_settings(content: str, bases: Path, tmp_path: Path) -> None:
    peft_folder(bases / "whisper", tmp_path / "a")
    (tmp_path / "a" / "generation_config.json").write_text(content)
    with pytest.raises(BadInput, match=r"generation_config\.json") as error:
        load_model(tmp_path / "a")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("strategy", [LoRA(rank=4), LoRA(rank=4, dora=True), Adapters()], ids=["lora", "dora", "ia3"])
@pytest.mark.parametrize("family", ["ctc", "whisper"])
def test_our_own_adapter_is_the_run_s_model(family: str, strategy: PeftStrategy, bases: Path, tmp_path: Path) -> None:
    """With the characters, the language and the task that it was trained with."""
    options = {"texts": ["na\u00efve \u00e4pfel"]} if family == "ctc" else {"language": "deu", "task": "translate"}
    model = load_model(bases / family, **options)
    strategy.prepare(model, 0)
    moved(model.network)
    strategy.save_adapter(model, tmp_path / "adapter")
    strategy.finish(model)
    model.save(tmp_path / "model")
    whole, loaded = load_model(tmp_path / "model"), load_model(tmp_path / "adapter")
    assert same(loaded, whole.network)
    assert (loaded.language, loaded.task) == (whole.language, whole.task)
    assert loaded.encode("na\u00efve") == whole.encode("na\u00efve")
    assert decode_waveforms(loaded, [voice(1.0)]) == decode_waveforms(whole, [voice(1.0)])


@pytest.mark.parametrize("base", ["here", "../base"], ids=["from the command", "from the adapter"])
def test_a_base_s_relative_path(base: str, bases: Path, changed, tmp_path: Path, monkeypatch) -> None:
    adapter = changed(base_model_name_or_path=base)
    shutil.copytree(bases / "whisper", tmp_path / "base")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "here").symlink_to(tmp_path / "base")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_model(adapter).family == "whisper"


# ---- refused


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("whisper2", "does not fit its base model .*no weights for 12 of the layers"),
        ("ctc", "does not fit its base model"),
        ("nowhere", "is for another model, which is needed too: .*nowhere does not exist"),
        ("adapter", "which is an adapter itself"),
    ],
)
def test_a_base_that_it_was_not_trained_on(base: str, message: str, bases: Path, changed) -> None:
    refused(changed(base_model_name_or_path=str(bases / base)), message)


def test_a_base_of_another_width(bases: Path, changed, tmp_path: Path) -> None:
    config = json.loads((tiny_whisper(tmp_path / "narrow", tokens=64) / "config.json").read_text())
    network = WhisperForConditionalGeneration(
        WhisperForConditionalGeneration.config_class(**{**config, "d_model": 16, "vocab_size": config["vocab_size"]})
    )
    network.save_pretrained(tmp_path / "narrow")
    refused(changed(base_model_name_or_path=str(tmp_path / "narrow")), "does not fit its base model .*size mismatch")


def test_an_adapter_that_names_no_base(changed) -> None:
    refused(changed(base_model_name_or_path=None), "does not say which model it is for")


def test_pickled_and_missing_weights(bases: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bases / "adapter", tmp_path / "a"))
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    refused(folder, "pickled weights only .*expected adapter_model.safetensors")
    (folder / "adapter_model.bin").unlink()
    refused(folder, "has no weights")


def test_from_scratch_leaves_nothing_of_an_adapter(bases: Path) -> None:
    refused(bases / "adapter", "from_scratch", from_scratch=True)
