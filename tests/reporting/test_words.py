"""How figures are written."""

from __future__ import annotations

import pytest

from speech_tl.data.leaks import Leak, Leaks
from speech_tl.reporting import words
from speech_tl.reporting.report import Guard
from speech_tl.scoring.groups import Gap, Spread
from speech_tl.scoring.matched_pairs import MatchedPairs
from speech_tl.scoring.significance import Change
from speech_tl.text.numbers import won_share
from tests.scoring.made import evaluation


@pytest.mark.parametrize(
    ("change", "tone", "expected"),
    [
        ({"ci95": [-0.2, -0.1], "p_value": 0.01}, "better", "significantly better (95 % interval excludes zero)"),
        ({"ci95": [0.1, 0.2], "p_value": 0.01}, "worse", "significantly worse (95 % interval excludes zero)"),
        ({"ci95": [-0.1, 0.1], "p_value": 0.4}, "open", "no significant change"),
        ({"ci95": [-0.2, -0.1], "p_value": 0.06}, "open", "no significant change"),
        ({"ci95": [-0.2, 0.01], "p_value": 0.04}, "open", "no significant change"),
        ({"ci95": [-0.2, -0.1], "p_value": 0.01, "significant": False}, "open", "no significant change"),
        (
            {"ci95": [-0.2, -0.1], "p_value": 0.01, "method": "over 90 utterances (one speaker)"},
            "better",
            "significantly better (95 % interval excludes zero), for this one voice",
        ),
        (
            {"ci95": [-0.2, -0.1], "p_value": 0.01, "too_few": "4 speakers, 120 words: too few to tell"},
            "open",
            "4 speakers, 120 words: too few to tell",
        ),
        ({"ci95": [-0.2, -0.1], "p_value": 0.01, "method": "descriptive: 3 speakers"}, "open", "too few to tell"),
        ({"ci95": None, "p_value": None, "method": "one utterance alone"}, "open", "too few to tell"),
    ],
)
def test_a_verdict_and_its_colour_follow_one_rule(change: dict, tone: str, expected: str) -> None:
    change = Change(absolute=None, **{"method": "over 41 speakers", **change})
    assert words.tone(change) == tone and words.verdict(change) == expected


def test_figures_as_text() -> None:
    assert words.percent(0.2534) == "25.3 %" and words.percent(None) == "–"
    assert (words.points(-0.0534), words.points(0.1), words.points(-0.0001)) == ("−5.3", "+10.0", "0.0")
    assert words.relative(-0.31) == "−31 %"
    assert (words.hours(4000), words.hours(70), words.hours(9)) == ("1 h 06 min", "1 min 10 s", "9 s")
    assert words.count(1234567) == "1\u00a0234\u00a0567"
    assert words.short({"beam": 1, "lm": None, "bounds": (0.5, 2)}) == "beam 1, bounds 0.5, 2"


def test_tests_are_said_in_plain_words() -> None:
    pairs = MatchedPairs(z=-3.1, p_value=0.0019, segments=1260)
    change = Change(absolute=-0.1, won=0.9996, p_value=0.0002, mapsswe=pairs)
    assert words.tests_lines(change) == [
        "After is better in over 99.9 % of the bootstrap resamples.",
        "Bootstrap: p < 0.001.",
        "Matched pairs (MAPSSWE): p = 0.002, 1\u00a0260 segments.",
    ]
    assert words.tests_lines(Change(absolute=None)) == []
    assert [won_share(share) for share in (1.0, 0.0, 0.0004, 0.98)] == ["100 %", "0 %", "under 0.1 %", "98 %"]


def test_guards_are_judged_in_one_sentence() -> None:
    score = evaluation([("a", "a")]).score

    def guard(absolute: float | None, **verdict: float) -> Guard:
        return Guard(before=score, after=score, wer_change=Change(absolute=absolute), **verdict)

    fine, beyond = guard(0.004, limit=0.02, exceeded=False), guard(0.031, limit=0.02, exceeded=True)
    assert words.guards_verdict({}).startswith("No guard was measured")
    assert words.guards_verdict({"a": fine}) == "The guard stayed within the limit."
    assert words.guards_verdict({"a": fine, "b": fine}) == "Both guards stayed within the limit."
    assert words.guards_verdict({"a": fine, "b": beyond}) == "Warning: b worsened beyond its limit."
    assert words.guards_verdict({"a": guard(0.1)}).endswith("no limit was set.")
    assert words.guard_line("b", beyond) == "b: +3.1 points (limit +2.0)"
    assert words.guard_line("b", guard(None)) == "b: no words to score"


def test_gaps_and_leaks() -> None:
    gap = Gap(
        before=Spread(best="female", worst="male", gap=0.031), after=Spread(best="male", worst="female", gap=0.01)
    )
    assert words.gap_line(gap) == (
        "Between the best and the worst group: 3.1 points before (female best, male worst), "
        "1.0 points after (male best, female worst)."
    )
    assert words.gap_points(gap) == "3.1 → 1.0 points" and words.gap_line(None) == ""
    leaks = Leaks(speakers=Leak(count=0), sentences=Leak(count=7, first=["oh no", "yes"]))
    assert words.leak_lines(leaks) == [
        "Shared speakers: none.",
        "Shared sentences: 7 (oh no, yes, ...).",
        "Shared recordings: not known.",
    ]
    assert words.leak_lines(None) == []
