"""Normalisers, CTC characters, names and whole files."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.errors import BadInput
from speech_tl.text import (
    NORMALISERS,
    ctc_characters,
    default_normaliser,
    fit_case,
    get_normaliser,
    nearest,
    write_atomically,
)


def texts_of(corpora: Path, name: str) -> list[str]:
    with open(corpora / name / "manifest.csv", encoding="utf-8", newline="") as stream:
        return [row["text"] for row in csv.DictReader(stream)]


def test_none_only_squeezes_white_space() -> None:
    assert get_normaliser("none")("  He said:\t“Don’t!”\n") == "He said: “Don’t!”"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Don’t  PANIC!", "don't panic"),
        ("the boys' 'new' house", "the boys new house"),
        ("e-mail, snake_case; 3.5", "e mail snake case 3 5"),
        ("ﬁne  Straße ＡＢＣ", "fine strasse abc"),
        ("co\u00adoperate \u200eleft", "cooperate left"),
        ("हमने उस उम्मीदवार को चुना।", "हमने उस उम्मीदवार को चुना"),
        ("สวัสดีครับ!", "สวัสดีครับ"),
        ("مَرْحَبًا، بالعالم", "مَرْحَبًا بالعالم"),
        ("می\u200cخواهم\u200c .", "می\u200cخواهم"),
        ("അവന്\u200d പോയി", "അവൻ പോയി"),
        ("fine ❤\ufe0f day", "fine day"),
        ("\u0301 alone", "alone"),
        ("", ""),
    ],
)
def test_basic_rules(written: str, expected: str) -> None:
    assert get_normaliser("basic")(written) == expected


def test_basic_keeps_real_malayalam_words_whole_where_whispers_breaks_them(corpora: Path) -> None:
    from whisper_normalizer.basic import BasicTextNormalizer

    texts = texts_of(corpora, "malayalam_msc")
    ours, whispers = get_normaliser("basic"), BasicTextNormalizer()
    words = [len(re.sub(r"[.,?!:]", " ", text).split()) for text in texts]
    assert [len(ours(text).split()) for text in texts] == words
    # Vowel signs are categories Mn and Mc: Whisper's rules delete the first kind and split words at the second.
    assert sum(len(whispers(text).split()) for text in texts) > 2 * sum(words)
    signs = sum(text.count("\u0d3e") + text.count("\u0d41") for text in texts)
    assert sum(ours(text).count("\u0d3e") + ours(text).count("\u0d41") for text in texts) == signs > 1000


def test_both_spellings_of_a_final_consonant_in_real_malayalam_become_one(corpora: Path) -> None:
    texts = texts_of(corpora, "malayalam_msc")
    old, new = "\u0d28\u0d4d\u200d", "\u0d7b"
    assert any(old in text for text in texts) and any(new in text for text in texts)
    assert not any(old in get_normaliser("basic")(text) for text in texts)


def test_basic_leaves_clean_lower_case_text_alone(corpora: Path) -> None:
    texts = texts_of(corpora, "speechocean762")
    assert [get_normaliser("basic")(text) for text in texts] == texts


@given(st.text())
def test_basic_changes_nothing_the_second_time(text: str) -> None:
    once = get_normaliser("basic")(text)
    assert get_normaliser("basic")(once) == once


def test_english_unites_numbers_contractions_and_spelling() -> None:
    english = get_normaliser("english")
    assert english("The colour of twenty-one DOGS isn't grey, um") == english("the color of 21 dogs is not gray")
    assert english("Don’t") == english("don't") == "do not"


def test_rules_hashes_are_pinned() -> None:
    # A failure here means that the rules changed: raise RULES_VERSION, then write down the new hashes.
    assert get_normaliser("none").rules_hash == "0bde55f7c143"
    assert get_normaliser("basic").rules_hash == "e3c2c4f66b40"
    assert len({get_normaliser(name).rules_hash for name in NORMALISERS}) == len(NORMALISERS)


def test_unknown_normaliser_suggests_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"unknown normaliser 'englsh'.*did you mean 'english'"):
        get_normaliser("englsh")


def test_normaliser_survives_pickling() -> None:
    import pickle

    for name in NORMALISERS:
        assert pickle.loads(pickle.dumps(get_normaliser(name)))("Hello, you!") == get_normaliser(name)("Hello, you!")


@pytest.mark.parametrize("language", ["en", "EN", "en-GB", "en_US", "eng", "English"])
def test_english_is_the_default_for_english(language: str) -> None:
    assert default_normaliser(language) == "english"


@pytest.mark.parametrize("language", [None, "", "ml", "de", "engadin"])
def test_basic_is_the_default_for_everything_else(language: str | None) -> None:
    assert default_normaliser(language) == "basic"


def test_ctc_characters_are_sorted_and_without_spaces() -> None:
    assert ctc_characters(["bad cab", "Don't\t"]) == sorted(set("badcDon't"))


def test_case_fits_the_vocabulary() -> None:
    assert fit_case("Don't été", set("DONT'ÉE")) == "DON'T ÉTÉ"
    assert fit_case("HELLO 5", list("helo")) == "hello 5"
    assert fit_case("Mixed", set("Mixedm")) == "Mixed"
    assert fit_case("straße", set("STRAE")) == "STRASSE"


def test_nearest() -> None:
    assert nearest("lerning_rate", ["learning_rate", "seed"]) == "learning_rate"
    assert nearest("zzz", ["learning_rate", "seed"]) is None


def test_write_atomically_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    write_atomically(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(target, "\ud800")
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]
