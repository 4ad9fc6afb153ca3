"""Tables of utterances as they lie on disk -> columns of Arrow arrays. One reader a format.

Every column of a text format stays text ("007" is no number); only start, end and duration become floats.
"""

from __future__ import annotations

import os
from pathlib import Path

from speech_tl.audio.remote import is_remote
from speech_tl.data.columns import SECONDS_COLUMNS, in_order
from speech_tl.data.folders import MANIFEST_NAMES, read_folder
from speech_tl.data.hub import HUB, read_hub
from speech_tl.data.jsonl import JSON_SUFFIXES, read_jsonl
from speech_tl.data.parquet import read_parquet, refuse_pointer
from speech_tl.data.paths import AUDIO_SUFFIXES
from speech_tl.data.remote import read_remote
from speech_tl.data.separated import SEPARATORS, read_separated
from speech_tl.data.table import Table
from speech_tl.errors import BadInput

__all__ = ["AUDIO_SUFFIXES", "MANIFEST_NAMES", "SECONDS_COLUMNS", "read_table"]

_FORMATS = (*SEPARATORS, *JSON_SUFFIXES, ".parquet")


def read_table(source: str | Path) -> Table:
    """Read a manifest file, a folder that holds one (`folders.read_folder`), or a data set of the Hub (`hub.read_hub`).

    What real files bring is understood, and told in the table's `notes`:

    - **Text files.** CSV and TSV, whatever ends their lines and whichever of , ; tab | separates their columns; UTF-8,
      UTF-16 with its mark, Windows-1252. A quotation mark that encloses no cell is a character. JSON lines, or one
      JSON array. Rows read and rows that are faults are as many as the lines; a reader that lost one says so.
    - **Columns.** Common Voice's, NeMo's and Hugging Face's names (`columns.NAMES`), in any case, stand in for ours
      where ours are not there. start and duration without end mean end = start + duration; of an end and a duration
      that contradict each other by more than 0.5 s the end is taken.
    - **Cells.** NaN is nothing, as is an empty cell. Numbers as text are kept; lists and objects are faults.
    - **Splits.** `columns.SPLITS` in any case; rows of other splits are counted.
    - **Paths.** As `paths.audio_path` finds them; clips/ beside the table is looked into.

    Raises:
        BadInput: not there, empty, not in the format its name says, no column "audio", a path that is not UTF-8; names
            file and row.
    """
    if is_remote(str(source)):
        return in_order(read_remote(str(source), _read_file), str(source))
    path = Path(source)
    _refuse_name(path)
    if path.is_dir():
        table = read_folder(path, _read_file)
    elif path.is_file():
        table = _read_file(path)
    elif str(source).startswith(HUB):
        table = read_hub(str(source))
    else:
        raise BadInput(
            f"{source}: no such manifest; give a CSV, TSV, JSONL or Parquet file, a folder, or {HUB}owner/name"
        )
    return in_order(table, str(source))


def _read_file(path: Path) -> Table:
    suffix = path.suffix.lower()
    _refuse_name(path)
    if not path.stat().st_size:
        raise BadInput(f"{path}: the manifest is empty (0 bytes); expected a header line and one line an utterance")
    refuse_pointer(path)
    if suffix in SEPARATORS:
        return read_separated(path)
    if suffix in JSON_SUFFIXES:
        return read_jsonl(path)
    if suffix == ".parquet":
        return read_parquet(path)
    sheet = "; save the sheet as CSV" if suffix in (".xlsx", ".xls", ".ods") else ""
    raise BadInput(f"{path}: cannot tell the format from '{suffix}'; expected .csv, .tsv, .jsonl or .parquet{sheet}")


def _refuse_name(path: Path) -> None:
    """Arrow opens no file whose name is not UTF-8, and no table of results could name it."""
    try:
        os.path.abspath(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise BadInput(f"{shown}: the name of the file, or of its folder, is not UTF-8; rename it") from None
