"""Language adapters of MMS checkpoints: a few small layers and the head hold a language, all else is shared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from speech_tl.errors import BadInput
from speech_tl.strategies.base import BaseStrategy, train_only
from speech_tl.text import replacing_folder

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.ctc import CTCModel


class LanguageAdapter(BaseStrategy):
    """The adapter of the checkpoint's language and the head are trained (MMS: Pratap et al. 2023, arXiv 2305.13516).

    `model.language` says whose; a language that the checkpoint lacks starts from a related one's.

    Attributes:
        fresh: start adapter and head anew.
    """

    name: Literal["language_adapter"] = "language_adapter"
    fresh: bool = False

    def prepare(self, model: AcousticModel, seed: int = 0) -> None:
        """Let the adapters and the head move."""
        adapters = model.language_adapters()
        if not adapters:
            raise BadInput(
                "strategy=language_adapter trains what MMS checkpoints hold for each language, and model "
                f"{model.source} has no such adapters: use strategy=lora or strategy=adapters"
            )
        if self.fresh:
            cast("CTCModel", model).forget_language(seed)
        train_only(model, [*adapters, *model.output_layers()])

    def begins_anew(self) -> str | None:
        """Where asked to."""
        return "strategy.fresh=true" if self.fresh else None

    def save_adapter(self, model: AcousticModel, folder: Path) -> bool:
        """Write what `load_adapter` of transformers takes beside the checkpoint."""
        with replacing_folder(folder) as whole:
            cast("CTCModel", model).save_language_adapter(whole)
        return True
