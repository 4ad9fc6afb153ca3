"""The generator of everyday sentences: numbers as words, varied, repeatable, writable."""

from __future__ import annotations

import re
from itertools import islice

import pytest

from speech_tl.recording.everyday import everyday_sentences, number_words, ordinal_words, year_words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (101, "one hundred and one"),
        (342, "three hundred and forty two"),
        (12005, "twelve thousand and five"),
        (999999, "nine hundred and ninety nine thousand nine hundred and ninety nine"),
    ],
)
def test_numbers_are_spelt_as_they_are_said(number, words):
    assert number_words(number) == words


def test_number_outside_the_range_is_refused():
    with pytest.raises(ValueError, match="1000000"):
        number_words(1_000_000)


def test_ordinals_and_years():
    assert [ordinal_words(n) for n in (1, 2, 3, 5, 9, 12, 20, 31)] == [
        "first", "second", "third", "fifth", "ninth", "twelfth", "twentieth", "thirty first",
    ]  # fmt: skip
    assert [year_words(year) for year in (1900, 1905, 1984, 2007, 2024)] == [
        "nineteen hundred", "nineteen oh five", "nineteen eighty four", "two thousand and seven", "twenty twenty four",
    ]  # fmt: skip


def test_everyday_sentences_are_varied_repeatable_and_writable():
    sentences = list(islice(everyday_sentences(0), 3000))
    assert sentences == list(islice(everyday_sentences(0), 3000))
    assert len(set(sentences)) == 3000
    assert len({word for sentence in sentences for word in sentence.split()}) > 1000
    assert not [
        sentence for sentence in sentences if not re.fullmatch(r"[A-Z][A-Za-z']*(,? [A-Za-z']+)*[.?]", sentence)
    ]
    assert not [sentence for sentence in sentences if re.search(r"\ba [aeio]", sentence, re.IGNORECASE)]


def test_everyday_sentences_are_written_as_people_write():
    sentences = list(islice(everyday_sentences(0), 3000))
    words = {word.strip(",.?") for sentence in sentences for word in sentence.split()[1:]}
    names = {"Anna", "London", "York", "Germany", "Monday", "May", "English", "I"}
    assert names <= words
    assert not words & (({name.lower() for name in names} - {"may"}) | {"francisco", "zoe", "korea"})
    asked = [one for one in sentences if re.match(r"(What|Where|Who|How|Did|Could|Can|Are|Shall) ", one)]
    assert len(asked) > 150 and all(one.endswith("?") for one in asked)
    told = [one for one in sentences if re.match(r"(The|It|We|She|I|Please|There|This) ", one)]
    assert len(told) > 200 and all(one.endswith(".") for one in told)
