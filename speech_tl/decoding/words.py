"""Waveforms -> words on their frames."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from speech_tl.data.batching import Collator, Example
from speech_tl.decoding.decode import decoding_batches, precision_context, ready
from speech_tl.decoding.lanes import in_lanes, lane_count
from speech_tl.decoding.loops import Spoken, cut_with_words
from speech_tl.decoding.no_speech import without_noise
from speech_tl.decoding.suta import adapted
from speech_tl.models.base import AcousticModel, DecodingOptions


def decode_words(
    model: AcousticModel, waveforms: Sequence[np.ndarray], options: DecodingOptions | None = None
) -> list[Spoken]:
    """The texts of `decode_waveforms`, each with its words, for waveforms `(samples,)` at the model's rate.

    A model with a decoder is asked whether anybody spoke where what it wrote is doubtful; if not, there is no text.

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
            if twin.has_decoder:
                durations_s = twin.durations_s(given)
                found = without_noise(found, durations_s, partial(twin.no_speech, given))
                found = cut_with_words(found, durations_s)
            return order, found

    texts: list[Spoken] = [("", [])] * len(waveforms)
    with ready(model, options):
        for order, found in in_lanes(model, lane_count(model, options, len(batches)), work, batches):
            for index, said in zip(order, found, strict=True):
                texts[index] = said
    return texts
