"""The sentence generator: numbers as words, disjoint buckets, clauses that lose nothing."""

from __future__ import annotations

import re
from itertools import islice

import pytest

from data_scripts.sentences import (
    BUCKETS,
    MAX_WORDS,
    bucket_of,
    clauses,
    everyday_sentences,
    number_words,
    ordinal_words,
    spell,
    text_clauses,
    year_words,
)


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
    sentences = list(islice(everyday_sentences(0, "train"), 3000))
    assert sentences == list(islice(everyday_sentences(0, "train"), 3000))
    assert len(set(sentences)) == 3000
    assert len({word for sentence in sentences for word in sentence.split()}) > 1000
    assert not [sentence for sentence in sentences if not re.fullmatch(r"[a-z']+( [a-z']+)*", sentence)]
    assert not [sentence for sentence in sentences if re.search(r"\ba [aeio]", sentence)]


def test_buckets_share_no_sentence_whatever_the_seed():
    sentences = {name: set(islice(everyday_sentences(seed, name), 200)) for seed, name in enumerate(BUCKETS)}
    assert all(bucket_of(sentence) == name for name, chosen in sentences.items() for sentence in chosen)
    assert len(set.union(*sentences.values())) == 200 * len(BUCKETS)


def test_spelling_leaves_letters_only():
    assert spell("Mr. O\u2019Brien paid 1,250 caf\u00e9 bills in 1984!") == (
        "mister o'brien paid one thousand two hundred and fifty cafe bills in nineteen eighty four"
    )


def test_clauses_are_short_and_lose_no_word():
    sentence = (
        "In the year 1984, when Mr. Smith was still a clerk, he carried the letters of the whole village down the long "
        "road to the town and he came back every evening with the papers of the day before and never asked for money."
    )
    pieces = clauses(sentence)
    assert " ".join(pieces) == spell(sentence)
    assert all(len(piece.split()) <= MAX_WORDS for piece in pieces)
    assert len(pieces) > 3


def test_text_in_two_buckets_shares_no_clause():
    lines = [f"the {ordinal_words(n)} day was quiet, and nobody came to the door" for n in range(1, 400)]
    found = {bucket: set(text_clauses(lines, bucket)) for bucket in ("train", "dev", "heldout")}
    assert all(found.values())
    assert not found["train"] & found["heldout"]
    assert not found["train"] & found["dev"]
