"""Text that no one said: real loops are found, people who repeat themselves are not blamed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.scoring.loops import longer_than_speech, loops


@pytest.mark.parametrize(
    "text",
    [
        "you you you you",
        "so i said i said i said it",
        "thanks for watching thanks for watching thanks for watching",
        "aaaaaaaaaa",
        "谢谢观看谢谢观看谢谢观看谢谢观看谢谢观看",
    ],
)
def test_loops_are_found(text: str) -> None:
    assert loops(text)


@pytest.mark.parametrize(
    "text",
    ["", "no no no", "had had a bad day had had", "bye bye", "that that is is that that is not is not", "mississippi"],
)
def test_speech_is_not_called_a_loop(text: str) -> None:
    assert not loops(text)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8), st.text("xyz ", max_size=20))
def test_any_phrase_said_four_times_is_a_loop_wherever_it_stands(phrase: list[str], around: str) -> None:
    assert loops(f"{around} {' '.join(phrase * 4)} {around}")


def test_longer_than_anyone_can_speak() -> None:
    assert not longer_than_speech("a" * 60, 2.0)
    assert longer_than_speech("a" * 80, 2.0)
    assert not longer_than_speech("yes it is", 0.1)  # a clip cut short
    assert not longer_than_speech("a" * 1000, None)
