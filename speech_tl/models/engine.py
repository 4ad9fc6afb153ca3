"""CTranslate2 (https://github.com/OpenNMT/CTranslate2) as the engine that decodes a Whisper, from the same weights.

On the first utterances both engines write, and if what they write differs, the conversion is refused.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch

from speech_tl.errors import BadInput
from speech_tl.models.converted import FILTERS, TOKENIZER, Loaded, fingerprint, through_cache
from speech_tl.models.converted_decoder import ConvertedDecoder, require_ctranslate2
from speech_tl.models.transformers_output import quiet_transformers
from speech_tl.models.whisper_words import alignment_heads
from speech_tl.scoring.alignment import align

if TYPE_CHECKING:
    from speech_tl.models.frame_words import TokenTimes
    from speech_tl.models.whisper import WhisperModel

COMPARED = 8
"""Utterances that both engines write."""

DIFFERENCE_ALLOWED = 0.02
"""Share of their words that may differ."""

EIGHT_BITS_ALLOWED = 0.25
"""The same for 8 bits, of whose rounding a word here and there comes out another one."""


class CTranslate2:
    """A Whisper's weights in CTranslate2, as they were when it was made."""

    def __init__(self, model: WhisperModel, precision: str) -> None:
        """Convert a loaded model, unless that was done before, by whatever process (`converted`).

        Raises:
            BadInput: the package is missing, or it cannot convert this model.
        """
        require_ctranslate2()
        self.weights = weights_state(model)
        self.precision, self.compared, self.lock = precision, 0, threading.Lock()
        threads = None if model.device.type == "cuda" else torch.get_num_threads()
        _, self.decoder = converted(
            model, precision, lambda folder: ConvertedDecoder(folder, precision, model.longest_label, threads)
        )

    def fits(self, model: WhisperModel, precision: str) -> bool:
        """Whether the model still has the weights that were converted."""
        return self.precision == precision and self.weights == weights_state(model)

    def tokens(
        self, features: torch.Tensor, prompt: Sequence[int], allowed: torch.Tensor, beam: int, temperature: float = 0.0
    ) -> list[list[int]]:
        """See `ConvertedDecoder`; tensors `(rows, mels, frames)` and `(rows,)`."""
        return self.decoder.tokens(_array(features), prompt, allowed.tolist(), beam, temperature)

    def tokens_with_times(
        self,
        features: torch.Tensor,
        prompt: Sequence[int],
        allowed: torch.Tensor,
        beam: int,
        temperature: float,
        positions: Sequence[int],
        end: int,
    ) -> list[tuple[list[int], TokenTimes]]:
        """See `ConvertedDecoder`; tensors `(rows, mels, frames)` and `(rows,)`."""
        given = _array(features), prompt, allowed.tolist(), beam, temperature
        return self.decoder.tokens_with_times(*given, positions, end)

    def compare(self, ours: Sequence[str], theirs: Callable[[], Sequence[str]]) -> None:
        """Hold the first texts against those of the model itself, which are asked for only then.

        Raises:
            BadInput: they differ.
        """
        with self.lock:
            if self.compared >= COMPARED:
                return
            self.compared += len(ours)
        require_same_words(theirs(), ours, self.precision)


def require_same_words(own: Sequence[str], theirs: Sequence[str], precision: str) -> int:
    """See that a conversion writes what the model itself writes, and tell how many words that were.

    Args:
        own: the model's texts.
        theirs: the conversion's, of the same utterances.
        precision: of the conversion, as in `DecodingOptions`.

    Raises:
        BadInput: they differ.
    """
    wrong = sum(edits.errors for edits in align(list(own), list(theirs)))
    words = sum(len(text.split()) for text in own)
    allowed = EIGHT_BITS_ALLOWED if precision == "int8" else DIFFERENCE_ALLOWED
    if wrong > allowed * max(words, 1):
        raise BadInput(
            f"engine ctranslate2 writes other words than the model itself ({wrong} of {words} on {len(own)} "
            "utterances): leave it out"
        )
    return words


def converted(model: WhisperModel, precision: str, load: Callable[[Path], Loaded]) -> tuple[str, Loaded]:
    """The name of a model's conversion and what `load` makes of its folder; see `through_cache`.

    Raises:
        BadInput: CTranslate2 cannot convert this model.
    """
    stored = "int8" if precision == "int8" else None
    name = fingerprint(model, stored or "as they are")
    return name, through_cache(name, lambda folder: _convert(model, folder, stored), load)


def _convert(model: WhisperModel, folder: Path, quantization: str | None) -> None:
    """Write a model in CTranslate2's format, by way of a plain folder."""
    from ctranslate2.converters import TransformersConverter

    with TemporaryDirectory() as plain, quiet_transformers():
        model.save(plain)
        _list_heads(Path(plain) / "generation_config.json", model)
        try:
            TransformersConverter(plain).convert(str(folder), quantization=quantization)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            why = (str(error).splitlines() or [type(error).__name__])[0][:120]
            raise BadInput(f"engine ctranslate2 cannot take {model.source}: {why}; leave it out") from error
        shutil.copy(Path(plain) / TOKENIZER, folder)
    np.save(folder / FILTERS, model.extractor.mel_filters)


def _list_heads(settings: Path, model: WhisperModel) -> None:
    """Write into a folder's settings which heads place words: by itself CTranslate2 takes what a checkpoint lists."""
    told = json.loads(settings.read_text(encoding="utf-8"))
    told["alignment_heads"] = alignment_heads(model.network)[0]
    settings.write_text(json.dumps(told), encoding="utf-8")


def weights_state(model: WhisperModel) -> tuple[tuple[int, int], ...]:
    """What changes with the weights: where they are, and how often they were written to."""
    return tuple((weight.data_ptr(), weight._version) for weight in model.network.parameters())


def _array(features: torch.Tensor) -> np.ndarray:
    return features.float().cpu().numpy()
