"""What a recogniser writes where nobody speaks, in words."""

from __future__ import annotations

from speech_tl.reporting.silence import silence_lines
from speech_tl.scoring.silence import silence_figures
from tests.scoring.made import evaluation


def test_the_share_and_the_most_frequent_texts_are_said() -> None:
    heard = ["thank you", "thank you", "", "so"]
    first, second = silence_lines(silence_figures(evaluation([("", text) for text in heard]).utterances))
    assert first == "3 of 4 clips without speech got text: 75.0 % (95 % interval 30.1 to 95.4 %), 5 words"
    assert second == 'most often: "thank you" (2), "so" (1)'


def test_quiet_where_nothing_was_written() -> None:
    assert silence_lines(silence_figures(evaluation([("", "")]).utterances)) == [
        "0 of 1 clips without speech got text: 0.0 % (95 % interval 0.0 to 79.3 %), 0 words"
    ]
