"""A guard's verdict: the limit in the report, the warning in words, nothing where it held."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from speech_tl.data.leaks import Leak, Leaks
from speech_tl.reporting.guards import guard_warnings, judged
from speech_tl.reporting.html import html_page
from speech_tl.reporting.markdown import markdown_page
from speech_tl.reporting.page import build_report, write_report
from speech_tl.reporting.report import BeforeAfter
from tests.scoring.made import evaluation

SAID = "a b c d e f g h i j"


def heard(errors: int) -> str:
    return " ".join(["x"] * errors + SAID.split()[errors:])


def scored(errors: int, speakers: int = 12):
    names = [f"s{n}" for n in range(speakers)]
    return evaluation([(SAID, heard(errors))] * 2 * speakers, speakers=2 * names)


@pytest.mark.parametrize(
    ("after", "limit", "exceeded"), [(0, 0.0, False), (1, 0.0, False), (2, 0.1, False), (2, 0.09, True), (3, 0.1, True)]
)
def test_a_guard_may_rise_by_its_limit_and_no_more(after: int, limit: float, exceeded: bool) -> None:
    report = build_report(
        "x", scored(5), scored(2), guards={"libri": (scored(1), scored(after))}, guard_limits={"libri": limit}
    )
    guard = report["guards"]["libri"]
    assert guard["limit"] == limit and guard["exceeded"] is exceeded
    assert bool(guard_warnings(report["guards"])) is exceeded


def test_a_guard_without_spaces_is_judged_by_its_cer() -> None:
    """Each utterance is one "word" there: its WER says nothing."""

    def chinese(heard: str):
        said = evaluation([("今天天气很好啊啊啊", heard)] * 12, "unspaced", speakers=[f"s{n}" for n in range(12)])
        said.data["language"] = "zh"
        return said

    right, one, two = (chinese(text) for text in ("今天天气很好啊啊啊", "今天天气很好啊啊呀", "今天天气很好啊呀呀"))
    guards = {"little": (one, two), "libri": (scored(1), scored(1))}
    report = build_report("x", scored(5), scored(2), guards=guards, guard_limits={"little": 0.1})
    little = report["guards"]["little"]
    assert little["wer_change"]["absolute"] == 0 and little["cer_change"]["absolute"] == pytest.approx(1 / 9)
    assert (little["rate"], little["exceeded"]) == ("cer", True)
    told = "guard little became worse: CER 11.1 % to 22.2 %, +11.1 points where +10.0 are allowed"
    assert report["notes"][0].startswith(told)
    held = build_report("x", scored(5), scored(2), guards={"little": (right, one)}, guard_limits={"little": 0.12})
    assert held["guards"]["little"]["wer_change"]["absolute"] == 1 and not held["guards"]["little"]["exceeded"]
    assert "| little | CER 11.1 % | CER 22.2 % |" in markdown_page(report)
    assert "| libri | WER 10.0 % | WER 10.0 % |" in markdown_page(report)
    assert "| test set | CER before |" in markdown_page(held)
    page = html_page(report)
    assert "CER of the guards" in page and "WER of the guards" in page


def test_the_warning_is_in_every_form_of_the_report(tmp_path: Path) -> None:
    before, after = scored(5), scored(2)
    guards = {"libri": (scored(1), scored(4)), "held": (scored(1), scored(1))}
    report = build_report("x", before, after, guards=guards)
    told = "guard libri became worse: WER 10.0 % to 40.0 %, +30.0 points where +2.0 are allowed"
    told += " (significantly worse (95 % interval excludes zero))"
    assert report["notes"][0] == told and guard_warnings(report["guards"]) == [told]
    write_report(report, tmp_path, before, after)
    assert json.loads((tmp_path / "report.json").read_text())["guards"]["held"]["exceeded"] is False
    for name in ("report.md", "report.html"):
        assert "guard libri became worse" in (tmp_path / name).read_text(), name


def test_a_guard_too_small_to_tell_claims_nothing_but_its_limit_warns() -> None:
    small = {"libri": (scored(1, speakers=4), scored(4, speakers=4))}
    report = build_report("x", scored(5), scored(2), guards=small)
    change = report["guards"]["libri"]["wer_change"]
    assert change["ci95"][0] > 0 and not change["significant"]
    assert change["too_few"] == "4 speakers, 80 words: too few to tell"
    (told,) = guard_warnings(report["guards"])
    assert told.endswith("+30.0 points where +2.0 are allowed (4 speakers, 80 words: too few to tell)")


def test_a_guard_without_words_exceeds_nothing() -> None:
    score = scored(0).score
    assert judged(BeforeAfter(before=score, after=score), limit=0.0).exceeded is False


def test_other_conditions_of_a_guard_are_listed() -> None:
    def under(beam: int):
        guard = scored(1)
        guard.decoding = {"beam": beam}
        return guard

    report = build_report("x", scored(5), scored(2), guards={"libri": (under(1), under(5))})
    assert report["conditions"] == ["guard libri: decoding.beam: 1 before, 5 after"]


def test_leaks_are_unknown_unless_somebody_looked() -> None:
    leaks = Leaks(sentences=Leak(count=0))
    assert build_report("x", scored(5), scored(2)).leaks is None
    assert build_report("x", scored(5), scored(2), leaks=leaks)["leaks"] == leaks
