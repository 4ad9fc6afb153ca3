"""The report of several recognisers: its figures, its page, its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.reporting.ranking import build_ranking, ranking_page, ranking_table, write_ranking
from speech_tl.scoring.wer import Evaluation, score
from tests.scoring.made import Said


def heard(wrong: int, **conditions: object) -> Evaluation:
    """24 sentences of 12 speakers; the first `wrong` of ten words are misheard by all."""
    said = [
        Said(f"u{n}", "a b c d e f g h i j", columns={"speaker": f"s{n // 2}", "room": "hall" if n < 20 else "<car>"})
        for n in range(24)
    ]
    return score(said, [" ".join([*"x" * wrong, *"abcdefghij"[wrong:]])] * 24, "none", **conditions)


@pytest.fixture
def report() -> dict:
    three = {"two|wrong": heard(2), "none": heard(0), "half": heard(5, decoding={"beam": 5})}
    return build_ranking(three, by=["room"])


def test_every_figure_is_in_the_report(report: dict) -> None:
    assert [(place["rank"], place["name"], place["wer"]) for place in report["ranking"]] == [
        (1, "none", 0.0),
        (2, "two|wrong", 0.2),
        (3, "half", 0.5),
    ]
    assert report["ranking"][0]["better_than"] == ["two|wrong", "half"]
    assert [test["absolute"] for test in report["pairs"]] == pytest.approx([0.2, 0.5, 0.3])
    assert all(test["p_value"] <= test["p_holm"] < 0.05 and test["significant"] for test in report["pairs"])
    assert report["groups"]["room"]["hall"] == {
        "words": 200,
        "small": False,
        "rates": {"two|wrong": 0.2, "none": 0.0, "half": 0.5},
    }
    assert report["groups"]["room"]["<car>"]["small"]
    assert report["conditions"] == ["decoding.beam: unknown two|wrong, 5 half"]


def test_the_page_names_the_winner_and_breaks_at_no_name(report: dict, tmp_path: Path) -> None:
    folder = write_ranking(report, tmp_path / "out")
    assert json.loads((folder / "report.json").read_text()) == report
    page = (folder / "report.md").read_text()
    assert page == ranking_page(report)
    assert "**none is best, beyond chance.**" in page
    lines = [line for line in page.splitlines() if line.startswith("| 2 ")]
    assert lines[0].split(" | ")[1] == "two\\|wrong" and lines[0].split(" | ")[-1] == "3 |"
    assert "\\<car\\> (too small to judge)" in page


def test_the_table_says_what_is_not_beyond_chance() -> None:
    from rich.console import Console

    found = build_ranking({"one": heard(2), "same": heard(2), "worse": heard(5)})
    console = Console(width=100, record=True)
    console.print(ranking_table(found))
    shown = console.export_text()
    assert "one comes first, but beats only 1 of the other 2 beyond chance." in shown
    assert "20.0 %" in shown and "Holm 1979, 3 pairs" in shown and "paired bootstrap over 12 speakers" in shown


def test_few_speakers_are_said_to_describe_only_themselves() -> None:
    def few(wrong: str) -> Evaluation:
        return score([Said(f"u{n}", "a b", columns={"speaker": f"s{n}"}) for n in range(4)], [wrong] * 4, "none")

    page = ranking_page(build_ranking({"right": few("a b"), "wrong": few("x x")}))
    assert "right is best, beyond chance (descriptive only: few speakers)." in page


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="roon"):
        build_ranking({"a": heard(1), "b": heard(2)}, by=["roon"])
