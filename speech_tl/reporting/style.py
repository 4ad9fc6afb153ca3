"""Whether an error rate of texts as they are written can be compared: only where all write capitals and marks alike.

Where references have none and a model stops writing them, that rate falls although nothing is recognised better.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speech_tl.reporting import words
from speech_tl.scoring.wer import Evaluation
from speech_tl.text.style import Style

LARGEST_DIFFERENCE = 0.5
"""Shares of texts with capitals, or with final marks, that differ by more are two styles."""

KINDS = {"capitals": "capitals", "final_marks": "final marks"}


def style_figures(before: Evaluation, after: Evaluation) -> dict[str, Any]:
    """Shares of the texts that have capitals and final marks, of either side and of the references.

    Returns:
        `references`, `before`, `after`: each `capitals` (None for scripts without) and `final_marks`; and `comparable`,
        whether the error rates of the texts as written are.
    """
    texts = {
        "references": [utterance.reference_raw for utterance in after.utterances],
        "before": [utterance.hypothesis_raw for utterance in before.utterances],
        "after": [utterance.hypothesis_raw for utterance in after.utterances],
    }
    styles = {name: Style.of(written) for name, written in texts.items()}
    found = {name: {kind: getattr(style, kind) for kind in KINDS} for name, style in styles.items()}
    known = [found[name] for name, style in styles.items() if style.texts]
    return {**found, "comparable": all(_alike([side[kind] for side in known]) for kind in KINDS)}


def as_written(target: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The error rates of the texts as written before and after; None where they are unknown or say nothing."""
    sides = target["before"].get("raw"), target["after"].get("raw")
    return sides if all(sides) and (target.get("style") or {}).get("comparable", True) else None


def style_line(target: Mapping[str, Any]) -> str:
    """Why the rate of the texts as written is left out; "" where it is not."""
    style = target.get("style")
    if not style or style["comparable"]:
        return ""
    told = [f"{name} {_shares(style[name])}" for name in ("references", "before", "after")]
    return (
        f"Without normalisation the {words.rate_of(target).upper()} says nothing here: capitals / final marks stand in "
        f"{', '.join(told)} of the texts."
    )


def _alike(shares: list[float | None]) -> bool:
    known = [share for share in shares if share is not None]
    return not known or max(known) - min(known) <= LARGEST_DIFFERENCE


def _shares(side: Mapping[str, Any]) -> str:
    return " / ".join(words.NOTHING if side[kind] is None else f"{100 * side[kind]:.0f} %" for kind in KINDS)
