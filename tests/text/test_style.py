"""Capitals, final marks and words, in many scripts."""

from __future__ import annotations

import pytest

from speech_tl.text.style import (
    Style,
    capitalised,
    has_capital,
    has_case,
    has_final_mark,
    is_shouted,
    lowered,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("We call it bear.", True),
        ("we call it bear", False),
        ('He said "no."', True),
        ("(Why?)", True),
        ("Wait\u2026", True),
        ("你好。", True),
        ("「そうですか？」", True),
        ("यह क्या है।", True),
        ("ما هذا؟", True),
        ("good parentage,", False),
        ("", False),
        ("  ", False),
    ],
)
def test_what_ends_a_sentence(text: str, ends: bool) -> None:
    assert has_final_mark(text) is ends


@pytest.mark.parametrize(
    ("text", "capital"),
    [
        ("We call it bear", True),
        ("he met Ann", True),
        ("we call it bear", False),
        ("WE CALL IT BEAR", False),
        ("OK", True),
        ("мы идём в Париж", True),
        ("你好", False),
        ("2599", False),
    ],
)
def test_texts_in_capitals_only_have_no_case(text: str, capital: bool) -> None:
    assert has_capital(text) is capital


def test_scripts_without_case() -> None:
    assert has_case("we") and has_case("ёж") and has_case("ΟΔΟΣ")
    assert not any(map(has_case, ("你好", "മലയാളം", "გამარჯობა", "12", "")))


def test_shares_of_a_set_of_texts() -> None:
    assert Style.of(["We go.", "we go", None, " ", "Why?"]) == Style(3, 2 / 3, 2 / 3)
    assert Style.of(["你好。", "你好"]) == Style(2, None, 0.5)
    assert Style.of([]) == Style(0, None, 0.0)
    assert Style.of(["WE CALL IT BEAR", "ZERO THREE FIVE"]).capitals == 0


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("istanbul", "tr", "İstanbul"),
        ("istanbul", "az-AZ", "İstanbul"),
        ("ısparta", "Turkish", "Isparta"),
        ("istanbul", "en", "Istanbul"),
        ("ijs", "nl", "IJs"),
        ("ijs", "en", "Ijs"),
        ("\u201cwe", None, "\u201cWe"),
        ("\u0448\u043a\u043e\u043b\u0430", "ru", "\u0428\u043a\u043e\u043b\u0430"),
        ("\ufb01n", None, "\ufb01n"),  # a ligature has no capital of one character
        ("გამარჯობა", "ka", "გამარჯობა"),
        ("2 men", None, "2 men"),
        ("", None, ""),
    ],
)
def test_first_capital(text: str, language: str | None, wanted: str) -> None:
    assert capitalised(text, language) == wanted


def test_small_letters_are_as_many_as_the_capitals() -> None:
    assert lowered("İSTANBUL ILIK", "tr") == "istanbul ılık"
    assert lowered("İstanbul", "en") == "istanbul" and len(lowered("İ")) == 1
    assert lowered("ΟΔΟΣ") == "οδος"[:-1] + "ς"


def test_words_keep_their_apostrophes_and_marks_but_not_their_hyphens() -> None:
    keys = [
        word.key
        for word in words_of("'Tis O\u2019Neill's well-known \u0939\u093f\u0928\u094d\u0926\u0940, \u4f60\u597d!")
    ]
    assert keys == ["tis", "o'neill's", "well", "known", "\u0939\u093f\u0928\u094d\u0926\u0940", "\u4f60", "\u597d"]
    assert words_of("... - !") == [] and not is_shouted("")
