"""The report of several recognisers: its figures, its page, its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.reporting import words
from speech_tl.reporting.ranking import build_ranking, ranking_page, ranking_table, write_ranking
from speech_tl.reporting.ranking_html import ranking_html
from speech_tl.reporting.report import Ranking
from speech_tl.scoring.wer import Evaluation, score
from tests.reporting.made import HOSTILE, two_models
from tests.reporting.test_html import Page
from tests.scoring.made import Said


def heard(wrong: int, **conditions: object) -> Evaluation:
    """24 sentences of 12 speakers; the first `wrong` of ten words are misheard by all."""
    said = [
        Said(f"u{n}", "a b c d e f g h i j", columns={"speaker": f"s{n // 2}", "room": "hall" if n < 20 else "<car>"})
        for n in range(24)
    ]
    written = [" ".join([*"x" * wrong, *"abcdefghij"[wrong:]])] * 24
    return score(said, written, "none", heard=["same"] * 24, **conditions)


def three() -> dict[str, Evaluation]:
    return {"two|wrong": heard(2), "none": heard(0), "half": heard(5, decoding={"beam": 5})}


@pytest.fixture
def report() -> Ranking:
    return build_ranking(three(), by=["room"])


def test_every_figure_is_in_the_report(report: Ranking) -> None:
    assert [(place["rank"], place["name"], place["wer"]) for place in report["ranking"]] == [
        (1, "none", 0.0),
        (2, "two|wrong", 0.2),
        (3, "half", 0.5),
    ]
    assert report["ranking"][0]["better_than"] == ["two|wrong", "half"]
    assert [test["absolute"] for test in report["pairs"]] == pytest.approx([0.2, 0.5, 0.3])
    assert all(test["p_value"] <= test["p_holm"] < 0.05 and test["significant"] for test in report["pairs"])
    assert report.groups["room"]["hall"].as_dict() == {
        "words": 200,
        "small": False,
        "rates": {"two|wrong": 0.2, "none": 0.0, "half": 0.5},
        "ci95": {"two|wrong": [0.2, 0.2], "none": [0.0, 0.0], "half": [0.5, 0.5]},
    }
    assert report["groups"]["room"]["<car>"]["small"]
    assert report["conditions"] == ["decoding.beam: unknown (two|wrong, none), 5 (half)"]


def test_the_page_names_the_winner_and_breaks_at_no_name(report: Ranking, tmp_path: Path) -> None:
    folder = write_ranking(report, tmp_path / "out", three())
    assert json.loads((folder / "report.json").read_text()) == report.as_dict()
    page = (folder / "report.md").read_text()
    assert page == ranking_page(report)
    assert "**none is best: significantly better than all 2 others.**" in page
    lines = [line for line in page.splitlines() if line.startswith("| 2 ")]
    assert lines[0].split(" | ")[1] == "two\\|wrong" and lines[0].split(" | ")[-1] == "3 |"
    assert "\\<car\\> (too small to judge)" in page


def test_the_html_page_holds_every_figure_and_breaks_at_no_name(report: Ranking) -> None:
    sides = three()
    page = Page(ranking_html(report, sides))
    assert "2 two|wrong" in page.text and "1 none is best: significantly better than all 2 others." in page.text
    for place in report["ranking"]:
        assert f"{100 * place['wer']:.1f} %" in page.text
    assert "3 of 3 differences are significant" in page.text and "Holm 1979, 3 pairs" in page.text
    assert "decoding.beam: unknown (1 none, 2 two|wrong), 5 (3 half)" in page.text
    assert "<car> †" in page.text and "car" not in page.tags
    assert page.tags.count("svg") == page.tags.count("figcaption") == 3  # order, pairs, room
    assert [len(row[6]) for row in page.rows] == [3] * 24
    counts = [[sum(len(h) if isinstance(h, list) else 1 for _, h in edits) for edits in row[6]] for row in page.rows]
    assert counts == [[0, 2, 5]] * 24, "in the order of the ranking"
    assert all(address.startswith(("#", "data:,")) for address in page.loaded) and page.handlers == []
    assert page.policy.startswith("default-src 'none'") and "unsafe" not in page.policy


def test_markup_in_names_texts_and_files_is_text(tmp_path: Path) -> None:
    poor, good = two_models(tmp_path)
    sides = {f"poor {HOSTILE}": poor, f"good {HOSTILE}": good, "third": poor}
    folder = write_ranking(build_ranking(sides, by=["gender"]), tmp_path / "out", sides, "link")
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert "img" not in page.tags and page.tags.count("script") == 2
    assert page.text.count(HOSTILE) >= 5 and [row for row in page.rows if HOSTILE in row[4]]


def test_paths_are_called_by_what_tells_them_apart() -> None:
    assert words.telling(["runs/small/after", "runs/base/after"]) == ["small", "base"]
    assert words.telling(["runs/a/before", "runs/a/after"]) == ["before", "after"]
    assert words.telling(["a.csv", "b.csv"]) == ["a.csv", "b.csv"] and words.telling(["x/a", "a"]) == ["x/a", "a"]


def test_the_table_says_what_is_not_significant() -> None:
    from rich.console import Console

    found = build_ranking({"one": heard(2), "same": heard(2), "worse": heard(5)})
    console = Console(width=100, record=True)
    console.print(ranking_table(found))
    shown = console.export_text()
    assert "one comes first, significantly better than only 1 of the other 2." in shown
    assert "20.0 %" in shown and "Holm 1979, 3 pairs" in shown and "paired bootstrap over 12 speakers" in shown


def test_too_few_speakers_or_words_claim_nothing() -> None:
    def few(wrong: str) -> Evaluation:
        return score([Said(f"u{n}", "a b", columns={"speaker": f"s{n}"}) for n in range(4)], [wrong] * 4, "none")

    sides = {"right": few("a b"), "wrong": few("x x")}
    found = build_ranking(sides)
    assert found["ranking"][0]["better_than"] == [] and not found["pairs"][0]["significant"]
    assert "**4 speakers, 8 words: too few to tell; right comes first.**" in ranking_page(found)
    page = ranking_html(found, sides)
    assert page.index("too few to tell; 1 right comes first.</p>") < page.index("Measured on")


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="roon"):
        build_ranking({"a": heard(1), "b": heard(2)}, by=["roon"])
