"""Tables as real programs write them: every line becomes a row or a fault, and what was understood is told."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from typer.testing import CliRunner

from speech_tl.audio import save_audio
from speech_tl.cli import app
from speech_tl.data.check import check_manifest
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput, PartlyDone
from tests.sounds import voice

NAMES = st.integers(0, 10**6).map("clip_{}.ogg".format)
MARKS = st.text(st.sampled_from('ab ".é'), max_size=8)


def read(folder: Path, name: str, content: str | bytes) -> Manifest:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Manifest.read(path)


def refused(folder: Path, name: str, content: str | bytes) -> str:
    with pytest.raises(BadInput) as caught:
        read(folder, name, content)
    assert "\n" not in str(caught.value) and name in str(caught.value)
    return str(caught.value)


def faults_of(manifest: Manifest) -> dict[int, str]:
    return {row: fault.kind for row, fault in manifest.faults.items()}


# ---- the cases that real people met


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for number in range(6):
        save_audio(folder / f"{number}.wav", voice(1.0 + number / 10, seed=number), 16000)
    return folder


def checked(folder: Path, name: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", str(folder / name)])
    assert result.exception is None or isinstance(result.exception, (SystemExit, PartlyDone))
    return result.exit_code, " ".join(result.output.split())


def test_a_start_and_a_duration_make_an_end(clips: Path) -> None:
    rows = ["audio,start,duration,text,split", "0.wav,0.000,0.4,one,train", "0.wav,0.5,0.5,two,train"]
    manifest = read(clips, "m.csv", "\r\n".join(rows) + "\r\n")
    assert [(row.start_s, row.end_s, row.duration_s) for row in manifest] == [(0.0, 0.4, 0.4), (0.5, 1.0, 0.5)]
    assert [len(row.load()) for row in manifest] == [6400, 8000]
    nemo = '{"audio_filepath": "0.wav", "offset": 0.25, "duration": 0.5, "text": "x"}\n'
    assert len(read(clips, "train_manifest.json", nemo)[0].load()) == 8000
    assert "the end is start + duration" in checked(clips, "m.csv")[1]
    whole = read(clips, "whole.csv", "audio,duration,start\n0.wav,0.7,\n")
    assert whole[0].end_s is None, "a duration alone says how long the file is, not what is cut from it"


def test_an_end_wins_over_a_duration_that_contradicts_it(tmp_path: Path) -> None:
    manifest = read(tmp_path, "m.csv", "audio,start,end,duration\na.wav,1,3,2\nb.wav,1,3,9\nc.wav,1,3,2.3\n")
    assert manifest.column("end") == [3, 3, 3] and manifest.durations_s().tolist() == [2, 2, 2.3]
    assert any("row 2, 2.00 s, duration says 9.00 s" in note for note in manifest.notes)


def test_times_that_cannot_be_are_faults(tmp_path: Path) -> None:
    rows = "a.wav,5,3,\nb.wav,-1,,2\nc.wav,0,,inf\nd.wav,nan,,2\ne.wav,٢,٣,\nf.wav,1,2,1\n"
    manifest = read(tmp_path, "m.csv", f"audio,start,end,duration\n{rows}")
    assert faults_of(manifest) == {0: "bad_times", 1: "bad_times", 2: "bad_times"}
    assert manifest.column("start")[3:] == [None, 2.0, 1.0] and manifest[3].end_s is None


def test_unclosed_quotation_marks_in_tsv_lose_no_row(clips: Path) -> None:
    texts = ["plain", '"the dose', "best", '"he should', "fine", 'told "so']
    rows = [f"{number}.wav\t{text}\t{number}\ttrain" for number, text in enumerate(texts)]
    manifest = read(clips, "m.tsv", "\n".join(["path\tsentence\tspeaker\tsplit", *rows]) + "\n")
    assert manifest.column("text") == texts and manifest.column("speaker") == list("012345")
    code, shown = checked(clips, "m.tsv")
    assert code == 0 and "line 3 and 1 more: quotation marks" in shown and "'path' is read as audio" in shown


def test_nan_is_no_text(clips: Path) -> None:
    rows = [{"audio": f"{n}.wav", "text": f"text {n}" if n % 2 else float("nan"), "split": "train"} for n in range(6)]
    manifest = read(clips, "m.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert manifest.column("text") == [None, "text 1", None, "text 3", None, "text 5"]
    code, shown = checked(clips, "m.jsonl")
    assert code == 1 and "empty text: 3" in shown
    columns = {"audio": ["0.wav", "1.wav"], "text": pa.array([float("nan")] * 2), "speaker": [7.0, float("nan")]}
    parquet.write_table(pa.table(columns), clips / "m.parquet")
    manifest = Manifest.read(clips / "m.parquet")
    assert manifest.column("text") == [None, None] and manifest.column("speaker") == ["7", None]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n", "\r\r", "\r\r\n"])
def test_whatever_ends_the_lines(clips: Path, end: str) -> None:
    rows = ["audio,text,speaker,split", *(f"{n}.wav,text {n},{n},train" for n in range(6))]
    manifest = read(clips, "m.csv", end.join(rows) + end)
    assert manifest.column("text") == [f"text {n}" for n in range(6)] and not manifest.faults
    assert checked(clips, "m.csv")[0] == 0


@pytest.mark.parametrize(
    ("name", "rows", "without_text"),
    [
        ("start_and_duration.csv", 6, 0),
        ("unclosed_quotes.tsv", 30, 0),
        ("nan_text.jsonl", 30, 6),
        ("cr_line_ends.csv", 30, 0),
    ],
)
def test_the_cases_that_people_met(corpora: Path, name: str, rows: int, without_text: int) -> None:
    folder = corpora.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder} of small inputs")
    manifest = Manifest.read(folder / name)
    assert len(manifest) == rows and manifest.column("text").count(None) == without_text and not manifest.faults
    ends = manifest.texts("end")
    assert (
        all(
            end and len(row.load()) == pytest.approx((end - row.start_s) * 16000, abs=400)
            for row, end in zip(manifest, ends, strict=True)
        )
        if any(ends)
        else True
    )
    code, shown = checked(folder, name)
    assert code == (1 if without_text else 0) and f"{rows} utterances, {rows - without_text} usable" in shown


# ---- no line is lost


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NAMES, MARKS), min_size=1, max_size=8), st.sampled_from([",", "\t", ";"]))
def test_lines_in_are_rows_out(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], separator: str
) -> None:
    lines = [separator.join((audio, text, "en")) for audio, text in cells]
    content = "\n".join([separator.join(("audio", "text", "language")), *lines]) + "\n"
    manifest = read(tmp_path_factory.mktemp("lines"), "m.tsv" if separator == "\t" else "m.csv", content)
    assert manifest.column("audio") == [audio for audio, _ in cells] and not manifest.faults
    kept = {text.replace('"', "").strip() for text in manifest.column("text")}
    assert kept == {text.replace('"', "").strip() for _, text in cells}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.text(st.sampled_from('ab ",\n\té;|'), max_size=8), min_size=1, max_size=6),
    st.sampled_from([(".csv", ","), (".tsv", "\t"), (".csv", ";")]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_program_quotes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], kind: tuple[str, str], quoting: int, end: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=kind[1], quoting=quoting, lineterminator=end)
    writer.writerows([["audio", "text", "age"], *([f"{n}.wav", cell, n] for n, cell in enumerate(texts))])
    manifest = read(tmp_path_factory.mktemp("quoted"), f"m{kind[0]}", text.getvalue())
    assert manifest.column("text") == texts


@pytest.mark.parametrize("name", ["m.csv", "m.tsv"])
def test_a_mark_that_opens_here_and_one_that_closes_there_join_nothing(tmp_path: Path, name: str) -> None:
    content = 'audio,text,age\na.wav,"hello there,1\nb.wav,wow",2\nc.wav,"x",3\n'
    manifest = read(tmp_path, name, content.replace(",", "\t" if name == "m.tsv" else ","))
    assert manifest.column("text")[:2] == ['"hello there', 'wow"'] and len(manifest) == 3


@pytest.mark.parametrize("text", ["one\ntwo", "one, two\nthree", "a,\nb", "x\ny.wav"])
def test_a_text_over_lines_may_stand_before_the_audio(tmp_path: Path, text: str) -> None:
    manifest = read(tmp_path, "m.csv", f'text,audio\n"{text}",a.wav\nshort,b.wav\n"{text}",c.wav\n')
    assert manifest.column("text") == [text, "short", text] and not manifest.notes


def test_a_text_over_lines_stays_one_though_another_mark_is_lone(tmp_path: Path) -> None:
    manifest = read(tmp_path, "m.csv", 'audio,text,age\na.wav,"one, two\nthree",1\nb.wav,"four,2\nc.wav, "5, 6",3\n')
    assert manifest.column("text") == ["one, two\nthree", '"four', "5, 6"]


def test_lines_of_another_width_are_faults_with_their_number(tmp_path: Path) -> None:
    good = "".join(f"{n}.wav,fine\n" for n in range(8))
    manifest = read(tmp_path, "m.csv", f"audio,text\na.wav,one, two\n{good}b.wav\nc.wav,x,,\n")
    assert faults_of(manifest) == {0: "malformed", 9: "malformed"} and len(manifest) == 11
    assert "line 2 has 3 cells under 2 columns" in manifest.faults[0].detail and manifest[10].text == "x"
    result = check_manifest(manifest)
    assert [problem.row for problem in result.problems if problem.kind == "malformed"] == [1, 10]
    assert {row.row for row in result.excluded} >= {1, 10} and len(manifest.without_faults()) == 9
    message = refused(tmp_path, "n.csv", "audio,text\n" + "a.wav,one, two\n" * 3 + "b.wav,x\n")
    assert "line 2 has 3 cells" in message and "2 more of 4 rows" in message


def test_a_return_inside_a_text_is_no_line_end(tmp_path: Path) -> None:
    manifest = read(tmp_path, "m.csv", "audio,text\na.wav,hello\rworld\nb.wav,x\n")
    assert manifest.column("text") == ["hello world", "x"]


# ---- separators, encodings, headers


@pytest.mark.parametrize(
    ("name", "mark", "said"),
    [
        ("m.csv", ";", "semicolons"),
        ("m.csv", "\t", "tabs"),
        ("m.csv", "|", "bars"),
        ("m.tsv", ",", "commas"),
        ("m.tsv", ";", "semicolons"),
    ],
)
def test_another_separator_is_taken_and_told(tmp_path: Path, name: str, mark: str, said: str) -> None:
    lines = [["audio", "text", "duration"], ["a.wav", "hi" if mark == "," else "hi, you", "2.5"]]
    manifest = read(tmp_path, name, "\n".join(mark.join(line) for line in lines))
    assert manifest[0].text == lines[1][1] and manifest[0].duration_s == 2.5
    assert any(said in note for note in manifest.notes)


def test_a_spreadsheet_of_a_country_with_decimal_commas(tmp_path: Path) -> None:
    manifest = read(tmp_path, "m.csv", "\ufeffsep=;\r\naudio;text;duration;;\r\na.wav;hi;2,5;;\r\n;;;;\r\n")
    assert manifest.columns == ["audio", "text", "duration"] and manifest[0].duration_s == 2.5
    assert faults_of(manifest) == {1: "malformed"}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig", "utf-32"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    texts = ["café noir", "Straße", "d’accord", "señor Müller"]
    for name, end in (("m.csv", "\n"), ("n.csv", "\r")):
        rows = ["audio,text", *(f"{n}.wav,{text}" for n, text in enumerate(texts))]
        manifest = read(tmp_path, name, end.join(rows).encode(encoding))
        assert manifest.column("text") == texts
        assert encoding == "utf-8-sig" or any(note for note in manifest.notes if "read as" in note)
    if encoding == "cp1252":
        lines = "".join(f'{{"audio": "{n}.wav", "text": "{text}"}}\n' for n, text in enumerate(texts))
        assert read(tmp_path, "m.jsonl", lines.encode(encoding)).column("text") == texts
        assert "Windows-1252 (Latin-1), such as 'café'" in manifest.notes[0]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("zażółć gęślą jaźń", "cp1250"),
        ("şarkı söyle", "cp1254"),
        ("привет мир", "cp1251"),
        ("日本語", "shift-jis"),
        ("déjà été", "mac-roman"),
        ("你好", "gbk"),
        ("hello", "utf-16-le"),
    ],
)
def test_an_encoding_that_is_not_certain_is_refused(tmp_path: Path, text: str, encoding: str) -> None:
    assert "UTF-8" in refused(tmp_path, "m.csv", f"audio,text\na.wav,{text}\n".encode(encoding))


def test_one_broken_line_in_utf_8_is_named(tmp_path: Path) -> None:
    content = "audio,text\na.wav,é\nb.wav,ü\n".encode() + b"c.wav,\xe9\n"
    assert "line 4 is not UTF-8 text (most of the rest is)" in refused(tmp_path, "m.csv", content)


def test_headers_with_blanks_capitals_and_no_name(tmp_path: Path) -> None:
    manifest = read(tmp_path, "m.csv", ', Audio , TEXT ,"Client ID"\n0,a.wav,x,p1\n1,b.wav,y,p2\n')
    assert [row.text for row in manifest] == ["x", "y"] and manifest[1].speaker == "p2"
    assert manifest.column("column_1") == ["0", "1"]


# ---- columns, splits, cells


def test_other_projects_columns_are_understood_and_named(tmp_path: Path) -> None:
    manifest = read(tmp_path, "m.tsv", "client_id\tpath\tsentence\tlocale\nabc\ta.mp3\thi\tde\n")
    assert (manifest[0].id, manifest[0].text, manifest[0].speaker) == ("a.mp3", "hi", "abc")
    assert manifest.column("client_id") == manifest.column("speaker") and len(manifest.where({"locale": "de"})) == 1
    assert "'path' is read as audio" in manifest.notes[0] and "'locale' is read as language" in manifest.notes[0]
    own = read(tmp_path, "o.csv", "audio,path,text,sentence,offset\na.wav,b.wav,x,y,3\n")
    assert (own[0].text, own[0].start_s) == ("x", 0.0) and own.columns == [
        "audio",
        "path",
        "text",
        "sentence",
        "offset",
    ]
    for name in ("wav", "file_name", "filename", "audio_path", "file"):
        assert read(tmp_path, "p.csv", f"{name},transcript\na.wav,x\n")[0].text == "x"


def test_splits_as_people_write_them(tmp_path: Path) -> None:
    names = ["train", "Training", " TRAIN ", "dev", "Val", "valid", "VALIDATION", "development", "test", "Testing"]
    names += ["eval", "Evaluation"]
    rows = "".join(f"{n}.wav,{name}\n" for n, name in enumerate(names))
    manifest = read(tmp_path, "m.csv", f"audio,split\n{rows}x.wav,unused\ny.wav,\n")
    assert manifest.column("split") == ["train"] * 3 + ["dev"] * 5 + ["test"] * 4 + ["unused", ""]
    assert any("2 rows are in neither train, dev nor test: 1 of 'unused', 1 without one" in n for n in manifest.notes)
    assert any("eval and evaluation and test and testing are both read as test" in note for note in manifest.notes)
    assert len(Manifest.read(tmp_path / "m.csv", split="Validation")) == 5
    assert len(manifest.where({"split": "eval"})) == 4


def test_rows_without_a_split_beside_others_are_counted(tmp_path: Path) -> None:
    manifest = read(tmp_path, "m.csv", "audio,split\na.wav,train\nb.wav,\n")
    assert any("1 row is in neither train, dev nor test" in note for note in manifest.notes)
    assert not read(tmp_path, "m.csv", "audio,split\na.wav,\nb.wav,\n").notes, "all of them: a run makes splits"


def test_lists_and_objects_are_no_text(tmp_path: Path) -> None:
    cells = ["2599", '["a"]', '{"a": 1}', '"x"', "true", "1.5"]
    rows = "".join(f'{{"audio": "{n}.wav", "text": {cell}, "more": [1]}}\n' for n, cell in enumerate(cells))
    manifest = read(tmp_path, "m.jsonl", rows)
    assert manifest.column("text") == ["2599", None, None, "x", "true", "1.5"] and manifest.column("more")[0] == "[1]"
    assert faults_of(manifest) == {1: "text_not_a_string", 2: "text_not_a_string"}
    assert manifest.faults[1].detail == 'row 2: text is a list, ["a"]; expected a string'
    excluded = {row.row: row.problem for row in check_manifest(manifest, depth="headers").excluded}
    assert excluded[2] == "text_not_a_string"


def test_words_that_may_stand_for_no_text_are_told(tmp_path: Path) -> None:
    manifest = read(tmp_path, "m.csv", "audio,text\na.wav,nan\nb.wav,NULL\nc.wav,banana\nd.wav,\n")
    assert manifest.column("text") == ["nan", "NULL", "banana", ""]
    assert any("1 are 'nan', 1 are 'null'" in note for note in manifest.notes)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"audio": "a.wav", "n": ' + "9" * 5000 + "}", "line 1 is not JSON"),
        ('{"audio": "a.wav", "n": ' + "[" * 100_000 + "}", "line 1 is not JSON"),
        ('{"audio": {"0": "a.wav"}, "text": {"0": "x"}}', r'orient="records", lines=True'),
        ('{"audio": "a.wav", "text": "\\ud83d"}', "half a character"),
        ('{"audio": "a.wav"} {"audio": "b.wav"}', "line 1 is not JSON"),
    ],
    ids=["huge integer", "deep", "columns", "surrogate", "two objects"],
)
def test_strange_json_is_refused_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    assert said in refused(tmp_path, "m.jsonl", content + "\n")


def test_a_line_of_json_that_broke_off_is_a_fault(tmp_path: Path) -> None:
    good = "".join(f'{{"audio": "{n}.wav", "text": "x"}}\n' for n in range(5))
    manifest = read(tmp_path, "m.jsonl", good + '{"audio": "5.wav", "te')
    assert len(manifest) == 6 and faults_of(manifest) == {5: "malformed"}


def test_a_json_array_and_returns_between_objects(tmp_path: Path) -> None:
    rows = [{"audio": "a.wav", "text": "x"}, {"audio": {"path": "b.wav"}, "text": "y"}]
    for content in (json.dumps(rows, indent=1), json.dumps(rows), "\r".join(map(json.dumps, rows))):
        assert read(tmp_path, "m.json", content).column("audio") == ["a.wav", "b.wav"]


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    assert "git lfs pull" in refused(tmp_path, "m.parquet", "version https://git-lfs.github.com/spec/v1\noid x\n")
    assert "not a Parquet file" in refused(tmp_path, "n.parquet", b"PAR1" + b"\0" * 60 + b"PAR1")
    assert "save the sheet as CSV" in refused(tmp_path, "m.xlsx", "PK")
    parquet.write_table(pa.table({"audio": ["a.wav"], "text": [["x"]]}), tmp_path / "l.parquet")
    with pytest.raises(BadInput, match=r"column 'text' holds list<.*expected text"):
        Manifest.read(tmp_path / "l.parquet")


def test_evaluate_leaves_out_what_has_no_text_and_says_so(tmp_path: Path) -> None:
    from speech_tl.scoring.hypothesis_files import evaluate_hypotheses

    rows = [("a", '"one"'), ("b", "NaN"), ("c", '["x"]'), ("d", '"four"'), ("e", '""')]
    lines = "".join(f'{{"audio": "{name}.wav", "text": {text}, "split": "eval"}}\n' for name, text in rows)
    (tmp_path / "m.jsonl").write_text(lines)
    (tmp_path / "h.csv").write_bytes(b'id;text\ra;one\rb;x\rc;y\rd;"fourth\re;z\r')
    result = evaluate_hypotheses(tmp_path / "h.csv", tmp_path / "m.jsonl", normaliser="basic")
    assert [said.id for said in result.utterances] == ["a.wav", "d.wav"]
    notes = " ".join(result.data["notes"])
    shown = CliRunner().invoke(
        app, ["evaluate", "--hypotheses", str(tmp_path / "h.csv"), "--data", str(tmp_path / "m.jsonl")]
    )
    for said in ("semicolons", "CR alone", "quotation marks", "1 of 5 rows cannot be used", "2 of 5 rows have no text"):
        assert said in notes and said in shown.output
