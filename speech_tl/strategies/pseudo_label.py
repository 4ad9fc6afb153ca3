"""Pseudo-labels: what a model wrote for speech without transcripts, and which of it is sure enough to be learnt from.

Self-training in rounds (Kahn et al. 2020, arXiv 1909.09116; Xu et al. 2020, arXiv 2005.09267). Here the labels are
judged; the rounds themselves are called from `adaptation/rounds.py`. It goes with every strategy: what moves while
learning from these labels, that says.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from speech_tl.data.augment import Conditions, Noise
from speech_tl.options import Options
from speech_tl.scoring.alignment import align
from speech_tl.scoring.loops import longer_than_speech, loops

REASONS = {
    "unreadable": "the audio could not be decoded",
    "empty": "nothing was written",
    "loop": "the same over and over",
    "too long": "more than can be said in the time",
    "no label": "the model cannot learn it in so short a time",
    "confidence": "below min_confidence",
    "agreement": "other words in noise",
    "share": "less sure than the share that is kept",
}
"""Why a label is not learnt from; the first that holds."""


class PseudoLabel(Options):
    """Learn from speech without transcripts: the model's own, where it is sure, in rounds.

    Each round transcribes all of it with the model of the round before and trains the checkpoint anew on what is kept,
    beside the labelled train utterances if there are any; the first labels are then by a model adapted to those, else
    by the checkpoint itself. The round that is best on dev is the run's model.

    Attributes:
        root: a manifest, a folder that holds one, a saved dataset or hf:owner/name; its texts, if any, are used to
            tell how wrong the labels are and for nothing else. None takes the train rows of `data.root` without text,
            and those that `data.train_minutes` or `data.train_limit` leave out.
        split: which split of `root`; None, or a manifest without splits, means every row.
        where: keep rows with these values.
        ignore_text: learn from no transcript: all train rows of `data.root` are without text.
        rounds: how often labels are written and learnt from.
        keep_share: at most this share of the utterances is kept, those of the highest confidence.
        min_confidence: least confidence, 0 to 1; see `AcousticModel.transcribe_scored`. Models differ in what is much.
        min_agreement: least agreement (1 less the CER) with what is written in noise; 0 saves hearing them again.
        noise: that noise.
    """

    root: str | None = None
    split: str | None = "train"
    where: dict[str, Any] = Field({})
    ignore_text: bool = False
    rounds: int = Field(2, ge=1)
    keep_share: float = Field(0.5, gt=0, le=1)
    min_confidence: float = Field(0.0, ge=0, le=1)
    min_agreement: float = Field(0.5, ge=0, le=1)
    noise: Noise = Noise(generated=["pink"], snr_db=(15.0, 15.0))

    @property
    def heard_through(self) -> Conditions:
        """The second hearing."""
        return Conditions(noise=self.noise.model_copy(update={"share": 1.0}))


@dataclass(frozen=True)
class Label:
    """What a model wrote for one utterance, and whether that is learnt from.

    Attributes:
        id: the utterance's.
        hypothesis: as written; None where the audio could not be decoded.
        confidence: the model's, 0 to 1.
        agreement: with what was written in noise; None where that was not asked.
        duration: of the audio, in seconds.
        kept: whether it is learnt from.
        reason: why not, one of `REASONS`; empty where it is.
    """

    id: str
    hypothesis: str | None
    confidence: float
    agreement: float | None
    duration: float
    kept: bool
    reason: str

    def refused(self, reason: str) -> Label:
        """The same, not kept."""
        return replace(self, kept=False, reason=reason)


def first_judgement(
    label: Label, normalise: Callable[[str], str], problem: Callable[[str, float], str | None], options: PseudoLabel
) -> Label:
    """A label judged by itself: read, something, no loop, speakable, learnable, sure."""
    if label.hypothesis is None:
        return label.refused("unreadable")
    text = normalise(label.hypothesis)
    found = (
        ("empty", not text.strip()),
        ("loop", loops(text)),
        ("too long", longer_than_speech(text, label.duration)),
        ("no label", problem(label.hypothesis, label.duration) is not None),
        ("confidence", label.confidence < options.min_confidence),
    )
    reason = next((name for name, holds in found if holds), "")
    return label.refused(reason) if reason else label


def compared(label: Label, in_noise: str | None, normalise: Callable[[str], str], options: PseudoLabel) -> Label:
    """A label judged by what was written for the same utterance in noise."""
    said, again = normalise(label.hypothesis or ""), normalise(in_noise or "")
    agreement = max(0.0, 1 - align([said], [again], "cer")[0].errors / max(len(said), 1))
    label = replace(label, agreement=round(agreement, 4))
    return label if agreement >= options.min_agreement else label.refused("agreement")


def most_confident(labels: Sequence[Label], options: PseudoLabel) -> list[Label]:
    """Of what is still kept, the most confident, at most `keep_share` of all; of equals the first."""
    kept = sorted((place for place, label in enumerate(labels) if label.kept), key=lambda p: -labels[p].confidence)
    beyond = set(kept[math.ceil(options.keep_share * len(labels)) :])
    return [label.refused("share") if place in beyond else label for place, label in enumerate(labels)]


def counted(labels: Sequence[Label]) -> dict[str, Any]:
    """What a report says of a round's labels: how many of how many, hours, and why the others were left."""
    kept = [label for label in labels if label.kept]
    return {
        "utterances": len(labels),
        "kept": len(kept),
        "hours": round(sum(label.duration for label in labels) / 3600, 4),
        "kept_hours": round(sum(label.duration for label in kept) / 3600, 4),
        "left": dict(Counter(label.reason for label in labels if not label.kept).most_common()),
        "least_confidence": round(min((label.confidence for label in kept), default=0.0), 4),
    }
