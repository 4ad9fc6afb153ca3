"""Audio, tables and transcripts on an object store: a small S3 on this machine, read by ranges, kept within a bound."""

from __future__ import annotations

import csv
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import load_audio, probe, save_audio, stream_audio
from speech_tl.audio.remote import (
    BLOCK_BYTES,
    BlockCache,
    RemoteFile,
    RemotePath,
    asked,
    is_remote,
    listed,
    place,
)
from speech_tl.cli import _run
from speech_tl.data.check import check_manifest
from speech_tl.data.manifest import Manifest
from speech_tl.data.paths import audio_path
from speech_tl.errors import AudioError, BadInput
from speech_tl.transcribing.recordings import find_recordings
from tests.small import made_corpus, recipe_yaml
from tests.sounds import SAMPLE_RATE, voice
from tests.tiny import tiny_ctc

LONG_S = 90.0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 without contents."""
    pytest.importorskip("moto", reason="needs moto[server,s3]")
    pytest.importorskip("s3fs", reason="needs the extra [s3]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ends_by = time.monotonic() + 60
    while time.monotonic() < ends_by:
        with socket.socket() as probing:
            if probing.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen clips and their manifest, and a long recording, on this machine's disk."""
    manifest = made_corpus(tmp_path_factory.mktemp("corpus"))
    save_audio(manifest.parent / "long.wav", voice(LONG_S, 1), SAMPLE_RATE)
    save_audio(manifest.parent / "long.flac", voice(LONG_S, 1), SAMPLE_RATE)
    return manifest.parent


@pytest.fixture
def bucket(server: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same files on the store, and an empty cache."""
    environment = {"AWS_ENDPOINT_URL": server, "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret"}
    environment |= {"AWS_DEFAULT_REGION": "us-east-1", "SPEECH_TL_CACHE": str(tmp_path / "cache")}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    if not files.exists("speech"):
        files.mkdir("speech")
        files.put(f"{corpus}/", "speech/corpus/", recursive=True)
    return "s3://speech/corpus"


@pytest.mark.parametrize("name", ["long.wav", "long.flac"])
def test_a_part_of_a_long_recording_is_read_by_ranges(
    bucket: str, corpus: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speech_tl.audio.remote.BLOCK_BYTES", 1 << 15)
    there, here = f"{bucket}/{name}", corpus / name
    assert probe(there) == probe(here)
    part = load_audio(there, start_s=60.0, end_s=62.0)
    np.testing.assert_array_equal(part, load_audio(here, start_s=60.0, end_s=62.0))
    size = here.stat().st_size
    kept = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert 0 < kept < size, "not all of it was fetched"
    whole = np.concatenate(list(stream_audio(there)))
    np.testing.assert_array_equal(whole, load_audio(here))
    monkeypatch.setattr("speech_tl.audio.remote.RemoteFile._fetched", None)
    np.testing.assert_array_equal(load_audio(there), whole)  # nothing is asked for a second time


def test_the_cache_stays_within_its_bound(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECH_TL_REMOTE_CACHE_GB", str(3 * BLOCK_BYTES / 1e9))
    with RemoteFile(f"{bucket}/long.wav") as file:
        size = file.seek(0, 2)
        for first in (0, size // 2, size - 100, 0):
            file.seek(first)
            assert len(file.read(100)) == 100
    for _ in range(2):
        load_audio(f"{bucket}/long.wav")
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) <= 3 * BLOCK_BYTES < size
    monkeypatch.setenv("SPEECH_TL_REMOTE_CACHE_GB", "much")
    with pytest.raises(BadInput, match="expected a number of gigabytes"):
        BlockCache.usual()


def test_a_table_there_and_its_parts_are_read_and_checked(bucket: str, corpus: Path, tmp_path: Path) -> None:
    manifest, here = Manifest.read(f"{bucket}/manifest.csv"), Manifest.read(corpus / "manifest.csv")
    assert manifest.column("text") == here.column("text")
    assert manifest[3].audio == f"{bucket}/audio/03.wav"
    np.testing.assert_array_equal(manifest[3].load(), here[3].load())
    assert len(Manifest.read(bucket)) == len(here)
    found = check_manifest(manifest)
    assert not found.problems and found.hours_by_split == check_manifest(here).hours_by_split
    written = Manifest.read(manifest.write(tmp_path / "copy.csv"))
    assert written[3].audio == manifest[3].audio
    rows = [{"audio": manifest[0].audio, "text": "one"}, {"audio": str(corpus / "audio" / "01.wav"), "text": "two"}]
    with (tmp_path / "mixed.csv").open("w") as stream:
        table = csv.DictWriter(stream, ["audio", "text"])
        table.writeheader()
        table.writerows(rows)
    mixed = Manifest.read(tmp_path / "mixed.csv")
    assert len(mixed[0].load()) and len(mixed[1].load())


def test_transcripts_go_there_and_back(bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    model = tiny_ctc(tmp_path / "model")
    command = ["transcribe", f"{bucket}/audio", "--model", str(model), "--format", "txt", "--format", "json"]
    assert _run([*command, "--out", f"s3://speech/{tmp_path.name}"]) == 0, capsys.readouterr().err
    assert len(listed(f"s3://speech/{tmp_path.name}")) == 28
    first = RemotePath(f"s3://speech/{tmp_path.name}/00.txt")
    assert first.exists()
    asked(str(first), lambda files, path: files.rm_file(path))
    capsys.readouterr()
    assert _run([*command, "--out", f"s3://speech/{tmp_path.name}", "--keep"]) == 0
    assert "Wrote 1 transcript (txt, json)" in " ".join(capsys.readouterr().err.split())
    assert [str(one.path) for one in find_recordings(f"{bucket}/lo*.flac")] == [f"{bucket}/long.flac"]


def test_a_model_is_adapted_to_speech_that_lies_there(bucket: str, tmp_path: Path) -> None:
    recipe = recipe_yaml(tmp_path / "recipe.yaml", tiny_ctc(tmp_path / "model"), Path("x"), max_steps=2)
    out = str(tmp_path / "run")
    assert _run(["adapt", str(recipe), f"data.root={bucket}/manifest.csv", "--out", out]) == 0


# ---- bad input


def test_nothing_there_or_no_access_is_one_line(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(AudioError, match=r"s3://speech/corpus/gone.wav: no such file") as caught:
        load_audio(f"{bucket}/gone.wav")
    assert caught.value.kind == "missing"
    with pytest.raises(BadInput, match="no manifest.csv, "):
        Manifest.read(f"{bucket}/audio")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name, nowhere in (("AWS_SHARED_CREDENTIALS_FILE", "none"), ("AWS_EC2_METADATA_DISABLED", "true")):
        monkeypatch.setenv(name, nowhere)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    assert _run(["check", f"{bucket}/manifest.csv"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "loading torch" not in line]
    assert "s3://speech/corpus/manifest.csv: no access (" in line and "give credentials" in line


@pytest.mark.parametrize(
    "path", ["zip::s3://b/a.zip", "http://host/a.wav", "ftp://host/a.wav", "simplecache::https://host/a.wav"]
)
def test_other_schemes_are_paths_that_are_not_there(path: str, tmp_path: Path) -> None:
    """A table names what is read, and in no chain of programs."""
    assert not is_remote(path)
    with pytest.raises(BadInput, match="expected a path, or one of s3://"):
        place(path)
    with pytest.raises(AudioError, match="no such file"):
        load_audio(path)
    assert audio_path(tmp_path, path).startswith(str(tmp_path))


def test_a_run_is_kept_on_a_disk_here(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    recipe = recipe_yaml(tmp_path / "recipe.yaml", Path("m"), Path("d"))
    assert _run(["adapt", str(recipe), "--out", "s3://speech/run"]) == 2
    assert "this is written on a disk here" in capsys.readouterr().err


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec.registry  # noqa: F401 (the package's attribute of that name is another)

    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(BadInput, match=r"pip install 'speech_tl\[s3\]'"):
        load_audio("s3://speech/a.wav")
