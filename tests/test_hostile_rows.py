"""Recordings that nobody can decode among those that can: every command leaves them out, says why, and goes on."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech_tl.cli import _run
from speech_tl.data.check import check_manifest
from speech_tl.data.manifest import Manifest
from tests.audio.test_hostile import ABSURD, data, fmt, riff
from tests.small import made_corpus, recipe_yaml, written
from tests.sounds import voice
from tests.tiny import tiny_ctc

BAD = {
    **{name: ABSURD[name] for name in ("1 Hz", "0 Hz", "no channel", "65535 channels", "unknown codec", "no format")},
    "zeros": b"RIFF" + bytes(100_000),
    "an AVI without a codec": b"RIFF\x24\0\0\0AVI LIST" + bytes(60),
    "a list": b"ffconcat version 1.0\nfile 00.wav\n",
    "G.723": riff(fmt(codec=0x14, bits=3), data(800)),
    "truncated": riff(fmt(), data(64_000))[:30_000],
}


def spoilt(folder: Path) -> tuple[Path, set[str]]:
    """A small corpus with every bad recording in each split; returns the manifest and the bad recordings' names."""
    manifest = made_corpus(folder)
    rows = list(csv.DictReader(manifest.open(encoding="utf-8")))
    bad = {f"bad {number}.wav": content for number, content in enumerate(BAD.values())}
    for name, content in bad.items():
        (folder / "audio" / name).write_bytes(content)
    names = set(bad)
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "audio" / "pipe.wav")
        names.add("pipe.wav")
    soundfile.write(folder / "audio" / "hours.flac", np.zeros(3600 * 8000, np.int16), 8000)
    names.add("hours.flac")
    for split, one in (("train", rows[0]), ("dev", rows[8]), ("test", rows[10])):
        rows += [one | {"audio": f"audio/{name}", "text": f"{one['text']} again", "split": split} for name in names]
    return written(manifest, rows), names


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    return spoilt(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ctc(tmp_path_factory.mktemp("model") / "ctc")


def test_check_lists_each_with_its_reason(corpus, capsys):
    manifest, names = corpus
    found = check_manifest(Manifest.read(manifest)).excluded
    assert len(found) == 3 * len(names) and {Path(one.audio).name for one in found} == names
    assert all(one.detail.isprintable() and one.problem in ("unreadable", "truncated", "too_long") for one in found)
    assert _run(["check", str(manifest)]) in (0, 1)
    assert "Traceback" not in "".join(capsys.readouterr())


def test_evaluate_goes_on_without_them(corpus, model, tmp_path, capsys):
    manifest, _ = corpus
    rows = [row for row in csv.DictReader(manifest.open(encoding="utf-8")) if "hours" not in row["audio"]]
    manifest = written(manifest.parent / "short.csv", rows)
    assert _run(["evaluate", "--model", str(model), "--data", str(manifest), "--out", str(tmp_path / "out")]) == 1
    lines = (tmp_path / "out" / "utterances.jsonl").read_text(encoding="utf-8").splitlines()
    assert {Path(json.loads(line)["audio"]).name for line in lines} == {f"{number:02d}.wav" for number in range(10, 14)}
    assert "Traceback" not in "".join(capsys.readouterr())


def test_adapt_goes_on_without_them(corpus, model, tmp_path, capsys):
    manifest, names = corpus
    recipe = recipe_yaml(tmp_path / "recipe.yaml", model, manifest, max_steps=1, eval_steps=1)
    assert _run(["adapt", str(recipe), "--out", str(tmp_path / "run")]) in (0, 1)
    rows = [json.loads(line) for line in (tmp_path / "run" / "excluded.jsonl").read_text().splitlines()]
    assert {Path(row["audio"]).name for row in rows} == names and len(rows) == 3 * len(names)
    assert (tmp_path / "run" / "report.json").is_file()
    assert "Traceback" not in "".join(capsys.readouterr())


def test_transcribe_writes_what_can_be_decoded_and_lists_the_rest(corpus, model, tmp_path, capsys):
    manifest, names = corpus
    short = sorted(names - {"hours.flac"})
    paths = [str(manifest.parent / "audio" / name) for name in ("00.wav", *short, "01.wav")]
    assert _run(["transcribe", "--model", str(model), *paths, "--out", str(tmp_path / "out")]) == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["00.txt", "01.txt"]
    said = "".join(capsys.readouterr())
    assert "Traceback" not in said and all(said.count(name) == 1 for name in short)


def test_segment_goes_on_without_them(corpus, model, tmp_path, capsys):
    manifest, names = corpus
    (tmp_path / "audio").mkdir()
    (tmp_path / "text").mkdir()
    for name in sorted(names - {"hours.flac", "pipe.wav"}):
        shutil.copy(manifest.parent / "audio" / name, tmp_path / "audio" / name)
        (tmp_path / "text" / name).with_suffix(".txt").write_text("open the door\n")
    soundfile.write(tmp_path / "audio" / "good.wav", voice(3.0), 16000)
    (tmp_path / "text" / "good.txt").write_text("open the door\n")
    command = ["segment", "--model", str(model), str(tmp_path / "audio"), str(tmp_path / "text")]
    assert _run([*command, "--out", str(tmp_path / "out")]) in (0, 1, 2)  # an untrained model may match no sentence
    assert "Traceback" not in "".join(capsys.readouterr())


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_links_to_the_folder_above_are_walked_once(tmp_path):
    folder = tmp_path / "corpus"
    (folder / "clips").mkdir(parents=True)
    other = tmp_path / "elsewhere"
    other.mkdir()
    soundfile.write(folder / "clips" / "a.wav", voice(1.0), 16000)
    soundfile.write(other / "b.wav", voice(1.0), 16000)
    for name in ("up", "again"):
        (folder / name).symlink_to("..", target_is_directory=True)
        (folder / "clips" / name).symlink_to("..", target_is_directory=True)
    (folder / "linked").symlink_to(other, target_is_directory=True)
    assert sorted(Manifest.read(folder).texts("audio")) == ["clips/a.wav", "linked/b.wav"]
