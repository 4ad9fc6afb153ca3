"""Comparing two evaluations: only of the same words; other differences are named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import load_audio, save_audio
from speech_tl.comparison import compare, rank
from speech_tl.errors import BadInput
from speech_tl.evaluation import evaluate
from speech_tl.models.load import load_model
from speech_tl.scoring.wer import Evaluation, score
from tests.reporting.made import tone
from tests.scoring.made import Said, evaluation
from tests.small import made_corpus
from tests.tiny import tiny_ctc


def test_compare_reads_folders_and_writes_a_report(tmp_path: Path) -> None:
    evaluation([("a b", "a x"), ("c d", "c d")]).write(tmp_path / "one")
    evaluation([("a b", "a b"), ("c d", "c d")]).write(tmp_path / "two")
    report = compare(tmp_path / "one", tmp_path / "two", out=tmp_path / "out")
    assert report["target"]["before"]["wer"] == 0.25 and report["target"]["after"]["wer"] == 0.0
    assert report["conditions"] == []
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report.as_dict()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.json", "report.md", "report.html"}


def test_a_report_is_asked_as_report_json_would_be() -> None:
    said = evaluation([("a b", "a x"), ("c d", "c d")])
    report = compare(said, said)
    written = report.as_dict()
    names = {*type(report).model_fields, "nothing"}
    assert {name for name in names if name in report} == {*written}
    assert "steps" not in report.training and report.training.get("steps", "none") == "none"
    assert report.get("nothing", "none") == "none"
    assert report.get("target").get("rate") == written["target"]["rate"] == "wer"


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
    def under(beam: int, device: str, **model: str) -> Evaluation:
        decoding = {"beam": beam, "device": device, "batch_seconds": 240.0}
        named = {"source": str(beam)}
        return score([Said("u0", "a b")], ["a b"], "none", model=named | model, decoding=decoding, heard=["same"])

    first = under(1, "cpu", language="en", task="transcribe", revision="main")
    second = under(5, "NVIDIA H100", language="de", task="translate", revision="v2")
    listed = [
        "model.language: en before, de after",
        "model.task: transcribe before, translate after",
        "decoding.beam: 1 before, 5 after",
        "decoding.device: cpu before, NVIDIA H100 after",
    ]
    assert compare(first, second)["conditions"] == listed
    assert rank([first, second])["conditions"][1] == ("model.task: transcribe (evaluation 1), translate (evaluation 2)")


def test_other_recordings_under_the_same_ids_are_refused_and_unnoted_ones_are_told(tmp_path: Path) -> None:
    """A digest of the file decides, not where it lies nor what time it has."""
    manifest = made_corpus(tmp_path / "data")
    model = load_model(tiny_ctc(tmp_path / "ctc"))
    first = evaluate(model, manifest, out=tmp_path / "first")
    shutil.copytree(tmp_path / "data", tmp_path / "copied")
    evaluate(model, tmp_path / "copied" / "manifest.csv", out=tmp_path / "second")
    assert not [line for line in compare(tmp_path / "first", tmp_path / "second")["conditions"] if "audio" in line]
    other = Path(first.utterances[1].audio)
    save_audio(other, np.flip(load_audio(other, 16000)), 16000)
    evaluate(model, manifest, out=tmp_path / "third")
    refused = rf"differ in the audio of {first.utterances[1].id}: other recordings under the same ids"
    with pytest.raises(BadInput, match=refused):
        compare(tmp_path / "first", tmp_path / "third")
    with pytest.raises(BadInput, match=refused):
        rank([tmp_path / "first", tmp_path / "second", tmp_path / "third"])
    rows = [json.loads(line) for line in (tmp_path / "third" / "utterances.jsonl").read_text().splitlines()]
    for row in rows:
        del row["audio_fingerprint"]
    (tmp_path / "third" / "utterances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = "audio: not noted by an earlier version (after), so that nobody compared it"
    report = compare(tmp_path / "first", tmp_path / "third")
    assert told in report["conditions"] and "audio_fingerprint" not in report["groups"]


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
    from speech_tl.scoring.hypothesis_files import evaluate_hypotheses

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
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report.as_dict()
    assert (tmp_path / "out" / "report.md").is_file()


def test_the_same_evaluation_twice_is_refused(tmp_path: Path) -> None:
    paths = hypotheses(tmp_path, one="a x", two="a b")
    with pytest.raises(BadInput, match=r"one\.csv is given twice"):
        rank([*paths, paths[0]], data=tmp_path / "said.csv")


# ---- clips


@pytest.fixture
def heard(tmp_path: Path) -> list[Path]:
    """Three evaluations of two utterances with audio, in the folders of two runs and one outside any."""
    audio = str(tone(tmp_path / "tone.wav"))
    folders = [tmp_path / "run" / "before", tmp_path / "other" / "guards" / "libri" / "after", tmp_path / "alone"]
    for folder, text in zip(folders, ("a x", "a b", "x x"), strict=True):
        said = [Said(f"u{n}", "a b", audio=audio, duration_s=None) for n in range(2)]
        score(said, [text, "a b"], "none").write(folder)
    return folders


def clips(folder: Path) -> tuple[int, int]:
    """How many utterances of a page have their sound in it, and how many a link."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    data = json.loads(page.split('id="utterance-data">', 1)[1].split("</script>", 1)[0])
    sounds = [row[7] for row in data["rows"] if row[7]]
    embedded = sum(sound.startswith("data:audio/ogg") for sound in sounds)
    return embedded, len(sounds) - embedded


def test_pages_play_clips_as_they_are_told(heard: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    for audio, wanted in ((None, (2, 0)), ("embed", (2, 0)), ("link", (0, 2)), ("none", (0, 0))):
        compare(*heard[:2], out=out, audio=audio)
        assert clips(out) == wanted, audio
        rank(heard, out=out, audio=audio)
        assert clips(out) == wanted, audio
    with pytest.raises(BadInput, match=r"audio loud: expected none, link, embed"):
        compare(*heard[:2], audio="loud")


def test_what_a_run_keeps_private_stays_private(heard: list[Path], tmp_path: Path) -> None:
    def said(run: str, audio: str) -> None:
        (tmp_path / run / "recipe.yaml").write_text(f"name: x\nreport: {{audio: {audio}}}\n")

    out = tmp_path / "out"
    said("run", "embed")
    said("other", "link")
    compare(heard[0], heard[2], out=out)
    assert clips(out) == (2, 0)
    compare(*heard[:2], out=out)
    assert clips(out) == (0, 2)
    said("other", "none")
    rank(heard, out=out)
    assert clips(out) == (0, 0)
    rank(heard, out=out, audio="embed")
    assert clips(out) == (2, 0), "whoever says so is obeyed"
    (tmp_path / "other" / "recipe.yaml").write_text("report: [broken")
    rank(heard, out=out)
    assert clips(out) == (2, 0)


def test_sound_comes_from_whichever_side_has_it(heard: list[Path], tmp_path: Path) -> None:
    elsewhere = tmp_path / "cloud.csv"
    elsewhere.write_text("id,hypothesis,reference\nu0,a b,a b\nu1,a,a b\n")
    silent = tmp_path / "mute.csv"
    silent.write_text(elsewhere.read_text())
    compare(elsewhere, heard[0], out=tmp_path / "out")
    assert clips(tmp_path / "out") == (2, 0)
    compare(elsewhere, silent, out=tmp_path / "out")
    assert clips(tmp_path / "out") == (0, 0)


def test_a_page_s_title_tells_two_evaluations_of_one_model_apart(heard: list[Path]) -> None:
    assert compare(*heard[:2])["recipe"] == ("unknown model: run/before compared with other/guards/libri/after")
