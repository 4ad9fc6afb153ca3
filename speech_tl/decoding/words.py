"""Waveforms -> words on their frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speech_tl.data.batching import Collator, Example
from speech_tl.decoding import decoding_batches, precision_context, ready
from speech_tl.decoding.lanes import in_lanes, lane_count
from speech_tl.decoding.loops import cut, is_loop
from speech_tl.decoding.suta import adapted
from speech_tl.models.base import AcousticModel, DecodingOptions
from speech_tl.models.ctc_words import FrameWord

Spoken = tuple[str, list[FrameWord]]
"""A text and its words."""


def decode_words(
    model: AcousticModel, waveforms: Sequence[np.ndarray], options: DecodingOptions | None = None
) -> list[Spoken]:
    """The texts of `decode_waveforms`, each with its words, for waveforms `(samples,)` at the model's rate.

    A frame is `model.frame_samples` long, and the first begins with its waveform.

    Raises:
        BadInput: the model does not tell words.
    """
    options = options or DecodingOptions()
    collator = Collator(model)
    seconds = [len(waveform) / model.sample_rate for waveform in waveforms]
    batches = decoding_batches(model, seconds, options)

    def work(twin: AcousticModel, indices: list[int]) -> tuple[list[int], list[Spoken]]:
        batch = collator([Example(i, seconds[i], model.features(waveforms[i])) for i in indices])
        order = batch.pop("facts").indices
        moved = {key: value.to(model.device) for key, value in batch.items()}
        with precision_context(options.precision, model.device), adapted(twin, moved, options.test_time) as given:
            found = twin.transcribe_words(given, options)
            return order, _without_loops(found, twin.durations_s(given)) if twin.has_decoder else found

    texts: list[Spoken] = [("", [])] * len(waveforms)
    with ready(model, options):
        for order, found in in_lanes(model, lane_count(model, options, len(batches)), work, batches):
            for index, said in zip(order, found, strict=True):
                texts[index] = said
    return texts


def _without_loops(found: Sequence[Spoken], durations_s: Sequence[float]) -> list[Spoken]:
    """Texts whose loops are cut, with the words that are left of them."""
    told = []
    for (text, words), seconds in zip(found, durations_s, strict=True):
        if is_loop(text, seconds):
            text = cut(text, seconds)
            words = _those_in(text, words)
        told.append((text, words))
    return told


def _those_in(text: str, words: Sequence[FrameWord]) -> list[FrameWord]:
    """The words of which a text consists, each the first that fits behind the one before."""
    left, rest = [], iter(words)
    for part in text.split():
        match = next((word for word in rest if word.text == part), None)
        if match is None:
            break
        left.append(match)
    return left
