"""Adapter folders, as peft and this project's runs write them: loaded on their base, merged into its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from speech_tl.errors import BadInput
from speech_tl.models.foreign import INDEXES, SETTINGS

if TYPE_CHECKING:
    import torch
    from transformers import GenerationConfig, PreTrainedModel

TOKENIZER = ("tokenizer.json", "vocab.json")
PROCESSOR = (*TOKENIZER, "tokenizer_config.json", "preprocessor_config.json", "processor_config.json")
"""What may lie beside an adapter: its run may have added characters."""

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
GENERATION = "generation_config.json"


@dataclass(frozen=True)
class AdapterFolder:
    """An adapter and what it sits on.

    Attributes:
        name: as the user wrote it, for messages.
        folder: with adapter_config.json and adapter_model.safetensors.
        base: folder or Hub id of the model under it.
        base_revision: of a Hub id.
    """

    name: str
    folder: Path
    base: str
    base_revision: str | None = None

    @staticmethod
    def at(name: str, place: str, revision: str | None) -> AdapterFolder | None:
        """The adapter at a folder or Hub id; None where there is a whole model, or nothing.

        Raises:
            OSError: the Hub has no such model, or cannot be reached.
            BadInput: one that names no base, or whose weights would have to be unpickled.
        """
        folder = _fetched(place, revision)
        if folder is None:
            return None
        try:
            values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            base = values.get("base_model_name_or_path")
        except (ValueError, AttributeError) as error:
            raise BadInput(f"adapter {name}: {CONFIG} is damaged ({str(error)[:80]}); copy it again") from error
        if not base:
            raise BadInput(f"adapter {name} does not say which model it is for: write its base_model_name_or_path")
        if not (folder / WEIGHTS).is_file():
            pickled = (folder / "adapter_model.bin").is_file()
            why = "has pickled weights only (adapter_model.bin)" if pickled else "has no weights"
            raise BadInput(f"adapter {name} {why}: expected {WEIGHTS}; save it again with safe_serialization=True")
        beside = folder / base  # as well as from where the command is given, which is the usual meaning
        base = str(beside) if not Path(base).expanduser().is_dir() and beside.is_dir() else base
        return AdapterFolder(name, folder, base, values.get("revision"))

    def has(self, *files: str) -> bool:
        """Whether one of these files lies in its folder."""
        return any((self.folder / file).is_file() for file in files)

    def weights(self) -> dict[str, torch.Tensor]:
        """By name, as peft wrote them."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self.folder / WEIGHTS)
        except (OSError, SafetensorError) as error:
            raise BadInput(f"adapter {self.name}: {WEIGHTS} is damaged ({str(error)[:80]}); copy it again") from error

    def head_rows(self) -> int | None:
        """Characters of the CTC head that was saved with it; None where there is none.

        Raises:
            BadInput: the head is one that only the run's whole model has.
        """
        heads = {name: weight for name, weight in self.weights().items() if ".lm_head." in name}
        if any(not name.endswith(("lm_head.weight", "lm_head.bias")) and "lora_" not in name for name in heads):
            raise BadInput(f"adapter {self.name} has a head of several layers: give the folder model beside it")
        return next((len(weight) for name, weight in heads.items() if name.endswith("lm_head.weight")), None)

    def merge(self, network: PreTrainedModel) -> PreTrainedModel:
        """The base with what was learnt added to its weights.

        Raises:
            BadInput: it cannot be merged, or was trained on a model of another shape.
        """
        from peft import PeftConfig, PeftModel, get_peft_model_state_dict, set_peft_model_state_dict

        weights = self.weights()
        try:
            config = PeftConfig.from_pretrained(str(self.folder))
            if config.is_prompt_learning:
                raise BadInput(f"adapter {self.name} is a prompt ({config.peft_type.value}): only weights are merged")
            config.inference_mode = True
            wrapped = PeftModel(network, config)
            missing = set(get_peft_model_state_dict(wrapped, save_embedding_layers=False)) - set(weights)
            if missing:
                raise self._unfit(f"it has no weights for {len(missing)} of the layers, e.g. {min(missing)}")
            set_peft_model_state_dict(wrapped, weights)
            return wrapped.merge_and_unload(safe_merge=True)
        except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise error if isinstance(error, BadInput) else self._unfit(_short(error)) from error

    def generation_settings(self) -> GenerationConfig | None:
        """Whisper's settings beside the adapter; None where there are none, so that its base's hold.

        Raises:
            BadInput: they are damaged.
        """
        from transformers import GenerationConfig

        if not self.has(GENERATION):
            return None
        try:
            return GenerationConfig.from_pretrained(self.folder)
        except Exception as error:  # whatever the library says about damaged files, the user needs one line
            raise BadInput(f"adapter {self.name}: {GENERATION} is damaged ({_short(error)}); copy it again") from error

    def _unfit(self, why: str) -> BadInput:
        return BadInput(f"adapter {self.name} does not fit its base model {self.base}: {why}; check {CONFIG}")


def _short(error: Exception) -> str:
    """The last line of an error, where torch says which weights differ."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:160] if lines else type(error).__name__


def _fetched(place: str, revision: str | None) -> Path | None:
    """The folder of an adapter, fetched where it lies on the Hub; None where there is no adapter, or more than one."""
    if Path(place).is_dir():
        whole = (Path(place) / "model.safetensors").is_file() or (Path(place) / "pytorch_model.bin").is_file()
        return Path(place) if (Path(place) / CONFIG).is_file() and not whole else None
    if _hub_file(place, "config.json", revision) or not (config := _hub_file(place, CONFIG, revision)):
        return None
    for name in (WEIGHTS, *PROCESSOR):
        _hub_file(place, name, revision)
    return Path(config).parent


def fetched_settings(place: str, revision: str | None) -> Path | None:
    """The folder that a Hub model's settings and indexes lie in, fetched as far as they can be; None without any."""
    found = [_hub_file(place, name, revision, quietly=True) for name in (*SETTINGS, *INDEXES)]
    return next((Path(file).parent for file in found if file), None)


def _hub_file(place: str, name: str, revision: str | None, quietly: bool = False) -> str | None:
    """A file of the Hub, on this machine; None where the Hub does not have it (or, `quietly`, cannot be asked)."""
    from transformers.utils import cached_file

    silent = {"_raise_exceptions_for_connection_errors": False, "_raise_exceptions_for_gated_repo": False}
    return cached_file(
        place, name, revision=revision, _raise_exceptions_for_missing_entries=False, **(silent if quietly else {})
    )
