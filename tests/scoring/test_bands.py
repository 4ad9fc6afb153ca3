"""Bands: every number in exactly one, borders round, names that say what is in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.scoring.bands import MOST_BANDS, band_order, banded, round_borders


def test_ages_are_banded_by_decade() -> None:
    ages = list(range(6, 44))
    found = dict(zip(ages, banded(ages), strict=True))
    assert list(dict.fromkeys(found.values())) == [
        "under 10", "10 to 19", "20 to 29", "30 to 39", "40 and over",
    ]  # fmt: skip
    assert (found[9], found[10], found[19], found[20]) == ("under 10", "10 to 19", "10 to 19", "20 to 29")


def test_seconds_are_banded_by_half_open_bands() -> None:
    found = banded([1.2, 2.0, 2.99, 3.0, 6.3, 7.5])
    assert found == ["under 2", "2 to under 3", "2 to under 3", "3 to under 4", "6 to under 7", "7 and over"]


def test_a_unit_makes_whole_numbers_measures() -> None:
    assert banded([1, 2, 5, 9, 4, 6, 7, 8], "s")[:4] == [
        "under 2 s",
        "2 to under 4 s",
        "4 to under 6 s",
        "8 s and over",
    ]


def test_one_value_is_no_band() -> None:
    assert banded([2.5, None, 2.5]) == ["2.5", None, "2.5"]
    assert banded([None]) == [None] and banded([]) == []


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60))
def test_bands_are_few_and_in_order(values: list[float]) -> None:
    labels = banded(values)
    assert len(set(labels)) <= MOST_BANDS + 2
    orders = [band_order(label) for label in labels]
    assert None not in orders
    ranked = [order for _, order in sorted(zip(values, orders, strict=True))]
    assert ranked == sorted(ranked)


@pytest.mark.parametrize("scale", [0.001, 1, 1000])
def test_borders_are_round(scale: float) -> None:
    borders = round_borders(np.linspace(0.3, 9.7, 200) * scale) / scale
    assert borders.round(9).tolist() == [2, 4, 6, 8]


def test_large_numbers_that_differ_little_keep_different_names() -> None:
    labels = banded([1.7e9 + number for number in range(100)])
    assert len(set(labels)) == 5 and labels[25] == "1700000020 to 1700000039"


def test_words_are_no_bands() -> None:
    assert [band_order(label) for label in ("female", "nan", "12", "under 10")] == [None, None, 12.0, -np.inf]
