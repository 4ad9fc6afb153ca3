"""Comparing two evaluations: only of the same words; other differences are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from speech_tl.comparison import compare, rank
from speech_tl.errors import BadInput
from speech_tl.scoring.wer import Evaluation, score
from tests.scoring.made import Said, evaluation


def test_compare_reads_folders_and_writes_a_report(tmp_path: Path) -> None:
    evaluation([("a b", "a x"), ("c d", "c d")]).write(tmp_path / "one")
    evaluation([("a b", "a b"), ("c d", "c d")]).write(tmp_path / "two")
    report = compare(tmp_path / "one", tmp_path / "two", out=tmp_path / "out")
    assert report["target"]["before"]["wer"] == 0.25 and report["target"]["after"]["wer"] == 0.0
    assert report["conditions"] == []
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.json", "report.md", "report.html"}


def test_order_of_rows_does_not_matter() -> None:
    before = evaluation([("a b", "a x"), ("c d", "c d")])
    after = evaluation([("a b", "a x"), ("c d", "c d")])
    after.utterances.reverse()
    assert compare(before, after)["target"]["wer_change"]["absolute"] == 0


def test_repeated_ids_are_paired_one_by_one() -> None:
    def twice() -> Evaluation:
        return score([Said("same", "a b"), Said("same", "c d")], ["a b", "c x"], "none")

    assert compare(twice(), twice())["target"]["wer_change"]["absolute"] == 0


def test_other_conditions_are_listed() -> None:
    def under(beam: int, language: str) -> Evaluation:
        said = [Said("u0", "a b")]
        return score(said, ["a b"], "none", model={"source": str(beam), "language": language}, decoding={"beam": beam})

    conditions = compare(under(1, "en"), under(5, "de"))["conditions"]
    assert conditions == ["model.language: en before, de after", "decoding.beam: 1 before, 5 after"]


def test_different_test_sets_are_refused_by_name(tmp_path: Path) -> None:
    one, two = evaluation([("a", "a"), ("b", "b")]), evaluation([("a", "a")])
    one.write(tmp_path / "one")
    with pytest.raises(BadInput, match=r"one and after are not .*\(2 and 1 utterances\): only .*one has u1"):
        compare(tmp_path / "one", two)
    with pytest.raises(BadInput, match="differ in the reference of u1: "):
        compare(one, evaluation([("a", "a"), ("c", "b")]))
    with pytest.raises(BadInput, match=r"normaliser none \(rules .* basic"):
        compare(one, evaluation([("a", "a"), ("b", "b")], normaliser="basic"))


def test_different_segments_are_refused() -> None:
    def cut(end_s: float) -> Evaluation:
        return score([Said("u0", "a b", end_s=end_s)], ["a b"], "none")

    with pytest.raises(BadInput, match="segment of u0"):
        compare(cut(2.0), cut(3.0))


def test_groups_by_an_unknown_column_are_refused() -> None:
    one = evaluation([("a", "a")], speakers=["s"])
    with pytest.raises(BadInput, match="did you mean 'speaker'"):
        compare(one, one, by=["speakr"])


# ---- files of text from elsewhere, and more than two


def hypotheses(folder: Path, **texts: str) -> list[Path]:
    """A file for each keyword: two utterances of which it says the first, "c d" the second; and the references."""
    (folder / "said.csv").write_text("audio,text,speaker\nu0.wav,A b!,ann\nu1.wav,c d,bob\n")
    paths = []
    for name, text in texts.items():
        paths.append(folder / f"{name}.csv")
        paths[-1].write_text(f"id,hypothesis\nu0,{text}\nu1,c d\n")
    return paths


def test_files_of_two_other_recognisers_are_compared(tmp_path: Path) -> None:
    first, second = hypotheses(tmp_path, one="a x", two="a b")
    report = compare(first, second, by=["speaker"], data=tmp_path / "said.csv", normaliser="basic")
    assert (report["target"]["before"]["wer"], report["target"]["after"]["wer"]) == (0.25, 0)
    assert report["conditions"] == ["decoding: unknown of before and after (text from elsewhere)"]


def test_a_file_is_scored_as_the_folder_beside_it_was(tmp_path: Path) -> None:
    one, _ = hypotheses(tmp_path, one="a x", two="a b")
    from speech_tl.scoring.elsewhere import evaluate_hypotheses

    evaluate_hypotheses(one, tmp_path / "said.csv", normaliser="none", out=tmp_path / "folder")
    report = compare(tmp_path / "folder", tmp_path / "two.csv", data=tmp_path / "said.csv")
    assert report["normaliser"] == "none" and report["target"]["after"]["wer"] == 0.5


def test_options_of_files_are_refused_for_folders() -> None:
    one = evaluation([("a", "a")])
    with pytest.raises(BadInput, match="--data, --normaliser and --language are for files of hypotheses"):
        compare(one, one, normaliser="basic")


def test_three_are_ranked_and_written(tmp_path: Path) -> None:
    paths = hypotheses(tmp_path, one="a x", two="a b", three="x x x")
    report = rank(paths, data=tmp_path / "said.csv", out=tmp_path / "out")
    assert [Path(place["name"]).stem for place in report["ranking"]] == ["two", "one", "three"]
    assert len(report["pairs"]) == 3
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    assert (tmp_path / "out" / "report.md").is_file()


def test_the_same_evaluation_twice_is_refused(tmp_path: Path) -> None:
    paths = hypotheses(tmp_path, one="a x", two="a b")
    with pytest.raises(BadInput, match=r"one\.csv is given twice"):
        rank([*paths, paths[0]], data=tmp_path / "said.csv")
