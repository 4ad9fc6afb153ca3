"""MMS checkpoints: an adapter and an alphabet for each of many languages (Pratap et al. 2023, arXiv 2305.13516)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.errors import BadInput
from speech_tl.text import language_code, nearest_language

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

PREFERRED = {
    "az": "azj-script_latin",
    "no": "nob",
    "sr": "srp-script_latin",
    "ur": "urd-script_arabic",
    "uz": "uzb-script_latin",
}
"""The adapter of a language that has several, or that is written as another one."""

FEW = 12
"""So many adapters are listed where the wanted one is missing."""


def adapter_code(name: str, place: str, vocabulary: Mapping[str, Any], language: str) -> str | None:
    """Which adapter a language needs.

    Args:
        name: of the model, for messages.
        place: its folder or Hub id.
        vocabulary: of its tokenizer: an alphabet for each language, or one alphabet.
        language: as the user or the manifest calls it: "de", "deu", "German", "azj-script_latin".

    Returns:
        The code; None where there is nothing to choose, because the checkpoint was adapted to one language and saved.

    Raises:
        BadInput: there is no adapter for the language, or several; names them.
    """
    codes = [code for code, alphabet in vocabulary.items() if isinstance(alphabet, Mapping)]
    adapted = Path(place).is_dir() and not any(Path(place).glob("adapter.*"))
    if not codes or adapted:
        return None
    wanted = language_code(language)
    exact = (language, language.lower(), PREFERRED.get(wanted))
    of_language = [code for code in codes if language_code(code) == wanted]
    if found := next((code for code in exact if code in codes), None):
        return found
    if len(of_language) == 1:
        return of_language[0]
    close = nearest_language(language, codes)
    choice = of_language or (sorted(codes) if len(codes) <= FEW else [])
    hint = f"; did you mean {close}?" if close else f"; there are {', '.join(choice)}" if choice else ""
    raise BadInput(f"model {name} has no adapter for language={language} (it names languages by three letters){hint}")


def adapters(network: PreTrainedModel) -> list[nn.Module]:
    """The adapter of each layer; none where the checkpoint has no such."""
    layers = network.base_model.encoder.layers
    return [layer.adapter_layer for layer in layers if getattr(layer, "adapter_layer", None) is not None]


def start_anew(network: PreTrainedModel, seed: int) -> None:
    """Draw the adapters' weights with `seed`; `init_adapter_layers` of transformers 5 leaves loaded weights alone."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in (part for adapter in adapters(network) for part in adapter.modules()):
            if isinstance(module, nn.Linear):
                module.weight.copy_(torch.empty(module.weight.shape).normal_(std=network.config.initializer_range))
                module.bias.zero_()
            elif isinstance(module, nn.LayerNorm):
                module.reset_parameters()


def save_adapter(network: PreTrainedModel, language: str | None, folder: Path) -> None:
    """Write adapters and head as `target_lang` of transformers reads them, named as the one they began as."""
    from safetensors.torch import save_file

    weights = {name: weight.detach().contiguous() for name, weight in network._get_adapters().items()}
    save_file(
        weights, folder / f"adapter.{network.target_lang or language or 'own'}.safetensors", metadata={"format": "pt"}
    )
