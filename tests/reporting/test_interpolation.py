"""The curve between old and new weights as page and Markdown show it."""

from __future__ import annotations

from pathlib import Path

from speech_tl.reporting.html import html_page
from speech_tl.reporting.interpolation import interpolation_section
from speech_tl.reporting.markdown import markdown_page
from speech_tl.reporting.page import build_report
from speech_tl.scoring.interpolation import Interpolation
from tests.reporting.made import two_models


def interpolation(share: float) -> Interpolation:
    """Five shares: dev falls, the guard rises; a loss of 20 points is allowed."""
    curve = [(0.0, 0.9, 0.4), (0.25, 0.8, 0.45), (0.5, 0.75, 0.55), (0.75, 0.72, 0.7), (1.0, 0.7, 0.85)]
    points = [
        {
            "share": at,
            "scores": {"target dev": {"leading": dev}, "source": {"leading": guard}},
            "allowed": guard <= 0.6,
        }
        for at, dev, guard in curve
    ]
    return Interpolation(
        share=share,
        points=points,
        limits={"source": 0.2},
        rates={"target dev": "wer", "source": "cer"},
        utterances={"target dev": 9, "source": 9},
    )


def test_every_share_has_a_row_and_the_chosen_one_is_marked(tmp_path: Path) -> None:
    before, after = two_models(tmp_path, rows=12, speakers=3)
    report = build_report("between", before, after, training={"interpolation": interpolation(0.5)})
    section = interpolation_section(report.training)
    assert [row.share for row in section.rows] == ["0", "0.25", "0.5", "0.75", "1"]
    assert [row.verdict for row in section.rows] == ["", "", "chosen", "too much lost", "too much lost"]
    assert section.rows[2].rates == ["75.0 %", "55.0 %"] and section.names == ["target", "source"]
    assert "source +20.0 points" in section.rule and "lowest WER on dev" in section.rule
    assert "Chosen: 0.5" in section.plot and "CER / WER (%)" in section.plot
    page, text = html_page(report), markdown_page(report)
    assert section.plot in page and 'id="interpolation"' in page and "too much lost" in page
    assert "| 0.5 | chosen | 75.0 % | 55.0 % |" in text
    assert "share of the new weights 50.0 %" in text


def test_a_run_without_interpolation_says_nothing_of_it(tmp_path: Path) -> None:
    before, after = two_models(tmp_path, rows=12, speakers=3)
    report = build_report("plain", before, after, training={"steps": 3})
    assert interpolation_section(report.training) is None
    assert "new weights" not in html_page(report) + markdown_page(report)


def test_the_finding_names_what_is_won_and_what_is_lost() -> None:
    told = interpolation(0.25).told()
    assert told.startswith("interpolated: 25.0 % of the new weights; dev WER 90.0 % with the old weights, 80.0 % now")
    assert "guard source (dev part) CER 40.0 % with the old weights, 45.0 % now, 85.0 % with the new" in told
