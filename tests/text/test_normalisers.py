"""Normalisers: what they take out, what they leave whole, and the hash of their rules."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whisper_normalizer.basic import BasicTextNormalizer

from speech_tl.errors import BadInput
from speech_tl.text import NORMALISERS, get_normaliser


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
    texts = texts_of(corpora, "malayalam_msc")
    ours, whispers = get_normaliser("basic"), BasicTextNormalizer()
    words = [len(re.sub(r"[.,?!:]", " ", text).split()) for text in texts]
    assert [len(ours(text).split()) for text in texts] == words
    # Vowel signs are categories Mn and Mc: Whisper's rules delete the first kind and split words at the second.
    assert sum(len(whispers(text).split()) for text in texts) > 2 * sum(words)
    signs = sum(text.count("\u0d3e") + text.count("\u0d41") for text in texts)
    assert sum(ours(text).count("\u0d3e") + ours(text).count("\u0d41") for text in texts) == signs > 1000


def test_basic_keeps_the_malayalam_of_human_rights_whole_where_whispers_breaks_it() -> None:
    # Universal Declaration of Human Rights, article 1.
    said = "മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും അന്തസ്സോടും സ്വാതന്ത്ര്യത്തോടുംകൂടി ജനിച്ചിട്ടുള്ളവരാണ്."
    assert get_normaliser("basic")(said) == said.rstrip(".")
    assert len(BasicTextNormalizer()(said).split()) > 3 * len(said.split())


def test_both_spellings_of_a_final_consonant_in_real_malayalam_become_one(corpora: Path) -> None:
    texts = texts_of(corpora, "malayalam_msc")
    old, new = "\u0d28\u0d4d\u200d", "\u0d7b"
    assert any(old in text for text in texts) and any(new in text for text in texts)
    assert not any(old in get_normaliser("basic")(text) for text in texts)


def test_basic_leaves_clean_lower_case_text_alone(corpora: Path) -> None:
    texts = texts_of(corpora, "speechocean762")
    assert [get_normaliser("basic")(text) for text in texts] == texts


@given(st.text())
def test_basic_and_unspaced_change_nothing_the_second_time(text: str) -> None:
    for name in ("basic", "unspaced"):
        once = get_normaliser(name)(text)
        assert get_normaliser(name)(once) == once


@pytest.mark.parametrize(
    ("written", "also_written"),
    [
        ("你好，世界。", "你好 世界"),
        ("買了 iPhone 手機", "買了iPhone手機"),
        ("ありがとう ございます", "ありがとうございます!"),
        ("ภาษาไทย ง่าย", "ภาษาไทยง่าย"),
        ("အားလုံး ကို", "အားလုံးကို။"),
    ],
)
def test_unspaced_does_not_count_spaces_where_none_are_written(written: str, also_written: str) -> None:
    unspaced = get_normaliser("unspaced")
    assert unspaced(written) == unspaced(also_written) != get_normaliser("basic")(written)


def test_unspaced_leaves_the_words_of_other_scripts_apart() -> None:
    assert get_normaliser("unspaced")("New York 5 6 한국 말 हिन्दी भाषा") == "new york 5 6 한국 말 हिन्दी भाषा"


def test_english_unites_numbers_contractions_and_spelling() -> None:
    english = get_normaliser("english")
    assert english("The colour of twenty-one DOGS isn't grey, um") == english("the color of 21 dogs is not gray")
    assert english("Don’t") == english("don't") == "do not"


def test_rules_hashes_are_pinned() -> None:
    # A failure here means that the rules changed: raise RULES_VERSION, then write down the new hashes.
    assert get_normaliser("none").rules_hash == "e9f13a1d44e4"
    assert get_normaliser("basic").rules_hash == "5b69de4e8890"
    assert get_normaliser("basic", "tr").rules_hash == "58afb4a76812"
    assert len({get_normaliser(name).rules_hash for name in NORMALISERS}) == len(NORMALISERS)


def test_unknown_normaliser_suggests_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"unknown normaliser 'englsh'.*did you mean 'english'"):
        get_normaliser("englsh")


def test_normaliser_survives_pickling() -> None:
    import pickle

    for name in NORMALISERS:
        assert pickle.loads(pickle.dumps(get_normaliser(name)))("Hello, you!") == get_normaliser(name)("Hello, you!")
