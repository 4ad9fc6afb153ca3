"""WER and CER: exact counts, agreement with jiwer, files that can be recomputed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_tl.errors import BadInput
from speech_tl.figures import Rates
from speech_tl.scoring.alignment import align, chunks_of
from speech_tl.scoring.wer import KEYS, Evaluation, score
from tests.scoring.made import Said, evaluation

words = st.lists(st.sampled_from(["a", "b", "c", "don't", "été", "കാഴ്ച"]), max_size=6).map(" ".join)
pairs = st.lists(st.tuples(words, words), min_size=1, max_size=6)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "utterances.jsonl").read_text(encoding="utf-8").split("\n") if line]


def test_counts_of_one_known_alignment() -> None:
    found = evaluation([("the cat sat on the mat", "a cat sat the mat today")]).utterances[0]
    assert (found.words, found.substitutions, found.deletions, found.insertions) == (6, 1, 1, 1)


def test_chunks_show_what_was_said_and_heard() -> None:
    assert chunks_of("the cat sat here", "cat sits here now") == [
        ("delete", ["the"], []),
        ("equal", ["cat"], ["cat"]),
        ("substitute", ["sat"], ["sits"]),
        ("equal", ["here"], ["here"]),
        ("insert", [], ["now"]),
    ]
    assert chunks_of("", "") == []


def test_corpus_wer_is_no_mean_over_utterances() -> None:
    found = evaluation(
        [
            ("one two three four five six seven eight nine", "one two three four five six seven eight nine"),
            ("ten", "hen"),
        ]
    )
    assert found.score.wer == 0.1


def test_empty_references_count_their_insertions() -> None:
    found = evaluation([("", "thanks for watching"), ("a b", "a b"), ("", "")])
    assert [utterance.insertions for utterance in found.utterances] == [3, 0, 0]
    assert found.score.wer == 1.5


def test_reference_that_normalisation_empties_counts_its_insertions() -> None:
    found = evaluation([("...", "yes!"), ("no", "no")], normaliser="basic")
    assert found.utterances[0].reference == "" and found.utterances[0].reference_raw == "..."
    assert found.score.wer == 1.0


def test_silence_alone_has_no_wer_but_says_what_was_heard(tmp_path: Path) -> None:
    found = evaluation([("", "you you"), ("", "")])
    assert (found.score.wer, found.score.cer, found.score.insertions, found.score.ci95) == (None, None, 2, None)
    found.write(tmp_path)
    assert "no words" in json.loads((tmp_path / "summary.json").read_text())["note"]


@given(pairs)
def test_same_text_has_no_error(texts: list[tuple[str, str]]) -> None:
    found = evaluation([(said, said) for said, _ in texts]).score
    assert found.substitutions == found.deletions == found.insertions == 0
    assert found.wer in (0.0, None)


@given(words)
def test_empty_sides(text: str) -> None:
    count = len(text.split())
    assert align([text], [""])[0] == (count, 0, count, 0)
    assert align([""], [text])[0] == (0, 0, 0, count)


@given(pairs, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_order_of_utterances_changes_nothing(texts: list[tuple[str, str]], chance: random.Random) -> None:
    shuffled = chance.sample(texts, len(texts))
    first, second = evaluation(texts).score, evaluation(shuffled).score
    assert (first.wer, first.cer, first.insertions) == (second.wer, second.cer, second.insertions)


@given(pairs, pairs)
def test_counts_of_two_sets_add_up(first: list[tuple[str, str]], second: list[tuple[str, str]]) -> None:
    def total(texts: list[tuple[str, str]]) -> list[int]:
        return [sum(counts) for counts in zip(*align(*zip(*texts, strict=True)), strict=True)]

    assert total(first + second) == [a + b for a, b in zip(total(first), total(second), strict=True)]


@given(pairs)
@settings(max_examples=60, deadline=None)
def test_figures_equal_jiwers(texts: list[tuple[str, str]]) -> None:
    references, hypotheses = [said for said, _ in texts], [heard for _, heard in texts]
    found, theirs = evaluation(texts).score, jiwer.process_words(references, hypotheses)
    assert (found.substitutions, found.deletions, found.insertions) == (
        theirs.substitutions,
        theirs.deletions,
        theirs.insertions,
    )
    if found.words:
        assert found.wer == theirs.wer == jiwer.wer(references, hypotheses)
        assert found.cer == jiwer.cer(references, hypotheses)


def test_figures_equal_jiwers_on_10_000_random_pairs() -> None:
    chance = random.Random(0)
    letters = "abcde"

    def text() -> str:
        sizes = [chance.randint(1, 3) for _ in range(chance.randint(0, 12))]
        return " ".join("".join(chance.choices(letters, k=size)) for size in sizes)

    texts = [(text(), text()) for _ in range(10_000)]
    theirs = jiwer.process_words([said for said, _ in texts], [heard for _, heard in texts])
    found = evaluation(texts)
    assert found.score.wer == theirs.wer and found.score.words == theirs.hits + theirs.substitutions + theirs.deletions
    assert (found.score.substitutions, found.score.deletions, found.score.insertions) == (
        theirs.substitutions,
        theirs.deletions,
        theirs.insertions,
    )
    for utterance in found.utterances[::20]:  # one by one, as jiwer counts a pair alone
        alone = jiwer.process_words(utterance.reference, utterance.hypothesis)
        assert (utterance.substitutions, utterance.deletions, utterance.insertions) == (
            alone.substitutions,
            alone.deletions,
            alone.insertions,
        )


def test_raw_figures_tell_formatting_from_recognition(tmp_path: Path) -> None:
    said = "Hello, Anna! How are you?"
    plain = evaluation([(said, "hello anna how are you")], "basic")
    formatted = evaluation([(said, said)], "basic")
    assert plain.score.wer == formatted.score.wer == 0
    assert plain.score.raw["wer"] == jiwer.wer(said, "hello anna how are you") == 4 / 5
    assert plain.score.raw["cer"] == jiwer.cer(said, "hello anna how are you")
    assert formatted.score.raw == Rates(wer=0, cer=0)
    plain.write(tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["score"]["raw"]["wer"] == 4 / 5
    assert Evaluation.read(tmp_path).score.raw == plain.score.raw


def test_raw_figures_ignore_white_space_alone() -> None:
    found = evaluation([("a  b\tc\n", " a b c")], "basic").score
    assert found.raw == Rates(wer=0, cer=0) and found.wer == 0
    assert evaluation([("", "x")]).score.raw == Rates(wer=None, cer=None)


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4), st.sampled_from(["none", "basic", "english"]))
@settings(max_examples=60, deadline=None)
def test_any_text_survives_the_files_and_jiwer_alone_finds_the_same(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]], normaliser: str
) -> None:
    folder = tmp_path_factory.mktemp("evaluation")
    written = evaluation(texts, normaliser)
    written.write(folder)
    rows, summary = rows_of(folder), json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    references, hypotheses = [row["reference"] for row in rows], [row["hypothesis"] for row in rows]
    assert Evaluation.read(folder) == written
    if summary["score"]["words"]:
        assert summary["score"]["wer"] == jiwer.wer(references, hypotheses)
        assert summary["score"]["cer"] == jiwer.cer(references, hypotheses)


def test_rows_hold_the_contracts_keys_and_the_manifests_columns(tmp_path: Path) -> None:
    columns = {"speaker": "s1", "words": 12, "age": float("nan"), "split": "test"}
    said = Said("a", "Hello!", columns=columns, start_s=1.0, end_s=3.5, duration_s=None)
    score([said], ["hello there"], "basic", model={"source": "m"}).write(tmp_path)
    row = rows_of(tmp_path)[0]
    assert tuple(row)[: len(KEYS)] == KEYS
    assert row == {
        "id": "a",
        "audio": "a.wav",
        "reference": "hello",
        "hypothesis": "hello there",
        "words": 1,
        "substitutions": 0,
        "deletions": 0,
        "insertions": 1,
        "duration": 2.5,
        "reference_raw": "Hello!",
        "hypothesis_raw": "hello there",
        "start": 1.0,
        "end": 3.5,
        "speaker": "s1",
        "manifest_words": 12,
        "age": None,
        "split": "test",
    }
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["normaliser"] == "basic" and len(summary["normaliser_hash"]) == 12
    assert summary["model"] == {"source": "m"} and "jiwer" in summary["versions"]


def test_utterances_that_could_not_be_decoded_are_left_out_and_named() -> None:
    found = evaluation([("a b", "a b"), ("c d", None)])
    assert found.score.words == 2 and found.data["left_out"] == ["u1"]


def test_scoring_refuses_what_it_cannot_score() -> None:
    with pytest.raises(BadInput, match="u0 has no text"):
        score([Said("u0", None)], ["a"], "none")
    with pytest.raises(BadInput, match="2 utterances but 1 hypotheses"):
        score([Said("u0", "a"), Said("u1", "b")], ["a"], "none")
    with pytest.raises(BadInput, match="nothing to score"):
        evaluation([("a", None)])


def broken(folder: Path, name: str, content: str) -> Path:
    evaluation([("a b", "a c")]).write(folder)
    (folder / name).write_text(content, encoding="utf-8")
    return folder


def test_reading_names_what_is_broken(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        Evaluation.read(tmp_path / "nowhere")
    with pytest.raises(BadInput, match=r"holds no summary\.json"):
        Evaluation.read(tmp_path)
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    with pytest.raises(BadInput, match="whole run: give"):
        Evaluation.read(tmp_path)
    with pytest.raises(BadInput, match=r"summary\.json: not JSON"):
        Evaluation.read(broken(tmp_path / "1", "summary.json", "{"))
    with pytest.raises(BadInput, match="line 1: not JSON .*is the file complete"):
        Evaluation.read(broken(tmp_path / "2", "utterances.jsonl", '{"id": "u0", "aud'))
    with pytest.raises(BadInput, match="line 1: lacks audio"):
        Evaluation.read(broken(tmp_path / "3", "utterances.jsonl", '{"id": "u0"}\n'))
    with pytest.raises(BadInput, match="holds no utterance"):
        Evaluation.read(broken(tmp_path / "4", "utterances.jsonl", "\n"))


@pytest.mark.parametrize("area", ["model", "data"])
@pytest.mark.parametrize("key", ["source", "language"])
def test_reading_refuses_names_that_are_no_text(tmp_path: Path, area: str, key: str) -> None:
    evaluation([("a b", "a c")]).write(tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    (tmp_path / "summary.json").write_text(json.dumps(summary | {area: {key: {}}}))
    with pytest.raises(BadInput, match=rf"{area}\.{key} is {{}}, expected text"):
        Evaluation.read(tmp_path)


def test_reading_refuses_counts_that_were_edited(tmp_path: Path) -> None:
    evaluation([("a b", "a c"), ("d", "d")]).write(tmp_path)
    path = tmp_path / "utterances.jsonl"
    path.write_text(path.read_text().replace('"substitutions": 1', '"substitutions": 0'))
    with pytest.raises(BadInput, match=r"line 1 \(u0\): its counts do not belong"):
        Evaluation.read(tmp_path)
