"""Columns of utterances -> CSV, TSV, JSONL or Parquet, whole or not at all."""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.audio.remote import is_remote
from speech_tl.data.paths import PLAIN, audio_path
from speech_tl.errors import BadInput
from speech_tl.text import require_writable, write_atomically
from speech_tl.text.parsed import as_text, json_line

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest

QUOTED = re.compile(r'[,;|"\t\r\n]|^\s|\s\Z|^\ufeff')
"""What needs quotation marks around its cell."""


def write_manifest(manifest: Manifest, path: str | Path) -> Path:
    """Write `manifest` in the format of `path`'s suffix; audio paths become relative to the new file's folder.

    Raises:
        BadInput: another suffix, or audio embedded in the table, which has no files to point at.
        OSError: the folder cannot be written or the disk is full.
    """
    path = Path(path)
    _require_form(manifest, path)
    columns = {name: manifest.column(name) for name in manifest.columns}
    columns["audio"] = _relative(columns["audio"], manifest.root, path.resolve().parent)
    return write_atomically(path, WRITERS[path.suffix.lower()](columns, path.suffix.lower()))


def require_target(manifest: Manifest, path: str | Path) -> None:
    """Refuse, before any work, a file that `write_manifest` could not write, or that it would read from.

    Raises:
        BadInput: another suffix, embedded audio, no permission, a folder of that name, or the manifest itself.
    """
    path = Path(path)
    _require_form(manifest, path)
    if path.is_dir():
        raise BadInput(f"{path} is a folder: give the name of a file, such as {path / 'clean.csv'}")
    require_writable(path.parent)
    source = Path(manifest.source)
    if path.exists() and (path.resolve() == source.resolve() or source.resolve() == path.resolve().parent):
        raise BadInput(f"{path} belongs to what is checked and would be written over: give another name")


def _require_form(manifest: Manifest, path: Path) -> None:
    """Refuse what no file of this name can hold."""
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise BadInput(f"{path}: cannot write '{path.suffix}' manifests; use one of {' '.join(WRITERS)}")
    if manifest.embedded:
        raise BadInput(f"{manifest.source}: its audio is inside the table; save it with the datasets library instead")
    odd = next((name for name in manifest.columns if set(name) & set("\r\n\0")), None)
    if suffix in (".csv", ".tsv") and odd is not None:
        raise BadInput(f"{path}: the name of column {odd!r} fits into no line of names; write .jsonl or .parquet")


def _relative(audio: list[str], root: Path, folder: Path) -> list[str]:
    if is_remote(root):
        return [audio_path(root, name) for name in audio]
    audio = [_as_it_lies(root, name) for name in audio]
    if root == folder:
        return audio

    @cache  # a corpus has few folders and many files
    def relative_folder(parent: str) -> str:
        try:
            return os.path.relpath(os.path.join(root, parent), folder)
        except ValueError:  # another drive
            return os.path.join(root, parent)

    def moved(name: str) -> str:
        if is_remote(name):
            return name
        parent, name = os.path.split(name)
        return os.path.normpath(os.path.join(relative_folder(parent), name)).replace(os.sep, "/")

    return [moved(name) for name in audio]


def _as_it_lies(root: Path, written: str) -> str:
    """A path under the name that the file has on the disk, where it is written otherwise."""
    if not written or PLAIN.fullmatch(written) or os.path.exists(os.path.join(root, written)):
        return written or ""
    found = audio_path(root, written)
    return found if os.path.exists(found) else written


def _as_csv(columns: dict[str, list[Any]], suffix: str) -> str:
    separator = "\t" if suffix == ".tsv" else ","
    rows = zip(*([_cell(value) for value in column] for column in columns.values()), strict=True)
    return "".join(separator.join(row) + "\n" for row in (map(_cell, columns), *rows))


def _cell(value: Any) -> str:
    """A cell as text holds it: in quotation marks where readers would see more in it than its characters (Python's csv
    sees nothing in a CR before 3.13), and without NUL, at which they would take the file for another encoding.
    """
    if value is None:
        return ""
    text = json_line(_finite(value)) if isinstance(value, (dict, list)) else value
    text = (text if isinstance(text, str) else as_text(text)).replace("\0", "")
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text


def _finite(value: Any) -> Any:
    """A value without numbers that JSON has no form for."""
    if isinstance(value, dict):
        return {as_text(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_jsonl(columns: dict[str, list[Any]], suffix: str) -> str:
    rows = zip(*columns.values(), strict=True)
    return "".join(json_line(_finite(dict(zip(columns, row, strict=True)))) + "\n" for row in rows)


def _as_parquet(columns: dict[str, list[Any]], suffix: str) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink)
    return sink.getvalue()


WRITERS: dict[str, Callable[[dict[str, list[Any]], str], str | bytes]] = {
    ".csv": _as_csv,
    ".tsv": _as_csv,
    ".jsonl": _as_jsonl,
    ".parquet": _as_parquet,
}
