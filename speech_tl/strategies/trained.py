"""What of a pre-trained model is trained. Each way is one small class with typed options.

A new way is a class with a `name`, options and what `BaseStrategy` asks for, added to `Strategy`.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from speech_tl.errors import BadInput
from speech_tl.strategies.base import BaseStrategy, Rates, train_only

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel


class Full(BaseStrategy):
    """Every weight is trained, except what the options keep; by default the convolutional front end (as wav2vec 2.0).

    Attributes:
        freeze_feature_encoder: keep the convolutions over the waveform (CTC) or the mel frames (Whisper) as they are.
        freeze_layers: keep so many of the encoder's lowest layers, and what lies below them, as they are. Layer drop,
            where a checkpoint has it, still skips them now and then.
        layer_decay: each layer's learning rate over that of the one above it, the topmost layer's over the head's
            (ELECTRA: Clark et al. 2020, arXiv 2003.10555); 1 is the same for all. Below the layers it decays once more.
        head_rate: learning rate of the head (CTC's linear layer, Whisper's decoder) over the run's.
    """

    name: Literal["full"] = "full"
    freeze_feature_encoder: bool = True
    freeze_layers: int = Field(0, ge=0)
    layer_decay: float = Field(1.0, gt=0, le=1)
    head_rate: float = Field(1.0, gt=0)

    def prepare(self, model: AcousticModel, seed: int = 0) -> None:
        """Choose the weights that move."""
        stages, parts = model.stages(), model.parts()
        layers = len(stages) - 1
        if self.freeze_layers >= layers:
            raise BadInput(
                f"strategy.freeze_layers={self.freeze_layers}: model {model.source} has {layers} encoder layers; "
                f"freeze at most {layers - 1}, or all with strategy=head_only"
            )
        lowest = self.freeze_layers + 1 if self.freeze_layers else 0
        front = [] if self.freeze_feature_encoder else parts["feature_encoder"]
        train_only(model, [*front, *chain(*stages[lowest:]), *parts["head"]], resting=chain(*stages[:lowest]))

    def rates(self, model: AcousticModel) -> Rates:
        """From the head down."""
        if self.layer_decay == self.head_rate == 1:
            return []
        stages, parts = model.stages(), model.parts()
        rates = [(modules, self.layer_decay ** (len(stages) - depth)) for depth, modules in enumerate(stages)]
        front = (parts["feature_encoder"], self.layer_decay ** len(stages))
        return [(parts["head"], self.head_rate), *reversed(rates), front]


class HeadOnly(BaseStrategy):
    """The pre-trained encoder is a fixed feature extractor; only the CTC head or Whisper's decoder is trained."""

    name: Literal["head_only"] = "head_only"

    def prepare(self, model: AcousticModel, seed: int = 0) -> None:
        """Choose the weights that move; the fixed ones also stop dropping out."""
        train_only(model, model.parts()["head"])


Strategy = Annotated[Full | HeadOnly, Field(discriminator="name")]
"""Any strategy, told apart by its `name`."""

STRATEGIES = {cls.model_fields["name"].default: cls for cls in (Full, HeadOnly)}
"""Every strategy by its name."""
