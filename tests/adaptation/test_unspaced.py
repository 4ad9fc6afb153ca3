"""A run in a language written without spaces: the CER leads from the first look at dev to the model's card."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jiwer
import pytest
import yaml
from rich.console import Console

from speech_tl.adaptation import AdaptationResult, adapt
from speech_tl.comparison import compare
from speech_tl.recipe import Recipe
from speech_tl.reporting.page import terminal_table
from tests.small import any_dev_chooses, made_corpus, rows_of, written
from tests.tiny import tiny_ctc

CHINESE = ["你好世界", "今天天气很好", "我们去学校", "请开门", "一二三四五", "谢谢你"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdaptationResult]:
    """Four steps on Chinese, with an English guard."""
    folder = tmp_path_factory.mktemp("chinese")
    english = made_corpus(folder / "data")
    rows = [row | {"text": CHINESE[number % 6], "language": "zh"} for number, row in enumerate(rows_of(english))]
    model = tiny_ctc(folder / "model", characters="".join(sorted(set("".join(CHINESE)) | set("abcdefghijklmnopqrst"))))
    recipe = Recipe.model_validate(
        {
            "name": "chinese",
            "model": {"source": str(model)},
            "data": {"root": str(written(folder / "chinese.csv", rows))},
            "training": {"max_steps": 4, "eval_steps": 2, "batch_seconds": 6.0, "precision": "float32", "workers": 0},
            "decoding": {"workers": 0},
            "scoring": {"by": ["gender"]},
            "guards": {"english": {"data": str(english), "normaliser": "basic"}},
        }
    )
    with any_dev_chooses():
        yield adapt(recipe, folder / "run")


def characters(run: AdaptationResult, side: str) -> float:
    """The CER of what a folder's utterances hold, by jiwer."""
    lines = (run.folder / side / "utterances.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return jiwer.cer([row["reference"] for row in rows], [row["hypothesis"] for row in rows])


def test_its_change_is_the_report_s(run: AdaptationResult) -> None:
    target = run.report.as_dict()["target"]
    assert target["rate"] == "cer" and run.report.normaliser == "unspaced"
    rates = [characters(run, side) for side in ("before", "after")]
    assert [target[side]["cer"] for side in ("before", "after")] == pytest.approx(rates)
    change = target["cer_change"]
    assert change["absolute"] == pytest.approx(rates[1] - rates[0])
    assert change["relative"] == pytest.approx((rates[1] - rates[0]) / rates[0])
    assert change["ci95"][0] <= change["absolute"] <= change["ci95"][1] and 0 < change["p_value"] <= 1
    assert "paired bootstrap" in change["method"]
    assert target["wer_change"]["absolute"] == target["after"]["wer"] - target["before"]["wer"]
    group = run.report.as_dict()["groups"]["gender"]["f"]
    assert group["change"]["absolute"] == pytest.approx(group["after"]["cer"] - group["before"]["cer"])


def test_kinds_of_error_are_of_characters(run: AdaptationResult) -> None:
    errors = run.report.as_dict()["errors"]
    confused = [entry for side in errors["confusions"].values() for entry in side]
    assert confused and all(len(said) == len(heard) == 1 for said, heard, _ in confused)
    counts = [{u.id: u.characters.errors for u in side.utterances} for side in (run.before, run.after)]
    for name, first, last in errors["improved"] + errors["worsened"]:
        assert (first, last) == (counts[0][name], counts[1][name])


def test_a_guard_is_judged_by_the_rate_of_its_own_language(run: AdaptationResult) -> None:
    guard = run.report.as_dict()["guards"]["english"]
    assert guard["rate"] == "wer" and {"wer_change", "cer_change"} <= guard.keys()


def test_dev_selects_by_it(run: AdaptationResult) -> None:
    log = [json.loads(line) for line in (run.folder / "training" / "log.jsonl").read_text().splitlines()]
    looks = {entry["step"]: entry["dev_cer"] for entry in log if "dev_cer" in entry}
    figures = run.report.as_dict()["training"]
    assert 0 in looks and figures["best_dev_cer"] == looks[figures["best_step"]]
    assert figures["best_dev_cer"] == min(cer for step, cer in looks.items() if step)
    assert "best_dev_wer" not in figures


def shown(table: Any) -> str:
    console = Console(width=100, record=True)
    console.print(table)
    return console.export_text()


def test_every_page_shows_it_first(run: AdaptationResult) -> None:
    before, after = (f"{100 * run.report.as_dict()['target'][side]['cer']:.1f} %" for side in ("before", "after"))
    lines = shown(terminal_table(run.report)).splitlines()
    rows = [line for line in lines if "\u2502" in line]
    assert rows[0].split("\u2502")[1].strip() == "CER" and before in rows[0] and after in rows[0]
    markdown = (run.folder / "report.md").read_text(encoding="utf-8")
    assert "characters: too few to tell.** CER" in markdown
    assert f"CER {before} → {after}, WER" in markdown and "| CER (95 % interval) |" in markdown
    assert "| gender | CER before | after | points (95 % interval) | characters |" in markdown
    html = (run.folder / "report.html").read_text(encoding="utf-8")
    first = html.split("<nav", 1)[0]
    assert f"CER {before} → {after}</title>" in first and "<dt>CER before</dt>" in first and "WER" not in first
    for title in ("change of the CER (percentage points)", "CER by gender", "CER on the dev split",
                  "errors in 100 characters said"):  # fmt: skip
        assert title in html, title
    assert "WER of the guards" in html, "the guard is English"
    card = (run.folder / "model" / "README.md").read_text(encoding="utf-8")
    assert f"**CER {before} → {after}" in card and "Change of the CER:" in card
    metrics = [
        metric["type"] for metric in yaml.safe_load(card.split("---")[1])["model-index"][0]["results"][0]["metrics"]
    ]
    assert metrics == ["cer", "wer"]


def test_what_the_page_aligns_is_what_is_counted(run: AdaptationResult) -> None:
    html = (run.folder / "report.html").read_text(encoding="utf-8")
    data = html.split('id="utterance-data">', 1)[1].split("</script>", 1)[0]
    rows = json.loads(data.replace("\\u003c", "<"))["rows"]
    for place, side in enumerate((run.before, run.after)):
        counted = {utterance.id: utterance.characters.errors for utterance in side.utterances}
        wrong = {row[0]: sum(len(h) if isinstance(h, list) else 1 for _, h in row[6][place]) for row in rows}
        assert wrong == counted


def test_comparing_its_two_sides_says_the_same(run: AdaptationResult) -> None:
    report = compare(run.folder / "before", run.folder / "after")
    assert report["target"]["rate"] == "cer"
    assert report.target.cer_change == run.report.target.cer_change
    worse = compare(run.folder / "after", run.folder / "before")["target"]["cer_change"]
    assert worse["absolute"] == -run.report.target.cer_change.absolute
