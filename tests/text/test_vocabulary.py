"""The characters that a CTC model writes."""

from __future__ import annotations

from speech_tl.text import ctc_characters, fit_case


def test_ctc_characters_are_sorted_and_without_spaces() -> None:
    assert ctc_characters(["bad cab", "Don't\t"]) == sorted(set("badcDon't"))


def test_case_fits_the_vocabulary() -> None:
    assert fit_case("Don't été", set("DONT'ÉE")) == "DON'T ÉTÉ"
    assert fit_case("HELLO 5", list("helo")) == "hello 5"
    assert fit_case("Mixed", set("Mixedm")) == "Mixed"
    assert fit_case("straße", set("STRAE")) == "STRASSE"
