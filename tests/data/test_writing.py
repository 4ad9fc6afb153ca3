"""What is written can be read again: whatever is in a cell, in every format; and what cannot be is refused first."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
from speech_tl.data.table import Table
from speech_tl.data.writing import require_target
from speech_tl.errors import BadInput

ROOT = Path(__file__).parents[2]
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")

HOSTILE = "ab \t\r\n\"',;|\\\u0085\u2028\u2029\ufeff\u200b\x0b\x0c\x1c\x1b\x7fäß٣\U0001f600=#&{}[]"
CELLS = st.text(alphabet=st.sampled_from(HOSTILE), max_size=12)


def manifest_of(folder: Path, texts: list[str], **columns: pa.Array) -> Manifest:
    """Rows with these texts; the audio is not there."""
    audio = [f"{row}.wav" for row in range(len(texts))]
    table = {"audio": audio, "text": texts} | columns
    return Manifest(Table({name: pa.chunked_array([pa.array(cells)]) for name, cells in table.items()}, folder), "made")


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_texts_are_read_as_they_were_written(tmp_path, suffix, texts):
    manifest = manifest_of(tmp_path, [text for text, _ in texts], accent=[accent for _, accent in texts])
    again = Manifest.read(manifest.write(tmp_path / f"written{suffix}"))
    assert again.column("text") == manifest.column("text")
    assert again.column("accent") == manifest.column("accent")
    assert again.column("audio") == manifest.column("audio")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\u0085", "\u2028", "\u2029"])
def test_line_ends_inside_a_text(tmp_path, suffix, end):
    texts = [f"first{end}second", "plain", f'say "{end}" now', end, f"{end}x", f"x{end}"]
    again = Manifest.read(manifest_of(tmp_path, texts).write(tmp_path / f"written{suffix}"))
    assert again.column("text") == texts


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_a_format_has_no_form_for_is_written_as_text(tmp_path, suffix):
    odd = pa.array([b"abc", b"\xff\x00"]), pa.array([date(2020, 1, 2), None]), pa.array([[1.5], [float("nan")]])
    manifest = manifest_of(tmp_path, ["a\0b", "c"], content=odd[0], day=odd[1], numbers=odd[2])
    again = Manifest.read(manifest.write(tmp_path / f"written{suffix}"))
    assert again.column("text") == (["ab", "c"] if suffix in (".csv", ".tsv") else ["a\0b", "c"])
    if suffix != ".parquet":
        assert again.column("content") == ["abc", "ff00"] and again.column("day")[0] == "2020-01-02"


def test_a_name_of_a_column_that_fits_into_no_line(tmp_path):
    manifest = manifest_of(tmp_path, ["a"], **{"two\nlines": ["x"]})
    with pytest.raises(BadInput, match="'two\\\\nlines' fits into no line"):
        manifest.write(tmp_path / "written.csv")
    assert Manifest.read(manifest.write(tmp_path / "written.jsonl")).column("two\nlines") == ["x"]


# ---- looked at first


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A manifest of one second of sound."""
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(16000) / 9) / 3, 16000)
    (tmp_path / "mine.csv").write_text("audio,text\na.wav,hello\n")
    return tmp_path / "mine.csv"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("clean.xlsx", "cannot write '.xlsx'"),
        ("mine.csv", "would be written over"),
        ("./sub/../mine.csv", "would be written over"),
        ("folder.csv", "is a folder"),
        ("a.wav/clean.csv", "is a file"),
    ],
)
def test_check_looks_first_whether_it_may_write(corpus, monkeypatch, capsys, target, said):
    monkeypatch.chdir(corpus.parent)
    (corpus.parent / "folder.csv").mkdir()
    (corpus.parent / "sub").mkdir()
    monkeypatch.setattr("speech_tl.data.check.check_manifest", lambda *_, **__: pytest.fail("it began to check"))
    assert _run(["check", "mine.csv", "--write-clean", target]) == 2
    assert said in capsys.readouterr().err
    assert corpus.read_text() == "audio,text\na.wav,hello\n"


def test_check_makes_the_folder_that_it_writes_into(corpus, monkeypatch, capsys):
    monkeypatch.chdir(corpus.parent)
    assert _run(["check", "mine.csv", "--write-clean", "new/folder/clean.csv"]) == 0
    assert Manifest.read("new/folder/clean.csv").column("audio") == ["../../a.wav"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_check_asks_for_permission_first(corpus):
    (corpus.parent / "locked").mkdir(mode=0o555)
    with pytest.raises(BadInput, match="no permission"):
        require_target(Manifest.read(corpus), corpus.parent / "locked" / "clean.csv")


def test_a_folders_own_manifest_is_not_written_over(corpus):
    (corpus.parent / "manifest.csv").write_text(corpus.read_text())
    manifest = Manifest.read(corpus.parent)
    with pytest.raises(BadInput, match="would be written over"):
        require_target(manifest, corpus.parent / "manifest.csv")
    require_target(manifest, corpus.parent / "new.csv")


# ---- what is not written


def test_embedded_audio_is_copied_nowhere(tmp_path):
    """Reading, checking and listening leave no file behind, least of all in the Hugging Face cache."""
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(16000) / 9) / 3, 16000)
    row = {"audio": {"bytes": (tmp_path / "a.wav").read_bytes(), "path": "a.wav"}, "text": "hello"}
    (tmp_path / "set").mkdir()
    for split in ("train", "test"):
        parquet.write_table(pa.Table.from_pylist([row] * 50), tmp_path / "set" / f"{split}-00000-of-00001.parquet")
    script = """
from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
manifest = Manifest.read("set")
assert len(manifest[60].load()) == 16000
assert _run(["check", "set"]) == 0
"""
    homes = {"HF_HOME": tmp_path / "hub", "XDG_CACHE_HOME": tmp_path / "cache", "TMPDIR": tmp_path / "temporary"}
    for home in homes.values():
        home.mkdir()
    environment = {**os.environ, **{name: str(home) for name, home in homes.items()}, "PYTHONPATH": str(ROOT)}
    for name in ("HF_DATASETS_CACHE", "HF_HUB_CACHE"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    left = [path for home in homes.values() for path in home.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in left) < 10_000, left


# ---- names that are no text


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes there")
def test_a_file_name_that_is_not_utf8(corpus):
    name = os.fsdecode(b"caf\xe9.csv")
    try:
        (corpus.parent / name).write_bytes(corpus.read_bytes())
    except OSError:
        pytest.skip("this file system takes no such name")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "speech_tl", "check", name]
    done = subprocess.run(command, cwd=corpus.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("speech-tl: caf\\xe9.csv: the name of the file")
    with pytest.raises(BadInput, match="caf\\\\xe9"):
        Manifest.read(corpus.parent / name)
