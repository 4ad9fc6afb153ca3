"""Manifests: every source, types that stay what they are, splits that share nobody, mistakes named in one line."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from pydantic import ValidationError

from speech_tl.audio import save_audio
from speech_tl.data.manifest import DataOptions, Manifest, ensure_splits, open_data, speaker_disjoint_split
from speech_tl.errors import BadInput

ROWS = [
    {"audio": "a/1.wav", "text": "007", "speaker": "0012", "split": "train", "duration": "2.5", "take": "1"},
    {
        "audio": "a/2.wav",
        "text": 'He said: "no, never",\nand left',
        "speaker": "",
        "split": "test",
        "duration": "",
        "take": "2",
    },
    {"audio": "b/3.wav", "text": "naïve ഈഫൽ", "speaker": "7", "split": "validation", "duration": "1e1", "take": "03"},
]


def write_csv(path: Path, rows: list[dict], separator: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_as(folder: Path, suffix: str, rows: list[dict]) -> Path:
    path = folder / f"manifest{suffix}"
    if suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    elif suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        write_csv(path, rows, "\t" if suffix == ".tsv" else ",")
    return path


def refused(source: str | Path, *, split: str | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        Manifest.read(source, split=split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_text_stays_text_and_seconds_become_numbers(tmp_path: Path, suffix: str) -> None:
    for source in (write_as(tmp_path, suffix, ROWS), tmp_path):
        manifest = Manifest.read(source)
        assert [row.text for row in manifest] == [row["text"] for row in ROWS]
        assert manifest[0].speaker == "0012" and manifest[1].speaker is None
        assert manifest.column("duration") == [2.5, None, 10.0]
        assert manifest[2].columns == {"speaker": "7", "split": "dev", "take": "03"}
        assert manifest[0].audio == str(tmp_path / "a/1.wav") and manifest[0].id == "a/1.wav"
        assert manifest.columns == list(ROWS[0]) and manifest.root == tmp_path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_what_is_written_elsewhere_points_at_the_same_audio(tmp_path: Path, suffix: str) -> None:
    manifest = Manifest.read(write_csv(tmp_path / "manifest.csv", ROWS)).select([2, 0])
    written = manifest.write(tmp_path / "deep/er" / f"clean{suffix}")
    again = Manifest.read(written)
    assert [row.audio for row in again] == [str(tmp_path / "b/3.wav"), str(tmp_path / "a/1.wav")]
    assert again.column("text") == manifest.column("text") and again.column("duration") == [10.0, 2.5]
    assert [entry.name for entry in written.parent.iterdir()] == [written.name]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=20), min_size=1, max_size=5))
def test_any_text_survives_csv_and_jsonl(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("texts")
    manifest = Manifest.read(write_as(folder, ".jsonl", [{"audio": "a.wav", "text": text} for text in texts]))
    assert manifest.column("text") == texts
    assert Manifest.read(manifest.write(folder / "copy.csv")).column("text") == texts


def test_json_numbers_are_kept_as_written_text(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(
        '{"audio": "a.wav", "text": 7, "age": 6, "start": 1}\n{"audio": "b.wav", "age": null}\n'
    )
    manifest = Manifest.read(tmp_path / "m.jsonl")
    assert manifest[0].text == "7" and manifest[0].columns["age"] == "6" and manifest[0].start_s == 1.0
    assert manifest[1].text is None and len(manifest.where({"age": 6})) == 1


def test_segments_of_one_file(tmp_path: Path) -> None:
    tone = np.sin(np.arange(16000 * 4) * 0.05).astype(np.float32) * 0.5
    save_audio(tmp_path / "long.wav", tone, 16000)
    rows = [{"audio": "long.wav", "start": "0.5", "end": "1.25"}, {"audio": "long.wav", "start": "2", "end": ""}]
    manifest = Manifest.read(write_csv(tmp_path / "manifest.csv", rows))
    assert manifest.column("id") == ["long.wav#0.5", "long.wav#2"] == [row.id for row in manifest]
    assert manifest[0].duration_s == 0.75 and manifest[1].duration_s is None
    assert len(manifest[0].load()) == 12000 and len(manifest[1].load(8000)) == 16000
    assert np.allclose(manifest[0].load(), tone[8000:20000], atol=1e-3)


def test_rows_read_together_are_those_read_one_by_one(tmp_path: Path) -> None:
    rows = [
        {"audio": f"{n}.wav", "text": f"text {n}", "start": str(n) if n % 3 else "", "age": str(n)} for n in range(700)
    ]
    manifest = Manifest.read(write_csv(tmp_path / "manifest.csv", rows))
    for some in (manifest, manifest.select([650, 3, 3, 299, 0]), manifest[5:5]):
        assert list(some) == [some[n] for n in range(len(some))]


def test_a_manifest_in_parts_is_one(tmp_path: Path) -> None:
    for part in range(12):
        rows = [{"audio": f"{part}_{n}.wav", "text": f"{part} {n}", "duration": "1.5", "split": ""} for n in range(3)]
        write_csv(tmp_path / f"manifest-{part:03d}.csv", rows)
    manifest = Manifest.read(tmp_path)
    assert manifest.column("text") == [f"{part} {n}" for part in range(12) for n in range(3)]
    assert manifest[35].audio == str(tmp_path / "11_2.wav") and manifest.durations_s().tolist() == [1.5] * 36
    assert [row.text for row in manifest.select([35, 0])] == ["11 2", "0 0"]
    again = {"audio": "7_1.wav", "text": "once more", "duration": "1.5", "split": ""}
    write_csv(tmp_path / "manifest-012.csv", [again])
    with pytest.raises(BadInput, match=r"manifest-012.csv: 7_1.wav is in manifest-007.csv too; parts of one manifest"):
        Manifest.read(tmp_path)
    write_csv(tmp_path / "manifest-004.csv", [{"audio": "a.wav", "words": "x"}])
    with pytest.raises(BadInput, match=r"manifest-004.csv: its columns \(audio, words\)"):
        Manifest.read(tmp_path)


def test_a_folder_of_recordings_with_text_beside(tmp_path: Path) -> None:
    for name, text in (("b", "second one\n"), ("sub/a", None)):
        save_audio(tmp_path / f"{name}.wav", np.full(1600, 0.1), 16000)
        if text:
            (tmp_path / f"{name}.txt").write_text(text)
    manifest = Manifest.read(tmp_path)
    assert manifest.column("audio") == ["b.wav", "sub/a.wav"] and manifest.column("text") == ["second one", None]


def dataset_rows(folder: Path) -> dict:
    paths = [str(save_audio(folder / f"{n}.flac", np.full(1600, 0.1 * (n + 1)), 16000)) for n in range(3)]
    return {"audio": paths, "sentence": ["one", "two", "three"], "gender": [0, 1, 1]}


@pytest.mark.parametrize("embedded", [True, False])
def test_saved_hugging_face_datasets(tmp_path: Path, embedded: bool) -> None:
    from datasets import Audio, ClassLabel, Dataset, DatasetDict

    columns = dataset_rows(tmp_path)
    if embedded:
        columns["audio"] = [{"bytes": Path(path).read_bytes(), "path": Path(path).name} for path in columns["audio"]]
    table = Dataset.from_dict(columns)
    table = table.cast_column("audio", Audio(decode=False)) if embedded else table
    table = table.cast_column("gender", ClassLabel(names=["male", "female"]))
    DatasetDict({"train": table.select([2, 0]), "validation": table.select([1])}).save_to_disk(tmp_path / "saved")
    manifest = Manifest.read(tmp_path / "saved")
    assert manifest.column("text") == ["three", "one", "two"]
    assert manifest.column("split") == ["train", "train", "dev"]
    assert manifest.column("gender") == ["female", "male", "female"]
    assert manifest.embedded == embedded and (manifest[0].audio_bytes is not None) == embedded
    assert [round(float(row.load()[800]), 1) for row in manifest] == [0.3, 0.1, 0.2]
    assert [row.text for row in manifest.split("dev")] == ["two"]
    assert list(manifest) == [manifest[0], manifest[1], manifest[2]]
    if embedded:
        assert manifest[0].id == "2.flac"
        with pytest.raises(BadInput, match="inside the table"):
            manifest.write(tmp_path / "copy.csv")


def test_a_single_saved_dataset_keeps_its_own_order(tmp_path: Path) -> None:
    from datasets import Dataset

    Dataset.from_dict(dataset_rows(tmp_path)).select([2, 1]).save_to_disk(tmp_path / "saved")
    manifest = Manifest.read(tmp_path / "saved")
    assert manifest.column("text") == ["three", "two"] and "split" not in manifest.columns
    assert len(manifest[0].load()) == 1600


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("m.csv", "sound,sentence\na.wav,hello\n", r"no column 'audio' \(there are 'sound', 'text'\)"),
        ("m.csv", "", r"empty \(0 bytes\)"),
        ("m.csv", "audio,text\n", r"no rows|header but no rows"),
        ("m.jsonl", "\n\n", r"no rows"),
        ("m.csv", "audio,text\na.wav,hello\nb.wav,\xcf\xf0\xe8\xe2\xe5\xf2\n", r"line 3 is not UTF-8"),
        ("m.csv", "a\0u\0d\0i\0o\0", r"line 1 is not UTF-8"),
        ("m.csv", "audio,text\na.wav,one, two\n", r"line 2 has 3 cells under 2 columns.*quotes"),
        ("m.csv", "audio,text,text\na.wav,x,y\n", r"column 'text' twice"),
        ("m.csv", "audio,duration\na.wav,1.5\nb.wav,long\n", r"row 2: duration is 'long'"),
        ("m.jsonl", '{"audio": "a.wav"}\n{"audio": \n', r"line 2 is not JSON"),
        ("m.jsonl", '["a.wav"]\n', r"line 1 is no JSON object"),
        ("m.parquet", "PAR0", r"not a Parquet file"),
        ("m.xlsx", "PK", r"cannot tell the format from '.xlsx'"),
    ],
)
def test_a_bad_manifest_is_named_in_one_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    message = refused(path)
    assert str(path) in message
    assert re.search(said, message), message


def test_what_is_not_there_is_said_so(tmp_path: Path) -> None:
    assert "no such manifest" in refused(tmp_path / "none.csv")
    assert "holds no manifest" in refused(tmp_path)
    write_csv(tmp_path / "manifest.csv", ROWS)
    assert "no row has split 'dev2' (there are: dev, test, train)" in refused(tmp_path, split="dev2")


def test_a_bom_and_crlf_are_read_over(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b"\xef\xbb\xbfaudio, text\r\na.wav,hello\r\n")
    manifest = Manifest.read(tmp_path / "m.csv")
    assert manifest.columns == ["audio", "text"] and manifest[0].text == "hello"


def test_filters_select_without_copies_and_name_what_is_there(tmp_path: Path) -> None:
    manifest = Manifest.read(write_csv(tmp_path / "m.csv", ROWS))
    assert manifest.where({"split": ["train", "dev"], "take": 1}).column("text") == ["007"]
    assert manifest.where({"speaker": ""}).rows.tolist() == [1]
    assert len(manifest.limit_duration(1.0, 5.0)) == 2, "an unknown duration is no reason to drop a row"
    with pytest.raises(BadInput, match=r"no row has take = 9 \(there are: 03, 1, 2\)"):
        manifest.where({"take": 9})
    with pytest.raises(BadInput, match="did you mean 'speaker'"):
        manifest.where({"speeker": "x"})
    marked = manifest.select([2, 0]).with_column("mark", ["x", "y"])
    assert [row.columns["mark"] for row in marked] == ["x", "y"] and marked[1:][0].text == "007"


def test_the_fingerprint_follows_the_values(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    first = Manifest.read(write_csv(tmp_path / "m.csv", ROWS))
    assert first.fingerprint() == Manifest.read(write_csv(tmp_path / "copy/m.csv", ROWS)).fingerprint()
    changed = [*ROWS[:2], {**ROWS[2], "text": "other"}]
    assert first.fingerprint() != Manifest.read(write_csv(tmp_path / "m2.csv", changed)).fingerprint()
    assert first.fingerprint() != first.select([1, 0, 2]).fingerprint()


def people(tmp_path: Path, speakers: list[str], texts: list[str] | None = None) -> Manifest:
    texts = texts or [f"sentence {n}" for n in range(len(speakers))]
    rows = [
        {"audio": f"{n}.wav", "speaker": s, "text": t} for n, (s, t) in enumerate(zip(speakers, texts, strict=True))
    ]
    return Manifest.read(write_csv(tmp_path / "people.csv", rows))


def by_split(manifest: Manifest, column: str) -> dict[str, set[str]]:
    return {name: set(manifest.split(name).column(column)) for name in ("train", "dev", "test")}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=12, max_size=80), st.integers(0, 5))
def test_no_speaker_is_ever_in_two_splits(tmp_path_factory, numbers: list[int], seed: int) -> None:
    numbers += [0, 1, 2]
    manifest = people(tmp_path_factory.mktemp("people"), [f"s{number}" for number in numbers])
    result = speaker_disjoint_split(manifest, seed)
    groups = by_split(result.manifest, "speaker")
    assert result.basis == "speaker" and all(groups.values())
    assert sum(len(group) for group in groups.values()) == len(set(numbers))


def test_the_split_keeps_its_shares_and_its_seed(tmp_path: Path) -> None:
    manifest = people(tmp_path, [f"s{n % 50}" for n in range(1000)])
    first, again, other = (speaker_disjoint_split(manifest, seed).manifest.column("split") for seed in (1, 1, 2))
    assert first == again != other
    assert 60 <= first.count("test") <= 140 and 60 <= first.count("dev") <= 140


@pytest.mark.parametrize(("speaker", "note"), [("me", "this voice only"), ("", "speakers are unknown")])
def test_one_voice_is_split_by_sentence(tmp_path: Path, speaker: str, note: str) -> None:
    texts = [f"{'Sentence' if n % 2 else 'sentence'} {n // 4}{'!' if n % 3 else ''}" for n in range(160)]
    result = speaker_disjoint_split(people(tmp_path, [speaker] * 160, texts), seed=0)
    groups = by_split(result.manifest, "text")
    plain = {name: {text.lower().rstrip("!") for text in group} for name, group in groups.items()}
    assert result.basis == "sentence" and note in result.note
    assert all(plain.values()) and sum(map(len, plain.values())) == 40, "the same words never cross"


def test_unknown_speakers_are_never_tested_on_beside_known_ones(tmp_path: Path) -> None:
    result = speaker_disjoint_split(people(tmp_path, ["a", "b", "c", "d", ""] * 20), seed=0)
    assert "20 rows of unknown speakers" in result.note
    assert set(result.manifest.where({"speaker": ""}).column("split")) == {"train"}


def test_too_little_to_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="2 different sentences"):
        speaker_disjoint_split(people(tmp_path, ["me"] * 4, ["a", "b", "a", "b"]), seed=0)


def test_a_missing_dev_is_carved_from_train_by_speaker(corpora: Path) -> None:
    manifest = Manifest.read(corpora / "speechocean762")
    manifest = manifest.where({"split": ["train", "test"]})
    result = ensure_splits(manifest, seed=0)
    groups = by_split(result.manifest, "speaker")
    assert result.basis == "given" and "dev taken from train" in result.note
    assert not groups["train"] & groups["dev"] and groups["dev"]
    assert len(result.manifest.split("test")) == len(manifest.split("test"))
    assert result.manifest[0].load().dtype == np.float32


def test_own_splits_are_left_alone_and_train_is_needed(tmp_path: Path) -> None:
    manifest = Manifest.read(write_csv(tmp_path / "m.csv", ROWS))
    assert ensure_splits(manifest, 0).manifest is manifest
    with pytest.raises(BadInput, match=r"no row has split 'train' \(there are dev, test"):
        ensure_splits(manifest.select([1, 2]), 0)


def test_options_lead_to_data(corpora: Path) -> None:
    root = str(corpora / "speechocean762")
    options = DataOptions(root=root, where={"gender": "female"}, train_limit=20, test_limit=5, split_seed=3)
    found, again = open_data(options).manifest, open_data(options).manifest
    assert (len(found.split("train")), len(found.split("test"))) == (20, 5)
    assert found.fingerprint() == again.fingerprint() and set(found.column("gender")) == {"female"}
    for less in ({"train_limit": 10}, {"train_limit": None}, {"train_limit": None, "train_minutes": 1.0}):
        other = open_data(options.model_copy(update=less)).manifest
        assert other.split("test").column("id") == found.split("test").column("id"), f"tested on others with {less}"
    with pytest.raises(BadInput, match=r"data\.root is missing"):
        open_data(DataOptions())
    with pytest.raises(ValidationError, match="must be below"):
        DataOptions(min_duration_s=5, max_duration_s=1)
