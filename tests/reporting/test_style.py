"""The error rate of texts as they are written is shown only where all sides write capitals and marks alike."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from speech_tl.reporting.page import build_report, terminal_table, write_report
from speech_tl.scoring.wer import Evaluation
from tests.scoring.made import evaluation

BARE = ["we call it bear", "zero three five one", "open the door", "good morning"]
CASED = [f"{text.capitalize()}." for text in BARE]
REASON = "Without normalisation the WER says nothing here: capitals / final marks stand in references"


def side(references: list[str], hypotheses: list[str]) -> Evaluation:
    return evaluation(list(zip(references, hypotheses, strict=True)), "basic")


def shown(folder: Path, references: list[str], before: list[str], after: list[str]) -> tuple[dict, list[str]]:
    """The report's figures, and what Markdown, page and terminal show."""
    from rich.console import Console

    sides = side(references, before), side(references, after)
    report = build_report("style", *sides)
    write_report(report, folder, *sides)
    console = Console(file=io.StringIO(), width=100)
    console.print(terminal_table(report))
    pages = [(folder / name).read_text(encoding="utf-8") for name in ("report.md", "report.html")]
    squeezed = [" ".join(page.replace("\u00a0", " ").split()) for page in [*pages, console.file.getvalue()]]
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))["target"], squeezed


@pytest.mark.parametrize("after", [BARE, CASED])
def test_where_styles_differ_the_reason_stands_instead(tmp_path: Path, after: list[str]) -> None:
    target, pages = shown(tmp_path, BARE, CASED, after)
    assert target["before"]["raw"]["wer"] == 8 / 13  # the figures stay, with what they are worth
    assert target["style"]["comparable"] is False
    assert target["style"]["before"] == {"capitals": 1.0, "final_marks": 1.0}
    for page in pages:
        assert "as written" not in page and REASON in page
        assert "0 % / 0 %, before 100 % / 100 %" in page


@pytest.mark.parametrize("texts", [BARE, CASED, ["你好", "再见"]])
def test_where_all_write_alike_it_is_shown(tmp_path: Path, texts: list[str]) -> None:
    target, pages = shown(tmp_path, texts, [texts[0], *texts[:-1]], texts)
    assert target["style"]["comparable"] is True
    for page in pages:
        assert "as written" in page and "Without normalisation" not in page
