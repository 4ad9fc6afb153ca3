"""Small trained additions to a frozen network, through peft: LoRA and its kin, merged when training is done."""

from __future__ import annotations

import json
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from speech_tl.errors import BadInput
from speech_tl.strategies.base import FEW_WEIGHTS, BaseStrategy, train_only
from speech_tl.text import nearest, printable, replacing_folder

if TYPE_CHECKING:
    from peft import PeftConfig

    from speech_tl.models.base import AcousticModel

ADAPTER = "default"
"""peft's own name for the only adapter of a network."""


class PeftStrategy(BaseStrategy):
    """Weights are added to linear layers of the transformer and trained; everything else stays, but CTC's head learns.

    The additions are injected into the network itself, without peft's wrapper and without a task type: the forward
    call stays the model's own (the wrapper for sequence-to-sequence tasks hands Whisper `input_ids`, which it has not;
    https://github.com/huggingface/peft/issues/1988).

    Attributes:
        targets: names of the linear layers that get an addition, or ends of their dotted names (`q_proj`,
            `layers.0.fc1`); None is all linear layers of the transformer.
    """

    folds: ClassVar[bool] = True

    name: str
    targets: list[str] | None = Field(None, min_length=1)

    @abstractmethod
    def peft_config(self, targets: list[str]) -> PeftConfig:
        """What peft is told; `targets` are whole dotted names."""

    def rate_scale(self, model: AcousticModel) -> float:
        """Ten times (`FEW_WEIGHTS`)."""
        return FEW_WEIGHTS

    def prepare(self, model: AcousticModel, seed: int = 0) -> None:
        """Inject the additions, drawn with `seed`, and let them and CTC's head move."""
        import torch
        from peft import inject_adapter_in_model

        remove_adapters(model, merge=False)
        config = self.peft_config(self._resolved(model))
        model.network.requires_grad_(False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            inject_adapter_in_model(config, model.network)
        added = [parameter for parameter in model.network.parameters() if parameter.requires_grad]
        train_only(model, [*added, *model.output_layers()])

    def save_adapter(self, model: AcousticModel, folder: Path) -> bool:
        """Write what peft's `PeftModel.from_pretrained` loads on top of the checkpoint, CTC's head with it, and the
        characters, language and task that it was trained with.
        """
        from peft import get_peft_model_state_dict
        from safetensors.torch import save_file

        network = model.network
        heads = {
            name: module for name, module in network.named_modules() if any(module is m for m in model.output_layers())
        }
        weights = get_peft_model_state_dict(network, adapter_name=ADAPTER)
        for name, module in heads.items():
            weights |= {f"{name}.{part}": weight for part, weight in module.state_dict().items()}
        config: Any = network.peft_config[ADAPTER]
        config.modules_to_save = list(heads) or None
        config.base_model_name_or_path = model.source
        weights = {f"base_model.model.{name}": weight.contiguous() for name, weight in weights.items()}
        with replacing_folder(folder) as whole:
            config.save_pretrained(str(whole))
            model.save_processor(whole)
            save_file(weights, whole / "adapter_model.safetensors", metadata={"format": "pt"})
            (whole / "README.md").write_text(_adapter_card(self.name, model), encoding="utf-8")
        return True

    def finish(self, model: AcousticModel) -> None:
        """Add what was learnt to the weights of the layers themselves."""
        remove_adapters(model, merge=True)

    def _resolved(self, model: AcousticModel) -> list[str]:
        """Whole dotted names of the layers that get an addition."""
        there = list(model.adaptable())
        kinds = sorted({name.rpartition(".")[2] for name in there})
        if not there:
            raise BadInput(
                f"strategy={self.name} needs linear layers in the transformer and model {model.source} has none: "
                "use strategy=full or strategy=head_only"
            )
        if self.targets is None:
            return there
        for target in self.targets:
            if not any(_names(target, name) for name in there):
                close = nearest(target, kinds)
                raise BadInput(
                    f"strategy.targets: model {model.source} has no linear layer {target} that {self.name} can sit on; "
                    + (f"did you mean {close}? " if close else "")
                    + f"There are {', '.join(kinds)}"
                )
        return [name for name in there if any(_names(target, name) for target in self.targets)]


class LoRA(PeftStrategy):
    """Low-rank updates beside frozen linear layers (Hu et al. 2021, arXiv 2106.09685).

    Attributes:
        rank: of each update; more learns more and costs more.
        alpha: updates are scaled by alpha / rank; None is twice the rank.
        dropout: share of a layer's input that its update does not see while training.
        dora: also learn each output's magnitude (DoRA: Liu et al. 2024, arXiv 2402.09353); slower, often a little
            better at small ranks.
    """

    name: Literal["lora"] = "lora"
    rank: int = Field(8, ge=1, le=4096)
    alpha: float | None = Field(None, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    dora: bool = False

    def peft_config(self, targets: list[str]) -> PeftConfig:
        """LoRA's, without a task type."""
        from peft import LoraConfig

        return LoraConfig(
            r=self.rank,
            lora_alpha=2 * self.rank if self.alpha is None else self.alpha,  # type: ignore[arg-type]  # need not be whole
            lora_dropout=self.dropout,
            use_dora=self.dora,
            target_modules=targets,
        )


class Adapters(PeftStrategy):
    """Other small additions that can be merged.

    Attributes:
        method: "ia3" learns a factor for each output of a layer, the fewest weights of all (Liu et al. 2022, arXiv
            2205.05638); "loha" and "lokr" learn updates as Hadamard and Kronecker products (Hyeon-Woo et al. 2021,
            arXiv 2108.06098; Yeh et al. 2023, arXiv 2309.14859).
        rank: of the updates of "loha" and "lokr"; None is 8.
        alpha: their updates are scaled by alpha / rank; None is the rank.
    """

    name: Literal["adapters"] = "adapters"
    method: Literal["ia3", "loha", "lokr"] = "ia3"
    rank: int | None = Field(None, ge=1, le=4096)
    alpha: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _rank_has_a_meaning(self) -> Adapters:
        if self.method == "ia3" and (self.rank is not None or self.alpha is not None):
            raise ValueError("method ia3 has no rank and no alpha: leave them out, or use loha or lokr")
        return self

    def peft_config(self, targets: list[str]) -> PeftConfig:
        """The method's, without a task type."""
        from peft import IA3Config, LoHaConfig, LoKrConfig

        if self.method == "ia3":
            return IA3Config(target_modules=targets, feedforward_modules=[])
        rank = self.rank or 8
        settings: dict[str, Any] = {"r": rank, "alpha": rank if self.alpha is None else self.alpha}
        kind = LoHaConfig if self.method == "loha" else LoKrConfig
        return kind(target_modules=targets, **settings)


def remove_adapters(model: AcousticModel, *, merge: bool) -> None:
    """Put the layers that peft has wrapped back into the network, with or without what was learnt."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    network = model.network
    wrapped = {name: module for name, module in network.named_modules() if isinstance(module, BaseTunerLayer)}
    for name, layer in wrapped.items():
        if merge:
            layer.merge(safe_merge=True)
        parent, _, last = name.rpartition(".")
        setattr(network.get_submodule(parent), last, layer.get_base_layer())
    network.__dict__.pop("peft_config", None)


def _names(target: str, name: str) -> bool:
    """Whether a target means the layer of this dotted name."""
    return name == target or name.endswith(f".{target}")


def _adapter_card(method: str, model: AcousticModel) -> str:
    """How to use the adapter without speech_tl."""
    rows = getattr(model.network.config, "vocab_size", None)
    loader = "AutoModelForSpeechSeq2Seq" if model.has_decoder else "AutoModelForCTC"
    grown = "" if model.has_decoder else f", vocab_size={rows}, ignore_mismatched_sizes=True"
    source = json.dumps(printable(model.source), ensure_ascii=False)
    return f"""# Adapter ({method})

What was learnt beside {source}. The folder `model` next to this one is the same, merged into one plain model.

```python
from peft import PeftModel
from transformers import {loader}

base = {loader}.from_pretrained({source}{grown})
model = PeftModel.from_pretrained(base, "FOLDER")
```
"""
