"""report.md: everything a reviewer asks for, parts of older reports left out, text from data kept text."""

from __future__ import annotations

import re

from speech_tl.data.leaks import Leaks
from speech_tl.reporting.markdown import headline, markdown_page
from speech_tl.reporting.page import build_report
from speech_tl.reporting.report import Report
from tests.scoring.made import evaluation

SAID = "a b c d e f g h i j"


def scored(errors: int, **columns: str):
    heard = " ".join(["x"] * errors + SAID.split()[errors:])
    return evaluation([(SAID, heard)] * 24, speakers=[f"s{n % 12}" for n in range(24)], **columns)


def a_report(**given) -> Report:
    return build_report("mandarin", scored(5, gender="f"), scored(2, gender="f"), by=["gender"], **given)


def shown(report: dict) -> str:
    """The page of what report.json holds."""
    return markdown_page(Report.model_validate(report))


def test_the_first_lines_say_what_changed_and_whether_it_is_real() -> None:
    lines = [line for line in markdown_page(a_report()).splitlines() if line]
    assert lines[0] == "# mandarin"
    assert lines[1] == "**WER 50.0 % → 20.0 %**: significantly better (95 % interval excludes zero)."
    assert "95 % interval −30.0 to −30.0" in lines[2] and "paired bootstrap over 12 speakers" in lines[2]


def test_tests_and_raw_figures_are_told_where_they_are_known() -> None:
    report = a_report().as_dict()
    target = report["target"]
    target["wer_change"] |= {"won": 0.98, "mapsswe": {"z": 3.2, "p_value": 0.0014, "segments": 30}}
    target["before"]["raw"], target["after"]["raw"] = {"wer": 0.9, "cer": 0.5}, {"wer": 0.3, "cer": 0.2}
    page = shown(report).replace("\u00a0", " ")
    assert "better in 98 % of the bootstrap resamples." in page
    assert "Matched pairs (MAPSSWE): p = 0.001, 30 segments." in page
    assert "| WER of the text as written | 90.0 % | 30.0 % | −60.0 |" in page


def test_guards_have_their_limit_and_verdict() -> None:
    guards = {"libri": (scored(1), scored(4)), "held": (scored(1), scored(1))}
    page = markdown_page(a_report(guards=guards, guard_limits={"libri": 0.05}))
    assert "| libri | 10.0 % | 40.0 % | +30.0 (+30.0 to +30.0) | +5.0 | `none` | **beyond its limit**" in page
    assert re.search(r"\| held \| 10.0 % \| 10.0 % \| 0.0 .*\| \+2.0 \| `none` \| no significant change", page)
    assert page.index("Warning: libri worsened") < page.index("| WER (95 % interval)"), "told before the tables"


def test_groups_have_intervals_small_marks_and_the_gap() -> None:
    report = a_report().as_dict()
    sides = {side: report["target"][side] for side in ("before", "after")}
    change = {"absolute": -0.3, "ci95": [-0.4, -0.2]}
    report["groups"] = {
        "gender": {
            "f": {**sides, "words": 900, "before": sides["before"] | {"words": 900}, "change": change, "small": False},
            "m": {**sides, "words": 20, "before": sides["before"] | {"words": 20}, "change": change, "small": True},
        }
    }
    gap = {"best": "f", "worst": "m", "gap": 0.1}
    report["gaps"] = {"gender": {"before": gap, "after": gap}}
    page = shown(report)
    assert "| f | 50.0 % | 20.0 % | −30.0 (−40.0 to −20.0) | 900 |" in page
    assert "| m (too small to judge) |" in page
    assert "10.0 points before (f best, m worst)" in page


def test_kinds_of_error_take_a_few_lines() -> None:
    report = a_report().as_dict()
    report["errors"] = {
        "confusions": {"before": [["the", "a|b", 7], ["on", "z" * 99, 1]], "after": []},
        "fixed": [[f"w{n}", 20 - n] for n in range(20)],
        "broken": [],
        "loops": {"before": 3, "after": 1},
        "overlong": {"before": 0, "after": 0},
        "on_silence": {"before": 2, "after": 4},
    }
    page = shown(report)
    assert (
        "- confusions before: the → a\\|b 7, on → zzzzzzzzzzzzzzzzzzzzz... 1\n" in page
        and "confusions after" not in page
    )
    assert "- words fixed: w0 20, w1 19" in page and "w6" not in page
    assert "loops 3 → 1, longer than speech allows 0 → 0, text where nothing is said 2 → 4" in page


def test_leaks_and_other_conditions_are_listed() -> None:
    leaks = {
        "speakers": None,
        "sentences": {"count": 2, "first": ["we call it bear", "one"], "test_utterances": 5},
        "audio": {"count": 0, "first": [], "test_utterances": 0},
    }
    report = a_report(leaks=Leaks.model_validate(leaks))
    report.conditions = ["decoding.beam: 1 before, 5 after"]
    page = markdown_page(report)
    assert "Shared speakers: not known." in page and "Shared recordings: none." in page
    assert "we call it bear, one" in page
    assert "differs: decoding.beam: 1 before, 5 after" in page


def test_a_report_of_an_older_version_is_still_a_page() -> None:
    report = a_report(guards={"libri": (scored(1), scored(1))}).as_dict()
    for name in ("leaks", "conditions", "notes", "versions", "normaliser_hash", "errors", "gaps"):
        report.pop(name, None)
    report["guards"]["libri"].pop("limit")
    report["guards"]["libri"].pop("exceeded")
    page = shown(report)
    assert "| libri | 10.0 % | 10.0 % |" in page and "None" not in page


def test_it_fits_a_pull_request() -> None:
    guards = {f"guard{n}": (scored(1), scored(1)) for n in range(3)}
    page = markdown_page(a_report(guards=guards, training={"steps": 40, "seconds": 60.0}, notes=["one", "two"]))
    assert len(page.splitlines()) < 80 and len(page) < 8000
    assert page.count("<details>") == page.count("</details>") == 1


def test_the_cer_leads_where_words_are_not_written_apart() -> None:
    report = a_report(data={"language": "th"})
    assert re.fullmatch(r"CER [\d.]+ % → [\d.]+ %, WER 50.0 % → 20.0 %", headline(report.target))
