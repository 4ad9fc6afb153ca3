"""A peft adapter's folder: loaded on the model it was trained on, and merged into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from speech_tl.errors import BadInput
from speech_tl.models.quiet import quiet_transformers

if TYPE_CHECKING:
    from peft import PeftModel

    from speech_tl.models.base import AcousticModel

ADAPTER_WEIGHTS = "adapter_model.safetensors"


def load_adapter(name: str, folder: Path, base: str, load: Callable[[str], AcousticModel]) -> AcousticModel:
    """The base model with the adapter merged into its weights.

    Args:
        name: of the adapter, for messages.
        folder: where it is.
        base: what its configuration names as its base: a Hub id, or a folder seen from here or from the adapter's.
        load: loads the base.

    Raises:
        BadInput: no base, no safetensors, or weights that do not fit the base.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    if not base:
        raise BadInput(
            f"model {name} is a peft adapter that does not say on which model: write its base_model_name_or_path into "
            "adapter_config.json"
        )
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise BadInput(
            f"model {name} is a peft adapter without {ADAPTER_WEIGHTS}: save it with safe_serialization=True"
        )
    beside = folder / base
    try:
        model = load(str(beside) if not Path(base).exists() and beside.is_dir() else base)
    except BadInput as error:
        raise BadInput(f"model {name} is a peft adapter for {base}, and that cannot be loaded: {error}") from error
    try:
        with quiet_transformers():
            adapted = PeftModel.from_pretrained(model.network, str(folder))
            _require_all(adapted, folder)
            merged = adapted.merge_and_unload()
    except (RuntimeError, ValueError, KeyError, OSError, TypeError, SafetensorError) as error:
        why = " ".join(str(error).split())[:160]
        raise BadInput(
            f"model {name} is a peft adapter that does not fit {base} ({why}): give the base it was trained on, or the "
            "run's model/ folder, where it is merged"
        ) from error
    model.network = merged.eval()
    model.source = name
    return model


def _require_all(adapted: PeftModel, folder: Path) -> None:
    """Refuse an adapter of which peft left weights out, or found none for a layer: it only warns."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(folder / ADAPTER_WEIGHTS, "pt") as weights:
        given = set(weights.keys())
    wanted = set(get_peft_model_state_dict(adapted))
    if given != wanted:
        raise ValueError(f"{len(given ^ wanted)} of its {len(given)} weights have no place there")
