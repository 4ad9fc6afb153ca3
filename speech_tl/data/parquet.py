"""Parquet files -> columns; audio that is embedded stays in the files and is read a row group at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from speech_tl.data.columns import standard_names
from speech_tl.data.embedded import ParquetAudio, field_names, is_embedded, require_audio
from speech_tl.data.table import EmbeddedAudio, Table
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

RATE = "sampling_rate"
_RATES = (RATE, "sample_rate", "sr")
_POINTER = b"version https://git-lfs"


def read_parquet(path: Path) -> Table:
    """The columns of a Parquet file, audio aside; that is read when a row is wanted.

    Audio may be paths, whole files (`{bytes, path}`, as Hugging Face has it, or bytes alone), or samples
    (`{array, sampling_rate}`, or a list beside a column `sampling_rate`).

    Raises:
        BadInput: damaged, only a pointer of Git LFS, or audio of another form.
    """
    import pyarrow as pa

    refuse_pointer(path)
    try:
        return _read(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = (str(error).splitlines() or [""])[0][:100]
        raise BadInput(f"{path}: not a Parquet file that can be read ({said}); write it again") from error


def _read(path: Path) -> Table:
    """As `read_parquet`; what the library says of damage goes through."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = parquet.read_schema(path)
    _refuse_twice(schema.names, path)
    ours = standard_names(schema.names)
    audio = next((name for name in schema.names if ours.get(name, name) == "audio"), None)
    if audio is None or not is_embedded(schema.field(audio).type):
        table = parquet.ParquetFile(path).read()
        table.validate(full=True)
        return Table(_columns(table), path.resolve().parent)
    rates = next((name for name in _RATES if name in schema.names), None)
    kind = schema.field(audio).type
    require_audio(kind, rates, str(path))
    rates = rates if not pa.types.is_struct(kind) and pa.types.is_nested(kind) else None
    names = [name for name in schema.names if name != audio]
    if has_paths := pa.types.is_struct(kind) and kind.get_field_index("path") >= 0:
        names.append(f"{audio}.path")
    table = parquet.ParquetFile(path).read(columns=names)  # read_table knows no fields of a struct
    table.validate(full=True)
    columns = _columns(table)
    paths = written_paths(columns.pop(audio)) if has_paths else [None] * table.num_rows
    without = pa.types.is_struct(kind) and "array" not in field_names(kind) and _no_bytes(path, audio, kind)
    embedded = None if without else ParquetAudio([path], audio, rates)
    return with_audio(Table(columns, path.resolve().parent), audio, embedded, paths)


def _refuse_twice(names: Sequence[str], path: Path) -> None:
    """Two columns of one name cannot be told apart."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"{path}: column {twice!r} is there twice; rename one of them")


def _no_bytes(path: Path, audio: str, kind: pa.StructType) -> bool:
    """Whether the file says of every part of it that no audio is inside."""
    import pyarrow as pa
    from pyarrow import parquet

    if kind.get_field_index("bytes") < 0 or pa.types.is_null(kind.field("bytes").type):
        return True
    metadata = parquet.read_metadata(path)
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            if column.path_in_schema == f"{audio}.bytes":
                known = column.statistics is not None and column.statistics.has_null_count
                if not known or column.statistics.null_count < group.num_rows:
                    return False
    return True


def written_paths(column: pa.ChunkedArray) -> list[str | None]:
    """The field `path` of a column of audio."""
    import pyarrow as pa

    found = [chunk.field("path").cast(pa.string()).to_pylist() for chunk in column.chunks]
    return [path for part in found for path in part]


def with_audio(table: Table, name: str, embedded: EmbeddedAudio | None, paths: Sequence[str | None]) -> Table:
    """The table with its audio, and each row's name: its path, else "row-N"; a path that several rows have gets N."""
    import pyarrow as pa

    named = [path or f"row-{row}" for row, path in enumerate(paths, 1)]
    if embedded is not None and len(set(named)) < len(named):
        named = [f"{name}#{row}" for row, name in enumerate(named, 1)]
    table.columns = {name: pa.chunked_array([pa.array(named, pa.string())]), **table.columns}
    table.audio_bytes = embedded
    return table


def refuse_pointer(path: Path) -> None:
    """Refuse what `git clone` leaves in place of a large file.

    Raises:
        BadInput: says how to fetch it.
    """
    with path.open("rb") as stream:
        if stream.read(len(_POINTER)) == _POINTER:
            raise BadInput(f"{path}: only a pointer of Git LFS, not the file; fetch it with `git lfs pull`")


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))


def require_whole(shards: Sequence[Path]) -> None:
    """Refuse a download that lacks some of its parts, such as train-00001-of-00002.parquet.

    Raises:
        BadInput: names the first that is not there.
    """
    names = {shard.name for shard in shards}
    for shard in shards:
        stem, _, total = shard.stem.rpartition("-of-")
        if not stem or not total.isdigit():
            continue
        head, _, number = stem.rpartition("-")
        for part in range(int(total)):
            name = f"{head}-{part:0{len(number)}d}-of-{total}{shard.suffix}"
            if name not in names:
                raise BadInput(f"{shard.parent}: {name} is missing; download it too, it holds rows of this data set")
