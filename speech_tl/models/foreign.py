"""What a model's folder may not ask for: code of its own, and files elsewhere. Looked at before anything is loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from speech_tl.errors import BadInput

SETTINGS = (
    *("config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json"),
    *("tokenizer_config.json", "special_tokens_map.json", "adapter_config.json"),
)
"""Files of a model that transformers and peft take orders from."""

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
"""Say in which files weights are."""

ATTENTION = ("attn_implementation", "_attn_implementation", "_attn_implementation_internal", "experts_implementation")
"""May name a kernel on the Hub ("owner/name"), which is code."""

WRITTEN_ELSEWHERE = ("special_tokens_map_file", "tokenizer_file", "added_tokens_file")
"""Published folders hold paths of the machine that wrote them here; transformers takes its own folder's file."""

LISTED = ("configuration_files", "fast_tokenizer_files")
"""Names of files for other versions of transformers."""


def refuse_foreign(name: str, folder: Path) -> None:
    """Refuse a folder whose settings name code that is no part of transformers and peft, or files outside it.

    Such code would be run with the user's rights. What cannot be read here is left to the loaders, which say so.

    Args:
        name: as the user wrote it, for messages.
        folder: of a model, an adapter or a tokenizer.

    Raises:
        BadInput: names the file and the setting.
    """
    for file in SETTINGS:
        for key, value in _settings(_read(folder / file)):
            if what := _asked_code(file, key, value):
                raise BadInput(
                    f"model {name} needs code of its own ({file}: {what}), and a model's code is never run here: give "
                    "one whose network is in transformers"
                )
            if outside := _outside(folder, key, value):
                raise BadInput(f"model {name}: {file} points outside the model's folder ({key}: {outside})")
    for file in INDEXES:
        shards = _read(folder / file).get("weight_map")
        for shard in shards.values() if isinstance(shards, Mapping) else ():
            if _leads_out(folder, shard):
                raise BadInput(f"model {name}: {file} points outside the model's folder (weights in {shard!r})")


def _asked_code(file: str, key: str, value: Any) -> str:
    """The code that a setting asks for, in words; "" where it asks for none."""
    if key == "auto_map" and value:
        return f"auto_map {_short(value)}"
    if names_kernel(key, value):
        return f"{key} {_short(value)}"
    if file == "adapter_config.json" and key == "megatron_config" and value:
        return "megatron_config"
    if file == "adapter_config.json" and key == "peft_type" and str(value).upper() == "XLORA":
        return "X-LoRA, which is made of other adapters"
    return ""


def names_kernel(key: str, value: Any) -> bool:
    """Whether a field of a configuration asks for a kernel of the Hub, which would be fetched and run."""
    return key in ATTENTION and "/" in str(value)


def _outside(folder: Path, key: str, value: Any) -> str:
    """A file that a setting names and that is not in the folder; "" where there is none."""
    if key in LISTED and isinstance(value, list):
        return next((repr(file) for file in value if _leads_out(folder, file)), "")
    named = key.endswith("_file") and key not in WRITTEN_ELSEWHERE
    return repr(value) if named and isinstance(value, str) and _leads_out(folder, value) else ""


def _leads_out(folder: Path, file: Any) -> bool:
    """Whether a file's name leaves the folder; links in it are its owner's, and the Hub's cache is made of them."""
    top = os.path.abspath(folder)
    return not os.path.abspath(os.path.join(top, str(file).replace("\\", "/"))).startswith(top + os.sep)


def _read(file: Path) -> dict[str, Any]:
    """A file's values; none where it is not there or damaged."""
    try:
        values = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _settings(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every key and its value, those of inner tables too."""
    waiting: list[Any] = [values]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            yield from inner.items()
        waiting.extend(part for part in (inner.values() if isinstance(inner, dict) else inner) if _holds(part))


def _holds(value: Any) -> bool:
    return isinstance(value, dict | list)


def _short(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 80 else f"{shown[:80]}..."
