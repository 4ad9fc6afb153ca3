"""Rows by the values of a column: names among names, ranges of numbers, and what is told when there are none."""

from __future__ import annotations

import pytest

from speech_tl.data.filtering import wanted_rows
from speech_tl.errors import BadInput

ACCENTS = ["Scottish English", "England English|slightly nasal", "India and South Asia (India, Pakistan)", "", None]
AGES = ["6", "15", "16", "43", "", "unknown"]


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ("Scottish English", [0]),
        ("slightly nasal", [1]),
        ("England English|slightly nasal", [1]),
        ("India and South Asia (India, Pakistan)", [2]),
        (["Scottish English", "England English"], [0, 1]),
        ("", [3, 4]),
    ],
)
def test_a_name_is_found_among_others(wanted: object, rows: list[int]) -> None:
    assert wanted_rows("m.csv", "accent", wanted, ACCENTS) == rows


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [("16..", [2, 3]), ("..15", [0, 1]), ("10..20", [1, 2]), (16, [2]), (["..6", "40.."], [0, 3]), ("-5..6.5", [0])],
)
def test_a_range_holds_its_ends_and_only_numbers(wanted: object, rows: list[int]) -> None:
    assert wanted_rows("m.csv", "age", wanted, AGES) == rows


def test_a_part_of_a_name_is_not_the_name() -> None:
    with pytest.raises(BadInput) as caught:
        wanted_rows("m.csv", "accent", "Scotish English", ACCENTS)
    assert str(caught.value) == (
        "m.csv: no row has accent = Scotish English (there are: England English, India and South Asia (India, "
        "Pakistan), Scottish English, slightly nasal); did you mean Scottish English?"
    )
    for wanted in ("India", "Pakistan", "Scottish", ".."):
        with pytest.raises(BadInput, match="no row has accent"):
            wanted_rows("m.csv", "accent", wanted, ACCENTS)


def test_many_values_are_named_by_how_many_rows_have_them() -> None:
    values = [f"accent{number}" for number in range(100) for _ in range(100 - number)]
    with pytest.raises(BadInput) as caught:
        wanted_rows("m.csv", "accent", "zulu", values)
    told = str(caught.value)
    assert "there are: accent0, accent1, accent2" in told and "accent39, and 60 more)" in told and "\n" not in told


def test_a_column_of_empty_cells_says_so() -> None:
    with pytest.raises(BadInput, match="only empty cells"):
        wanted_rows("m.csv", "accent", "x", ["", None])
