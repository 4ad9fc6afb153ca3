"""report.html: one self-contained page, readable on a phone and on paper, in light and in dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.reporting import words
from speech_tl.reporting.plots import Point, curve_plot, interval_plot
from speech_tl.scoring.alignment import chunks_of
from speech_tl.scoring.wer import Evaluation, ScoredUtterance

if TYPE_CHECKING:
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
SHOWN_EACH_WAY = 25
SMALL_GROUP_WORDS = 200


def html_page(
    report: Mapping[str, Any],
    before: Evaluation | None = None,
    after: Evaluation | None = None,
    log: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The report as a page; nothing in it is loaded from elsewhere, all text from data is escaped.

    Args:
        report: from `build_report`.
        before, after: for the utterances that changed most; without both, the page leaves them out.
        log: entries of training/log.jsonl with `step` and `loss` or `dev_wer`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    change = report["target"]["wer_change"]
    return environment.get_template("report.html").render(
        report=report,
        words=words,
        change=change,
        change_plot=interval_plot(change) if change["ci95"] else None,
        curves=_curves(log),
        facts=words.training_facts(report["training"]),
        improved=_changed(before, after, better=True),
        worsened=_changed(before, after, better=False),
        small=SMALL_GROUP_WORDS,
    )


def _curves(log: Sequence[Mapping[str, Any]]) -> list[Markup]:
    """Loss and dev WER over the steps, as far as they were logged."""
    loss, dev = _series(log, "loss"), [(step, 100 * value) for step, value in _series(log, "dev_wer")]
    curves = [curve_plot("Training loss", "loss", loss)] if loss else []
    return [*curves, curve_plot("WER on the dev split", "WER (%)", dev)] if dev else curves


def _series(log: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    """The finite values of one logged quantity by step."""
    found = [(entry["step"], entry[name]) for entry in log if entry.get(name) is not None and "step" in entry]
    return [(step, value) for step, value in found if math.isfinite(value)]


def _changed(before: Evaluation | None, after: Evaluation | None, better: bool) -> list[dict[str, Any]]:
    """The utterances that gained (or lost) most words, with both alignments."""
    if before is None or after is None:
        return []
    second = {utterance.id: utterance for utterance in after.utterances}
    pairs = [(first, second[first.id]) for first in before.utterances if first.id in second]
    sign = 1 if better else -1
    pairs = [(first, last) for first, last in pairs if sign * (first.errors - last.errors) > 0]
    pairs.sort(key=lambda sides: sign * (sides[1].errors - sides[0].errors))
    return [_shown(first, last) for first, last in pairs[:SHOWN_EACH_WAY]]


def _shown(before: ScoredUtterance, after: ScoredUtterance) -> dict[str, Any]:
    """One utterance as the page shows it."""
    return {
        "id": before.id,
        "speaker": before.speaker,
        "reference": before.reference,
        "errors": (before.errors, after.errors, before.words),
        "sides": [
            (name, chunks_of(side.reference, side.hypothesis)) for name, side in (("before", before), ("after", after))
        ],
    }
