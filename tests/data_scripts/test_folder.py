"""One's own recordings: texts beside the audio, or any usual table."""

from __future__ import annotations

import pytest

from data_scripts.folder import main
from tests.data_scripts.miniatures import made, sound, write, zipped


def test_texts_beside_the_audio_and_folders_named_after_speakers(tmp_path, capsys):
    mine = tmp_path / "mine"
    for name in ("ann/1.wav", "ann/2.mp3", "bob/1.flac", "bob/forgotten.wav"):
        sound(mine / name, 0.5)
    write(mine / "ann/1.txt", "\ufeffturn the\nlight on\n")
    write(mine / "ann/2.txt", "what time is it")
    write(mine / "bob/1.txt", "good night")
    rows = made(main, tmp_path / "out", "--source", mine, "--speaker-folders", "--language", "en")
    assert [(row["text"], row["speaker"], row["language"]) for row in rows] == [
        ("turn the light on", "ann", "en"),
        ("what time is it", "ann", "en"),
        ("good night", "bob", "en"),
    ]
    assert "1 left out: no text beside the audio" in capsys.readouterr().err
    packed = made(main, tmp_path / "packed", "--source", zipped(mine, tmp_path / "mine.zip", "mine"), "--speaker", "me")
    assert {row["speaker"] for row in packed} == {"me"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.csv", 'path,sentence,town\na.wav,"yes, please",Bonn\nclips/b,no,\n'),
        ("mine.csv", "file;transcript;town\na.wav;yes, please;Bonn\nb.wav;no;\n"),
        ("mine.tsv", "audio\ttext\ttown\na.wav\tyes, please\tBonn\nb\tno\t\n"),
        ("mine.csv", "filename|text|town\na.wav|yes, please|Bonn\nb.wav|no|\n"),
    ],
    ids=["commas", "semicolons", "tabs", "bars"],
)
def test_a_table_with_any_separator(tmp_path, name, content):
    mine = tmp_path / "mine"
    sound(mine / "a.wav", 0.5)
    sound(mine / "clips" / "b.wav", 0.5)
    write(mine / name, content)
    for source in (mine, mine / name):
        rows = made(main, tmp_path / "out", "--source", source)
        assert [(row["text"], row["town"]) for row in rows] == [("yes, please", "Bonn"), ("no", "")]


def test_a_table_like_lj_speech(tmp_path):
    mine = tmp_path / "LJSpeech-1.1"
    sound(mine / "wavs" / "LJ001-0001.wav", 0.5)
    write(mine / "metadata.csv", 'LJ001-0001|Printing, "in" 1455|Printing, "in" fourteen fifty-five\n')
    (row,) = made(main, tmp_path / "out", "--source", mine, "--speaker", "LJ", "--text-column", "normalised_text")
    assert row["text"] == 'Printing, "in" fourteen fifty-five' and row["speaker"] == "LJ"


def test_refusals(tmp_path, capsys):
    mine = tmp_path / "mine"
    sound(mine / "a.wav", 0.5)
    out = ["--out", str(tmp_path / "out")]
    assert main(["--source", str(mine), *out]) == 2
    assert "1 left out: no text beside the audio" in capsys.readouterr().err
    write(mine / "a.csv", "where,what\na.wav,yes\n")
    assert main(["--source", str(mine), *out]) == 2
    assert "a.csv: no column audio or path or file or filename (there are where, what)" in capsys.readouterr().err
    write(mine / "b.csv", "audio,text\na.wav,yes\n")
    assert main(["--source", str(mine), *out]) == 2
    assert "several tables (a.csv, b.csv)" in capsys.readouterr().err
    write(mine / "c.csv", "audio,text\n,yes\n")
    assert main(["--source", str(mine / "c.csv"), *out]) == 2
    assert "c.csv: row 1: column audio is empty" in capsys.readouterr().err
    (mine / "d.csv").write_bytes("audio,text\na.wav,caf\xe9\n".encode("latin-1"))
    assert main(["--source", str(mine / "d.csv"), *out]) == 2
    assert "d.csv" in capsys.readouterr().err
