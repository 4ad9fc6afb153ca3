"""Which rows of a test set are scored."""

from __future__ import annotations

import pytest

from speech_tl.errors import BadInput
from speech_tl.scoring.sclite import IGNORED
from speech_tl.scoring.selection import require_known, rows_to_score


def test_rows_of_a_split_and_rows_without_speech() -> None:
    splits, texts = ["train", "test", "test", None], ["a", "b", " ", ""]
    assert rows_to_score(splits, texts, "test", False, "m.csv") == [1, 2]
    assert rows_to_score(splits, texts, "test", True, "m.csv") == [2]
    assert rows_to_score(splits, texts, None, True, "m.csv") == [2, 3]
    assert rows_to_score([None] * 4, texts, "test", False, "m.csv") == [0, 1, 2, 3]
    assert rows_to_score([None] * 2, ["a", IGNORED], "test", False, "m.stm") == [0]


def test_nothing_to_score_is_refused_with_what_there_is() -> None:
    with pytest.raises(BadInput, match=r"m\.csv has no rows of split tset \(there are: dev, test\)"):
        rows_to_score(["test", "dev"], ["a", "b"], "tset", False, "m.csv")
    with pytest.raises(BadInput, match=r"--silence: all 2 rows of m\.csv have text"):
        rows_to_score([None, None], ["a", "b"], "test", True, "m.csv")


def test_a_column_that_is_not_there_is_refused_with_the_nearest() -> None:
    require_known(["gender"], "m.csv", ["gender", "duration_band"], "--by")
    with pytest.raises(BadInput, match=r"--by gendre: m\.csv has no such column to group by; did you mean gender\?"):
        require_known(["speaker", "gender"], "m.csv", ["gendre"], "--by")
