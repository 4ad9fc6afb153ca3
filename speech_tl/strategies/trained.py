"""What of a pre-trained model is trained. Each way is one small class with typed options.

A new way is a class with a `name`, options and `prepare`, added to `Strategy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch

    from speech_tl.models.base import AcousticModel


class Full(BaseModel):
    """Every weight is trained, except, if wanted, the convolutional front end (as wav2vec 2.0 fine-tuning does).

    Attributes:
        freeze_feature_encoder: keep the convolutions over the waveform (CTC) or the mel frames (Whisper) as they are.
    """

    model_config = ConfigDict(extra="forbid")

    name: Literal["full"] = "full"
    freeze_feature_encoder: bool = True

    def prepare(self, model: AcousticModel) -> None:
        """Choose the weights that move."""
        _train_only(
            model, ["encoder", "head"] if self.freeze_feature_encoder else ["feature_encoder", "encoder", "head"]
        )


class HeadOnly(BaseModel):
    """The pre-trained encoder is a fixed feature extractor; only the CTC head or Whisper's decoder is trained."""

    model_config = ConfigDict(extra="forbid")

    name: Literal["head_only"] = "head_only"

    def prepare(self, model: AcousticModel) -> None:
        """Choose the weights that move; the fixed ones also stop dropping out."""
        _train_only(model, ["head"])


Strategy = Annotated[Full | HeadOnly, Field(discriminator="name")]
"""Any strategy, told apart by its `name`."""

STRATEGIES = {cls.model_fields["name"].default: cls for cls in (Full, HeadOnly)}
"""Every strategy by its name."""


def _train_only(model: AcousticModel, roles: list[str]) -> None:
    """Let the modules of `roles` move and nothing else; modules that stay fixed run as in evaluation."""
    model.network.requires_grad_(False)
    for role, modules in model.parts().items():
        for module in modules:
            module.__dict__.pop("train", None)  # of an earlier strategy
            if role in roles:
                module.requires_grad_(True)
            else:
                _stay_in_evaluation(module)


def _stay_in_evaluation(module: torch.nn.Module) -> None:
    """Keep dropout and layer drop of a fixed module off, whatever the trainer's `network.train()` says."""
    module.eval()
    module.train = lambda mode=True: module  # type: ignore[method-assign]
