"""Folders as the Hub, Common Voice and NeMo lay them out, and paths as people write them."""

from __future__ import annotations

import json
import pickle
import re
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from speech_tl.audio import save_audio
from speech_tl.data.check import check_manifest
from speech_tl.data.manifest import Manifest
from speech_tl.data.paths import audio_path
from speech_tl.data.unlabelled import joined
from speech_tl.errors import AudioError, BadInput

RATE = 16000


def tone(number: int) -> np.ndarray:
    """Half a second, the louder the higher its number."""
    return (np.sin(np.arange(RATE // 2) * 0.05) * 0.1 * (number + 1)).astype(np.float32)


def loudness(manifest: Manifest) -> list[float]:
    return [round(float(np.abs(row.load()).max()), 1) for row in manifest]


def clip(path: Path, number: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_audio(path, tone(number), RATE)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("files")
    return [clip(folder / f"{number}.flac", number).read_bytes() for number in range(4)]


def shard(path: Path, rows: list[dict], group: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path


def embedded(files: list[bytes]) -> list[dict]:
    return [{"audio": {"bytes": data, "path": f"{n}"}, "sentence": f"text {n}"} for n, data in enumerate(files)]


# ---- folders


def test_metadata_in_each_splits_folder(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "validation", "test")):
        clip(tmp_path / split / "1.wav", number)
        (tmp_path / split / "metadata.csv").write_text(f"file_name,transcription\n1.wav,{split}\n")
    manifest = Manifest.read(tmp_path)
    assert dict(zip(manifest.column("text"), manifest.column("split"), strict=True)) == {
        "train": "train",
        "validation": "dev",
        "test": "test",
    }
    assert sorted(loudness(manifest)) == [0.1, 0.2, 0.3] and "read from 3 files" in manifest.notes[0]
    assert [note for note in manifest.notes if "file_name" in note] == [
        "column 'file_name' is read as audio, 'transcription' is read as text"
    ]
    written = manifest.write(tmp_path / "elsewhere" / "m.csv")
    assert loudness(Manifest.read(written)) == loudness(manifest)


def test_one_metadata_whose_paths_say_the_split(tmp_path: Path) -> None:
    clip(tmp_path / "train/1.wav", 0)
    clip(tmp_path / "test/1.wav", 1)
    rows = [{"file_name": f"{split}/1.wav", "text": split} for split in ("train", "test")]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    manifest = Manifest.read(tmp_path)
    assert manifest.column("split") == ["train", "test"] and loudness(manifest) == [0.1, 0.2]


def test_a_download_of_the_hub(tmp_path: Path, files: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = embedded(files)
    shard(tmp_path / "set/data/train-00000-of-00002.parquet", rows[:2])
    last = shard(tmp_path / "set/data/train-00001-of-00002.parquet", rows[2:])
    shard(tmp_path / "set/data/validation-00000-of-00001.parquet", rows[:1])
    for folder in (tmp_path / "set", tmp_path / "set/data"):
        manifest = Manifest.read(folder)
        assert manifest.column("split") == ["train"] * 4 + ["dev"] and manifest.embedded
        assert loudness(manifest) == [0.1, 0.2, 0.3, 0.4, 0.1]
        assert len(set(manifest.column("id"))) == 5, "the names of two files' clips may be the same"
    assert not check_manifest(manifest.split("train")).counts and not (tmp_path / "cache").exists()
    last.unlink()
    with pytest.raises(BadInput, match=r"train-00001-of-00002\.parquet is missing"):
        Manifest.read(tmp_path / "set")


def test_what_the_datasets_library_has_cached(tmp_path: Path, files: list[bytes]) -> None:
    from datasets import load_dataset

    parts = {split: str(shard(tmp_path / f"{split}.parquet", embedded(files))) for split in ("train", "test")}
    load_dataset("parquet", data_files=parts, cache_dir=str(tmp_path / "cache"))
    folder = next((tmp_path / "cache").rglob("*.arrow")).parent
    manifest = Manifest.read(folder)
    assert sorted(manifest.column("split")) == ["test"] * 4 + ["train"] * 4 and loudness(manifest)[:2] == [0.1, 0.2]


def test_configurations_of_the_hub(tmp_path: Path, files: list[bytes]) -> None:
    for split in ("train", "test"):
        shard(tmp_path / "de" / split / "0000.parquet", embedded(files))
    assert Manifest.read(tmp_path).column("split") == ["test"] * 4 + ["train"] * 4
    shard(tmp_path / "en/train/0000.parquet", embedded(files))
    with pytest.raises(BadInput, match=r"holds several data sets \(de, en\); give one, .*/de"):
        Manifest.read(tmp_path)


def test_common_voice(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "dev", "test", "invalidated")):
        clip(tmp_path / f"clips/c{number}.wav", number)
        header, row = "client_id\tpath\tsentence\tlocale", f'p{number}\tc{number}.wav\t"{split}\ten'
        (tmp_path / f"{split}.tsv").write_text(f"{header}\n{row}\n")
    manifest = Manifest.read(tmp_path)
    assert sorted(zip(manifest.column("split"), manifest.column("text"), loudness(manifest), strict=True)) == [
        ("dev", '"dev', 0.2),
        ("test", '"test', 0.3),
        ("train", '"train', 0.1),
    ]
    assert any("invalidated.tsv" in note for note in manifest.notes) and "the audio lies in clips/" in manifest.notes
    assert loudness(Manifest.read(tmp_path / "train.tsv")) == [0.1]
    assert loudness(Manifest.read(manifest.write(tmp_path / "out/m.csv"))) == loudness(manifest)


def test_a_manifest_a_split_as_nemo_has_it(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "test")):
        audio = clip(tmp_path / f"{split}.wav", number)
        row = {"audio_filepath": str(audio), "offset": 0.1, "duration": 0.2, "text": split}
        (tmp_path / f"{split}_manifest.json").write_text(json.dumps(row) + "\n")
    manifest = Manifest.read(tmp_path)
    assert sorted(manifest.column("split")) == ["test", "train"] and len(manifest[0].load()) == 3200


def test_what_cannot_be_read_says_what_would_work(tmp_path: Path) -> None:
    (tmp_path / "shard-000.tar").touch()
    with pytest.raises(BadInput, match=r"shard-000\.tar is packed: unpack it"):
        Manifest.read(tmp_path)
    (tmp_path / "list.csv").write_text("audio\na.wav\n")
    with pytest.raises(BadInput, match=r"there is list\.csv: give one of them itself"):
        Manifest.read(tmp_path)
    clip(tmp_path / "a.wav", 0)
    assert any("without list.csv" in note for note in Manifest.read(tmp_path).notes)


def test_a_file_name_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav", 0)
    try:
        (tmp_path / "b\udce9.wav").write_bytes((tmp_path / "a.wav").read_bytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    manifest = Manifest.read(tmp_path)
    assert manifest.column("audio") == ["a.wav"] and "names are not UTF-8: 'b\\udce9.wav'" in manifest.notes[0]


# ---- audio inside a table


def samples(kind: str, number: int) -> dict:
    wave = tone(number)
    if kind == "struct":
        return {"audio": {"array": wave.tolist(), "sampling_rate": RATE, "path": None}}
    if kind == "floats":
        return {"audio": wave.tolist(), "sampling_rate": RATE}
    if kind == "integers":
        return {"audio": (wave * 32767).astype(int).tolist(), "sampling_rate": RATE}
    return {"audio": [wave.tolist(), wave.tolist()], "sampling_rate": RATE}


@pytest.mark.parametrize("kind", ["struct", "floats", "integers", "channels"])
def test_samples_are_audio(tmp_path: Path, kind: str) -> None:
    from datasets import Dataset

    rows = [{**samples(kind, number), "text": f"{number}"} for number in range(3)]
    Dataset.from_list(rows).save_to_disk(tmp_path / "saved")
    for source in (shard(tmp_path / "m.parquet", rows), tmp_path / "saved"):
        manifest = Manifest.read(source)
        assert manifest.embedded and loudness(manifest) == [0.1, 0.2, 0.3] and len(manifest[2].load()) == RATE // 2


def test_bytes_alone_and_paths_in_a_struct(tmp_path: Path, files: list[bytes]) -> None:
    alone = shard(tmp_path / "b.parquet", [{"audio": data, "text": "x"} for data in files])
    assert loudness(Manifest.read(alone)) == [0.1, 0.2, 0.3, 0.4]
    clip(tmp_path / "clips/a.wav", 2)
    empty = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for name, kind in (("p.parquet", empty), ("q.parquet", pa.struct([("path", pa.string())]))):
        table = pa.table({"audio": pa.array([{"path": "clips/a.wav"}], kind), "text": ["x"]})
        parquet.write_table(table, tmp_path / name)
        manifest = Manifest.read(tmp_path / name)
        assert not manifest.embedded and loudness(manifest) == [0.3]
    for row, said in (
        ({"audio": [0.1, 0.2], "text": "x"}, "add a column 'sampling_rate'"),
        ({"wav": {"x": 1}, "text": "x"}, r"holds \{x\}; expected a path"),
    ):
        with pytest.raises(BadInput, match=said):
            Manifest.read(shard(tmp_path / "r.parquet", [row]))


def test_embedded_audio_is_read_from_anywhere_and_kept_in_bounds(
    tmp_path: Path, files: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speech_tl.data.embedded.MOST_BYTES", 1)
    manifest = Manifest.read(shard(tmp_path / "m.parquet", embedded(files), group=1))
    for row in (3, 0, 2, 3, 1):
        assert manifest[row].audio_bytes == files[row]
    assert len(manifest.audio_bytes._kept) == 1, "one row group is remembered, however many were read"
    again = pickle.loads(pickle.dumps(manifest.audio_bytes))
    assert [again[row] for row in range(4)] == files and len(again) == 4
    both = joined(manifest.select([2]), manifest.select([1, 3]))
    assert [row.audio_bytes for row in both] == [files[2], files[1], files[3]]


def test_a_damaged_part_costs_its_rows_only(tmp_path: Path, files: list[bytes]) -> None:
    path = shard(tmp_path / "m.parquet", embedded(files), group=1)
    column = parquet.read_metadata(path).row_group(2).column(0)
    data = bytearray(path.read_bytes())
    first = column.dictionary_page_offset or column.data_page_offset
    data[first : first + 40] = b"\xff" * 40
    path.write_bytes(data)
    result = check_manifest(Manifest.read(path))
    assert [(problem.row, problem.kind) for problem in result.problems] == [(3, "unreadable")]


# ---- paths


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    decomposed = unicodedata.normalize("NFD", "é")
    clip(folder / f"caf{decomposed}" / "ü.wav", 0)
    clip(folder / "clips" / "a b.wav", 1)
    return folder


@pytest.mark.parametrize(
    "written",
    [
        *(
            "clips\\a b.wav",
            " clips/a b.wav\t",
            '"clips/a b.wav"',
            "'clips/a b.wav'",
            "./clips/a b.wav",
            ".\\clips\\a b.wav",
        ),
        *("clips/a b", "clips/../clips/a b.wav", "clips/a%20b.wav"),
        *(unicodedata.normalize(form, "café/ü.wav") for form in ("NFC", "NFD")),
        unicodedata.normalize("NFC", "café") + "/" + unicodedata.normalize("NFD", "ü.wav"),
    ],
)
def test_a_path_is_found_however_it_is_written(odd: Path, written: str) -> None:
    (odd / "m.jsonl").write_text(json.dumps({"audio": written, "text": "x"}))
    manifest = Manifest.read(odd / "m.jsonl")
    assert Path(manifest[0].audio).is_file() and manifest[0].id == written
    assert loudness(Manifest.read(manifest.write(odd / "out" / "m.csv"))) == loudness(manifest)


def test_addresses_and_homes(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(odd))
    for written in ("~/clips/a b.wav", (odd / "clips/a b.wav").as_uri(), f"file://{odd}/clips/a b.wav"):
        assert audio_path("/elsewhere", written) == str(odd / "clips/a b.wav")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("C:\\data\\a b.wav", r"C:\\data\\a b\.wav: .*a Windows path"),
        ("clips/A B.WAV", r"there is a b\.wav \(capital letters count\)"),
        ("clips/a b.mp3", r"there is a b\.wav$"),
        ("none/a.wav", r"there is no folder .*none"),
    ],
)
def test_a_file_that_is_not_there_comes_with_a_hint(odd: Path, written: str, said: str) -> None:
    (odd / "m.jsonl").write_text(json.dumps({"audio": written, "text": "x"}))
    manifest = Manifest.read(odd / "m.jsonl")
    with pytest.raises(AudioError, match=said):
        manifest[0].load()
    problem = check_manifest(manifest).problems[0]
    assert problem.kind == "missing" and re.search(said, problem.detail)


def test_plain_paths_are_never_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.csv").write_text("audio\n" + "".join(f"some/folder_{n}/clip-{n}.v2.wav\n" for n in range(300)))
    manifest = Manifest.read(tmp_path / "m.csv")
    asked: list[str] = []
    monkeypatch.setattr("speech_tl.data.paths.os.path.exists", lambda path: asked.append(path) or False)
    assert len(list(manifest)) == 300 and not asked
