"""Two evaluations of one test set: what changed, and whether that may be luck."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speech_tl.scoring.wer import Evaluation


def compare(
    before: str | Path | Evaluation,
    after: str | Path | Evaluation,
    by: Sequence[str] = (),
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Compare two evaluations of the same utterances.

    Args:
        before, after: evaluations, or the folders that `speech-tl evaluate --out` or a run wrote.
        by: manifest columns to report by group.
        out: folder for report.json, report.md and report.html; nothing is written without it.

    Returns:
        A report as a run has it, with both models under `model`, no training, and under `conditions` one line for
        each other condition that differs (decoding, data, versions, language).

    Raises:
        BadInput: a folder holds no evaluation, or the test set, segments, references or normaliser differ (names
            the first offenders), or no utterance has a column of `by`.
    """
    from speech_tl.reporting.page import build_report, write_report
    from speech_tl.scoring.pairing import differing_conditions, pair

    first, second = _evaluation(before), _evaluation(after)
    second = pair(first, second, (_name(before, "before"), _name(after, "after")))
    models = {"before": first.model, "after": second.model}
    report = build_report(_title(first, second), first, second, by=by, model=models)
    report["conditions"] = differing_conditions(first, second)
    if out is not None:
        write_report(report, out, first, second)
    return report


def _evaluation(given: str | Path | Evaluation) -> Evaluation:
    """The evaluation itself, read if it is a folder."""
    from speech_tl.scoring.wer import Evaluation

    return given if isinstance(given, Evaluation) else Evaluation.read(given)


def _name(given: str | Path | Evaluation, otherwise: str) -> str:
    """How a message names one side."""
    return str(given) if isinstance(given, (str, Path)) else otherwise


def _title(before: Evaluation, after: Evaluation) -> str:
    """What is compared with what, by the models' sources where they are known."""
    first, second = (str(side.model.get("source") or "unknown model") for side in (before, after))
    return f"{first} compared with {second}"
