"""Languages that Whisper has no token for: the relative's, with a reason, from loading to the report's notes."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from speech_tl.adaptation import adapt
from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from speech_tl.models.whisper_languages import RELATIVES, SAME, language_token
from speech_tl.recipe import recipe_from_yaml
from speech_tl.text import language_code
from tests.small import made_corpus, recipe_yaml, rows_of, written
from tests.tiny import tiny_whisper

CODES = set(LANGUAGES)


def test_the_table_only_helps_where_there_is_no_token() -> None:
    lacking = {code for code in RELATIVES if code != "yue"}  # which large-v3 has and the others lack
    assert not lacking & CODES and not set(SAME) & CODES
    assert {token for token, _ in RELATIVES.values()} | set(SAME.values()) <= CODES
    assert all(language_code(code) == code for code in RELATIVES)


@pytest.mark.parametrize(
    ("language", "token"),
    [
        *[("cy", "cy"), ("Welsh", "cy"), ("cy_gb", "cy"), ("jv_id", "jw"), ("fil", "tl"), ("nb", "no")],
        *[("tur", "tr"), ("nor", "no"), ("nob", "no"), ("nno", "nn"), ("yue", "yue"), ("cmn", "zh"), ("swh", "sw")],
        *[("GERMAN", "de"), ("Deutsch", "de"), ("zh-Hant-TW", "zh"), ("<|de|>", "de"), ("iw", "he"), ("lvs", "lv")],
    ],
)
def test_a_language_that_has_one_keeps_it(language: str, token: str) -> None:
    assert language_token(language, CODES, "m") == (token, None)


def test_a_relative_s_token_comes_with_the_reason() -> None:
    token, remark = language_token("ga-IE", CODES, "m")
    assert token == "cy"
    assert remark == (
        "Whisper has no token for language ga-IE: it is given that of Welsh (cy), because both are Celtic languages; "
        "model.language chooses another"
    )


@pytest.mark.parametrize("language", ["wo", "xx", "enlgish"])
def test_without_a_relative_it_is_one_line(language: str) -> None:
    with pytest.raises(BadInput, match=rf"no token for language={language}.*model\.language=CODE"):
        language_token(language, CODES, "m")


def test_a_language_of_no_token_is_never_mistaken_for_another() -> None:
    """What is a language itself is not a spelling of another; nor is a code, for all codes look alike."""
    for language in ("wo", "wol", "Wolof", "iu", "xx", "qqq"):
        with pytest.raises(BadInput, match="no token") as error:
            language_token(language, CODES, "m")
        assert "did you mean" not in str(error.value)
    with pytest.raises(BadInput, match=r"did you mean German\?"):
        language_token("Germn", CODES, "m")


def test_cantonese_without_its_token_is_given_that_of_chinese() -> None:
    token, remark = language_token("Cantonese", CODES - {"yue"}, "m")
    assert token == "zh" and "Sinitic" in remark


def test_a_run_says_whose_token_it_was_given(tmp_path: Path) -> None:
    """Irish with the token of Welsh: labels, both decodings, the saved model, and the note in the report."""
    rows = [row | {"language": "ga"} for row in rows_of(made_corpus(tmp_path / "data"))]
    manifest = written(tmp_path / "irish.csv", rows)
    model = tiny_whisper(tmp_path / "m", tokens=64)
    result = adapt(recipe_from_yaml(recipe_yaml(tmp_path / "r.yaml", model, manifest, max_steps=1)), tmp_path / "run")
    assert any("because both are Celtic languages" in note for note in result.report["notes"])
    assert result.report["data"]["language"] == "ga" and result.model.language == "cy"
    assert [side.model["language"] for side in (result.before, result.after)] == ["cy", "cy"]
    again = load_model(result.folder / "model")
    assert again.language == "cy" and not again.remarks
