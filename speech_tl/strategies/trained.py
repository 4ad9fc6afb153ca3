"""What of a pre-trained model is trained. Each way is one small class with typed options.

A new way is a class with a `name`, options and what `BaseStrategy` asks for, added to `Strategy`.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

from pydantic import Field

from speech_tl.errors import BadInput
from speech_tl.strategies.adapters import Adapters, LoRA
from speech_tl.strategies.base import FEW_WEIGHTS, BaseStrategy, Rates, train_only
from speech_tl.strategies.gradual import Gradual
from speech_tl.strategies.language_adapter import LanguageAdapter

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.ctc import CTCModel


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
    """The pre-trained encoder is a fixed feature extractor; only the CTC head or Whisper's decoder is trained.

    Attributes:
        layers: what CTC's head reads: the last layer, or a learned "weighted" sum of all of them (as in SUPERB: Yang et
            al. 2021, arXiv 2105.01051).
        lstm: units each way of a BiLSTM under the linear layer; 0 is none.
        fresh: start CTC's linear layer anew, not from the checkpoint's.

    A weighted sum or a BiLSTM makes a model that `speech_tl.load_model` loads and plain `from_pretrained` does not.
    """

    name: Literal["head_only"] = "head_only"
    layers: Literal["last", "weighted"] = "last"
    lstm: int = Field(0, ge=0, le=16384)
    fresh: bool = False

    def rate_scale(self, model: AcousticModel) -> float:
        """Ten times for a CTC head; Whisper's decoder is no small part."""
        return 1.0 if model.has_decoder else FEW_WEIGHTS

    def prepare(self, model: AcousticModel, seed: int = 0) -> None:
        """Build the head, if another is wanted, and let it move; the fixed part also stops dropping out."""
        wanted: dict[str, Any] = {"weighted": self.layers == "weighted", "units": self.lstm, "fresh": self.fresh}
        if any(wanted.values()):
            if model.has_decoder:
                raise BadInput(
                    "strategy.layers, strategy.lstm and strategy.fresh are for CTC heads; the head of model "
                    f"{model.source} is its decoder: leave them out"
                )
            cast("CTCModel", model).new_head(**wanted, seed=seed)
        train_only(model, model.parts()["head"])

    def begins_anew(self) -> str | None:
        """A BiLSTM or a fresh layer; a weighted sum changes the shape."""
        wanted = {
            "layers=weighted": self.layers == "weighted",
            f"lstm={self.lstm}": self.lstm,
            "fresh=true": self.fresh,
        }
        return next((f"strategy.{option}" for option, on in wanted.items() if on), None)


class DecoderOnly(BaseStrategy):
    """Whisper's decoder is trained, its encoder is fixed: other words and spellings, the same ear."""

    name: Literal["decoder_only"] = "decoder_only"

    def prepare(self, model: AcousticModel, seed: int = 0) -> None:
        """Choose the weights that move."""
        if not model.has_decoder:
            raise BadInput(
                f"strategy=decoder_only is for Whisper; model {model.source} has no decoder: strategy=head_only trains "
                "its head"
            )
        train_only(model, model.parts()["head"])


class EncoderOnly(BaseStrategy):
    """The encoder is trained, what writes (Whisper's decoder, CTC's head) is fixed: another ear, the same language.

    Attributes:
        freeze_feature_encoder: keep the convolutions over the waveform (CTC) or the mel frames (Whisper) as they are.
    """

    name: Literal["encoder_only"] = "encoder_only"
    freeze_feature_encoder: bool = True

    def prepare(self, model: AcousticModel, seed: int = 0) -> None:
        """Choose the weights that move."""
        if model.head_is_new:
            raise BadInput(
                f"strategy=encoder_only keeps the head, and that of model {model.source} is new and knows nothing: use "
                "strategy=full"
            )
        parts = model.parts()
        train_only(model, parts["encoder"] + ([] if self.freeze_feature_encoder else parts["feature_encoder"]))


class BitFit(BaseStrategy):
    """Only biases are trained, and CTC's head (Ben Zaken et al. 2021, arXiv 2106.10199); the front end is fixed."""

    name: Literal["bitfit"] = "bitfit"

    def rate_scale(self, model: AcousticModel) -> float:
        """Ten times (`FEW_WEIGHTS`)."""
        return FEW_WEIGHTS

    def prepare(self, model: AcousticModel, seed: int = 0) -> None:
        """Choose the weights that move."""
        parts = model.parts()
        named = chain(*(module.named_parameters() for module in (*parts["encoder"], *parts["head"])))
        biases = [parameter for name, parameter in named if name.rpartition(".")[2] == "bias"]
        train_only(model, [*biases, *model.output_layers()])


AnyStrategy = Full | HeadOnly | Gradual | LoRA | Adapters | BitFit | DecoderOnly | EncoderOnly | LanguageAdapter

Strategy = Annotated[AnyStrategy, Field(discriminator="name")]
"""Any strategy, told apart by its `name`."""

STRATEGIES: dict[str, type[BaseStrategy]] = {cls.model_fields["name"].default: cls for cls in get_args(AnyStrategy)}
"""Every strategy by its name."""
