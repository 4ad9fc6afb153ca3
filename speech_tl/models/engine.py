"""CTranslate2 (https://github.com/OpenNMT/CTranslate2) as the engine that decodes a Whisper, from the same weights.

On the first utterances both engines write, and if what they write differs, the conversion is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch

from speech_tl.errors import BadInput
from speech_tl.models.converted import fingerprint, through_cache
from speech_tl.models.quiet import quiet_transformers
from speech_tl.models.whisper_words import SMOOTHED, TokenTimes
from speech_tl.scoring.alignment import align

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from ctranslate2.models import WhisperAlignmentResult

    from speech_tl.models.whisper import WhisperModel

COMPARED = 8
"""Utterances that both engines write."""

DIFFERENCE_ALLOWED = 0.02
"""Share of their words that may differ."""

EIGHT_BITS_ALLOWED = 0.25
"""The same for 8 bits, of whose rounding a word here and there comes out another one."""

COMPUTE_TYPES = {"float32": "float32", "fp16": "float16", "bf16": "bfloat16", "int8": "int8"}


class CTranslate2:
    """A Whisper's weights in CTranslate2, as they were when it was made."""

    def __init__(self, model: WhisperModel, precision: str) -> None:
        """Convert a loaded model, unless that was done before, by whatever process (`converted`).

        Raises:
            BadInput: the package is missing, or it cannot convert this model.
        """
        try:
            import ctranslate2
        except ImportError as error:
            raise BadInput("engine ctranslate2 is not installed: pip install ctranslate2, or leave it out") from error
        self.weights = _state(model)
        self.precision, self.longest = precision, model.longest_label
        self.compared, self.lock = 0, threading.Lock()
        self.storage = ctranslate2.StorageView
        on_gpu = model.device.type == "cuda"
        stored = "int8" if precision == "int8" else None

        def load(folder: Path) -> ctranslate2.models.Whisper:
            return ctranslate2.models.Whisper(
                str(folder),
                device="cuda" if on_gpu else "cpu",
                compute_type=COMPUTE_TYPES[precision],
                inter_threads=1 if on_gpu else torch.get_num_threads(),
                intra_threads=1,
            )

        self.name = fingerprint(model, stored or "as they are")
        self.whisper = through_cache(self.name, lambda folder: _convert(model, folder, stored), load)

    def fits(self, model: WhisperModel, precision: str) -> bool:
        """Whether the model still has the weights that were converted."""
        return self.precision == precision and self.weights == _state(model)

    def tokens(
        self, features: torch.Tensor, prompt: Sequence[int], allowed: torch.Tensor, beam: int, temperature: float = 0.0
    ) -> list[list[int]]:
        """New tokens of each row.

        Args:
            features: log-mel `(rows, mels, frames)`.
            prompt: tokens that every row begins with.
            allowed: new tokens that each row may have, `(rows,)`.
            beam: width.
            temperature: as in `DecodingOptions`.
        """
        return self._written(self._given(features), prompt, allowed, beam, temperature)

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
        """New tokens of text of each row, and where they are; the sound is encoded once for both.

        Args:
            features, prompt, allowed, beam, temperature: as for `tokens`.
            positions: how many of the encoder's positions hold the row's own sound.
            end: the end token; those of text come before it.
        """
        sound = self.whisper.encode(self._given(features), to_cpu=False)
        written = self._written(sound, prompt, allowed, beam, temperature)
        room = self.longest - len(prompt) - 1  # the end token is aligned as well
        texts = [[token for token in row if token < end][:room] for row in written]
        # it puts "no timestamps" behind what begins the texts by itself
        frames = [2 * count for count in positions]
        found = self.whisper.align(sound, list(prompt[:-1]), texts, frames, median_filter_width=SMOOTHED)
        return [(text, _times(row, len(text), n)) for text, row, n in zip(texts, found, positions, strict=True)]

    def _given(self, features: torch.Tensor) -> StorageView:
        return self.storage.from_array(np.ascontiguousarray(features.float().cpu().numpy()))

    def _written(
        self, sound: StorageView, prompt: Sequence[int], allowed: torch.Tensor, beam: int, temperature: float
    ) -> list[list[int]]:
        longest = 2 * int(allowed.max())  # CTranslate2 takes half of it for new tokens
        drawn = {"sampling_topk": 0, "sampling_temperature": temperature} if temperature else {}
        prompts = [list(prompt)] * len(allowed)
        found = self.whisper.generate(sound, prompts, beam_size=beam, max_length=longest, **drawn)
        return [row.sequences_ids[0][:limit] for row, limit in zip(found, allowed.tolist(), strict=True)]

    def compare(self, ours: Sequence[str], theirs: Callable[[], Sequence[str]]) -> None:
        """Hold the first texts against those of the model itself, which are asked for only then.

        Raises:
            BadInput: they differ.
        """
        with self.lock:
            if self.compared >= COMPARED:
                return
            self.compared += len(ours)
        references = list(theirs())
        wrong = sum(edits.errors for edits in align(references, list(ours)))
        words = sum(len(text.split()) for text in references)
        allowed = EIGHT_BITS_ALLOWED if self.precision == "int8" else DIFFERENCE_ALLOWED
        if wrong > allowed * max(words, 1):
            raise BadInput(
                f"engine ctranslate2 writes other words than the model itself ({wrong} of {words} on "
                f"{len(ours)} utterances): leave it out"
            )


def _convert(model: WhisperModel, folder: Path, quantization: str | None) -> None:
    """Write a model in CTranslate2's format, by way of a plain folder."""
    from ctranslate2.converters import TransformersConverter

    with TemporaryDirectory() as plain, quiet_transformers():
        model.save(plain)
        try:
            TransformersConverter(plain).convert(str(folder), quantization=quantization)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            why = (str(error).splitlines() or [type(error).__name__])[0][:120]
            raise BadInput(f"engine ctranslate2 cannot take {model.source}: {why}; leave it out") from error


def _times(found: WhisperAlignmentResult, tokens: int, positions: int) -> TokenTimes:
    """The first position of each token on a path of (token, position), and where the text is over."""
    first: dict[int, int] = {}
    for token, position in found.alignments:
        first.setdefault(token, position)
    borders = [first.get(token, positions) for token in range(tokens + 1)]
    return TokenTimes(np.maximum.accumulate(borders), np.array(found.text_token_probs[:tokens]))


def _state(model: WhisperModel) -> tuple[tuple[int, int], ...]:
    """What changes with the weights: where they are, and how often they were written to."""
    return tuple((weight.data_ptr(), weight._version) for weight in model.network.parameters())
