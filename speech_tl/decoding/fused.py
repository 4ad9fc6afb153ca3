"""Which models take a language model, and which engines hotwords."""

from __future__ import annotations

from typing import TYPE_CHECKING

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.options import DecodingOptions


def require_fused(model: AcousticModel, options: DecodingOptions) -> None:
    """Refuse a language model for a model that scores no frames, and hotwords for an engine that takes none.

    Raises:
        BadInput: says for which models, or which engine, they are.
    """
    if options.lm is not None and not model.scores_frames:
        raise BadInput(
            f"a language model can be fused into CTC models (the wav2vec2 family), and {model.source} is a "
            f"{model.family} model: leave --lm (decoding.lm) out"
        )
    if options.hotwords is not None and options.engine == "ctranslate2" and model.has_decoder:
        raise BadInput(f"engine {options.engine} takes no hotwords: leave it out, or --hotwords (decoding.hotwords)")
