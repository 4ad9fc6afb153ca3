"""speechocean762: its own splits, dev from train, and the refusals that all scripts share."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from data_scripts.speechocean762 import main
from tests.data_scripts import miniatures
from tests.data_scripts.miniatures import made, tarred


@pytest.fixture
def release(tmp_path) -> Path:
    return miniatures.speechocean762(tmp_path)


def test_manifest_has_every_utterance_with_its_speaker(release, tmp_path):
    rows = made(main, tmp_path / "out", "--source", release, "--dev-speakers", "2")
    assert len(rows) == 12
    first = next(row for row in rows if row["speaker"] == "SO0001")
    assert first["text"] == "mark's elephant" and first["age"] == "6" and first["gender"] == "female"
    assert first["accent"] == "mandarin" and float(first["duration"]) == pytest.approx(1.0)


def test_splits_are_the_corpus_own_and_dev_holds_a_child_and_an_adult(release, tmp_path):
    options = ("--source", release, "--dev-speakers", "2", "--seed", "3")
    rows, again = (made(main, tmp_path / name, *options) for name in ("a", "b"))
    assert [row["split"] for row in rows] == [row["split"] for row in again]
    by_split = {split: {row["speaker"] for row in rows if row["split"] == split} for split in ("train", "dev", "test")}
    assert by_split["test"] == {"SO0003", "SO5015"}
    assert len(by_split["dev"]) == 2 and not by_split["dev"] & by_split["train"]
    ages = {int(row["age"]) for row in rows if row["split"] == "dev"}
    assert min(ages) < 16 <= max(ages)


def test_an_archive_gives_the_same_rows(release, tmp_path):
    archive = tarred(release, tmp_path / "speechocean762.tar.gz")
    packed = made(main, tmp_path / "from_tar", "--source", archive, "--dev-speakers", "1")
    folder = made(main, tmp_path / "from_folder", "--source", release, "--dev-speakers", "1")
    columns = ("text", "speaker", "split", "age")
    assert [[row[c] for c in columns] for row in packed] == [[row[c] for c in columns] for row in folder]


def test_more_dev_speakers_than_there_are(release, tmp_path, capsys):
    assert main(["--source", str(release), "--out", str(tmp_path / "out"), "--dev-speakers", "4"]) == 2
    assert "--dev-speakers 4: the train list has only 4 speakers" in capsys.readouterr().err


def test_another_folder_is_refused_and_told_what_was_looked_for(tmp_path, capsys):
    (tmp_path / "other").mkdir()
    assert main(["--source", str(tmp_path / "other"), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "WAVE" in message and "wav.scp" in message and len(message.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_lacks_one_table_is_told_which(release, tmp_path, capsys):
    (release / "train" / "spk2age").unlink()
    assert main(["--source", str(release), "--out", str(tmp_path / "out")]) == 2
    assert f"{release} lacks train/spk2age" in capsys.readouterr().err


def test_missing_audio_is_listed_and_the_rest_is_done(release, tmp_path, capsys):
    (release / "WAVE/SPEAKER0003/000030011.WAV").unlink()
    (release / "WAVE/SPEAKER0001/000010011.WAV").write_bytes(b"")
    rows = made(main, tmp_path / "out", "--source", release, "--dev-speakers", "1", code=1)
    assert len(rows) == 10
    message = capsys.readouterr().err
    assert "000030011.WAV: no such file" in message and "2 of 12 rows have no usable audio" in message
    with (tmp_path / "out" / "left_out.csv").open() as listed:
        assert ["0 bytes" in row["problem"] for row in csv.DictReader(listed)] == [True, False]


def test_no_audio_at_all_is_refused(release, tmp_path, capsys):
    for path in release.rglob("*.WAV"):
        path.unlink()
    assert main(["--source", str(release), "--out", str(tmp_path / "out")]) == 2
    assert "all 12 rows: is the copy complete?" in capsys.readouterr().err
    assert not (tmp_path / "out" / "manifest.csv").exists()


@pytest.mark.parametrize("content", [b"no archive at all", b""])
def test_what_is_no_archive_is_refused(tmp_path, capsys, content):
    (tmp_path / "x.tar.gz").write_bytes(content)
    assert main(["--source", str(tmp_path / "x.tar.gz"), "--out", str(tmp_path / "out")]) == 2
    assert "x.tar.gz" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--source", "a", "--download"], ["--source", "nowhere"], ["--sauce", "x"]])
def test_a_command_line_that_makes_no_sense_is_one_line(tmp_path, capsys, arguments):
    assert main([*arguments, "--out", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_one_file_of_the_corpus_instead_of_its_folder(release, tmp_path, capsys):
    assert main(["--source", str(release / "train"), "--out", str(tmp_path / "out")]) == 2
    assert "not speechocean762" in capsys.readouterr().err
