"""Hypotheses in tables: what is read and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.scoring.tables import read_table
from tests.scoring.made import evaluation


def test_csv_tsv_and_json_lines_say_the_same(tmp_path: Path) -> None:
    rows = [("u1", 'he said "no", twice'), ("u2", ""), ("u3", "two\nlines")]
    (tmp_path / "a.csv").write_text(
        '\ufeffid,hypothesis\nu1,"he said ""no"", twice"\nu2,\nu3,"two\nlines"\n', encoding="utf-8"
    )
    (tmp_path / "b.tsv").write_text('id\ttext\nu1\t"he said ""no"", twice"\nu2\t\nu3\t"two\nlines"\n')
    (tmp_path / "c.jsonl").write_text("\n".join(json.dumps({"audio": name, "text": text}) for name, text in rows))
    for name in ("a.csv", "b.tsv", "c.jsonl"):
        assert read_table(tmp_path / name) == (dict(rows), None, [])


def test_references_may_stand_beside_the_hypotheses(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("audio,text,hypothesis,speaker,duration\na.wav,hello you,hello,ann,2.5\n")
    texts, utterances, _ = read_table(tmp_path / "a.csv")
    assert texts == {"a.wav": "hello"}
    assert utterances is not None
    said = utterances[0]
    assert (said.text, said.audio, said.duration_s) == ("hello you", "a.wav", 2.5)
    assert said.columns == {"speaker": "ann"}


def test_what_evaluate_wrote_is_read_with_its_raw_texts(tmp_path: Path) -> None:
    evaluation([("Hello, you!", "HELLO, you")], "basic", speakers=["ann"]).write(tmp_path)
    texts, utterances, _ = read_table(tmp_path / "utterances.jsonl")
    assert texts == {"u0": "HELLO, you"}
    assert utterances is not None
    assert (utterances[0].text, utterances[0].columns) == ("Hello, you!", {"speaker": "ann"})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "holds no hypothesis"),
        ("b.csv", b"id,hypothesis\n", "holds no hypothesis"),
        ("c.csv", b"id,words\nu1,a\n", r"no column hypothesis or text \(there are: id, words\)"),
        ("d.csv", b"utterance,text\nu1,a\n", r"no column id or audio \(there are: utterance, text\)"),
        ("f.csv", b"id,text\nu1,a\nu2,b\nu1,c\n", "line 4: id u1 for the second time"),
        ("g.csv", b"id,text\nu1,hello, you\n", "line 2 has 3 cells under 2 columns; .* needs quotes"),
        ("h.csv", "id,text\nu1,a\nu2,привет\n".encode("cp1251"), "line 3 is not UTF-8 text"),
        ("i.csv", "id,text\nu1,a\n".encode("utf-16-le"), "line 1 is not UTF-8 text"),
        ("j.csv", b"id,text,text\nu1,a,b\n", "line 1 has column 'text' twice"),
        ("k.csv", b"id,text\n,a\n", "line 2: id is empty"),
        ("l.csv", b"id,hypothesis,text,start\nu1,a,a,soon\n", "line 2: start is 'soon', expected seconds"),
        ("m.jsonl", b'{"id": "u1", "text": "a"}\n{"id": "u2"\n', "line 2: not JSON"),
        ("n.jsonl", b'["u1", "a"]\n', "line 1: expected a JSON object"),
        ("o.jsonl", b'{"id": "u1", "text": null}\n', "line 1: text is null, expected text"),
        ("p.jsonl", b'{"id": "u1", "text": "a"}\n{"text": "b"}\n', "line 2: id is null"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes, said: str):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=f"{name}.*{said}") as refused:
        read_table(tmp_path / name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_hypotheses_are_read_as_manifests_are(tmp_path: Path, encoding: str, end: str) -> None:
    lines = ["id;hypothesis", "u1;caf\u00e9 au lait", 'u2;"well', 'u3;"say no"', 'u4;"a; b"']
    (tmp_path / "a.csv").write_bytes(end.join(lines).encode(encoding))
    texts, _, notes = read_table(tmp_path / "a.csv")
    assert texts == {"u1": "caf\u00e9 au lait", "u2": '"well', "u3": "say no", "u4": "a; b"}
    said = " ".join(notes)
    assert "semicolons" in said and "line 3: quotation marks" in said and (encoding == "utf-8-sig" or "read as" in said)


def test_numbers_and_nan_as_hypotheses(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "u1", "text": 2599}\n{"id": "u2", "text": NaN}\n')
    texts, _, notes = read_table(tmp_path / "a.jsonl")
    assert texts == {"u1": "2599", "u2": ""} and notes == ["1 hypotheses are NaN: read as empty"]


def test_nemos_output_holds_reference_and_hypothesis(tmp_path: Path) -> None:
    row = {"audio_filepath": "a.wav", "offset": 1.0, "duration": 2.0, "text": "hello", "pred_text": "hallo"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    texts, utterances, notes = read_table(tmp_path / "a.jsonl")
    assert texts == {"a.wav": "hallo"} and "'audio_filepath' is read as audio" in notes[0]
    assert utterances is not None and (utterances[0].text, utterances[0].start_s) == ("hello", 1.0)
