"""What people give as a model and is none: named for what it is; adapters are loaded on their base."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from tests.tiny import tiny_ctc, tiny_whisper

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "special_tokens_map.json")


def refusal(source: Path) -> str:
    """The one line that loading says."""
    with pytest.raises(BadInput) as caught:
        load_model(source)
    message = str(caught.value)
    assert "\n" not in message and str(source) in message
    return message


def without(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).unlink(missing_ok=True)
    return folder


def test_a_trainers_checkpoint_without_tokenizer_is_told_which_files_to_copy(tmp_path: Path) -> None:
    """transformers makes up a tokenizer without words, transcribes nothing with it and saves a broken model."""
    folder = without(tiny_whisper(tmp_path / "checkpoint-500"), *TOKENIZER)
    (folder / "trainer_state.json").write_text("{}")
    message = refusal(folder)
    assert "has no tokenizer" in message and "tokenizer.json" in message and "copy" in message


@pytest.mark.parametrize("make", [tiny_whisper, tiny_ctc])
def test_a_missing_processor_is_named(tmp_path: Path, make) -> None:
    folder = without(make(tmp_path / "m"), "preprocessor_config.json", "processor_config.json")
    message = refusal(folder)
    assert "has no feature extractor" in message and "preprocessor_config.json" in message


def test_the_tokenizer_of_another_whisper_is_refused(tmp_path: Path, published_whisper: Callable[[str], Path]) -> None:
    folder = shutil.copytree(published_whisper("whisper-tiny.en"), tmp_path / "one")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(published_whisper("whisper-base") / name, folder / name)
    assert "tokenizer of another" in refusal(folder)


def files(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


def saved_by_torch(path: Path) -> Path:
    import torch

    torch.save({"dims": {}}, path)
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda at: files(at / "c", "model.bin", "vocabulary.json", "config.json"), ["CTranslate2", "Hugging Face"]),
        (lambda at: files(at / "o", "encoder.onnx"), ["ONNX"]),
        (lambda at: files(at / "t", "tokenizer.json"), ["a tokenizer only"]),
        (lambda at: files(at / "w", "model.safetensors"), ["no config.json", "copy config.json"]),
        (lambda at: saved_by_torch(at / "small.pt"), ["PyTorch file", "openai/whisper-small"]),
        (lambda at: saved_by_torch(at / "renamed.model"), ["PyTorch file"]),
    ],
)
def test_other_programs_models_are_named(tmp_path: Path, make, words: list[str]) -> None:
    message = refusal(make(tmp_path))
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize("magic", [struct.pack("<I", 0x67676D6C), b"GGUF"])
def test_a_ggml_file_is_named_with_the_published_model(tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "ggml-base.en.bin"
    path.write_bytes(magic + bytes(64))
    message = refusal(path)
    assert "ggml" in message and "openai/whisper-base.en" in message


def test_a_pickled_file_is_not_opened(tmp_path: Path) -> None:
    """What a pickle would run must not run."""
    path = tmp_path / "tiny.pt"
    path.write_bytes(b"\x80\x02cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR.")
    refusal(path)
    assert not (tmp_path / "ran").exists()


def adapter_of(base: Path, folder: Path, base_name: str) -> Path:
    """What another peft training leaves: LoRA with weights that change something."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCTC

    network = get_peft_model(AutoModelForCTC.from_pretrained(base), LoraConfig(r=2, target_modules=["q_proj"]))
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.5)
    network.save_pretrained(folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": base_name}))
    return folder


@pytest.mark.parametrize("named", ["absolute", "beside"])
def test_an_adapter_folder_is_loaded_on_its_base(tmp_path: Path, named: str) -> None:
    import torch

    base = tiny_ctc(tmp_path / "base")
    folder = adapter_of(base, tmp_path / "adapter", str(base) if named == "absolute" else "../base")
    plain, adapted = load_model(base), load_model(folder)
    assert adapted.source == str(folder) and adapted.vocabulary == plain.vocabulary
    layer = "wav2vec2.encoder.layers.0.attention.q_proj.weight"
    weights = [model.network.state_dict()[layer] for model in (plain, adapted)]
    assert not torch.equal(*weights)


def test_an_adapter_without_its_base_or_for_another_one_is_refused(tmp_path: Path) -> None:
    base = tiny_ctc(tmp_path / "base")
    folder = adapter_of(base, tmp_path / "adapter", str(tmp_path / "gone"))
    assert "gone" in refusal(folder)
    folder = adapter_of(base, tmp_path / "other", str(tiny_whisper(tmp_path / "whisper")))
    assert "does not fit" in refusal(folder)
