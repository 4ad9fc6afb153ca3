"""Columns of utterances -> CSV, TSV, JSONL or Parquet, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.data.paths import PLAIN, audio_path
from speech_tl.errors import BadInput
from speech_tl.text import write_atomically

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest


def write_manifest(manifest: Manifest, path: str | Path) -> Path:
    """Write `manifest` in the format of `path`'s suffix; audio paths become relative to the new file's folder.

    Raises:
        BadInput: another suffix, or audio embedded in the table, which has no files to point at.
        OSError: the folder cannot be written or the disk is full.
    """
    path = Path(path)
    writers = {".csv": _as_csv, ".tsv": _as_csv, ".jsonl": _as_jsonl, ".parquet": _as_parquet}
    if path.suffix.lower() not in writers:
        raise BadInput(f"{path}: cannot write '{path.suffix}' manifests; use one of {' '.join(writers)}")
    if manifest.embedded:
        raise BadInput(f"{manifest.source}: its audio is inside the table; save it with the datasets library instead")
    columns = {name: manifest.column(name) for name in manifest.columns}
    columns["audio"] = _relative(columns["audio"], manifest.root, path.resolve().parent)
    return write_atomically(path, writers[path.suffix.lower()](columns, path.suffix.lower()))


def _relative(audio: list[str], root: Path, folder: Path) -> list[str]:
    audio = [_as_it_lies(root, name) for name in audio]
    if root == folder:
        return audio

    @cache  # a corpus has few folders and many files
    def relative_folder(parent: str) -> str:
        try:
            return os.path.relpath(os.path.join(root, parent), folder)
        except ValueError:  # another drive
            return os.path.join(root, parent)

    split = (os.path.split(name) for name in audio)
    return [
        os.path.normpath(os.path.join(relative_folder(parent), name)).replace(os.sep, "/") for parent, name in split
    ]


def _as_it_lies(root: Path, written: str) -> str:
    """A path under the name that the file has on the disk, where it is written otherwise."""
    if not written or PLAIN.fullmatch(written) or os.path.exists(os.path.join(root, written)):
        return written or ""
    found = audio_path(root, written)
    return found if os.path.exists(found) else written


def _as_csv(columns: dict[str, list[Any]], suffix: str) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _as_jsonl(columns: dict[str, list[Any]], suffix: str) -> str:
    rows = zip(*columns.values(), strict=True)
    return "".join(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


def _as_parquet(columns: dict[str, list[Any]], suffix: str) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink)
    return sink.getvalue()
