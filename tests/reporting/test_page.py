"""The report: the contract's keys, and figures that can be recomputed."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import jiwer
import pytest

from speech_tl.errors import BadInput
from speech_tl.reporting.markdown import markdown_page
from speech_tl.reporting.page import TRAINING, build_report, evaluation_table, terminal_table, write_report
from speech_tl.reporting.report import Report
from speech_tl.scoring.wer import Evaluation, score
from tests.scoring.made import Said, evaluation

SCORE = {"wer", "cer", "words", "utterances", "substitutions", "deletions", "insertions", "ci95", "raw"}
SCORE |= {"cer_ci95", "by_character"}
CHANGE = {"absolute", "relative", "ci95", "p_value", "method", "significant", "too_few", "won", "mapsswe"}


def spoken(error_rate: float, seed: int, speakers: int = 12, said: str = "the cat sat on the mat") -> Evaluation:
    """A made-up model that mishears each word with some probability."""
    chance = random.Random(seed)
    utterances = [
        Said(f"u{row}", said, columns={"speaker": f"s{row % speakers}", "gender": "fm"[row % 2], "age": row % 3})
        for row in range(60)
    ]
    heard = [" ".join("uh" if chance.random() < error_rate else word for word in said.split()) for _ in utterances]
    return score(utterances, heard, "basic", model={"source": "starter"}, decoding={"beam": 1}, data={"split": "test"})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report, Evaluation, Evaluation]:
    before, after = spoken(0.5, 1), spoken(0.2, 2)
    guard = (spoken(0.1, 3), spoken(0.12, 4))
    training = {"steps": 400, "seconds": 4000.0, "trainable_parameters": 5_000_000, "total_parameters": 5_300_000}
    report = build_report(
        "scottish", before, after, guards={"librispeech": guard}, by=["gender", "age"], training=training,
        data={"excluded": {"silent": 2}}, notes=["A speaker is shared by train and test."],
    )  # fmt: skip
    log = [{"step": s, "loss": 3 / s} for s in range(1, 400, 9)] + [{"step": 200, "dev_wer": 0.3, "loss": float("nan")}]
    folder = write_report(report, tmp_path_factory.mktemp("run"), before, after, log)
    before.write(folder / "before")
    after.write(folder / "after")
    return folder, report, before, after


def test_report_json_has_the_contracts_keys(run) -> None:
    report = json.loads((run[0] / "report.json").read_text())
    assert {"recipe", "target", "guards", "groups", "training", "model", "decoding", "normaliser"} <= set(report)
    for measured in (report["target"], report["guards"]["librispeech"]):
        assert set(measured) >= {"before", "after", "wer_change"}
        assert set(measured["before"]) == set(measured["after"]) == SCORE
        assert set(measured["wer_change"]) == set(measured["cer_change"]) == CHANGE and measured["rate"] == "wer"
    assert set(report["training"]) == set(TRAINING) and report["training"]["epochs"] is None
    assert set(report["groups"]) == {"gender", "age"} and set(report["groups"]["age"]) == {"0", "1", "2"}
    assert set(report["groups"]["gender"]["f"]) == {"before", "after", "words", "change", "small"}
    assert report["normaliser"] == "basic" and report["recipe"] == "scottish"


def test_figures_are_recomputable_by_jiwer_alone_from_the_files(run) -> None:
    folder = run[0]
    report = json.loads((folder / "report.json").read_text())
    wers = []
    for side in ("before", "after"):
        rows = [json.loads(line) for line in (folder / side / "utterances.jsonl").read_text().split("\n") if line]
        texts = [row["reference"] for row in rows], [row["hypothesis"] for row in rows]
        wers.append(jiwer.wer(*texts))
        assert report["target"][side]["wer"] == jiwer.wer(*texts)
        assert report["target"][side]["cer"] == jiwer.cer(*texts)
    change = report["target"]["wer_change"]
    assert change["absolute"] == wers[1] - wers[0] and change["relative"] == (wers[1] - wers[0]) / wers[0]


def test_report_is_the_same_when_read_back(run) -> None:
    folder, report, *_ = run
    assert json.loads((folder / "report.json").read_text()) == report.as_dict()
    assert Report.read(folder / "report.json") == report
    again = build_report(
        "scottish", Evaluation.read(folder / "before"), Evaluation.read(folder / "after"), by=["gender", "age"]
    )
    assert again["target"] == report["target"] and again["groups"] == report["groups"]


def test_report_md_says_whether_it_is_real_and_under_which_conditions(run) -> None:
    text = (run[0] / "report.md").read_text()
    for part in (
        "significantly better (95 % interval excludes zero)",
        "paired bootstrap over 12 speakers",
        "normaliser: `basic` (rules `",
        "beam 1",
        "2 rows set aside (2 silent)",
        "A speaker is shared",
        "| substitutions |",
        "## Guards",
        "## By gender",
        "time 1 h 06 min",
    ):
        assert part in text, part
    assert len(text) < 4000


def test_terminal_table_is_compact(run) -> None:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=80)
    console.print(terminal_table(run[1]))
    shown = console.file.getvalue()
    assert "significantly better (95 % interval excludes zero)" in shown and "guard librispeech: WER" in shown
    assert len(shown.splitlines()) < 20


def test_too_few_to_tell_leads_page_and_terminal(tmp_path: Path) -> None:
    from rich.console import Console

    before, after = spoken(0.5, 1, speakers=4), spoken(0.2, 2, speakers=4)
    report = build_report("small", before, after)
    change = report["target"]["wer_change"]
    assert change["ci95"][1] < 0 and change["p_value"] < 0.05 and change["significant"] is False
    few = "4 speakers, 360 words: too few to tell"
    assert report["target"]["cer_change"]["too_few"] == change["too_few"] == few
    console = Console(file=io.StringIO(), width=80)
    console.print(terminal_table(report))
    assert console.file.getvalue().strip().startswith(few)
    write_report(report, tmp_path, before, after)
    lines = [line for line in (tmp_path / "report.md").read_text().splitlines() if line]
    assert lines[1].startswith(f"**{few}.** WER 5")
    page = (tmp_path / "report.html").read_text()
    assert page.index(f"{few}.</p>") < page.index("Measured on")
    assert "significantly" not in page.partition("<nav")[0]


def test_one_voice_and_silence_are_said(tmp_path: Path) -> None:
    one = build_report("my_voice", spoken(0.5, 1, speakers=1), spoken(0.2, 2, speakers=1))
    assert any(note.startswith("This voice only") for note in one["notes"])
    assert one["target"]["wer_change"]["significant"]
    assert "excludes zero), for this one voice" in markdown_page(one)
    silence = evaluation([("", "you"), ("", "")])
    report = build_report("silence", silence, silence)
    assert report["target"]["wer_change"]["absolute"] is None
    write_report(report, tmp_path, silence, silence)
    assert "no WER" in (tmp_path / "report.md").read_text()


def test_error_rates_that_disagree_are_told_on_the_first_screen(tmp_path: Path) -> None:
    """Whoever writes next to nothing has fewer wrong words than who writes many that are nearly right."""
    said = [("one two three", f"ons twos threes and{n}") for n in range(72)]
    wordy = evaluation(said, speakers=[f"s{n % 12}" for n in range(72)])
    silent = evaluation([(text, "") for text, _ in said], speakers=[f"s{n % 12}" for n in range(72)])
    report = build_report("x", wordy, silent)
    target = report["target"]
    assert target["wer_change"]["absolute"] < 0 < target["cer_change"]["absolute"]
    assert report["notes"][0].startswith("The two error rates disagree: WER −33.3 but CER +")
    assert "(0 words were left out before, 216 after)" in report["notes"][0]
    write_report(report, tmp_path, wordy, silent)
    assert report["notes"][1].startswith("After adapting, nothing at all is written for 72 of 72 utterances")
    for name in ("report.md", "report.html"):
        assert "error rates disagree" in (tmp_path / name).read_text(encoding="utf-8")
    assert build_report("x", wordy, wordy)["notes"] == build_report("x", spoken(0.5, 1), spoken(0.2, 2))["notes"] == []


def test_reports_refuse_other_words_and_unknown_columns() -> None:
    before = spoken(0.5, 1)
    with pytest.raises(BadInput, match="reference"):
        build_report("x", before, spoken(0.2, 2, said="another text"))
    with pytest.raises(BadInput, match="did you mean 'gender'"):
        build_report("x", before, spoken(0.2, 2), by=["gendre"])


def test_the_terminal_shows_the_leading_rate_first() -> None:
    from rich.console import Console

    def shown(table: object) -> str:
        console = Console(width=100, record=True, file=io.StringIO())
        console.print(table)
        return console.export_text()

    thai = evaluation([("กขคง", "กคคง"), ("กขคง", "กคคง"), ("กขคง", "กขคง")], "unspaced", speakers=["s", "s", "t"])
    thai.data["language"] = "th"
    alone, both = shown(evaluation_table(thai)), shown(terminal_table(build_report("thai", thai, thai)))
    assert alone.index("CER") < alone.index("WER") and both.index("CER") < both.index("WER")
    assert "16.7 %" in alone and "0.0 to 25.0 %" in alone and "characters" in alone
    assert "0.0 to 25.0 %" in both
    english = shown(evaluation_table(evaluation([("a", "a")])))
    assert english.index("WER") < english.index("CER")
