"""A recording of any length -> the score of every label in every frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

WINDOW_S, CONTEXT_S = 24.0, 2.0  # scored in windows; the context on either side is heard but not used
BATCH_SECONDS = 120.0


def frame_scores(
    model: AcousticModel, waveform: np.ndarray, progress: Callable[[float, float], None] | None = None
) -> np.ndarray:
    """Log probability of every label in every frame, float32 `(frames, labels)`; a frame is `model.frame_samples` long.

    Args:
        model: one that scores frames (CTC).
        waveform: float32 mono `(samples,)` at the model's rate.
        progress: told seconds done and in all.

    Raises:
        BadInput: the model's family scores no frames.
    """
    hop = model.frame_samples
    window, context = (round(seconds * model.sample_rate / hop) * hop for seconds in (WINDOW_S, CONTEXT_S))
    at_once = max(1, int(BATCH_SECONDS / (WINDOW_S + 2 * CONTEXT_S)))
    places = range(0, max(len(waveform) - context, 1), window)  # a rest no longer than the context is the last one's
    scores = []
    for first in range(0, len(places), at_once):
        batch = list(places[first : first + at_once])
        pieces = [waveform[max(0, place - context) : place + window + context] for place in batch]
        for place, row in zip(batch, _scored(model, pieces), strict=True):
            begin = min(place, context) // hop
            scores.append(row[begin:] if place == places[-1] else row[begin : begin + window // hop])
        if progress is not None:
            progress(min(batch[-1] + window, len(waveform)) / model.sample_rate, len(waveform) / model.sample_rate)
    return np.concatenate(scores)


def _scored(model: AcousticModel, pieces: list[np.ndarray]) -> list[np.ndarray]:
    import torch

    batch = model.collate([model.features(piece) for piece in pieces], None)
    with torch.inference_mode():
        scores, frames = model.frame_log_probabilities({name: value.to(model.device) for name, value in batch.items()})
    return [row[:count].float().cpu().numpy() for row, count in zip(scores, frames.tolist(), strict=True)]
