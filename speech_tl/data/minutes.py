"""So many minutes of train, for measuring what an amount of speech is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest, Utterance


def subset_of_minutes(manifest: Manifest, minutes: float, seed: int, lengths_s: tuple[float, float]) -> Manifest:
    """All of dev and test, and `minutes` of train, a little more where the last utterance reaches beyond.

    Args:
        manifest: with a column `split`.
        minutes: of train.
        seed: of the draw; with one seed the rows of fewer minutes are among those of more.
        lengths_s: utterances shorter or longer than that are not drawn, as a run would set them aside.

    Raises:
        BadInput: train has less.
    """
    splits = np.array(manifest.texts("split"))
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(splits == "train"))
    durations_s, total_s, kept = manifest.durations_s(), 0.0, []
    for row in drawn.tolist():
        if total_s >= 60 * minutes:
            break
        seconds = _header_s(manifest[row]) if np.isnan(durations_s[row]) else float(durations_s[row])
        if lengths_s[0] <= seconds <= lengths_s[1]:
            kept.append(row)
            total_s += seconds
    if total_s < 60 * minutes:
        raise BadInput(
            f"data.train_minutes={minutes:g}: train of {manifest.source} has {total_s / 60:.1f} usable minutes"
        )
    return manifest.select(np.sort([*np.flatnonzero(splits != "train"), *kept]))


def _header_s(utterance: Utterance) -> float:
    """Seconds by the file's header; 0 where it has none that can be read."""
    from speech_tl.audio import probe

    try:
        end_s = utterance.end_s or probe(utterance.audio_bytes or utterance.audio).duration_s
    except BadInput:
        return 0.0
    return end_s - utterance.start_s
