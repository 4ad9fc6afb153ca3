"""Several recognisers in order, with every pair tested."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.errors import BadInput
from speech_tl.scoring.ranking import holm, rank
from speech_tl.scoring.wer import Evaluation, score
from tests.scoring.made import Said, evaluation

WORDS = ["one", "two", "three", "four", "five"]


def recogniser(error_rate: float, seed: int, speakers: int = 30) -> Evaluation:
    """A recogniser that gets each word wrong with this probability: 30 speakers, 4 sentences each."""
    chance = random.Random(seed)
    pairs = []
    for number in range(4 * speakers):
        said = [WORDS[(number + place) % 5] for place in range(8)]
        pairs.append((" ".join(said), " ".join("x" if chance.random() < error_rate else word for word in said)))
    return evaluation(pairs, speakers=[f"s{number // 4}" for number in range(4 * speakers)])


def test_order_and_what_is_beyond_chance() -> None:
    found, tests = rank({"poor": recogniser(0.5, 1), "good": recogniser(0.1, 2), "fair": recogniser(0.11, 3)})
    assert [place.name for place in found] == ["good", "fair", "poor"] and [p.rank for p in found] == [1, 2, 3]
    assert [(test.better, test.worse) for test in tests] == [("good", "fair"), ("good", "poor"), ("fair", "poor")]
    assert [test.significant for test in tests] == [False, True, True]
    assert [place.better_than for place in found] == [["poor"], ["poor"], []]
    assert all(place.rate_ci95[0] < place.wer < place.rate_ci95[1] for place in found)
    # Three tests: the smallest p-value counts three times, the next one twice.
    assert tests[1].p_holm == pytest.approx(3 * tests[1].p_value)
    assert tests[0].p_holm == pytest.approx(tests[0].p_value)


def test_correction_takes_back_what_would_pass_alone() -> None:
    two = {"a": recogniser(0.2, 1), "b": recogniser(0.22, 10)}
    alone = rank(two)[1][0]
    assert alone.significant and alone.p_holm == alone.p_value
    among = rank(two | {f"same{number}": recogniser(0.2, 1) for number in range(3)})[1]
    again = next(test for test in among if (test.better, test.worse) == ("a", "b"))
    assert again.p_value == alone.p_value and not again.significant


def test_equals_share_a_rank_and_nothing_between_them_is_significant() -> None:
    found, tests = rank({"a": recogniser(0.2, 1), "b": recogniser(0.2, 1), "c": recogniser(0.6, 2)})
    assert [(place.name, place.rank) for place in found] == [("a", 1), ("b", 1), ("c", 3)]
    assert tests[0].absolute == 0 and not tests[0].significant


def test_characters_lead_where_no_spaces_are_written() -> None:
    def thai(heard: str) -> Evaluation:
        said = [Said(f"u{n}", "กขคงจฉชซ", columns={"speaker": f"s{n}"}) for n in range(12)]
        return score(said, [heard] * 12, "unspaced", data={"language": "th"})

    found, tests = rank({"far": thai("ฬฬฬฬจฉชซ"), "near": thai("กขคงจฉชฬ")})
    assert thai("ก").rate == "cer" and evaluation([("a", "a")]).rate == "wer"
    # By words both are wrong in every utterance.
    assert [(place.name, place.wer, place.cer) for place in found] == [("near", 1, 0.125), ("far", 1, 0.5)]
    assert tests[0].absolute == pytest.approx(0.375)
    assert [place.rate_ci95 for place in found] == [(0.125, 0.125), (0.5, 0.5)]


def test_other_test_sets_and_silence_are_refused() -> None:
    with pytest.raises(BadInput, match="a and b differ in the reference of u0"):
        rank({"a": evaluation([("x", "x")]), "b": evaluation([("y", "y")])})
    with pytest.raises(BadInput, match="a: the references hold no words"):
        rank({"a": evaluation([("", "x")]), "b": evaluation([("", "")])})


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=8))
def test_holm_never_makes_a_p_value_smaller_and_keeps_the_order(p_values: list[float | None]) -> None:
    corrected = holm(p_values)
    known = [(p, c) for p, c in zip(p_values, corrected, strict=True) if p is not None]
    assert all(c is not None and p <= c <= 1 for p, c in known)
    assert sorted(known) == sorted(known, key=lambda both: (both[1], both[0]))
    assert [c is None for c in corrected] == [p is None for p in p_values]
    if len(known) == 1:
        assert known[0][0] == known[0][1]
