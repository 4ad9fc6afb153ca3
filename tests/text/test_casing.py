"""Upper and lower case by language, in scores and in labels."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.text import agreed, fit_case, get_normaliser, spelt_words
from speech_tl.text.casing import casing_of, fold, lower, upper

CAPITALS = set("ABCDEFGHIJKLMNOPQRSTUVWXYZ'")
TURKIC = ["tr", "TR", "tur", "Turkish", "turkish", "tr-TR", "tr_TR", "tur_Latn", "<|tr|>", "Türkçe", "az", "aze", "azj",
          "az-Latn-AZ", "Azerbaijani", "crh", "Crimean Tatar"]  # fmt: skip


@pytest.mark.parametrize("language", TURKIC)
def test_turkic_languages_are_known_by_any_name(language: str) -> None:
    basic = get_normaliser("basic", language)
    assert basic("Isparta İstanbul I\u0307zmir IŞIK") == "ısparta istanbul izmir ışık"
    assert casing_of(language) and basic.rules_hash == get_normaliser("basic", "tr").rules_hash


@pytest.mark.parametrize("language", [None, "", "en", "de", "kk-Latn", "Kazakh", "tg", "tri", "trv", "turkmen", "lt"])
def test_other_languages_have_one_i(language: str | None) -> None:
    basic = get_normaliser("basic", language)
    assert basic("Isparta ISPARTA") == "isparta isparta" and not casing_of(language)
    assert basic.rules_hash == get_normaliser("basic").rules_hash != get_normaliser("basic", "tr").rules_hash


@pytest.mark.parametrize("language", [None, "en", "tr", "lt"])
@pytest.mark.parametrize("written", ["İstanbul", "I\u0307stanbul", "i\u0307stanbul", "i\u0307\u0307stanbul"])
def test_the_capital_with_a_dot_is_one_letter_in_every_language(written: str, language: str | None) -> None:
    found = get_normaliser("basic", language)(written)
    assert found.endswith("stanbul") and len(found) == 8 and "\u0307" not in found
    assert len(spelt_words(written, language)) == 8
    if "İ" in written or language != "tr":
        assert found == "istanbul"


@pytest.mark.parametrize(
    ("language", "one", "other", "counted"),
    [
        ("de", "Die STRASSE", "die Straße", "die strasse"),
        ("de", "GROẞ", "groß", "gross"),
        ("el", "ΟΔΟΣ", "οδος", "οδοσ"),
        ("el", "ο άνθρωπος", "Ο ΆΝΘΡΩΠΟΣ", "ο άνθρωποσ"),
        ("nl", "\u0132sland", "IJsland", "ijsland"),
        ("nl", "\u0133s", "IJS", "ijs"),
        ("lt", "i\u0307\u0301 J\u0303", "\u00ed j\u0303", "\u00ed j\u0303"),
        ("tr", "DİYARBAKIR", "Diyarbakır", "diyarbakır"),
        ("tr", "kâğıt", "KÂĞIT", "kâğıt"),
    ],
)
def test_how_a_word_is_cased_does_not_count(language: str, one: str, other: str, counted: str) -> None:
    basic = get_normaliser("basic", language)
    assert basic(one) == basic(other) == counted


def test_no_normaliser_of_any_language_makes_two_code_points_of_a_capital_i() -> None:
    for name in ("basic", "english", "unspaced"):
        for language in (None, "tr", "az", "en"):
            assert get_normaliser(name, language)("İ İI") in ("i ii", "i iı"), (name, language)


@given(st.text(alphabet="iıIİjJ\u0307\u0301 ßẞςσΣĲ\u200baz"))
def test_case_once_folded_stays_folded(text: str) -> None:
    for language in (None, "tr"):
        basic = get_normaliser("basic", language)
        assert basic(basic(text)) == basic(text) == basic(unicodedata.normalize("NFD", text))


def test_only_normalisers_that_fold_case_differ_by_language() -> None:
    for name, differs in (("none", False), ("english", False), ("basic", True), ("unspaced", True)):
        assert (get_normaliser(name, "tr").rules_hash != get_normaliser(name).rules_hash) == differs


def test_upper_undoes_lower_in_turkish() -> None:
    assert upper("ışık iyi", "dotless i") == "IŞIK İYİ"
    assert lower("IŞIK İYİ", "dotless i") == fold("IŞIK İYİ", "dotless i") == "ışık iyi"
    assert upper("iı") == "II"


# ---- labels


@pytest.mark.parametrize(
    ("text", "known", "language", "label"),
    [
        ("Isparta, iyi!", CAPITALS | {"İ", "Ş"}, "tr", "ISPARTA İYİ"),
        ("Isparta, iyi!", CAPITALS, "Turkish", "ISPARTA İYİ"),
        ("Isparta, iyi!", set("abcdefghijklmnopqrstuvwxyzı"), "tr", "ısparta iyi"),
        ("IŞIK", set("abcdefghijklmnopqrstuvwxyz"), "tr", "ışık"),
        ("Isparta", CAPITALS, None, "ISPARTA"),
        ("İyi", set("iy"), None, "iyi"),
        ("für Elise", CAPITALS, "de", "FÜR ELISE"),
        ("die Straße", CAPITALS, "de", "DIE STRASSE"),
        ("die Straße", set("abcdefghijklmnopqrstuvwxyz"), "de", "die strasse"),
        ("DIE STRAßE", set("abcdefghijklmnopqrstuvwxyzß"), "de", "die straße"),
        ("die Straße", set(), "de", "die straße"),
        ("Ο ΛΌΓΟΣ", set("ολόγς"), "el", "ο λόγος"),
        ("ο λόγος", set("ολόγσ"), "el", "ο λόγοσ"),
        ("ο λόγος", set("ΟΛΌΓΣ"), "el", "Ο ΛΌΓΟΣ"),
        ("naïve", {*CAPITALS, *"abcdefghijklmnopqrstuvwxyz"}, None, "naïve"),
    ],
)
def test_labels_are_in_the_case_that_the_vocabulary_writes(
    text: str, known: set[str], language: str | None, label: str
) -> None:
    assert fit_case(spelt_words(text, language), known, language) == label


def test_what_is_learnt_is_what_is_scored() -> None:
    for language, text in (
        ("tr", "IŞIK İyi"),
        ("de", "GROẞE Straße"),
        ("el", "ΛΌΓΟΣ λόγος"),
        (None, "İ I"),
        ("nl", "Ĳs"),
    ):
        basic = get_normaliser("basic", language)
        for known in (CAPITALS, set("abcdefghijklmnopqrstuvwxyz"), set()):
            assert basic(fit_case(spelt_words(text, language), known, language)) == basic(text)


# ---- scores

ROWS = [
    ("istanbul çok büyük bir şehir", "İstanbul çok büyük bir şehir."),
    ("ısparta gül şehri olarak bilinir", "Isparta gül şehri olarak bilinir."),
    ("iyi akşamlar ışık hanım", "İyi akşamlar Işık Hanım."),
]


def table(path: Path, language: str | None = None) -> Path:
    """References and hypotheses as one file, with a column language where one is given."""
    named = ["language"] if language else []
    with path.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(["id", "text", "hypothesis", *named])
        out.writerows([f"u{n}", *row, *([language] if language else [])] for n, row in enumerate(ROWS))
    return path


@pytest.mark.parametrize("language", ["tr", "Turkish", "tur", "tr-TR", "az"])
@pytest.mark.parametrize("by", ["option", "column"])
def test_right_turkish_words_are_right(language: str, by: str, tmp_path: Path) -> None:
    from speech_tl.scoring.hypothesis_files import evaluate_hypotheses

    column, option = (language, None) if by == "column" else (None, language)
    found = evaluate_hypotheses(table(tmp_path / "t.csv", column), language=option, out=tmp_path / "out")
    assert found.score.wer == 0 and found.score.words == 14
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["normaliser"], summary["data"]["language"]) == ("basic", language)
    assert summary["normaliser_hash"] == get_normaliser("basic", "tr").rules_hash
    assert summary["normaliser_reason"] == f"the language is {language}"


def test_rows_of_several_languages_are_each_folded_by_their_own(tmp_path: Path) -> None:
    from speech_tl.scoring.hypothesis_files import evaluate_hypotheses
    from speech_tl.scoring.wer import Evaluation

    path = table(tmp_path / "t.csv", "tr")
    with path.open("a", encoding="utf-8") as stream:
        stream.write("e1,it is i,It is I.,en\n")
    found = evaluate_hypotheses(path, out=tmp_path / "out")
    assert found.score.wer == 0 and found.data["language"] is None
    hashes = {get_normaliser("basic", language).rules_hash for language in ("tr", "en")}
    assert found.normaliser_hash not in hashes, "neither one's rules alone"
    assert Evaluation.read(tmp_path / "out").normaliser_hash == found.normaliser_hash
    assert evaluate_hypotheses(path, language="en").score.wer > 0, "--language is obeyed"


def test_a_comparison_folds_a_file_as_the_evaluation_was(tmp_path: Path) -> None:
    from speech_tl.comparison import compare
    from speech_tl.errors import BadInput
    from speech_tl.scoring.hypothesis_files import evaluate_hypotheses

    for name, language in (("turkish", "tr"), ("unsaid", None)):
        evaluate_hypotheses(table(tmp_path / "t.csv"), language=language, out=tmp_path / name)
    target = compare(tmp_path / "turkish", tmp_path / "t.csv")["target"]
    assert target["before"]["wer"] == target["after"]["wer"] == 0
    with pytest.raises(BadInput, match="scored with normaliser basic .* with basic .*: evaluate one of them again"):
        compare(tmp_path / "turkish", tmp_path / "unsaid")


def test_an_evaluation_from_before_languages_were_recorded_is_still_read(tmp_path: Path) -> None:
    from speech_tl.comparison import compare
    from speech_tl.scoring.hypothesis_files import evaluate_hypotheses

    evaluate_hypotheses(table(tmp_path / "t.csv"), out=tmp_path / "old")
    summary = json.loads((tmp_path / "old" / "summary.json").read_text())
    del summary["normaliser_reason"], summary["data"]["language"]
    (tmp_path / "old" / "summary.json").write_text(json.dumps(summary))
    report = compare(tmp_path / "old", tmp_path / "old")
    assert report["normaliser"] == "basic" and report["target"]["wer_change"]["absolute"] == 0


def test_one_language_by_whatever_name() -> None:
    assert agreed(["tr", None, "tr-TR", ""]) == "tr"
    assert agreed(["tr", "en"]) is agreed([]) is agreed([None]) is None
