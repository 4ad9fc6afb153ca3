"""Fingerprints of a run's data: what changes them, and what does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech_tl.data import fingerprints as module
from speech_tl.data.fingerprints import changes, fingerprints
from speech_tl.data.manifest import Manifest
from tests.small import made_corpus, rows_of, written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made_corpus(tmp_path / "data")
    return tmp_path / "data"


def of(folder: Path, known: dict | None = None) -> dict:
    manifest = Manifest.read(folder)
    return fingerprints({name: manifest.split(name) for name in ("train", "dev", "test")}, known)


def longer(folder: Path) -> None:
    samples, rate = soundfile.read(folder / "audio" / "13.wav")
    soundfile.write(folder / "audio" / "13.wav", np.pad(samples, (0, 1)), rate)


def other_samples(folder: Path) -> None:
    samples, rate = soundfile.read(folder / "audio" / "13.wav", dtype="int16")
    times = os.stat(folder / "audio" / "13.wav")
    soundfile.write(folder / "audio" / "13.wav", samples[::-1], rate)
    os.utime(folder / "audio" / "13.wav", ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    "change", [longer, other_samples, lambda folder: (folder / "audio" / "13.wav").unlink()], ids=[1, 2, 3]
)
def test_another_recording_is_the_audio_of_its_part(change: Callable[[Path], None], folder: Path) -> None:
    before = of(folder)
    change(folder)
    assert changes(before, of(folder, before)) == ["the audio of test"]


def test_a_table_s_changes_are_told_by_part(folder: Path) -> None:
    before, rows = of(folder), rows_of(folder / "manifest.csv")
    rows = [row | {"audio": os.path.relpath(row["audio"], folder)} for row in rows]
    written(folder / "manifest.csv", [rows[0] | {"text": "another"}, *rows[1:]])
    assert changes(before, of(folder, before)) == ["the table of train"]
    written(folder / "manifest.csv", rows[:-1])
    assert changes(before, of(folder, before)) == ["the table of test (4 rows, now 3)"]
    written(folder / "manifest.csv", [*rows[:-1], rows[-1] | {"audio": rows[0]["audio"]}])
    assert changes(before, of(folder, before)) == ["the table and the audio of test"]
    written(folder / "manifest.csv", rows)
    assert changes(before, of(folder, before)) == []


def test_a_copy_and_a_touch_change_nothing_and_untouched_files_are_not_opened(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = of(folder)
    shutil.copytree(folder, tmp_path / "copy")
    os.utime(folder / "audio" / "03.wav")
    assert changes(before, of(folder, before)) == changes(before, of(tmp_path / "copy", before)) == []
    before = of(folder)
    monkeypatch.setattr(module, "_content", None)
    assert of(folder, before) == before


def test_embedded_audio_counts_too(folder: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [row | {"audio": {"path": f"{n}.wav", "bytes": Path(row["audio"]).read_bytes()}}
            for n, row in enumerate(rows_of(folder / "manifest.csv"))]  # fmt: skip
    found = []
    for turned in (False, True):
        if turned:
            rows[-1]["audio"]["bytes"] = rows[-1]["audio"]["bytes"][:-2] + b"\1\2"
        table = datasets.Dataset.from_list(rows).cast_column("audio", datasets.Audio(decode=False))
        table.save_to_disk(str(folder / f"saved{turned}"))
        found.append(of(folder / f"saved{turned}", found[0] if found else None))
    assert changes(*found) == ["the audio of test"]
