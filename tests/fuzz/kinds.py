"""The kinds of file that are spoilt: how a right one is made, and what a command does with it."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import soundfile
import yaml
from pyarrow import parquet

from speech_tl.errors import BadInput

ROWS = 6
SENTENCES = ["we call it bear", "zero three five", "the cat sät", "open, the door", 'say "no" now', "one two three"]


@dataclass(frozen=True)
class Kind:
    """Something that commands read.

    Attributes:
        name: for people, and part of each case's seed.
        files: which are spoilt, one a case, below the folder.
        make: writes what is right into a folder; returns what `use` is given.
        use: what a command does with it; may raise BadInput and nothing else.
    """

    name: str
    files: tuple[str, ...]
    make: Callable[[Path], Path]
    use: Callable[[Path], None]


def _rows(folder: Path) -> list[dict[str, object]]:
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(ROWS):
        sound = np.sin(np.arange(8000) * 0.05 * (number + 1)).astype(np.float32) / 3
        soundfile.write(folder / "audio" / f"{number}.wav", sound, 16000)
        row = {"audio": f"audio/{number}.wav", "text": SENTENCES[number], "speaker": f"s{number // 2}"}
        row |= {"split": ("train", "dev", "test")[number // 2], "start": 0.0, "end": 0.5, "duration": 0.5}
        rows.append(row | {"channel": 1, "language": "en", "accent": "none"})
    return rows


# ---- tables


def use_table(source: Path) -> None:
    """All that reading, splitting, checking and writing do with a table; what is written must read alike."""
    from speech_tl.data.check import check_manifest
    from speech_tl.data.filtering import wanted_rows
    from speech_tl.data.manifest import DataOptions, Manifest, open_data

    manifest = Manifest.read(source)
    assert len(list(manifest)) == len(manifest)
    manifest.fingerprint()
    manifest.durations_s()
    manifest.column("id")
    for name in manifest.columns:
        wanted_rows(str(source), name, manifest.column(name)[0], manifest.column(name))
    check = check_manifest(manifest, workers=1)
    if "text" in manifest.columns:
        try:
            open_data(DataOptions(root=str(source), train_minutes=0.01))
        except BadInput as error:
            assert len(str(error).splitlines()) == 1, str(error)
    usable = check.usable(manifest)
    if not usable.embedded:
        for suffix in (".csv", ".tsv", ".jsonl", ".parquet"):
            require_alike(usable, usable.write(source.parent / f"written{suffix}"))


def require_alike(manifest, path: Path) -> None:
    """The cells of a manifest that was written, as they are read again."""
    from speech_tl.data.manifest import Manifest

    again = Manifest.read(path)
    path.unlink()
    assert len(again) == len(manifest), f"{path.suffix}: {len(manifest)} rows became {len(again)}"
    for name in ("text", "speaker"):
        if name in manifest.columns:
            before, after = ([_kept(cell, path) for cell in table.column(name)] for table in (manifest, again))
            assert before == after, f"{path.suffix}: {before!a} became {after!a}"


def _kept(cell: str | None, path: Path) -> str:
    """What a format can hold of a cell: CSV and TSV have no NUL."""
    return (cell or "").replace("\0", "" if path.suffix in (".csv", ".tsv") else "\0")


def _separated(folder: Path, suffix: str, separator: str) -> Path:
    import csv

    path = folder / f"table{suffix}"
    rows = _rows(folder)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=separator, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _jsonl(folder: Path) -> Path:
    path = folder / "table.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(folder)), encoding="utf-8")
    return path


def _array(folder: Path) -> Path:
    path = folder / "table.json"
    path.write_text(json.dumps(_rows(folder), ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def _parquet(folder: Path) -> Path:
    path = folder / "table.parquet"
    parquet.write_table(pa.Table.from_pylist(_rows(folder)), path)
    return path


def _embedded(folder: Path) -> Path:
    path = folder / "table.parquet"
    rows = [
        {**row, "audio": {"bytes": (folder / row["audio"]).read_bytes(), "path": row["audio"]}} for row in _rows(folder)
    ]
    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
    return path


def _layout(folder: Path) -> Path:
    """metadata.csv in each split's folder, as Hugging Face has it."""
    rows = _rows(folder)
    for split in ("train", "test"):
        (folder / "set" / split).mkdir(parents=True)
        lines = [f"{Path(row['audio']).name},{row['text'].replace(',', '')}" for row in rows if row["split"] == split]
        for row in rows:
            shutil.copy(folder / row["audio"], folder / "set" / split)
        (folder / "set" / split / "metadata.csv").write_text("file_name,transcription\n" + "\n".join(lines) + "\n")
    return folder / "set"


def _saved(folder: Path) -> Path:
    """What `datasets` saves."""
    from datasets import Dataset

    rows = [{**row, "audio": str(folder / row["audio"])} for row in _rows(folder)]
    Dataset.from_list(rows).save_to_disk(str(folder / "saved"))
    return folder / "saved"


# ---- hypotheses


def use_hypotheses(path: Path) -> None:
    """Scored against references that are right."""
    from speech_tl.scoring.hypothesis_files import evaluate_hypotheses

    evaluation = evaluate_hypotheses(path, path.parent / "said.csv")
    evaluation.write(path.parent / "scored")


def use_references(path: Path) -> None:
    """Hypotheses that are right, scored against them."""
    from speech_tl.scoring.hypothesis_files import evaluate_hypotheses

    evaluate_hypotheses(path.parent / "heard.csv", path, by=[]).score.as_dict()


def use_beside(path: Path) -> None:
    """A table that holds both."""
    from speech_tl.scoring.hypothesis_files import evaluate_hypotheses

    evaluate_hypotheses(path, by=["accent"]).write(path.parent / "scored")


def _hypotheses(folder: Path, name: str, lines: Sequence[str]) -> Path:
    said = [f"r{n}.wav,r{n},s{n % 2},{text.replace(',', '')}" for n, text in enumerate(SENTENCES)]
    (folder / "said.csv").write_text("\n".join(["audio,id,speaker,text", *said]) + "\n", encoding="utf-8")
    heard = [f"r{n},{text.replace(',', '')}" for n, text in enumerate(SENTENCES)]
    (folder / "heard.csv").write_text("\n".join(["id,hypothesis", *heard]) + "\n", encoding="utf-8")
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def _beside(folder: Path) -> Path:
    rows = [
        {"id": f"r{n}", "hypothesis": text, "reference": text + " too", "accent": "x", "start": n, "duration": 1.5}
        for n, text in enumerate(SENTENCES)
    ]
    return _hypotheses(folder, "beside.jsonl", [json.dumps(row, ensure_ascii=False) for row in rows])


def _words(folder: Path) -> Path:
    lines = [
        f"r{n} 1 {at / 2} 0.4 {word} 0.9" for n, text in enumerate(SENTENCES) for at, word in enumerate(text.split())
    ]
    return _hypotheses(folder, "words.ctm", lines)


def _segments(folder: Path) -> Path:
    path = _hypotheses(
        folder, "said.stm", [f"f 1 s{n % 2} {n}.0 {n}.9 <o,f0> {text}" for n, text in enumerate(SENTENCES)]
    )
    heard = [f"f_1_{n}.0_{n}.9,{text.replace(',', '')}" for n, text in enumerate(SENTENCES)]
    (folder / "heard.csv").write_text("\n".join(["id,hypothesis", *heard]) + "\n", encoding="utf-8")
    return path


def _transcripts(folder: Path) -> Path:
    return _hypotheses(folder, "heard.trn", [f"{text} (r{n})" for n, text in enumerate(SENTENCES)])


# ---- recipes


def use_recipe(path: Path) -> None:
    """Read, written and read again."""
    from speech_tl.recipe import read_recipe, validated

    recipe = read_recipe(str(path))
    again = validated(yaml.safe_load(recipe.to_yaml()), "again")
    assert again == recipe, "the recipe is another one when it is read again"
    recipe.with_overrides(["training.max_steps=3", "seed=1"])


def _recipe(folder: Path) -> Path:
    from speech_tl.recipe import Recipe

    overrides = ["augment.noise.folders=[noise]", "keep=[replay,l2_sp]", "guards.old=old.csv", "strategy=lora"]
    path = folder / "recipe.yaml"
    path.write_text(Recipe(name="fuzz").with_overrides(overrides).to_yaml(), encoding="utf-8")
    return path


# ---- results


def use_results(folder: Path) -> None:
    """Compared with results that are right, into a page."""
    from speech_tl.comparison import compare

    compare(folder / "before", folder / "after", by=["accent"], out=folder / "compared", audio="none")


def _results(folder: Path) -> Path:
    from speech_tl.scoring.hypothesis_files import evaluate_hypotheses

    path = _beside(folder)
    for side in ("before", "after"):
        evaluate_hypotheses(path, out=folder / side)
    return folder


# ---- models


def use_model(folder: Path) -> None:
    """Loaded, and given half a second to transcribe."""
    from speech_tl.decoding.decode import decode_waveforms
    from speech_tl.models.load import load_model, only_language
    from speech_tl.models.options import ModelOptions

    only_language(ModelOptions(source=str(folder)))
    model = load_model(folder)
    sound = np.random.default_rng(0).standard_normal(8000).astype(np.float32) / 10
    decode_waveforms(model, [sound])


def _ctc(folder: Path) -> Path:
    from tests.tiny import tiny_ctc

    return tiny_ctc(folder / "model")


def _whisper(folder: Path) -> Path:
    from tests.tiny import tiny_whisper

    return tiny_whisper(folder / "model", tokens=12)


CTC_FILES = ("config.json", "preprocessor_config.json", "vocab.json", "tokenizer_config.json")
WHISPER_FILES = (
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
)

KINDS = (
    Kind("csv", ("table.csv",), functools.partial(_separated, suffix=".csv", separator=","), use_table),
    Kind("tsv", ("table.tsv",), functools.partial(_separated, suffix=".tsv", separator="\t"), use_table),
    Kind("jsonl", ("table.jsonl",), _jsonl, use_table),
    Kind("json array", ("table.json",), _array, use_table),
    Kind("parquet", ("table.parquet",), _parquet, use_table),
    Kind("embedded", ("table.parquet",), _embedded, use_table),
    Kind("layout", ("set/train/metadata.csv",), _layout, use_table),
    Kind(
        "saved",
        ("saved/state.json", "saved/dataset_info.json", "saved/data-00000-of-00001.arrow"),
        _saved,
        use_table,
    ),
    Kind(
        "hyp csv",
        ("heard.csv",),
        lambda folder: _hypotheses(folder, "x.txt", []).with_name("heard.csv"),
        use_hypotheses,
    ),
    Kind("hyp jsonl", ("beside.jsonl",), _beside, use_beside),
    Kind("trn", ("heard.trn",), _transcripts, use_hypotheses),
    Kind("ctm", ("words.ctm",), _words, use_hypotheses),
    Kind("stm", ("said.stm",), _segments, use_references),
    Kind("recipe", ("recipe.yaml",), _recipe, use_recipe),
    Kind("results", ("after/summary.json", "after/utterances.jsonl"), _results, use_results),
    Kind("ctc", tuple(f"model/{name}" for name in CTC_FILES), _ctc, use_model),
    Kind("whisper", tuple(f"model/{name}" for name in WHISPER_FILES), _whisper, use_model),
)
