"""The matched-pairs test: where an utterance is cut, and what is compared."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.scoring.matched_pairs import MatchedPairs, matched_pairs, segments
from tests.scoring.made import evaluation

SAID = "a b c d e f g h"


def judged(before: list[str], after: list[str], said: str = SAID) -> MatchedPairs | None:
    sides = (evaluation([(said, heard) for heard in side]).utterances for side in (before, after))
    return matched_pairs(*sides)


def slots(words: str, gaps: str) -> list[int]:
    """Errors in each word and in each of the gaps around them."""
    return [int(count) for pair in zip(gaps, words + "0", strict=True) for count in pair][:-1]


def test_two_words_that_both_have_right_part_two_segments() -> None:
    assert segments(slots("1000", "00000"), slots("0001", "00000")) == [(1, 0), (0, 1)]
    assert segments(slots("100", "0000"), slots("001", "0000")) == [(1, 1)]
    assert segments(slots("0000", "00000"), slots("0000", "00000")) == []


def test_an_insertion_between_two_right_words_does_not_let_them_part() -> None:
    assert segments(slots("1001", "00000"), slots("0000", "00000")) == [(1, 0), (1, 0)]
    assert segments(slots("1001", "00200"), slots("0000", "00000")) == [(4, 0)]


def test_insertions_at_both_ends_count() -> None:
    assert segments(slots("000", "1000"), slots("000", "0003")) == [(1, 0), (0, 3)]
    assert segments([2], [0]) == [(2, 0)]


def test_z_by_hand() -> None:
    # five segments whose errors change by -1, -1, -1, -1, 0: mean -.8, standard error .2
    before = ["x b c d e f g h"] * 4 + ["a b c d e f g x"]
    after = [SAID] * 4 + ["a b c d e f g y"]
    found = judged(before, after)
    assert found.segments == 5 and found.z == pytest.approx(-4.0)
    assert found.p_value == pytest.approx(math.erfc(4 / math.sqrt(2)))


def test_two_segments_of_one_utterance_are_two_pairs() -> None:
    assert judged(["x b c d e f g x"], ["a b c d e f g y"]).segments == 2


def test_no_difference_at_all_and_nothing_to_judge() -> None:
    same = ["x b c d e f g x"]
    assert judged(same, same) == MatchedPairs(z=0.0, p_value=1.0, segments=2)
    assert judged([SAID], [SAID]) is None
    assert judged(["x b c d e f g h"], [SAID]) is None  # one pair
    assert judged(["x b c d e f g x"], [SAID]) is None  # two that agree: no spread to compare with


@given(st.lists(st.tuples(*[st.sampled_from(["a b c", "a x c", "", "a b c d e", "b c"])] * 2), min_size=1, max_size=30))
def test_swapping_the_sides_turns_z_round(texts: list[tuple[str, str]]) -> None:
    first, second = [before for before, _ in texts], [after for _, after in texts]
    there, back = judged(first, second, "a b c"), judged(second, first, "a b c")
    assert (there is None) == (back is None)
    if there:
        assert there.z == pytest.approx(-back.z)
        assert (there.p_value, there.segments) == (pytest.approx(back.p_value), back.segments)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=25))
def test_no_error_is_lost_between_segments(errors: list[tuple[int, int]]) -> None:
    before, after = [0, *(first for first, _ in errors)], [0, *(last for _, last in errors)]
    found = segments(before, after)
    assert [sum(side) for side in zip(*found, strict=True)] in ([sum(before), sum(after)], [])
    assert all(any(pair) for pair in found)
