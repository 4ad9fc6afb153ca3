"""Tables that are damaged, or made to break a reader: one line with file and row, or rows that are read."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from datasets import Dataset
from pyarrow import parquet

from speech_tl.data.check import check_manifest
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.scoring.hypothesis_files import evaluate_hypotheses
from speech_tl.scoring.wer import Evaluation

GOOD = {"audio": ["a.wav", "b.wav"], "text": ["one", "two"]}


def refused(path: Path, said: str) -> None:
    with pytest.raises(BadInput, match=said) as error:
        list(Manifest.read(path))
    assert len(str(error.value).splitlines()) == 1 and path.name in str(error.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_parquet_file_that_was_cut_short(tmp_path, share):
    parquet.write_table(pa.table(GOOD), tmp_path / "m.parquet")
    whole = (tmp_path / "m.parquet").read_bytes()
    (tmp_path / "m.parquet").write_bytes(whole[: int(share * len(whole))])
    refused(tmp_path / "m.parquet", "not a Parquet file that can be read")


def test_a_parquet_footer_that_is_of_another_file(tmp_path):
    parquet.write_table(pa.table(GOOD), tmp_path / "m.parquet", compression="none")
    parquet.write_table(pa.table({**GOOD, "text": ["x" * 5000] * 2}), tmp_path / "n.parquet", compression="none")
    mine, other = (tmp_path / "m.parquet").read_bytes(), (tmp_path / "n.parquet").read_bytes()
    footer = int.from_bytes(other[-8:-4], "little") + 8
    (tmp_path / "m.parquet").write_bytes(mine[:-footer] + other[-footer:])
    refused(tmp_path / "m.parquet", "not a Parquet file that can be read")


def test_parquet_text_that_is_not_utf8(tmp_path):
    buffers = [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    broken = pa.Array.from_buffers(pa.string(), 1, buffers)
    parquet.write_table(pa.table({"audio": ["a.wav"], "text": broken}), tmp_path / "m.parquet")
    refused(tmp_path / "m.parquet", "UTF8")


def test_parquet_whose_names_or_embedded_paths_are_not_utf8(tmp_path):
    audio = pa.array([{"bytes": b"RIFF", "path": "a.wav"}])
    parquet.write_table(pa.table({"audio": audio, "text": ["one"]}), tmp_path / "m.parquet", compression="none")
    whole = (tmp_path / "m.parquet").read_bytes()
    (tmp_path / "path.parquet").write_bytes(whole.replace(b"a.wav", b"\xff.wav"))
    refused(tmp_path / "path.parquet", "not a Parquet file that can be read")
    (tmp_path / "name.parquet").write_bytes(whole.replace(b"bytes", b"byt\x85s"))
    refused(tmp_path / "name.parquet", "not a Parquet file that can be read")


def test_two_parquet_columns_of_one_name(tmp_path):
    twice = pa.Table.from_arrays([pa.array(["a.wav"]), pa.array(["b.wav"])], names=["audio", "audio"])
    parquet.write_table(twice, tmp_path / "m.parquet")
    refused(tmp_path / "m.parquet", "column 'audio' is there twice")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"audio,audio\na.wav,b.wav\n", "column 'audio' twice"),
        (b"\r\r\r", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\0\0\0\0", "UTF-8"),
        (b"audio,text,start\na.wav,x," + b"9" * 400 + b"\n", None),
        (b"audio,text,start\na.wav,x,1e999\n", None),
        (b"audio,text,start\na.wav,x,\xd9\xa3\n", None),
        (b"audio,text,start\na.wav,x,[[[\n", "row 1: start is"),
        (b"au\rdio,text\na.wav,x\n", "line 2 has 2 cells"),
    ],
)
def test_csv_that_nobody_meant(tmp_path, content, said):
    (tmp_path / "m.csv").write_bytes(content)
    if said is not None:
        refused(tmp_path / "m.csv", said)
        return
    manifest = Manifest.read(tmp_path / "m.csv")
    arabic = "\u0663".encode() in content
    assert manifest.column("start") == [3.0] if arabic else manifest.faults[0].kind == "bad_times"


def test_a_cell_of_a_megabyte(tmp_path):
    (tmp_path / "m.csv").write_text("audio,text\na.wav," + "x" * 1_000_000 + "\n")
    assert len(Manifest.read(tmp_path / "m.csv")[0].text) == 1_000_000


# ---- hypotheses and results


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("h.ctm", "a 1 nan 0.5 word\n", "line 1: start is 'nan'"),
        ("h.ctm", "a 1 0.5 inf word\n", "line 1: duration is 'inf'"),
        ("h.jsonl", '{"id": "a", "text": "\\ud800"}\n', "line 1: half a character"),
        ("h.jsonl", '{"id": "a", "text": "x", "n": ' + "[" * 500 + "]" * 500 + "}\n", "line 1: not JSON that is read"),
        ("h.jsonl", '{"id": "a", "text": ' + "9" * 5000 + "}\n", "line 1: not JSON"),
        ("h.jsonl", '{"id": "a", "text": ' + "[" * 100_000 + "\n", "line 1: not JSON"),
        ("h.jsonl", '{"id": "a", "text": "x", "reference": "x", "start": Infinity}\n', "line 1: start is 'inf'"),
        ("h.trn", "word (a)\x00\n", "line 1 is not UTF-8"),
    ],
)
def test_hypotheses_that_nobody_meant(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    (tmp_path / "said.csv").write_text("audio,id,text\na.wav,a,word\n")
    with pytest.raises(BadInput, match=said) as error:
        evaluate_hypotheses(tmp_path / name, None if "reference" in content else tmp_path / "said.csv")
    assert name in str(error.value) and len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("summary.json", {"model": [1]}, "model is"),
        ("summary.json", {"data": {"language": {"a": 1}}}, "data.language is"),
        ("summary.json", {"normaliser": 3}, "normaliser is 3"),
        ("summary.json", {"seconds": "long"}, "seconds is 'long'"),
        ("summary.json", {"seconds": float("inf")}, "seconds is inf"),
        ("summary.json", {"versions": "\ud800"}, "half a character"),
        ("utterances.jsonl", {"duration": "long"}, "line 1: duration is 'long'"),
        ("utterances.jsonl", {"duration": 10**400}, "line 1: duration is"),
        ("utterances.jsonl", {"start": [1]}, "line 1: start is"),
        ("utterances.jsonl", {"id": None}, "line 1: id, audio"),
        ("utterances.jsonl", {"hypothesis_raw": "\ud800"}, "line 1: half a character"),
        ("utterances.jsonl", {"words": True}, "line 1"),
    ],
)
def test_results_that_nobody_wrote(tmp_path, file, change, said):
    (tmp_path / "h.csv").write_text("id,hypothesis,reference\na,one,one two\n")
    evaluate_hypotheses(tmp_path / "h.csv", out=tmp_path / "scored")
    path = tmp_path / "scored" / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change) + "\n")
    with pytest.raises(BadInput, match=said) as error:
        Evaluation.read(tmp_path / "scored")
    assert file in str(error.value) and len(str(error.value).splitlines()) == 1


def test_a_path_that_no_file_system_takes_is_a_missing_file(tmp_path):
    (tmp_path / "m.csv").write_text(f"audio,text\n{'a' * 5000}.wav,x\n{'9' * 5000},y\n")
    manifest = Manifest.read(tmp_path / "m.csv")
    assert check_manifest(manifest).counts["missing"] == 2


def test_a_saved_dataset_whose_offsets_lead_out_of_its_file(tmp_path):
    """Its files are mapped into memory: a wrong offset ended the process (a segmentation fault), so it is another."""
    Dataset.from_dict({"audio": ["a.wav"] * 3, "text": ["seven!!"] * 3}).save_to_disk(str(tmp_path / "saved"))
    (file,) = (tmp_path / "saved").glob("*.arrow")
    offsets = struct.pack("<4i", 0, 7, 14, 21)
    assert file.read_bytes().count(offsets) == 1
    file.write_bytes(file.read_bytes().replace(offsets, struct.pack("<4i", 0, 7, 2**30, 2**31 - 1)))
    script = "from speech_tl.data.manifest import Manifest; list(Manifest.read('saved'))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "BadInput: saved: not a dataset that can be loaded" in done.stderr


def test_samples_whose_rate_is_no_number_cost_only_their_rows(tmp_path):
    sounds = [{"array": [0.1] * 8000, "sampling_rate": rate} for rate in ("y", "16000")]
    parquet.write_table(pa.table({"audio": sounds, "text": ["one", "two"]}), tmp_path / "m.parquet")
    assert check_manifest(Manifest.read(tmp_path / "m.parquet")).counts["unreadable"] == 2
    sounds = [{"array": [0.1, 0.2] * 8000, "sampling_rate": rate} for rate in (2**40, 16000)]
    parquet.write_table(pa.table({"audio": sounds, "text": ["one", "two"]}), tmp_path / "m.parquet")
    check = check_manifest(Manifest.read(tmp_path / "m.parquet"))
    assert check.counts["unreadable"] == 1 and len(check.clean_indices) == 1
