"""What a language asks of scoring."""

from __future__ import annotations

import pytest

from speech_tl.text import default_normaliser, is_language, language_code, language_name, leading_rate


@pytest.mark.parametrize("language", ["en", "EN", "en-GB", "en_US", "eng", "English"])
def test_english_is_the_default_for_english(language: str) -> None:
    assert default_normaliser(language) == "english"


@pytest.mark.parametrize("language", [None, "", "ml", "de", "engadin"])
def test_basic_is_the_default_for_everything_else(language: str | None) -> None:
    assert default_normaliser(language) == "basic"


@pytest.mark.parametrize("language", ["zh", "zh-TW", "Chinese", "yue-Hant", "jpn", "ja_JP", "th", "my", "km", "lo"])
def test_unspaced_is_the_default_and_cer_leads_where_no_spaces_are_written(language: str) -> None:
    assert (default_normaliser(language), leading_rate(language)) == ("unspaced", "cer")


def test_the_normaliser_tells_where_nobody_says_the_language() -> None:
    assert leading_rate(None, "unspaced") == leading_rate("", "unspaced") == "cer"
    assert leading_rate("en", "unspaced") == leading_rate(None, "basic") == "wer"


@pytest.mark.parametrize("language", [None, "", "en", "ml", "ko", "vi", "thaana"])
def test_wer_leads_elsewhere(language: str | None) -> None:
    assert leading_rate(language) == "wer"


@pytest.mark.parametrize(
    ("code", "names"),
    {
        "tr": ["tur", "Turkish", "TURKISH", "tr-TR", "tr_TR", "tr_TR.UTF-8", "T\u00fcrk\u00e7e", " tr "],
        "de": ["deu", "ger", "GERMAN", "Deutsch", "de-DE", "de_CH", "<|de|>"],
        "en": ["eng", "English", "en-GB-oxendict", "en_US", "American English"],
        "zh": ["zho", "chi", "cmn", "zh-Hant-TW", "Mandarin", "Chinese", "cmn-script_simplified"],
        "no": ["nor", "Norwegian", "no-NO"],
        "nb": ["nob", "nb-NO"],
        "nn": ["nno", "Nynorsk"],
        "yue": ["yue", "Cantonese", "zh-yue"],
        "nan": ["nan", "Hokkien", "zh-min-nan"],
        "fr": ["fra", "fre", "fran\u00e7ais"],
        "nl": ["nld", "dut", "Dutch", "Flemish", "Nederlands"],
        "el": ["ell", "gre", "Modern Greek"],
        "fa": ["fas", "per", "Farsi", "pes"],
        "he": ["heb", "iw"],
        "ro": ["ron", "rum", "mo", "Moldovan"],
        "sw": ["swa", "swh", "Kiswahili"],
        "tl": ["tgl", "fil", "Tagalog", "Filipino"],
        "jv": ["jav", "jw"],
        "az": ["aze", "azj", "Azeri", "azj-script_latin"],
        "ur": ["urd", "urd-script_arabic"],
        "": [None, "", "  ", "und", "zxx"],
        "gobbledygook": ["Gobbledygook"],
    }.items(),
)
def test_a_language_has_one_code_whatever_it_is_called(code: str, names: list[str | None]) -> None:
    assert {name: language_code(name) for name in names} == dict.fromkeys(names, code)


@pytest.mark.parametrize("language", ["tur", "yue", "Turkish", "zu"])
def test_a_language_is_known_as_one(language: str) -> None:
    assert is_language(language)


@pytest.mark.parametrize("language", ["", "und", "xx", "Gobbledygook", "germn"])
def test_what_is_no_language_is_known_as_none(language: str) -> None:
    assert not is_language(language)


def test_codes_have_names_for_readers() -> None:
    assert (language_name("nl"), language_name("nob"), language_name("xx")) == ("Dutch", "Norwegian Bokm\u00e5l", "xx")


@pytest.mark.parametrize("name", ["9" * 5000, "\0", "con\0", "\ufeff", "word " * 5000, "a\rb", "²", "\x1b[2J", "", "-"])
def test_what_is_no_language_is_none_whatever_it_is(name: str) -> None:
    assert not is_language(name)
