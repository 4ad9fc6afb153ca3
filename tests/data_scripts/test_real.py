"""Corpus scripts on real recordings: excerpts of the corpora, put back into the layout of their releases.

The excerpts carry the releases' own names and texts; only the audio's encoding is another one.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from data_scripts import esc50, folder, fsdd, librispeech, rhasspy, smc_malayalam, speechocean762
from tests.data_scripts.miniatures import made, write

MOST = 60  # rows of each: enough for every column, quick to copy


@pytest.fixture
def excerpt(corpora: Path) -> Callable[[str], tuple[Path, list[dict[str, str]]]]:
    """A corpus's folder and its rows, evenly thinned out."""

    def read(name: str) -> tuple[Path, list[dict[str, str]]]:
        place = corpora / name
        if not (place / "manifest.csv").is_file():
            pytest.skip(f"no {name} among the real corpora")
        with (place / "manifest.csv").open(encoding="utf-8", newline="") as table:
            rows = list(csv.DictReader(table))
        return place, rows[:: max(1, len(rows) // MOST)]

    return read


def as_wav(source: Path, target: Path) -> None:
    waveform, rate = soundfile.read(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(target, waveform, rate, format="WAV")


def linked(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)


def told(rows: list[dict[str, str]], *columns: str) -> set[tuple[str, ...]]:
    return {(Path(row["audio"]).stem, *(row[column] for column in columns)) for row in rows}


def test_speechocean762(excerpt, tmp_path):
    place, rows = excerpt("speechocean762")
    root = tmp_path / "speechocean762"
    tables = {(part, name): "" for part in ("train", "test") for name in speechocean762.TABLES}
    for row in rows:
        name, part = Path(row["audio"]).stem, "test" if row["split"] == "test" else "train"
        speaker = row["speaker"].removeprefix("SO")
        as_wav(place / row["audio"], root / "WAVE" / f"SPEAKER{speaker}" / f"{name}.WAV")
        tables[part, "wav.scp"] += f"{name}\tWAVE/SPEAKER{speaker}/{name}.WAV\n"
        tables[part, "text"] += f"{name}\t{row['text'].upper()}\n"
        tables[part, "utt2spk"] += f"{name} {speaker}\n"
        tables[part, "spk2gender"] += f"{speaker} {row['gender'][0]}\n"
        tables[part, "spk2age"] += f"{speaker} {row['age']}\n"
    for (part, name), content in tables.items():
        write(root / part / name, content)
    found = made(speechocean762.main, tmp_path / "out", "--source", root, "--dev-speakers", "2")
    columns = ("text", "speaker", "accent", "gender", "age", "duration")
    assert {entry[:-1] for entry in told(found, *columns)} == {entry[:-1] for entry in told(rows, *columns)}
    length_s = {Path(row["audio"]).stem: float(row["duration"]) for row in rows}
    assert all(float(row["duration"]) == pytest.approx(length_s[Path(row["audio"]).stem], abs=0.02) for row in found)


def test_librispeech(excerpt, tmp_path):
    place, rows = excerpt("librispeech_mini")
    chapters: dict[Path, str] = {}
    genders = {row["speaker"]: row["gender"][0].upper() for row in rows}
    for row in rows:
        name = Path(row["audio"]).stem
        speaker, chapter, _ = name.split("-")
        folder_ = tmp_path / "LibriSpeech" / "test-other" / speaker / chapter
        linked(place / row["audio"], folder_ / f"{name}.flac")
        table = folder_ / f"{speaker}-{chapter}.trans.txt"
        chapters[table] = chapters.get(table, "") + f"{name} {row['text'].upper()}\n"
    for table, content in chapters.items():
        write(table, content)
    lines = "".join(f"{speaker}  | {sex} | test-other | 8.00 | A Name\n" for speaker, sex in genders.items())
    write(tmp_path / "LibriSpeech" / "SPEAKERS.TXT", f";ID |SEX| SUBSET |MINUTES| NAME\n{lines}")
    found = made(librispeech.main, tmp_path / "out", "--source", tmp_path / "LibriSpeech")
    assert told(found, "text", "speaker", "gender") == told(rows, "text", "speaker", "gender")
    assert {row["split"] for row in found} == {"test"}


def test_fsdd(excerpt, tmp_path):
    place, rows = excerpt("fsdd")
    countries = {"american": "USA/neutral", "us": "USA/neutral"}
    accents = {row["speaker"]: countries.get(row["accent"], f"XXX/{row['accent'].title()}") for row in rows}
    entries = "".join(f"{name!r}: {{'gender': 'male', 'accent': {accent!r}}}," for name, accent in accents.items())
    write(tmp_path / "fsdd" / "metadata.py", f"metadata = {{{entries}}}\n")
    for row in rows:
        digit, speaker, repetition = Path(row["audio"]).stem.split("_")
        as_wav(place / row["audio"], tmp_path / "fsdd" / "recordings" / f"{digit}_{speaker}_{int(repetition)}.wav")
    found = made(fsdd.main, tmp_path / "out", "--source", tmp_path / "fsdd")
    assert sorted((row["text"], row["speaker"]) for row in found) == sorted(
        (row["text"], row["speaker"]) for row in rows
    )
    assert all((row["split"] == "test") == (int(row["repetition"]) < 5) for row in found)
    assert {row["accent"] for row in found} > {"american", "german", "greek"}


@pytest.mark.parametrize(("name", "language"), [("german_kerstin", "German"), ("dutch_nathalie", "Dutch")])
def test_rhasspy(excerpt, tmp_path, name, language):
    place, rows = excerpt(name)
    root = tmp_path / f"dataset-voice-{rows[0]['speaker']}"
    for row in rows:
        linked(place / row["audio"], root / "audio" / Path(row["audio"]).name)
    lines = "".join(f"{Path(row['audio']).stem}|{row['text']}\n" for row in rows)
    write(root / "metadata.csv", lines)
    write(root / "README.md", f"# Voice Dataset ({rows[0]['speaker']})\n\n* Language: {language}\n* Gender: female\n")
    found = made(rhasspy.main, tmp_path / "out", "--source", root)
    columns = ("text", "speaker", "language", "gender")
    assert told(found, *columns) == told(rows, *columns)


def test_smc_malayalam(excerpt, tmp_path):
    place, rows = excerpt("malayalam_msc")
    root = tmp_path / "msc"
    texts = sorted({row["text"] for row in rows})
    write(root / "sentences.tsv", "id\tsentence\tcategory\n" + "".join(f"s{n}\t{t}\tx\n" for n, t in enumerate(texts)))
    lines = "id\tsentence\tuser\tfileName\tsample\ttime\tvote\n"
    for row in rows:
        name = Path(row["audio"]).name
        linked(place / row["audio"], root / "audio" / name)
        lines += (
            f"{row['speaker']}\ts{texts.index(row['text'])}\t{row['speaker']}\taudio/{name}\tx\t1\t{row['votes']}\n"
        )
    write(root / "speech.tsv", lines)
    found = made(smc_malayalam.main, tmp_path / "out", "--source", root)
    assert told(found, "text", "speaker", "votes") <= told(rows, "text", "speaker", "votes")
    parts = [[row for row in found if (row["split"] == "train") is train] for train in (True, False)]
    assert all(parts) and not {row["text"] for row in parts[0]} & {row["text"] for row in parts[1]}


def test_esc50(excerpt, tmp_path):
    place, rows = excerpt("noise")
    rows = [row for row in rows if Path(row["audio"]).name.startswith("esc10_")]
    lines = "filename,fold,target,category,esc10,src_file,take\n"
    for row in rows:
        label, clip = row["label"], Path(row["audio"]).stem.rpartition("_")[2]
        as_wav(place / row["audio"], tmp_path / "ESC-50" / "audio" / f"{clip}-1.wav")
        lines += f"{clip}-1.wav,{clip[0]},1,{label},True,x,A\n"
    write(tmp_path / "ESC-50" / "meta" / "esc50.csv", lines)
    found = made(esc50.main, tmp_path / "out", "--source", tmp_path / "ESC-50", "--esc10")
    expected = {(Path(row["audio"]).stem.rpartition("_")[2] + "-1", row["label"], row["split"]) for row in rows}
    assert told(found, "label", "split") == expected


@pytest.mark.parametrize("name", ["dspspeech20", "ljspeech_part", "wakewords", "malayalam_msc"])
def test_folder_takes_every_other_corpus_that_has_a_table(excerpt, tmp_path, name):
    place, _ = excerpt(name)
    with (place / "manifest.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    found = made(folder.main, tmp_path / "out", "--source", place / "manifest.csv")
    columns = ("text", "language", "split", *(["speaker"] if rows[0]["speaker"] else []))
    assert told(found, *columns) == told(rows, *columns) and len(found) == len(rows)
