"""MMS checkpoints: an adapter and an alphabet for each of many languages (Pratap et al. 2023, arXiv 2305.13516)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.errors import BadInput
from speech_tl.text import is_language, language_code, macro_language, nearest, three_letters

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

_CODES = (
    "af:afr am:amh ar:ara as:asm az:azj-script_latin be:bel bg:bul bn:ben bs:bos ca:cat cs:ces cy:cym da:dan "
    "de:deu el:ell en:eng es:spa et:est eu:eus fa:fas fi:fin fr:fra ga:gle gl:glg gu:guj ha:hau he:heb hi:hin "
    "hr:hrv hu:hun hy:hye id:ind ig:ibo is:isl it:ita ja:jpn jv:jav ka:kat kk:kaz km:khm kn:kan ko:kor ky:kir "
    "lb:ltz lg:lug ln:lin lo:lao lt:lit lv:lav mi:mri mk:mkd ml:mal mn:mon mr:mar ms:zlm mt:mlt my:mya nb:nob "
    "ne:npi nl:nld no:nob ny:nya oc:oci om:orm or:ory pa:pan pl:pol ps:pus pt:por ro:ron ru:rus rw:kin sd:snd "
    "sk:slk sl:slv sn:sna so:som sr:srp-script_latin sv:swe sw:swh ta:tam te:tel tg:tgk th:tha tl:tgl fil:tgl tr:tur "
    "uk:ukr ur:urd-script_arabic uz:uzb-script_latin vi:vie wo:wol xh:xho yo:yor yue:yue-script_traditional "
    "zh:cmn-script_simplified zu:zul"
)
LONG_CODES = dict(pair.split(":") for pair in _CODES.split())
"""Two letters (ISO 639-1) -> the three letters, and the script where there are several, that MMS names languages by."""


def adapter_code(name: str, place: str, vocabulary: Mapping[str, Any], language: str) -> str | None:
    """Which adapter a language needs.

    Args:
        name: of the model, for messages.
        place: its folder or Hub id.
        vocabulary: of its tokenizer: an alphabet for each language, or one alphabet.
        language: as the user or the manifest calls it: "de", "deu", "German".

    Returns:
        The code; None where there is nothing to choose, because the checkpoint was adapted to one language and saved.

    Raises:
        BadInput: there is no adapter for the language; names the nearest.
    """
    codes = [code for code, alphabet in vocabulary.items() if isinstance(alphabet, Mapping)]
    adapted = Path(place).is_dir() and not any(Path(place).glob("adapter.*"))
    if not codes or adapted:
        return None
    if language in codes:
        return language
    short = language_code(language)
    tried = [LONG_CODES.get(short), LONG_CODES.get(macro_language(short)), three_letters(short)]
    code = next((code for code in tried if code in codes), tried[0] or tried[-1])
    if code in codes:
        return code
    scripts = [other for other in codes if other.startswith(f"{code}-script")]
    close = None if is_language(short) else nearest(language.strip().lower(), codes)
    hint = f"; there are {', '.join(scripts)}" if scripts else f"; did you mean {close}?" if close else ""
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
