"""What CTranslate2 writes for windows of sound, from a Whisper in its format (https://github.com/OpenNMT/CTranslate2).

Numpy in, tokens out: nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.errors import BadInput
from speech_tl.models.frame_words import TokenTimes

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from ctranslate2.models import WhisperAlignmentResult

COMPUTE_TYPES = {"float32": "float32", "fp16": "float16", "bf16": "bfloat16", "int8": "int8"}

SMOOTHED = 3
"""Positions of the median filter over the attention that places words. Published are 7, which takes a third of the time
of placing them: starts of 294 words are 44 ms from the truth in the median with 7 in its place, and 43 ms with 3
(whisper-tiny.en, `python -m tests.benchmarks.word_times MODEL --split dev --utterances 60`)."""


def require_ctranslate2() -> None:
    """See that the package is there.

    Raises:
        BadInput: it is not.
    """
    try:
        import ctranslate2  # noqa: F401
    except ImportError as error:
        raise BadInput("engine ctranslate2 is not installed: pip install ctranslate2, or leave it out") from error


class ConvertedDecoder:
    """A converted Whisper, loaded."""

    def __init__(self, folder: Path, precision: str, longest: int, threads: int | None) -> None:
        """Load it.

        Args:
            folder: in CTranslate2's format.
            precision: as in `DecodingOptions`.
            longest: positions of the decoder, the prompt's among them.
            threads: batches that are decoded at a time, each on a core of the CPU; None is for a GPU.
        """
        import ctranslate2

        self.longest, self._storage = longest, ctranslate2.StorageView
        self.whisper = ctranslate2.models.Whisper(
            str(folder),
            device="cuda" if threads is None else "cpu",
            compute_type=COMPUTE_TYPES[precision],
            inter_threads=threads or 1,
            intra_threads=1,
        )

    def tokens(
        self, features: np.ndarray, prompt: Sequence[int], allowed: Sequence[int], beam: int, temperature: float = 0.0
    ) -> list[list[int]]:
        """New tokens of each row.

        Args:
            features: log-mel `(rows, mels, frames)`, float32.
            prompt: tokens that every row begins with.
            allowed: new tokens that each row may have, `(rows,)`.
            beam: width.
            temperature: as in `DecodingOptions`.
        """
        return self._written(self._given(features), prompt, allowed, beam, temperature)

    def tokens_with_times(
        self,
        features: np.ndarray,
        prompt: Sequence[int],
        allowed: Sequence[int],
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

    def no_speech(self, features: np.ndarray, prompt: Sequence[int]) -> list[float]:
        """The probability of the token for "no speech" in each row of features `(rows, mels, frames)`."""
        prompts = [list(prompt)] * len(features)
        found = self.whisper.generate(
            self._given(features), prompts, beam_size=1, max_length=len(prompt) + 1, return_no_speech_prob=True
        )
        return [row.no_speech_prob for row in found]

    def language_probabilities(self, features: np.ndarray) -> dict[str, float]:
        """The probability of each language's code, for features `(1, mels, frames)` of a multilingual Whisper."""
        (found,) = self.whisper.detect_language(self._given(features))
        return {token.strip("<|>"): probability for token, probability in found}

    def _given(self, features: np.ndarray) -> StorageView:
        return self._storage.from_array(np.ascontiguousarray(features, np.float32))

    def _written(
        self, sound: StorageView, prompt: Sequence[int], allowed: Sequence[int], beam: int, temperature: float
    ) -> list[list[int]]:
        # of which CTranslate2 takes half for new tokens, and no more than the prompt leaves
        longest = max(2 * max(allowed), max(allowed) + len(prompt))
        drawn = {"sampling_topk": 0, "sampling_temperature": temperature} if temperature else {}
        prompts = [list(prompt)] * len(allowed)
        found = self.whisper.generate(sound, prompts, beam_size=beam, max_length=longest, **drawn)
        return [row.sequences_ids[0][:limit] for row, limit in zip(found, allowed, strict=True)]


def _times(found: WhisperAlignmentResult, tokens: int, positions: int) -> TokenTimes:
    """The first position of each token on a path of (token, position), and where the text is over."""
    first: dict[int, int] = {}
    for token, position in found.alignments:
        first.setdefault(token, position)
    borders = [first.get(token, positions) for token in range(tokens + 1)]
    return TokenTimes(np.maximum.accumulate(borders), np.array(found.text_token_probs[:tokens]))
