"""How figures are written."""

from __future__ import annotations

import pytest

from speech_tl.reporting import words


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
    change = {"method": "over 41 speakers", **change}
    assert words.tone(change) == tone and words.verdict(change) == expected


def test_figures_as_text() -> None:
    assert words.percent(0.2534) == "25.3 %" and words.percent(None) == "–"
    assert (words.points(-0.0534), words.points(0.1), words.points(-0.0001)) == ("−5.3", "+10.0", "0.0")
    assert words.relative(-0.31) == "−31 %"
    assert (words.hours(4000), words.hours(70), words.hours(9)) == ("1 h 06 min", "1 min 10 s", "9 s")
    assert words.count(1234567) == "1\u00a0234\u00a0567"
    assert words.short({"beam": 1, "lm": None, "bounds": (0.5, 2)}) == "beam 1, bounds 0.5, 2"


def test_tests_are_said_in_plain_words() -> None:
    change = {"won": 0.9996, "p_value": 0.0002, "mapsswe": {"z": -3.1, "p_value": 0.0019, "segments": 1260}}
    assert words.tests_lines(change) == [
        "After is better in over 99.9 % of the bootstrap resamples.",
        "Bootstrap: p < 0.001.",
        "Matched pairs (MAPSSWE): p = 0.002, 1\u00a0260 segments.",
    ]
    assert words.tests_lines({"p_value": None}) == []
    assert [words.won_share(share) for share in (1.0, 0.0, 0.0004, 0.98)] == ["100 %", "0 %", "under 0.1 %", "98 %"]


def test_guards_are_judged_in_one_sentence() -> None:
    fine = {"wer_change": {"absolute": 0.004}, "limit": 0.02, "exceeded": False}
    beyond = {"wer_change": {"absolute": 0.031}, "limit": 0.02, "exceeded": True}
    assert words.guards_verdict({}).startswith("No guard was measured")
    assert words.guards_verdict({"a": fine}) == "The guard stayed within the limit."
    assert words.guards_verdict({"a": fine, "b": fine}) == "Both guards stayed within the limit."
    assert words.guards_verdict({"a": fine, "b": beyond}) == "Warning: b worsened beyond its limit."
    assert words.guards_verdict({"a": {"wer_change": {"absolute": 0.1}}}).endswith("no limit was set.")
    assert words.guard_line("b", beyond) == "b: +3.1 points (limit +2.0)"
    assert words.guard_line("b", {"wer_change": {"absolute": None}}) == "b: no words to score"


def test_gaps_and_leaks() -> None:
    gap = {
        "before": {"best": "female", "worst": "male", "gap": 0.031},
        "after": {"best": "male", "worst": "female", "gap": 0.01},
    }
    assert words.gap_line(gap) == (
        "Between the best and the worst group: 3.1 points before (female best, male worst), "
        "1.0 points after (male best, female worst)."
    )
    assert words.gap_points(gap) == "3.1 → 1.0 points" and words.gap_line(None) == ""
    leaks = {
        "speakers": {"count": 0, "first": []},
        "sentences": {"count": 7, "first": ["oh no", "yes"]},
        "audio": None,
    }
    assert words.leak_lines(leaks) == [
        "Shared speakers: none.",
        "Shared sentences: 7 (oh no, yes, ...).",
        "Shared recordings: not known.",
    ]
    assert words.leak_lines(None) == []
