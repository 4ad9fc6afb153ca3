"""Hugging Face datasets -> columns of Arrow arrays. Audio is never decoded here; embedded bytes stay memory-mapped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speech_tl.data.columns import standard_names
from speech_tl.data.embedded import ArrowAudio, field_names, is_embedded, require_audio
from speech_tl.data.parquet import with_audio, written_paths
from speech_tl.data.table import Table
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa


def read_saved_dataset(folder: Path) -> Table:
    """A folder that `save_to_disk` wrote.

    Raises:
        BadInput: it cannot be loaded.
    """
    from datasets import DatasetDict, load_from_disk

    try:
        loaded = load_from_disk(str(folder))
        loaded = loaded if isinstance(loaded, DatasetDict) else {None: loaded}
        _require_whole(loaded.values())
    except Exception as error:  # whatever the library says about a damaged folder, the user needs one line
        raise BadInput(f"{folder}: not a dataset that can be loaded ({_first_line(error)}); save it again") from error
    return from_datasets(loaded, folder.resolve())


def read_arrow_files(folder: Path, files: Sequence[Path]) -> Table:
    """A folder of the datasets library's cache: NAME-SPLIT.arrow, in parts NAME-SPLIT-00000-of-00002.arrow.

    Raises:
        BadInput: a file is damaged.
    """
    from datasets import Dataset, concatenate_datasets

    by_split: dict[str | None, list[Any]] = {}
    try:
        for file in files:
            stem = file.stem.partition("-of-")[0].removesuffix("-00000").rstrip("0123456789-") or file.stem
            by_split.setdefault(stem.rpartition("-")[2], []).append(Dataset.from_file(str(file)))
        joined = {split: concatenate_datasets(parts) for split, parts in by_split.items()}
        _require_whole(joined.values())
    except Exception as error:  # as above
        raise BadInput(f"{folder}: not a dataset that can be loaded ({_first_line(error)}); load it again") from error
    return from_datasets(joined, folder.resolve())


HUB = "hf:"
"""What a data set on the Hub is marked with: a mistyped path looks like a Hub id, and is told to nobody else."""

_HUB_ID = re.compile(r"(?P<repository>\w[\w.-]*(/\w[\w.-]*)?)(:(?P<configuration>[\w.-]+))?")


def read_hub(name: str) -> Table:
    """A data set of the Hub, "hf:owner/name" or "hf:owner/name:configuration"; all its splits.

    Raises:
        BadInput: that is no Hub id, or it cannot be reached or does not exist.
    """
    from datasets import load_dataset

    asked = _HUB_ID.fullmatch(name.removeprefix(HUB))
    if asked is None:
        raise BadInput(f"{name}: no id of a data set; expected {HUB}owner/name or {HUB}owner/name:configuration")
    try:
        loaded = load_dataset(asked["repository"], asked["configuration"])  # never runs code of a data set
    except Exception as error:  # network, permission, unknown name, missing configuration: all are the user's to solve
        raise BadInput(f"{name}: no data set of the Hub within reach ({_first_line(error)})") from error
    return from_datasets(loaded, Path.cwd())


def _require_whole(datasets: Iterable[Any]) -> None:
    """Look at every offset of the files that are mapped into memory: a wrong one would end the process."""
    for dataset in datasets:
        dataset.data.table.validate(full=True)
        if dataset._indices is not None:
            dataset._indices.table.validate(full=True)
            rows = dataset._indices.column(0).to_numpy()
            if len(rows) and int(rows.max()) >= dataset.data.table.num_rows:
                raise ValueError(f"row {int(rows.max())} of {dataset.data.table.num_rows} is chosen")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def from_datasets(splits: Mapping[str | None, Any], root: Path) -> Table:
    """Columns straight from the Arrow files of `datasets.Dataset` objects, by split (None: no split)."""
    import pyarrow as pa

    names = [
        name
        for name in next(iter(splits.values())).column_names
        if all(name in d.column_names for d in splits.values())
    ]
    chunks: dict[str, list[pa.Array]] = {name: [] for name in names}
    rows, split_names, offset = [], [], 0
    for split, dataset in splits.items():
        for name in names:
            chunks[name].extend(_plain(dataset.data.table.column(name), dataset.features[name]).chunks)
        count = dataset.data.table.num_rows
        used = np.arange(count) if dataset._indices is None else dataset._indices.column(0).to_numpy()
        rows.append(used + offset)
        split_names.extend([split] * count)
        offset += count
    columns = {name: pa.chunked_array(parts or [pa.nulls(0)]) for name, parts in chunks.items()}
    if None not in splits and "split" not in columns:
        columns["split"] = pa.chunked_array([pa.array(split_names, pa.string())])
    table = Table(columns, root, np.concatenate(rows))
    ours = standard_names(names)
    audio = next((name for name in names if ours.get(name, name) == "audio"), None)
    if audio is not None and is_embedded(columns[audio].type):
        _unpack_audio(table, audio, str(root))
    return table


def _plain(column: pa.ChunkedArray, feature: Any) -> pa.ChunkedArray:
    """Class labels as their names; everything else as stored."""
    import pyarrow as pa

    if type(feature).__name__ != "ClassLabel":
        return column
    names = pa.array(feature.names)
    return pa.chunked_array([names.take(chunk) for chunk in column.chunks], pa.string())


def _unpack_audio(table: Table, name: str, source: str) -> None:
    """Split {bytes, path} into the path column and the embedded bytes; samples become files when they are wanted."""
    import pyarrow as pa

    column = table.columns.pop(name)
    rates = table.columns.get("sampling_rate")
    require_audio(column.type, None if rates is None else "sampling_rate", source)
    is_struct = pa.types.is_struct(column.type)
    fields = field_names(column.type) if is_struct else set()
    paths = written_paths(column) if "path" in fields else [None] * len(column)
    embedded: ArrowAudio | None = ArrowAudio(column, rates)
    if is_struct and "array" not in fields:
        empty = sum(chunk.field("bytes").null_count for chunk in column.chunks) if "bytes" in fields else len(column)
        embedded = None if empty == len(column) else embedded
    with_audio(table, name, embedded, paths)
