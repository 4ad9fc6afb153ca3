"""Folders of tables: one manifest, its parts, a table a split, Hugging Face's and Common Voice's layouts."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from speech_tl.data.columns import SPLITS, standard_names, standard_split
from speech_tl.data.embedded import JoinedAudio
from speech_tl.data.hub import read_arrow_files, read_saved_dataset
from speech_tl.data.parquet import require_whole
from speech_tl.data.paths import AUDIO_SUFFIXES
from speech_tl.data.table import Table
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST_NAMES = ("manifest.csv", "manifest.tsv", "manifest.jsonl", "manifest.parquet")
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")

_METADATA = tuple(f"metadata{suffix}" for suffix in (".csv", ".jsonl", ".parquet", ".tsv"))
_PART_WORDS = ("manifest", "metadata", "data", "of", "part", "shard", "full", "default")

ReadFile = Callable[[Path], Table]


def read_folder(folder: Path, read_file: ReadFile) -> Table:
    """The table that a folder holds, in the first of these forms that it has:

    `manifest.csv` (or .tsv, .jsonl, .parquet); its parts `manifest-*.csv`; a dataset saved or cached by the datasets
    library; `metadata.csv` (.jsonl, .parquet), also one in each split's folder; Parquet parts such as
    `data/train-00000-of-00002.parquet`; a table a split such as `train.tsv`, `dev.tsv`, `test.tsv`; audio files.

    Raises:
        BadInput: none of these (says what there is and what would work), or parts that do not fit together.
    """
    for name in MANIFEST_NAMES:
        if (folder / name).is_file():
            return read_file(folder / name)
    for name in MANIFEST_NAMES:
        if shards := sorted(folder.glob(name.replace("manifest.", "manifest-*."))):
            return _parts_of_one(shards, read_file)
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        return read_saved_dataset(folder)
    if (folder / "dataset_info.json").is_file() and (files := sorted(folder.glob("*.arrow"))):
        return read_arrow_files(folder, files)
    for found in (_metadata(folder), _parquet(folder), _tables_by_split(folder)):
        if found:
            return _joined(folder, found, read_file)
    return _read_recordings(folder)


def _parts_of_one(shards: Sequence[Path], read_file: ReadFile) -> Table:
    """The rows of manifest-*.csv (or another format) one after the other."""
    require_whole(shards)
    tables = [read_file(shard) for shard in shards]
    names = list(tables[0].columns)
    for shard, table in zip(shards, tables, strict=True):
        if set(table.columns) != set(names):
            raise BadInput(
                f"{shard}: its columns ({', '.join(table.columns)}) are not those of {shards[0].name} "
                f"({', '.join(names)}); parts of one manifest have the same columns"
            )
    _refuse_overlap(shards, tables)
    return _behind_each_other(shards[0].parent, shards, tables)


def _refuse_overlap(shards: Sequence[Path], tables: Sequence[Table]) -> None:
    """Refuse an utterance that is in two parts: it would be learnt from twice, and counted twice."""
    import pyarrow as pa
    from pyarrow import compute

    if len(tables) < 2 or any(table.audio_bytes is not None for table in tables):
        return
    names = [name for name in ("audio", "start", "end", "channel") if name in tables[0].columns]
    if "audio" not in names:
        return
    parts = [
        pa.table({name: table.columns[name].cast(pa.string()) for name in names}).append_column(
            "part", pa.chunked_array([pa.repeat(pa.scalar(number), len(table))])
        )
        for number, table in enumerate(tables)
    ]
    found = pa.concat_tables(parts).group_by(names).aggregate([("part", "min"), ("part", "max")])
    twice = found.filter(compute.less(found["part_min"], found["part_max"]))
    if len(twice):
        first = twice.slice(0, 1).to_pylist()[0]
        others = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
        raise BadInput(
            f"{shards[first['part_max']]}: {first['audio']} is in {shards[first['part_min']].name} too{others}; parts "
            "of one manifest share no utterance"
        )


# ---- which files, and of which split


def _metadata(folder: Path) -> dict[Path, str]:
    """metadata.csv and its like, here or in the folders below, with the split that a folder's name says."""
    for name in _METADATA:
        found = [folder / name, *sorted(folder.glob(f"*/{name}")), *sorted(folder.glob(f"*/*/{name}"))]
        if found := [path for path in _each_once(found) if path.is_file()]:
            return {path: _split_in(path.relative_to(folder).parts[:-1]) for path in found}
    return {}


def _parquet(folder: Path) -> dict[Path, str]:
    """Parquet parts as the Hub has them: data/SPLIT-00000-of-00001.parquet, CONFIGURATION/SPLIT/0000.parquet."""
    found = _each_once(path for level in ("*", "*/*", "*/*/*") for path in sorted(folder.glob(f"{level}.parquet")))
    of_configuration: dict[str, dict[Path, str]] = defaultdict(dict)
    for path in found:
        folders = path.relative_to(folder).parts[:-1]
        named = [part for part in folders if part != "data" and standard_split(part) not in SPLITS]
        split = _split_in(folders) or _split_of_file(path)
        of_configuration["/".join(named)][path] = split
    if len(of_configuration) > 1:
        names = sorted(of_configuration, key=lambda name: (name != "", name))
        if "" in of_configuration:
            return of_configuration[""]
        raise BadInput(f"{folder}: holds several data sets ({', '.join(names[:8])}); give one, {folder / names[0]}")
    for parts in _by_parent(found).values():
        require_whole(parts)
    return next(iter(of_configuration.values()), {})


def _each_once(paths: Iterable[Path]) -> list[Path]:
    """Files without those that a link back up leads to a second time."""
    return list({(path.parent.resolve(), path.name): path for path in reversed(list(paths))}.values())[::-1]


def _by_parent(paths: Sequence[Path]) -> dict[Path, list[Path]]:
    found = defaultdict(list)
    for path in paths:
        found[path.parent].append(path)
    return found


def _tables_by_split(folder: Path) -> dict[Path, str]:
    """Tables named after their split: train.tsv, dev.tsv and test.tsv of Common Voice, train_manifest.json of NeMo."""
    found: dict[str, dict[Path, str]] = defaultdict(dict)
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in TABLE_SUFFIXES and path.is_file() and (split := _split_of_file(path)) in SPLITS:
            found[path.suffix.lower()][path] = split
    return max(found.values(), key=len, default={})


def _split_of_file(path: Path) -> str:
    """The split that a file's name says: of train-00000-of-00002, validation.clean or test_manifest."""
    stem = re.sub(r"[-_]\d+(-of-\d+)?$", "", path.stem)
    words = [word for word in re.split(r"[-_.]", stem) if word.lower() not in _PART_WORDS and not word.isdigit()]
    if len(words) == 1 and standard_split(words[0]) in SPLITS:
        return standard_split(words[0])
    return stem if words else ""


def _split_in(folders: Sequence[str]) -> str:
    """The split that one of the folders is named after."""
    return next((split for name in reversed(folders) if (split := standard_split(name)) in SPLITS), "")


# ---- several tables as one


def _joined(folder: Path, files: Mapping[Path, str], read_file: ReadFile) -> Table:
    """The rows of several files, each with its split, audio paths relative to the folder of them all."""
    tables = [read_file(path) for path in files]
    for table, split in zip(tables, files.values(), strict=True):
        _with_split(table, split)
    names = [path.relative_to(folder).as_posix() for path in files]
    if len(files) == 1:
        tables[0].notes.append(f"read from {names[0]}")
        return tables[0]
    table = _behind_each_other(folder, list(files), tables)
    table.notes.insert(0, f"read from {len(names)} files: {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}")
    others = [p.name for p in sorted(folder.iterdir()) if p.suffix.lower() in (".tsv", ".csv") and p not in files]
    if others:
        table.notes.append(f"not read, as their names are those of no split: {', '.join(others[:8])}")
    return table


def _with_split(table: Table, split: str) -> None:
    """Give every row the split of its file or, where that says none, of the folder its audio lies in."""
    import pyarrow as pa

    ours = standard_names(list(table.columns))
    if "split" in {*table.columns, *ours.values()}:
        return
    if split:
        table.columns["split"] = pa.chunked_array([pa.repeat(pa.scalar(split, pa.string()), len(table))])
        return
    audio = next((name for name in table.columns if ours.get(name, name) == "audio"), None)
    if audio is None or table.audio_bytes is not None or not pa.types.is_string(table.columns[audio].type):
        return
    paths = [(path or "").replace("\\", "/").removeprefix("./") for path in table.columns[audio].to_pylist()]
    first = [path.split("/")[0] for path in paths]
    if {standard_split(name) for name in first} <= set(SPLITS):
        table.columns["split"] = pa.chunked_array([pa.array(first, pa.string())])
        table.notes.append("the split is the folder that the audio lies in")


def _behind_each_other(root: Path, files: Sequence[Path], tables: Sequence[Table]) -> Table:
    """One table of several; columns that some of them lack are empty there, and said."""
    import numpy as np
    import pyarrow as pa

    tables = [_renamed(table) for table in tables]
    root = root.resolve()
    for file, table in zip(files, tables, strict=True):
        if "audio" not in table.columns:
            there = ", ".join(map(repr, table.columns)) or "none"
            raise BadInput(f"{file}: no column 'audio' (there are {there}); name the column of file paths 'audio'")
        if table.root != root and table.audio_bytes is None:
            table.columns["audio"] = _below(table.columns["audio"], os.path.relpath(table.root, root))
    parts = [pa.table(table.columns) for table in tables]
    try:
        whole = pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        said = str(error).splitlines()[0][:150]
        raise BadInput(f"{root}: parts differ in the type of a column ({said}); write them alike") from error
    joined = Table(dict(zip(whole.column_names, whole.columns, strict=True)), root)
    joined.notes += _notes_of(files, tables)
    first = 0
    for table in tables:
        joined.faults |= {first + row: fault for row, fault in table.faults.items()}
        joined.renamed |= table.renamed
        first += len(table)
    if any(table.audio_bytes is not None for table in tables):
        _tell_names_apart(joined, files, tables)
        joined.audio_bytes = JoinedAudio([(table.audio_bytes, np.arange(len(table))) for table in tables])
    missing = {name for table in tables for name in whole.column_names if name not in table.columns}
    if missing:
        joined.notes.append(f"not in all of the files: column {', '.join(sorted(missing))}")
    return joined


def _notes_of(files: Sequence[Path], tables: Sequence[Table]) -> list[str]:
    """What was noted of the files: once where it is the same of all, else with their names."""
    of_note: dict[str, list[str]] = defaultdict(list)
    for file, table in zip(files, tables, strict=True):
        for note in table.notes:
            of_note[note].append(file.name)
    return [note if len(names) == len(files) else f"{', '.join(names)}: {note}" for note, names in of_note.items()]


def _tell_names_apart(joined: Table, files: Sequence[Path], tables: Sequence[Table]) -> None:
    """Embedded audio of several files may have one name in each: then the file's stands before it."""
    import pyarrow as pa

    names = joined.columns["audio"].to_pylist()
    if len(set(names)) < len(names):
        stems = [file.stem for file, table in zip(files, tables, strict=True) for _ in range(len(table))]
        apart = [f"{stem}/{name}" for stem, name in zip(stems, names, strict=True)]
        joined.columns["audio"] = pa.chunked_array([pa.array(apart, pa.string())])


def _renamed(table: Table) -> Table:
    """The table under our names, so that parts which call a column differently fit together."""
    ours = standard_names(list(table.columns))
    table.columns = {ours.get(name, name): column for name, column in table.columns.items()}
    table.renamed |= ours
    if ours:
        table.notes.append(f"column {', '.join(f'{theirs!r} is read as {name}' for theirs, name in ours.items())}")
    return table


def _below(audio: pa.ChunkedArray, folder: str) -> pa.ChunkedArray:
    """Paths from the folder above."""
    import pyarrow as pa

    written = audio.cast(pa.string()).to_pylist()
    return pa.chunked_array([pa.array([path and os.path.join(folder, path) for path in written], pa.string())])


# ---- audio files


def _read_recordings(folder: Path) -> Table:
    """Audio files under `folder`, each with the text beside it (take1.wav, take1.txt)."""
    import pyarrow as pa

    found = sorted(
        Path(parent, name)
        for parent, names in _folders_below(folder)
        for name in names
        if Path(name).suffix.lower() in AUDIO_SUFFIXES and not name.startswith(".")
    )
    notes = []
    unreadable = [path for path in found if not _is_text(os.fspath(path))]
    if unreadable:
        found = [path for path in found if _is_text(os.fspath(path))]
        notes.append(f"{len(unreadable)} files are not read, their names are not UTF-8: {unreadable[0].name!a}")
    if not found:
        raise BadInput(_nothing_in(folder))
    audio = [path.relative_to(folder).as_posix() for path in found]
    columns = {"audio": pa.chunked_array([audio])}
    texts = [_text_beside(path) for path in found]
    tables = [path.name for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLE_SUFFIXES]
    if any(text is not None for text in texts):
        columns["text"] = pa.chunked_array([pa.array(texts, pa.string())])
    elif tables:
        notes.append(f"the audio files are read without {', '.join(tables[:4])}: give such a table itself")
    return Table(columns, folder.resolve(), notes=notes)


def _folders_below(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Every folder with the names of its files, links followed: each once, and never back up to where it began."""
    seen = {_identity(place) for place in (folder.resolve(), *folder.resolve().parents)}
    for parent, folders, names in os.walk(folder, followlinks=True):
        yield parent, names
        new = []
        for name in sorted(folders):
            identity = _identity(os.path.join(parent, name))
            if identity not in seen:
                seen.add(identity)
                new.append(name)
        folders[:] = new


def _identity(folder: str | Path) -> object:
    """What tells a folder from others, whichever way it was reached."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(folder)


def _is_text(name: str) -> bool:
    """Whether a file's name is UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _nothing_in(folder: Path) -> str:
    """One line: what a folder without anything readable holds, and what would work."""
    expected = f"{folder}: holds no manifest ({', '.join(MANIFEST_NAMES)}), dataset or audio file"
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    tables = [name for name in names if Path(name).suffix.lower() in TABLE_SUFFIXES]
    if tables:
        return f"{expected}; there is {', '.join(tables[:4])}: give one of them itself"
    packed = [name for name in names if name.lower().endswith((".tar", ".tar.gz", ".tgz", ".zip", ".gz"))]
    if packed:
        return f"{expected}; {packed[0]} is packed: unpack it first (a WebDataset too)"
    return expected


def _text_beside(audio: Path) -> str | None:
    path = audio.with_suffix(".txt")
    try:
        return " ".join(path.read_text(encoding="utf-8-sig").split()) if path.is_file() else None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text; save it as UTF-8") from error
