"""Which engine transcribes where nobody chose one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from speech_tl.decoding import decode_waveforms
from speech_tl.errors import BadInput
from speech_tl.models.converted import is_checked, remember_checked
from speech_tl.models.engine import COMPARED

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.options import DecodingOptions


def engine_here(
    model: AcousticModel, options: DecodingOptions, waveform: np.ndarray
) -> tuple[DecodingOptions, str | None]:
    """The options with an engine for transcribing, where nobody chose one; and why it is not the usual one.

    A Whisper on a CPU is decoded by CTranslate2, in 8 bits, unless it cannot be converted, or writes other words than
    the model itself when it is used for the first time.

    Args:
        model: whose prompt is settled: of what is multilingual, the language.
        options: of the decoding.
        waveform: `(samples,)`, on which both engines write.
    """
    chosen = "engine" in options.model_fields_set or options.precision != "float32" or not options.shortcuts
    if chosen or options.fuses or not model.has_decoder or model.device.type != "cpu":
        return options, None
    fast = options.model_copy(update={"engine": "ctranslate2", "precision": "int8"})
    try:
        model.set_engine(fast)
        if not is_checked(model.engine.name):
            decode_waveforms(model, [waveform], fast)
            remember_checked(model.engine.name)
        model.engine.compared = COMPARED
    except BadInput as error:
        model.set_engine(options)
        return options, f"model {model.source} is decoded by torch, which takes longer: {error}"
    return fast, None
