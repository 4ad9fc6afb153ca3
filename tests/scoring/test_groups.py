"""Groups: every utterance in one of them, unknown values named, wrong columns refused."""

from __future__ import annotations

import pytest

from speech_tl.errors import BadInput
from speech_tl.scoring.groups import group
from speech_tl.scoring.wer import score
from tests.scoring.made import Said


def spoken(ages: list[object]) -> list[Said]:
    return [Said(f"u{row}", "a b", columns={"age": age, "gender": "f"}) for row, age in enumerate(ages)]


def test_groups_divide_the_whole() -> None:
    found = score(spoken([10, 7, "", None, 7, " "]), ["a b", "a x", "a b", "x x", "a b", "a b"], "none")
    groups = group(found, "age")
    assert list(groups) == ["7", "10", "unknown"]
    assert [groups[age].wer for age in groups] == [0.25, 0.0, 2 / 6]
    assert sum(score.words for score in groups.values()) == found.score.words


def test_unknown_column_suggests_the_nearest() -> None:
    found = score(spoken([1]), ["a b"], "none")
    with pytest.raises(BadInput, match=r"by 'gendre': the test set has age, gender; did you mean 'gender'"):
        group(found, "gendre")
