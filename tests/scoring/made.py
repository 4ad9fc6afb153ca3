"""Small evaluations for tests: real texts, no audio needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from speech_tl.scoring.wer import Evaluation, score


@dataclass(frozen=True)
class Said:
    """What scoring reads of a manifest's utterance."""

    id: str
    text: str | None
    audio: str = "a.wav"
    start_s: float = 0.0
    end_s: float | None = None
    duration_s: float | None = 2.5
    columns: dict[str, Any] = field(default_factory=dict)


def evaluation(
    pairs: Sequence[tuple[str, str | None]],
    normaliser: str = "none",
    speakers: Sequence[str] | None = None,
    **columns: Any,
) -> Evaluation:
    """Score pairs of (reference, hypothesis) as utterances u0, u1, ..."""
    said = [
        Said(f"u{row}", text, columns={**columns, **({"speaker": speakers[row]} if speakers else {})})
        for row, (text, _) in enumerate(pairs)
    ]
    return score(said, [heard for _, heard in pairs], normaliser, heard=[one.id for one in said])
