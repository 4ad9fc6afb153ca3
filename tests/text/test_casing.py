"""Casing by language: what is compared, what is learnt, and that the language reaches every score."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.cli import _run
from speech_tl.models.ctc import label_text, vocabulary_for
from speech_tl.text import get_normaliser, language_code
from speech_tl.text.casing import fold, lower, upper

TURKISH = [("ısparta iyi", "Isparta İyi"), ("istanbul", "İSTANBUL"), ("ışık", "IŞIK"), ("diyarbakır", "DİYARBAKIR")]


@pytest.mark.parametrize("name", ["tr", "tur", "Turkish", "tr-TR", "TR_tr", "az", "aze", "azj", "Azerbaijani", "crh"])
@pytest.mark.parametrize(("small", "capital"), TURKISH)
def test_two_letters_i_in_turkish_and_its_kin(name: str, small: str, capital: str) -> None:
    normalise = get_normaliser("basic", name)
    assert normalise(small) == normalise(capital) == small


@pytest.mark.parametrize("name", [None, "en", "de", "nl"])
def test_one_letter_i_elsewhere_and_never_two_code_points(name: str | None) -> None:
    assert get_normaliser("basic", name)("İI") == "ii"
    assert get_normaliser("english", name)("İstanbul") == "istanbul"
    assert label_text("İI", set("abi"), name) == "ii"


@pytest.mark.parametrize("pair", ["Straße STRASSE", "ΟΔΟΣ οδος", "οδοσ οδος", "IJsland Ĳsland", "ǅ ǆ"])
def test_small_and_capital_letters_count_alike(pair: str) -> None:
    one, other = get_normaliser("basic")(pair).split()
    assert one == other


def test_what_is_learnt_keeps_the_letters_of_its_language() -> None:
    assert label_text("Straße, ΟΔΟΣ!", set("abc")) == "straße οδος"
    assert vocabulary_for(["Straße"], set("arste")) == ["ß"]
    assert label_text("straße", set("ASTRE")) == "STRASSE"
    assert label_text("iyi ışık", set("İYIŞK"), "tr") == "İYİ IŞIK"
    assert label_text("Isparta", set("ısparti"), "tr") == "ısparta"


def test_the_hash_tells_the_casings_apart_and_only_where_they_differ() -> None:
    plain, turkish = get_normaliser("basic"), get_normaliser("basic", "tur")
    assert plain.rules_hash != turkish.rules_hash == get_normaliser("basic", "az").rules_hash
    assert (plain.name, plain.rules_hash) == (turkish.name, get_normaliser("basic", "de").rules_hash)
    assert get_normaliser("english", "tr").rules_hash == get_normaliser("english").rules_hash


@given(st.text(), st.sampled_from(["", "dotted"]))
def test_folding_is_done_once_and_for_all(text: str, casing: str) -> None:
    assert fold(fold(text, casing), casing) == fold(text, casing)
    assert "\u0307" in text or "\u0307" not in lower(text, casing)
    assert len(lower("İ", casing)) == len(upper("i", casing)) == 1


def test_the_language_reaches_the_score_of_text_from_elsewhere(tmp_path: Path) -> None:
    rows = ["u1,istanbul ısparta,İstanbul Isparta.", "u2,ışık hanım,Işık Hanım"]
    beside = tmp_path / "told.csv"
    beside.write_text("id,text,hypothesis\n" + "\n".join(rows) + "\n", encoding="utf-8")
    column = tmp_path / "column.csv"
    column.write_text(
        "id,text,hypothesis,language\n" + "\n".join(f"{row},Turkish" for row in rows) + "\n", encoding="utf-8"
    )

    def wer(*arguments: str) -> float:
        assert _run(["evaluate", "--hypotheses", *arguments, "--out", str(tmp_path / "out")]) == 0
        return json.loads((tmp_path / "out" / "summary.json").read_text())["score"]["wer"]

    assert wer(str(beside), "--language", "tur") == wer(str(column)) == 0
    assert wer(str(beside), "--language", "de") > 0


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("eng", "en"), ("deu", "de"), ("ger", "de"), ("tur", "tr"), ("nor", "no"), ("nno", "nn"), ("yue", "yue")),
        *(("nan", "nan"), ("fre", "fr"), ("chi", "zh"), ("cmn", "cmn"), ("dut", "nl"), ("gre", "el"), ("cze", "cs")),
        *(
            ("GERMAN", "de"),
            ("Deutsch", "de"),
            (" de_AT ", "de"),
            ("pt-BR", "pt"),
            ("zh-Hant-TW", "zh"),
            ("<|sv|>", "sv"),
        ),
        *(("iw", "he"), ("Malayalam", "ml"), ("", ""), (None, ""), ("Qwxyzish", "qwxyzish"), ("xx", "xx")),
    ],
)
def test_a_language_has_one_code_under_all_its_names(name: str | None, code: str) -> None:
    assert language_code(name) == code
