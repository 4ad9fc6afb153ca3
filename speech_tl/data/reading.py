"""Tables of utterances as they lie on disk -> columns of Arrow arrays. One reader a format.

Every column of a text format stays text ("007" is no number); only start, end and duration become floats.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.data.hub import Table, from_datasets, read_hub, read_saved_dataset
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

SECONDS_COLUMNS = ("start", "end", "duration")
TEXT_COLUMNS = ("id", "audio", "text", "speaker", "accent", "language", "gender", "split")
MANIFEST_NAMES = ("manifest.csv", "manifest.tsv", "manifest.jsonl", "manifest.parquet")
AUDIO_SUFFIXES = frozenset([".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".mp4", ".webm", ".aac", ".wma"])

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_TEXT_ALIASES = ("sentence", "transcription", "transcript")
_SPLIT_ALIASES = {"validation": "dev", "valid": "dev", "val": "dev", "development": "dev", "training": "train"}
_JSON_ROWS = 50_000


def read_table(source: str | Path) -> Table:
    """Read a manifest file, a folder that holds one, a Hugging Face dataset (folder or Hub id), or audio with .txt.

    Raises:
        BadInput: not there, empty, not in the format its name says, no column "audio"; names file and row.
    """
    path = Path(source)
    if path.is_dir():
        table = _read_folder(path)
    elif path.is_file():
        table = _read_file(path)
    elif path.suffix.lower() in (*_SEPARATORS, ".jsonl", ".parquet") or str(source).count("/") != 1:
        raise BadInput(f"{source}: no such manifest; give a CSV, TSV, JSONL or Parquet file, a folder or a Hub id")
    else:
        table = read_hub(str(source))
    return _in_order(table, str(source))


def _read_folder(folder: Path) -> Table:
    for name in MANIFEST_NAMES:
        if (folder / name).is_file():
            return _read_file(folder / name)
    for name in MANIFEST_NAMES:
        if shards := sorted(folder.glob(name.replace("manifest.", "manifest-*."))):
            return _joined(shards)
    if (folder / "dataset_dict.json").is_file() or (folder / "dataset_info.json").is_file():
        return read_saved_dataset(folder)
    return _read_recordings(folder)


def _joined(shards: list[Path]) -> Table:
    """The rows of manifest-*.csv (or another format) one after the other; the arrays are not copied."""
    import pyarrow as pa

    tables = [_read_file(shard) for shard in shards]
    names = list(tables[0].columns)
    for shard, table in zip(shards, tables, strict=True):
        if set(table.columns) != set(names) or table.audio_bytes is not None:
            raise BadInput(
                f"{shard}: its columns ({', '.join(table.columns)}) are not those of {shards[0].name} "
                f"({', '.join(names)}); parts of one manifest have the same columns and audio in files"
            )
    columns = {name: [chunk for table in tables for chunk in table.columns[name].chunks] for name in names}
    try:
        return Table({name: pa.chunked_array(chunks) for name, chunks in columns.items()}, tables[0].root)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise BadInput(
            f"{shards[0].parent}: parts differ in the type of a column ({error}); write them alike"
        ) from error


def _read_file(path: Path) -> Table:
    suffix = path.suffix.lower()
    if not path.stat().st_size:
        raise BadInput(f"{path}: the manifest is empty (0 bytes); expected a header line and one line an utterance")
    if suffix in _SEPARATORS:
        columns = _read_separated(path, _SEPARATORS[suffix])
    elif suffix in (".jsonl", ".ndjson"):
        columns = _read_jsonl(path)
    elif suffix == ".parquet":
        return _read_parquet(path)
    else:
        raise BadInput(f"{path}: cannot tell the format from '{suffix}'; expected .csv, .tsv, .jsonl or .parquet")
    return Table(columns, path.resolve().parent)


def _read_separated(path: Path, separator: str) -> dict[str, pa.ChunkedArray]:
    """CSV or TSV, with quotes and line breaks inside them."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    header = _header(path, separator)
    try:
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(column_names=header, skip_rows=1, use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise BadInput(_csv_fault(path, str(error))) from error
    return dict(zip(header, table.columns, strict=True))


def _header(path: Path, separator: str) -> list[str]:
    """The column names; refuses a file that another separator or another encoding explains better."""
    with path.open("rb") as stream:
        first = stream.readline()
    try:
        line = first.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: line 1 is not UTF-8 text; save the manifest as UTF-8") from error
    if "\0" in line:
        raise BadInput(f"{path}: line 1 is not UTF-8 text (zero bytes: UTF-16 or binary?); save it as UTF-8")
    names = [name.strip() for name in next(csv.reader([line.strip("\r\n")], delimiter=separator), [])]
    if len(names) < 2:
        for other in (",", ";", "\t", "|"):
            if other != separator and other in line:
                raise BadInput(
                    f"{path}: found {other!r} where {separator!r} was expected between the columns; "
                    f"save it with {separator!r} ({'.tsv takes tabs' if separator == ',' else '.csv takes commas'})"
                )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"{path}: line 1 has column {twice[0]!r} twice; rename one of them")
    return names


def _csv_fault(path: Path, message: str) -> str:
    if "UTF8" in message.replace("-", ""):
        return f"{path}: {_undecodable_line(path)} is not UTF-8 text; save the manifest as UTF-8"
    if "Empty CSV" in message:
        return f"{path}: the manifest has a header but no rows; expected one line an utterance"
    what = message.removeprefix("CSV parse error: ").split("\n")[0]
    return f"{path}: {what[:160]}; a text that holds the separator needs quotes around it"


def _undecodable_line(path: Path) -> str:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"line {number}"
    return "a line"


def _read_jsonl(path: Path) -> dict[str, pa.ChunkedArray]:
    """One JSON object a line; a value that is not text is kept as JSON writes it."""
    import pyarrow as pa

    parts = []
    for rows in _json_batches(path):
        names = dict.fromkeys(name for row in rows for name in row)
        parts.append(pa.table({n: pa.array([_as_text(row.get(n)) for row in rows], pa.string()) for n in names}))
    if not parts:
        raise BadInput(f"{path}: the manifest has no rows; expected one JSON object a line")
    table = pa.concat_tables(parts, promote_options="default")
    return dict(zip(table.column_names, table.columns, strict=True))


def _json_batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise BadInput(f"{path}: line {number} is not UTF-8 text; save the manifest as UTF-8") from error
            except json.JSONDecodeError as error:
                raise BadInput(
                    f"{path}: line {number} is not JSON ({error.msg}); expected one object a line"
                ) from error
            if not isinstance(row, dict):
                raise BadInput(f'{path}: line {number} is no JSON object; expected {{"audio": ..., "text": ...}}')
            rows.append(row)
            if len(rows) == _JSON_ROWS:
                yield rows
                rows = []
    if rows:
        yield rows


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_parquet(path: Path) -> Table:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(path)
        if "audio" in schema.names and pa.types.is_struct(schema.field("audio").type):
            from datasets import (
                Dataset,  # embedded audio: a memory-mapped copy instead of all of it in memory
            )

            return from_datasets({None: Dataset.from_parquet(str(path))}, path.resolve().parent)
        table = parquet.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{path}: not a Parquet file ({str(error).splitlines()[0][:100]}); write it again") from error
    return Table(dict(zip(table.column_names, table.columns, strict=True)), path.resolve().parent)


def _read_recordings(folder: Path) -> Table:
    """Audio files under `folder`, each with the text beside it (take1.wav, take1.txt)."""
    import pyarrow as pa

    found = sorted(
        Path(parent, name)
        for parent, _, names in os.walk(folder, followlinks=True)
        for name in names
        if Path(name).suffix.lower() in AUDIO_SUFFIXES and not name.startswith(".")
    )
    if not found:
        raise BadInput(f"{folder}: holds no manifest ({', '.join(MANIFEST_NAMES)}), dataset or audio file")
    audio = [path.relative_to(folder).as_posix() for path in found]
    columns = {"audio": pa.chunked_array([audio])}
    texts = [_text_beside(path) for path in found]
    if any(text is not None for text in texts):
        columns["text"] = pa.chunked_array([pa.array(texts, pa.string())])
    return Table(columns, folder.resolve())


def _text_beside(audio: Path) -> str | None:
    path = audio.with_suffix(".txt")
    try:
        return " ".join(path.read_text(encoding="utf-8-sig").split()) if path.is_file() else None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text; save it as UTF-8") from error


def _in_order(table: Table, source: str) -> Table:
    """The columns every manifest has, under their own names and types."""
    import pyarrow as pa

    columns = table.columns
    alias = next((name for name in _TEXT_ALIASES if name in columns), None)
    if "text" not in columns and alias:
        columns["text"] = columns.pop(alias)
    if "audio" not in columns:
        there = ", ".join(map(repr, columns)) or "none"
        raise BadInput(f"{source}: no column 'audio' (there are {there}); name the column of file paths 'audio'")
    if not len(columns["audio"]) or (table.rows is not None and not len(table.rows)):
        raise BadInput(f"{source}: the manifest has no rows; expected one an utterance")
    for name in TEXT_COLUMNS:
        if name in columns and not pa.types.is_string(columns[name].type):
            columns[name] = columns[name].cast(pa.string())
    for name in SECONDS_COLUMNS:
        if name in columns:
            columns[name] = _seconds(columns[name], name, source)
    if "split" in columns:
        columns["split"] = _known_splits(columns["split"])
    return table


def _seconds(column: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    """Numbers of seconds; an empty cell is unknown."""
    import pyarrow as pa
    from pyarrow import compute

    if not pa.types.is_string(column.type):
        return column.cast(pa.float64())
    trimmed = compute.utf8_trim_whitespace(column)
    trimmed = compute.if_else(compute.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    try:
        return trimmed.cast(pa.float64())
    except pa.ArrowInvalid as error:
        row, value = next((r, v) for r, v in enumerate(trimmed.to_pylist(), 1) if v and not _is_number(v))
        raise BadInput(f"{source}: row {row}: {name} is {value!r}, expected seconds such as 2.5") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _known_splits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Other projects' names of train and dev under ours."""
    import pyarrow as pa

    encoded = column.dictionary_encode()
    if not len(encoded):
        return column
    chunks = []
    for chunk in encoded.chunks:
        names = [
            _SPLIT_ALIASES.get((name or "").strip().lower(), (name or "").strip())
            for name in chunk.dictionary.to_pylist()
        ]
        chunks.append(pa.array(names, pa.string()).take(chunk.indices))
    return pa.chunked_array(chunks, pa.string())
