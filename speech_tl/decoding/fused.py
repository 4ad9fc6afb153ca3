"""Which models take a language model or hotwords."""

from __future__ import annotations

from typing import TYPE_CHECKING

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.options import DecodingOptions


def require_fused(model: AcousticModel, options: DecodingOptions) -> None:
    """Refuse a language model or hotwords for a model that scores no frames.

    Raises:
        BadInput: says for which models they are.
    """
    if options.fuses and not model.scores_frames:
        what = "a language model" if options.lm is not None else "hotwords"
        option = "--lm (decoding.lm)" if options.lm is not None else "--hotwords (decoding.hotwords)"
        raise BadInput(
            f"{what} can be fused into CTC models (the wav2vec2 family), and {model.source} is a {model.family} model: "
            f"leave {option} out"
        )
