"""Kinds of errors: counted by hand on a few utterances, and adding up on any."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from speech_tl.figures import Sides
from speech_tl.scoring.kinds import Confusions, ErrorKinds, error_kinds
from tests.scoring.made import evaluation

SAID = ["the cat sat", "the dog ran", "", "no no no no"]
BEFORE = ["a cat sat", "a dog", "you", "no no no no"]
AFTER = ["the cat sit", "the dog ran ran ran ran", "", "yes yes yes yes"]


def kinds(said: list[str], before: list[str], after: list[str]) -> ErrorKinds:
    sides = (evaluation(list(zip(said, heard, strict=True))).utterances for heard in (before, after))
    return error_kinds(*sides)


def test_words_by_hand() -> None:
    found = kinds(SAID, BEFORE, AFTER)
    assert found.confusions.before == [("the", "a", 2)]
    assert found.confusions.after == [("no", "yes", 4), ("sat", "sit", 1)]
    assert found.fixed == [("the", 2), ("ran", 1)]
    assert found.broken == [("no", 4), ("sat", 1)]


def test_utterances_by_hand() -> None:
    found = kinds(SAID, BEFORE, AFTER)
    assert found.improved == [("u2", 1, 0)]
    assert found.worsened == [("u3", 0, 4), ("u1", 2, 3)]


def test_hallucinations_are_counted_apart() -> None:
    found = kinds(SAID, BEFORE, AFTER)
    assert found.loops == Sides(before=0, after=1)  # who says "no no no no" is not hallucinating
    assert found.on_silence == Sides(before=1, after=0)
    assert found.overlong == Sides(before=0, after=0)


def test_overlong_needs_a_duration() -> None:
    long = evaluation([("a b", "word " * 30)]).utterances  # 149 characters in 2.5 s
    assert error_kinds(long, long).overlong == Sides(before=1, after=1)
    unknown = [replace(long[0], duration=None)]
    assert error_kinds(unknown, long).overlong == Sides(before=0, after=1)


def test_lists_are_cut_and_their_order_is_fixed() -> None:
    said = [f"w{number:02d}" for number in range(30)]
    found = kinds(said, said, ["x"] * 30)
    assert [word for word, _ in found.broken] == said[:20]
    assert len(found.worsened) == 20 and found.fixed == [] and found.improved == []


def test_characters_take_the_place_of_words() -> None:
    said, before, after = ["你好吗", "ok 好"], ["你号吗", "ok 好"], ["你好吗", "ok号好"]
    sides = (evaluation(list(zip(said, heard, strict=True))).utterances for heard in (before, after))
    found = error_kinds(*sides, rate="cer")
    assert found.confusions == Confusions(before=[("好", "号", 1)], after=[("\u2423", "号", 1)])
    assert found.fixed == [("好", 1)] and found.broken == [("\u2423", 1)]
    assert found.improved == [("u0", 1, 0)] and found.worsened == [("u1", 0, 1)]


texts = st.lists(st.sampled_from("abc"), max_size=5).map(" ".join)


@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_kinds_add_up_to_the_scores(rows: list[tuple[str, str, str]]) -> None:
    said, before, after = (list(side) for side in zip(*rows, strict=True))
    found = kinds(said, before, after)
    scores = [evaluation(list(zip(said, heard, strict=True))).score for heard in (before, after)]
    for side, score in zip(("before", "after"), scores, strict=True):
        assert sum(count for *_, count in found.confusions[side]) == score.substitutions
    wrong = [score.substitutions + score.deletions for score in scores]
    net = sum(count for _, count in found.broken) - sum(count for _, count in found.fixed)
    assert net == wrong[1] - wrong[0]
