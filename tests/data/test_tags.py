"""What a check says of tags, and of texts that hold nothing else; sentences shared by splits, in their language."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import soundfile
from rich.console import Console

from speech_tl.data.check import CheckResult, check_manifest, print_check
from speech_tl.data.leaks import find_leaks
from speech_tl.data.manifest import Manifest
from speech_tl.text import get_normaliser
from tests.small import written
from tests.sounds import SAMPLE_RATE, voice


def manifest(folder: Path, texts: list[tuple[str, str]], **columns: str) -> Manifest:
    """One short clip for each split and text."""
    rows = []
    for number, (split, text) in enumerate(texts):
        soundfile.write(folder / f"{number}.wav", voice(0.5, number), SAMPLE_RATE)
        rows.append({"audio": f"{number}.wav", "split": split, "text": text, **columns})
    return Manifest.read(written(folder / "manifest.csv", rows))


def printed(result: CheckResult) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_check(result, console)
    return console.file.getvalue()


def test_tags_are_named_with_how_many_rows_have_them(tmp_path: Path) -> None:
    texts = [("train", "a [noise] b [noise]"), ("train", "c <COMMA> d"), ("dev", "e [noise]"), ("test", "plain")]
    result = check_manifest(manifest(tmp_path, texts))
    assert result.tags == {"[noise]": 2, "<COMMA>": 1} and result.counts == {"tags": 3}
    assert len(result.clean_indices) == 4, "a warning: the rows stay"
    said = printed(result)
    assert "tags: 3 (warning)" in said and "[noise] in 2 rows, <COMMA> in 1 row" in said
    assert "neither learnt nor scored (basic)" in said


@pytest.mark.parametrize("text", ["[noise]", "(coughs) <unk>", "...", "?!", "\U0001f600", "\u0301", "\u200b\ufeff"])
def test_a_text_without_a_word_is_not_learnt_and_is_tested_as_silence(text: str, tmp_path: Path) -> None:
    result = check_manifest(manifest(tmp_path, [("train", text), ("train", "good"), ("dev", text), ("test", text)]))
    assert [(row.problem, row.split) for row in result.excluded] == [("no_words", "train")]
    assert [problem.split for problem in result.problems if problem.kind == "no_words"] == ["train", "dev", "test"]


def test_what_is_scored_decides(tmp_path: Path) -> None:
    table = manifest(tmp_path, [("train", "[noise]"), ("train", "a [noise]")])
    assert [row.row for row in check_manifest(table, normaliser=get_normaliser("english")).excluded] == [1]
    kept = check_manifest(table, normaliser=get_normaliser("none"))
    assert not kept.excluded and "learnt and scored as words (none)" in printed(kept)


@pytest.mark.parametrize(("language", "shared"), [("tr", 1), ("", 0)])
def test_a_sentence_is_the_same_in_its_languages_case(language: str, shared: int, tmp_path: Path) -> None:
    texts = [("train", "Isparta güzel"), ("dev", "other"), ("test", "ısparta GÜZEL [noise]")]
    table = manifest(tmp_path, texts, language=language)
    found = check_manifest(table)
    assert sum(map(len, found.shared_sentences.values())) == shared
    leaks = find_leaks(table.split("train"), table.split("test"), found.shared_speakers, found.shared_sentences)
    assert leaks["sentences"]["count"] == leaks["sentences"]["test_utterances"] == shared
