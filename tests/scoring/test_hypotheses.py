"""Hypotheses beside references: matched by id or by file name, never by luck."""

from __future__ import annotations

from pathlib import Path

import pytest

from speech_tl.data.manifest import Utterance
from speech_tl.errors import BadInput
from speech_tl.scoring.hypotheses import Hypotheses, hypotheses_for, read_hypotheses, require_all


def said(*ids: str, folder: str = "/clips") -> list[Utterance]:
    return [Utterance(name, f"{folder}/{name}.wav", "text") for name in ids]


@pytest.mark.parametrize("form", ["{}", "{}.wav", "{}.flac", "/elsewhere/{}.wav", "clips/{}.mp3"])
def test_ids_and_names_of_audio_files_both_match(form: str) -> None:
    given = Hypotheses("h.csv", {form.format("b"): "two", form.format("a"): "one"})
    assert hypotheses_for(said("a", "b"), given, "m.csv") == ["one", "two"]


def test_ids_with_dots_are_not_taken_for_file_names() -> None:
    given = Hypotheses("h.csv", {"talk.1": "one", "talk.2": "two"})
    assert hypotheses_for(said("talk.1", "talk.2"), given, "m.csv") == ["one", "two"]


def test_an_utterance_without_hypothesis_is_named() -> None:
    utterances = said("a", "b", "c")
    texts = hypotheses_for(utterances, Hypotheses("h.csv", {"b": ""}), "m.csv")
    assert texts == [None, "", None]
    with pytest.raises(BadInput, match=r"h\.csv has no hypothesis for 2 of 3 utterances: a, c; write an empty one"):
        require_all(utterances, texts, "h.csv")


def test_hypotheses_of_other_utterances_are_named() -> None:
    given = Hypotheses("h.csv", dict.fromkeys(("a", "v", "w", "x", "y", "z"), ""))
    with pytest.raises(BadInput, match=r"\(6 hypotheses, 2 utterances\): the references lack v, w, x and 2 more"):
        hypotheses_for(said("a", "b"), given, "m.csv")


def test_references_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(BadInput, match=r"m\.csv: has ids twice"):
        hypotheses_for(said("a", "a"), Hypotheses("h.csv", {"a": ""}), "m.csv")


def test_two_folders_with_one_file_name_are_matched_by_id_only() -> None:
    utterances = [Utterance(f"{folder}/1.wav", f"/{folder}/1.wav", "") for folder in ("ann", "bob")]
    given = Hypotheses("h.csv", {"bob/1.wav": "b", "ann/1.wav": "a"})
    assert hypotheses_for(utterances, given, "m.csv") == ["a", "b"]


def test_a_format_nobody_knows_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"h\.txt: cannot tell the format from '.txt'; expected .*\.csv.*\.ctm"):
        read_hypotheses(tmp_path / "h.txt")
    with pytest.raises(BadInput, match=r"h\.csv: no such file"):
        read_hypotheses(tmp_path / "h.csv")
