"""Hugging Face datasets -> columns of Arrow arrays. Audio is never decoded here; embedded bytes stay memory-mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class Table:
    """What a reader found: `columns` by name, the folder audio paths are relative to, and audio kept as bytes.

    Attributes:
        columns: one Arrow array a column, all of one length.
        root: folder that relative audio paths start from.
        rows: the rows in use, in order; None for all.
        audio_bytes: whole encoded files, one a row, where the table embeds them.
    """

    columns: dict[str, pa.ChunkedArray]
    root: Path
    rows: np.ndarray | None = None
    audio_bytes: pa.ChunkedArray | None = field(default=None, repr=False)


def read_saved_dataset(folder: Path) -> Table:
    """A folder that `save_to_disk` wrote.

    Raises:
        BadInput: it cannot be loaded.
    """
    from datasets import DatasetDict, load_from_disk

    try:
        loaded = load_from_disk(str(folder))
    except Exception as error:  # whatever the library says about a damaged folder, the user needs one line
        raise BadInput(f"{folder}: not a dataset that can be loaded ({_first_line(error)}); save it again") from error
    return from_datasets(loaded if isinstance(loaded, DatasetDict) else {None: loaded}, folder.resolve())


def read_hub(name: str) -> Table:
    """A Hub id, "owner/name" or "owner/name:configuration"; all its splits.

    Raises:
        BadInput: it cannot be reached or does not exist.
    """
    from datasets import load_dataset

    repository, _, configuration = name.partition(":")
    try:
        loaded = load_dataset(repository, configuration or None)
    except Exception as error:  # network, permission, unknown name, missing configuration: all are the user's to solve
        raise BadInput(f"{name}: neither a path nor a Hub dataset within reach ({_first_line(error)})") from error
    return from_datasets(loaded, Path.cwd())


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
    columns = {name: pa.chunked_array(parts) for name, parts in chunks.items()}
    if None not in splits and "split" not in columns:
        columns["split"] = pa.chunked_array([pa.array(split_names, pa.string())])
    table = Table(columns, root, np.concatenate(rows))
    audio = columns.get("audio")
    if audio is not None and pa.types.is_struct(audio.type):
        _unpack_audio(table)
    return table


def _plain(column: pa.ChunkedArray, feature: Any) -> pa.ChunkedArray:
    """Class labels as their names; everything else as stored."""
    import pyarrow as pa

    if type(feature).__name__ != "ClassLabel":
        return column
    names = pa.array(feature.names)
    return pa.chunked_array([names.take(chunk) for chunk in column.chunks], pa.string())


def _unpack_audio(table: Table) -> None:
    """Split {bytes, path} into the path column and the embedded bytes."""
    import pyarrow as pa

    parts = {
        name: pa.chunked_array([chunk.field(name) for chunk in table.columns["audio"].chunks])
        for name in ("bytes", "path")
    }
    if parts["bytes"].null_count < len(parts["bytes"]):
        table.audio_bytes = parts["bytes"]
    paths = parts["path"].to_pylist()
    table.columns["audio"] = pa.chunked_array([[path or f"row-{row + 1}" for row, path in enumerate(paths)]])
