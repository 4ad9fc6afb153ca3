"""speechocean762: a miniature in the release's true layout becomes a manifest; anything else is refused."""

from __future__ import annotations

import csv
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from data_scripts.speechocean762 import main

SPEAKERS = {"train": {"0001": 6, "0005": 9, "0960": 25, "1012": 31}, "test": {"0003": 7, "5015": 22}}


@pytest.fixture
def release(tmp_path) -> Path:
    """Six speakers, two utterances each, as in the release: tables with tabs or spaces, WAVE/SPEAKERxxxx/*.WAV."""
    root = tmp_path / "speechocean762"
    for part, speakers in SPEAKERS.items():
        tables = dict.fromkeys(("wav.scp", "text", "utt2spk", "spk2gender", "spk2age"), "")
        for speaker, age in speakers.items():
            tables["spk2gender"] += f"{speaker}\t{'m' if age % 2 else 'f'}\n"
            tables["spk2age"] += f"{speaker}\t{age}\n"
            for utterance in (f"0{speaker}0011", f"0{speaker}0035"):
                wav = f"WAVE/SPEAKER{speaker}/{utterance}.WAV"
                (root / wav).parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(root / wav, np.sin(np.arange(16000) / 20), 16000, format="WAV")
                tables["wav.scp"] += f"{utterance}\t{wav}\n"
                tables["text"] += f"{utterance}\tMARK'S ELEPHANT\n"
                tables["utt2spk"] += f"{utterance} {speaker}\n"
        (root / part).mkdir()
        for name, content in tables.items():
            (root / part / name).write_text(content)
    return root


def rows_of(folder: Path) -> list[dict]:
    with (folder / "manifest.csv").open(encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_manifest_has_every_utterance_with_its_speaker(release, tmp_path):
    out = tmp_path / "out"
    assert main(["--source", str(release), "--out", str(out), "--dev-speakers", "2"]) == 0
    rows = rows_of(out)
    assert len(rows) == 12
    first = next(row for row in rows if row["speaker"] == "SO0001")
    assert first["text"] == "mark's elephant" and first["age"] == "6" and first["gender"] == "female"
    assert first["accent"] == "mandarin" and float(first["duration"]) == pytest.approx(1.0)
    assert all((out / row["audio"]).resolve().is_file() for row in rows)


def test_splits_are_the_corpus_own_and_dev_holds_a_child_and_an_adult(release, tmp_path):
    for name in ("a", "b"):
        main(["--source", str(release), "--out", str(tmp_path / name), "--dev-speakers", "2", "--seed", "3"])
    rows = rows_of(tmp_path / "a")
    assert [row["split"] for row in rows] == [row["split"] for row in rows_of(tmp_path / "b")]
    by_split = {split: {row["speaker"] for row in rows if row["split"] == split} for split in ("train", "dev", "test")}
    assert by_split["test"] == {"SO0003", "SO5015"}
    assert len(by_split["dev"]) == 2 and not by_split["dev"] & by_split["train"]
    ages = {int(row["age"]) for row in rows if row["split"] == "dev"}
    assert min(ages) < 16 <= max(ages)


def test_an_archive_gives_the_same_rows(release, tmp_path):
    archive = tmp_path / "speechocean762.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(release, "speechocean762")
    assert main(["--source", str(archive), "--out", str(tmp_path / "from_tar"), "--dev-speakers", "1"]) == 0
    assert main(["--source", str(release), "--out", str(tmp_path / "from_folder"), "--dev-speakers", "1"]) == 0
    columns = ("text", "speaker", "split", "age")
    packed, folder = ([[row[c] for c in columns] for row in rows_of(tmp_path / n)] for n in ("from_tar", "from_folder"))
    assert packed == folder


def test_another_folder_is_refused_and_told_what_was_looked_for(tmp_path, capsys):
    (tmp_path / "other").mkdir()
    assert main(["--source", str(tmp_path / "other"), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "WAVE" in message and "wav.scp" in message and len(message.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_missing_audio_is_named(release, tmp_path, capsys):
    (release / "WAVE/SPEAKER0003/000030011.WAV").unlink()
    assert main(["--source", str(release), "--out", str(tmp_path / "out"), "--dev-speakers", "1"]) == 2
    assert "000030011" in capsys.readouterr().err
    assert not (tmp_path / "out" / "manifest.csv").exists()


@pytest.mark.parametrize("content", [b"no archive at all", b""])
def test_what_is_no_archive_is_refused(tmp_path, capsys, content):
    (tmp_path / "x.tar.gz").write_bytes(content)
    assert main(["--source", str(tmp_path / "x.tar.gz"), "--out", str(tmp_path / "out")]) == 2
    assert "x.tar.gz" in capsys.readouterr().err


def test_neither_source_nor_download_is_refused(tmp_path, capsys):
    assert main(["--out", str(tmp_path)]) == 2
    assert "--source" in capsys.readouterr().err
