"""What a path is when it is no Hugging Face model: named for what it is, with what to do about it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

ADAPTER_CONFIG = "adapter_config.json"
TOKENIZER_FILES = ("tokenizer.json", "vocab.json")
"""One of them holds the vocabulary: the first with everything in it, the second of older tokenizers."""

EXTRACTOR_FILES = ("preprocessor_config.json", "processor_config.json")
"""One of them says how audio becomes features; transformers 5 writes the second."""

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")

_WHISPER_SIZES = ("tiny", "base", "small", "medium", "large-v1", "large-v2", "large-v3", "large", "turbo")


def folder_problem(folder: Path) -> str | None:
    """Why a folder is no model that can be loaded, and what to do; None where nothing speaks against it."""
    names = {path.name for path in folder.iterdir()}
    vocabulary = {"vocabulary.json", "vocabulary.txt", "shared_vocabulary.json", "shared_vocabulary.txt"}
    if "model.bin" in names and names & vocabulary:
        return "is a CTranslate2 model, which can only decode: give the Hugging Face folder or Hub id it was made from"
    if any(name.endswith(".onnx") for name in names):
        return "holds an ONNX model, which can only decode: give the Hugging Face folder or Hub id it was made from"
    if "config.json" in names:
        return None
    if (folder / "model" / "config.json").is_file():
        return f"is a run's folder; did you mean {folder / 'model'}?"
    checkpoints = sorted(folder.glob("checkpoint-*/config.json"))
    if checkpoints:
        return f"is a Trainer's output folder; did you mean {checkpoints[-1].parent}?"
    if names & set(WEIGHTS):
        return "has weights but no config.json: copy it from the checkpoint that was fine-tuned"
    if names & set(TOKENIZER_FILES):
        return "holds a tokenizer without a model: copy config.json and model.safetensors into it"
    files = sorted(name for name in names if file_kind(folder / name))
    if files:
        return f"has no config.json; its {files[0]} {file_kind(folder / files[0])}"
    return "has no config.json: expected a Hugging Face model folder"


def file_kind(path: Path) -> str | None:
    """What a file is that people take for a model, and what to do; None where it is neither; unpickles nothing."""
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        magic = stream.read(8)
    name = path.name.lower()
    size = next((size for size in _WHISPER_SIZES if size in name), None)
    published = f", such as openai/whisper-{size}" + (".en" if f"{size}.en" in name else "") if size else ""
    instead = f"give the Hugging Face folder or Hub id of the same model{published}"
    if magic[:4] in (b"lmgg", b"ggml", b"tjgg", b"fmgg", b"GGUF"):
        return f"is a ggml model (whisper.cpp): {instead}"
    if name.endswith(".nemo"):
        return "is a NeMo model, which is not supported: give a wav2vec2-family or Whisper model"
    if name.endswith(".onnx"):
        return f"is an ONNX model, which can only decode: {instead}"
    if name.endswith(".safetensors"):
        return f"is weights without a model's folder: give the folder that holds it ({path.parent})"
    pickled = magic[:2] == b"\x80\x02" or (zipfile.is_zipfile(path) and _holds_pickle(path))
    if pickled or name.endswith((".pt", ".pth", ".ckpt", ".bin")):
        return f"is a PyTorch file (as openai-whisper keeps its models), which is not unpickled: {instead}"
    return None


def _holds_pickle(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("data.pkl") for name in archive.namelist())


def missing_files(folder: Path, wanted: Sequence[Sequence[str]]) -> list[str]:
    """Of each group of file names of which one must be there, how a message names it where none is."""
    return [" or ".join(names) for names in wanted if not any((folder / name).is_file() for name in names)]


def adapter_base(folder: Path) -> str | None:
    """The model that a peft adapter's folder was trained on; None where the folder holds no adapter."""
    path = folder / ADAPTER_CONFIG
    if not path.is_file() or (folder / "config.json").is_file():
        return None
    try:
        base = json.loads(path.read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (ValueError, AttributeError):
        base = None
    return str(base or "")
