"""Whether an error rate of texts as they are written can be compared: only where all write capitals and marks alike.

Where references have none and a model stops writing them, that rate falls although nothing is recognised better.
"""

from __future__ import annotations

from collections.abc import Sequence

from speech_tl.figures import Rates
from speech_tl.reporting import words
from speech_tl.reporting.report import Shares, Target, TextStyles
from speech_tl.scoring.wer import Evaluation
from speech_tl.text.style import Style

LARGEST_DIFFERENCE = 0.5
"""Shares of texts with capitals, or with final marks, that differ by more are two styles."""


def style_figures(before: Evaluation, after: Evaluation) -> TextStyles:
    """How the texts of either side and of the references are written."""
    texts = {
        "references": [utterance.reference_raw for utterance in after.utterances],
        "before": [utterance.hypothesis_raw for utterance in before.utterances],
        "after": [utterance.hypothesis_raw for utterance in after.utterances],
    }
    styles = {name: Style.of(written) for name, written in texts.items()}
    known = [style for style in styles.values() if style.texts]
    return TextStyles(
        **{name: Shares(capitals=style.capitals, final_marks=style.final_marks) for name, style in styles.items()},
        comparable=_alike([style.capitals for style in known]) and _alike([style.final_marks for style in known]),
    )


def as_written(target: Target) -> tuple[Rates, Rates] | None:
    """The error rates of the texts as written before and after; None where they are unknown or say nothing."""
    before, after = target.before.raw, target.after.raw
    comparable = target.style is None or target.style.comparable
    return (before, after) if before and after and comparable else None


def style_line(target: Target) -> str:
    """Why the rate of the texts as written is left out; "" where it is not."""
    style = target.style
    if not style or style.comparable:
        return ""
    return (
        f"Without normalisation the {target.rate.upper()} says nothing here: capitals / final marks stand in "
        f"references {_shares(style.references)}, before {_shares(style.before)}, after {_shares(style.after)} of the "
        "texts."
    )


def _alike(shares: Sequence[float | None]) -> bool:
    known = [share for share in shares if share is not None]
    return not known or max(known) - min(known) <= LARGEST_DIFFERENCE


def _shares(side: Shares) -> str:
    shares = side.capitals, side.final_marks
    return " / ".join(words.NOTHING if share is None else f"{100 * share:.0f} %" for share in shares)
