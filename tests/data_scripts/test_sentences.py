"""Sentences for a synthesiser: disjoint buckets, spelling, clauses that lose nothing."""

from __future__ import annotations

from itertools import islice

from data_scripts.sentences import (
    BUCKETS,
    MAX_WORDS,
    bucket_of,
    clauses,
    everyday_sentences,
    spell,
    text_clauses,
)
from speech_tl.recording.everyday import ordinal_words

FIRST = {
    "train": "the engine doesn't work any more",
    "dev": "the lawyer promised to wait here at ten o'clock",
    "adapt_test": "we need plenty of strawberries and plenty of beans",
}


def test_buckets_share_no_sentence_whatever_the_seed():
    sentences = {name: set(islice(everyday_sentences(seed, name), 200)) for seed, name in enumerate(BUCKETS)}
    assert all(bucket_of(sentence) == name for name, chosen in sentences.items() for sentence in chosen)
    assert len(set.union(*sentences.values())) == 200 * len(BUCKETS)


def test_the_sentences_that_made_the_starters_stay_the_same():
    first = {bucket: next(everyday_sentences(0, bucket)) for bucket in ("train", "dev", "adapt_test")}
    assert first == FIRST


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
