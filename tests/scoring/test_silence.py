"""Text where nobody speaks."""

from __future__ import annotations

import pytest

from speech_tl.scoring.silence import share_interval, silence_figures
from tests.scoring.made import evaluation


def test_clips_with_text_are_counted_and_their_texts_named() -> None:
    heard = ["Thank you.", "", "thank you", "so", "..."]
    found = silence_figures(evaluation([*(("", text) for text in heard), ("yes", "no")], "basic").utterances)
    assert (found["clips"], found["with_text"], found["share"], found["words"]) == (5, 3, 0.6, 5)
    assert found["texts"] == [["thank you", 2], ["so", 1]]


def test_no_clip_without_speech_has_no_share() -> None:
    found = silence_figures(evaluation([("yes", "no")]).utterances)
    assert (found["clips"], found["share"], found["ci95"]) == (0, None, None)


@pytest.mark.parametrize(
    ("hits", "trials", "expected"), [(0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (3, 40, (0.0258, 0.1986))]
)
def test_interval_of_a_share(hits: int, trials: int, expected: tuple[float, float]) -> None:
    # With no hit the formula shortens to z² / (n + z²) = 3.8415 / 13.8415.
    assert share_interval(hits, trials) == pytest.approx(expected, abs=5e-4)
