"""How figures are written."""

from __future__ import annotations

import pytest

from speech_tl.reporting import words


@pytest.mark.parametrize(
    ("ci95", "method", "expected"),
    [
        ([-0.2, -0.1], "over 41 speakers", "better, beyond chance"),
        ([0.1, 0.2], "over 41 speakers", "worse, beyond chance"),
        ([-0.1, 0.1], "over 41 speakers", "no change shown: the difference may be chance"),
        ([-0.2, -0.1], "3 speakers; descriptive: few", "better, beyond chance (descriptive only: few speakers)"),
        ([-0.2, -0.1], "9 utterances (one speaker)", "better, beyond chance (for this one voice)"),
        (None, "one utterance alone", "too little data to tell a change from chance"),
    ],
)
def test_verdict(ci95: list[float] | None, method: str, expected: str) -> None:
    assert words.verdict({"ci95": ci95, "method": method}) == expected


def test_figures_as_text() -> None:
    assert words.percent(0.2534) == "25.3 %" and words.percent(None) == "–"
    assert (words.points(-0.0534), words.points(0.1), words.points(-0.0001)) == ("−5.3", "+10.0", "0.0")
    assert words.relative(-0.31) == "−31 %"
    assert (words.hours(4000), words.hours(70), words.hours(9)) == ("1 h 06 min", "1 min 10 s", "9 s")
    assert words.count(1234567) == "1 234 567"
    assert words.short({"beam": 1, "lm": None, "bounds": (0.5, 2)}) == "beam 1, bounds 0.5, 2"
