"""One model on one test set: decode, then score. Whatever figure is reported or chosen by comes from here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from speech_tl.data.fingerprints import audio_fingerprints
from speech_tl.decoding.decode import Progress, conditions, decode
from speech_tl.errors import BadInput
from speech_tl.scoring.wer import Evaluation, score

if TYPE_CHECKING:
    from speech_tl.data.test_set import TestSet
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.options import DecodingOptions


def measure(
    model: AcousticModel,
    test_set: TestSet,
    decoding: DecodingOptions,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Decode a test set and score it; what cannot be decoded is listed in `data["left_out"]`.

    Args:
        model: set to the language that the test set wants.
        test_set: what is decoded, through what, and how it is scored.
        decoding: batch sizes, beam, precision, windows.
        seed: of all chance in what the utterances are heard through.
        progress: told seconds of audio done and in all.

    Returns:
        Every utterance's texts and counts, with the conditions; digests of the audio where the set's `facts` say that
        the answers are written down.

    Raises:
        BadInput: nothing could be decoded.
    """
    utterances, started = test_set.utterances, time.perf_counter()
    hypotheses = decode(model, utterances, decoding, progress, augment=test_set.augment, seed=seed)
    seconds = time.perf_counter() - started
    if not any(h.text is not None for h in hypotheses):
        why = next((h.problem for h in hypotheses if h.problem), "there are no rows")
        source = (test_set.facts or {}).get("source", test_set.name)
        raise BadInput(f"{source}: nothing could be decoded; first problem: {why}")
    return score(
        utterances,
        [h.text for h in hypotheses],
        test_set.normaliser,
        model=model.describe(),
        decoding=conditions(model, decoding),
        data=test_set.facts,
        seconds=round(seconds, 2),
        heard=None if test_set.facts is None else audio_fingerprints(utterances),
        looped=[h.looped for h in hypotheses],
    )
