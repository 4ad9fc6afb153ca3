"""What a language asks of scoring."""

from __future__ import annotations

import pytest

from speech_tl.text import default_normaliser, leading_rate


@pytest.mark.parametrize("language", ["en", "EN", "en-GB", "en_US", "eng", "English"])
def test_english_is_the_default_for_english(language: str) -> None:
    assert default_normaliser(language) == "english"


@pytest.mark.parametrize("language", [None, "", "ml", "de", "engadin"])
def test_basic_is_the_default_for_everything_else(language: str | None) -> None:
    assert default_normaliser(language) == "basic"


@pytest.mark.parametrize("language", ["zh", "zh-TW", "Chinese", "ja_JP", "th", "thai", "my", "km", "lo"])
def test_unspaced_is_the_default_and_cer_leads_where_no_spaces_are_written(language: str) -> None:
    assert (default_normaliser(language), leading_rate(language)) == ("unspaced", "cer")


def test_the_normaliser_tells_where_nobody_says_the_language() -> None:
    assert leading_rate(None, "unspaced") == leading_rate("", "unspaced") == "cer"
    assert leading_rate("en", "unspaced") == leading_rate(None, "basic") == "wer"


@pytest.mark.parametrize("language", [None, "", "en", "ml", "ko", "vi", "thaana"])
def test_wer_leads_elsewhere(language: str | None) -> None:
    assert leading_rate(language) == "wer"
