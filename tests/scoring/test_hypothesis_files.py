"""Scoring text that another recogniser wrote: from files to figures, without a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.scoring.hypothesis_files import evaluate_hypotheses
from speech_tl.scoring.pairing import differing_conditions, pair
from speech_tl.scoring.wer import Evaluation
from tests.scoring.made import evaluation

ROWS = [("a.wav", "Hello, you!", "ann", "test"), ("b.wav", "The cat.", "bob", "test"), ("c.wav", "Zero", "cy", "train")]
STM = """talk 1 ann 0.0 2.0 hello there
talk 1 bob 2.0 3.0 IGNORE_TIME_SEGMENT_IN_SCORING
talk 1 bob 3.0 5.0 good day
"""
CTM = "talk 1 0.1 0.2 hello\ntalk 1 2.5 0.1 noise\ntalk 1 3.1 0.2 good\ntalk 1 3.5 0.2 day\ntalk 1 4.5 0.2 sir\n"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    lines = [f'{audio},"{text}",{speaker},{split},en' for audio, text, speaker, split in ROWS]
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join(["audio,text,speaker,split,language", *lines]) + "\n")
    return path


def written(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def test_hypotheses_for_a_manifest(manifest: Path, tmp_path: Path) -> None:
    given = written(tmp_path / "h.csv", "id,hypothesis\nb,the hat\na,hello\n")
    found = evaluate_hypotheses(given, manifest, out=tmp_path / "out")
    assert found.score.wer == 0.5 and found.score.words == 4 and found.normaliser == "english"
    assert [(u.id, u.hypothesis, u.speaker) for u in found.utterances] == [
        ("a.wav", "hello", "ann"),
        ("b.wav", "the hat", "bob"),
    ]
    assert found.model["source"] == str(given) and found.decoding == {} and "torch" not in found.versions
    assert Evaluation.read(tmp_path / "out").score == found.score


def test_hypotheses_may_cover_the_other_splits_too(manifest: Path, tmp_path: Path) -> None:
    given = written(tmp_path / "h.tsv", "audio\ttext\nc.wav\tzero\na.wav\thello you\nb.wav\tthe cat\n")
    assert evaluate_hypotheses(given, manifest).score.wer == 0
    assert evaluate_hypotheses(given, manifest, split=None).score.words == 5
    with pytest.raises(BadInput, match=r"manifest\.csv has no rows of split dev \(there are: test, train\)"):
        evaluate_hypotheses(given, manifest, split="dev")


def test_stm_and_ctm(tmp_path: Path) -> None:
    stm, ctm = written(tmp_path / "r.stm", STM), written(tmp_path / "h.ctm", CTM)
    found = evaluate_hypotheses(ctm, stm, normaliser="none")
    assert [(u.reference, u.hypothesis, u.speaker) for u in found.utterances] == [
        ("hello there", "hello", "ann"),
        ("good day", "good day sir", "bob"),
    ]


def test_trn_and_trn(tmp_path: Path) -> None:
    reference = written(tmp_path / "r.trn", "hello there (ann-1)\ngood day (bob-1)\n")
    found = evaluate_hypotheses(written(tmp_path / "h.trn", "good day (bob-1)\nhello (ann-1)\n"), reference)
    assert found.score.wer == 0.25 and found.utterances[0].speaker == "ann"


def test_both_texts_in_one_file_need_no_manifest(tmp_path: Path) -> None:
    evaluation([("Hello, you!", "hello YOU"), ("no", "nope")], "none").write(tmp_path)
    again = evaluate_hypotheses(tmp_path / "utterances.jsonl", normaliser="basic")
    assert again.score.wer == pytest.approx(1 / 3)
    only = written(tmp_path / "h.csv", "id,hypothesis\na,b\n")
    with pytest.raises(BadInput, match=r"h\.csv holds no references: give them with --data"):
        evaluate_hypotheses(only)


def test_text_from_elsewhere_is_paired_with_a_models_and_its_conditions_are_called_unknown(
    manifest: Path, tmp_path: Path
) -> None:
    given = [written(tmp_path / f"{n}.csv", f"id,text\na,{text}\nb,the cat\n") for n, text in enumerate(("x", "y"))]
    first, second = (evaluate_hypotheses(path, manifest) for path in given)
    assert pair(first, second).utterances[0].hypothesis == "y"
    unknown = "decoding: unknown of before and after (text from elsewhere)"
    assert differing_conditions({"before": first, "after": second}) == [unknown]
    second.model, second.decoding = {"source": "m", "language": "en"}, {"beam": 5}
    second.versions = {**second.versions, "torch": "2.11"}
    second.utterances = [replace(said, audio_fingerprint="same") for said in second.utterances]
    unknown = "decoding: unknown of before (text from elsewhere)"
    assert differing_conditions({"before": first, "after": second}) == [unknown]
    other = replace(second, decoding={"beam": 1})
    assert differing_conditions({"cloud": first, "beam5": second, "beam1": other, "again": second}) == [
        "decoding: unknown of cloud (text from elsewhere)",
        "decoding.beam: 5 (beam5, again), 1 (beam1)",
    ]


def test_numbers_of_utterances_that_differ_are_named(manifest: Path, tmp_path: Path) -> None:
    few = written(tmp_path / "few.csv", "id,text\na,hello\n")
    with pytest.raises(BadInput, match=r"few\.csv has no hypothesis for 1 of 2 utterances: b\.wav"):
        evaluate_hypotheses(few, manifest)
    more = written(tmp_path / "more.csv", "id,text\na,x\nb,x\nc,x\nd,x\n")
    with pytest.raises(BadInput, match=r"more\.csv does not match .*manifest\.csv \(4 .*, 3 .*\): .* lack d"):
        evaluate_hypotheses(more, manifest)


def test_an_unknown_column_is_refused_before_anything_is_written(manifest: Path, tmp_path: Path) -> None:
    given = written(tmp_path / "h.csv", "id,text\na,x\nb,x\n")
    with pytest.raises(BadInput, match=r"--by speakr: .*manifest\.csv .*did you mean speaker\?"):
        evaluate_hypotheses(given, manifest, by=["speakr"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_silence_is_scored_by_the_share_of_clips_with_text(tmp_path: Path) -> None:
    noise = written(tmp_path / "noise.csv", "audio,label\n1.wav,rain\n2.wav,dog\n3.wav,rain\n")
    given = written(tmp_path / "h.csv", "id,text\n1,Thank you.\n2,\n3,thank you\n")
    found = evaluate_hypotheses(given, noise, silence=True, by=["label"], out=tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["data"]["silence"] == found.data["silence"]
    assert found.data["silence"]["share"] == pytest.approx(2 / 3)
    assert found.data["silence"]["texts"] == [["thank you", 2]]


def test_silence_leaves_out_what_has_text(manifest: Path, tmp_path: Path) -> None:
    given = written(tmp_path / "h.csv", "id,text\na,x\nb,x\nc,x\n")
    with pytest.raises(BadInput, match=r"--silence: all 2 rows of .*manifest\.csv have text"):
        evaluate_hypotheses(given, manifest, silence=True)
    mixed = written(tmp_path / "mixed.csv", "audio,text\na.wav,\nb.wav,hello\nc.wav, \n")
    assert evaluate_hypotheses(given, mixed, silence=True).data["silence"]["clips"] == 2
