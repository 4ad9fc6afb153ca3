"""Corpora's own tables: tab- or comma-separated, Kaldi's, with what is odd about them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from speech_tl.errors import BadInput


def read_lines(path: Path, encoding: str = "utf-8-sig") -> Iterator[tuple[int, str]]:
    """(number, line without its end) of every line that is not empty.

    Raises:
        BadInput: not there, or a line is in another encoding (names it).
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file; is the copy of the corpus complete?")
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
            try:
                line = raw.decode(encoding if number == 1 else encoding.removesuffix("-sig"))
            except UnicodeDecodeError as error:
                raise BadInput(f"{path}:{number}: not {encoding.removesuffix('-sig').upper()} text") from error
            line = line.rstrip("\r\n")
            if line.strip():
                yield number, line


def read_kaldi(path: Path) -> dict[str, str]:
    """A Kaldi table: the first word of a line, and the rest of it.

    Raises:
        BadInput: a line is a key without a value (file and line are named).
    """
    table = {}
    for number, line in read_lines(path):
        key, *rest = line.split(maxsplit=1)
        if not rest:
            raise BadInput(f"{path}:{number}: {key!r} has no value; expected 'key value' as in Kaldi files")
        table[key] = rest[0].strip()
    return table


def read_unquoted(
    path: Path,
    needed: Sequence[str],
    *,
    separator: str = "\t",
    names: Sequence[str] | None = None,
    free: str | None = None,
    odd: Callable[[int], None] | None = None,
) -> Iterator[dict[str, str]]:
    """Rows of a table whose quotes are letters like any other.

    Args:
        path: the table, UTF-8.
        needed: columns it must have.
        separator: between the cells.
        names: its columns where it has no header line.
        free: the column of free text: where a row has more cells than columns, they are this one's, which held the
            separator; they are joined again (by a space, if it is a tab).
        odd: told the number of a line with too few cells, which is then left out; without it that is an error.

    Raises:
        BadInput: a column is missing, or a row has too few (or, without `free`, too many) cells; file and line are
            named.
    """
    lines = read_lines(path)
    if names is None:
        _, header = next(lines, (1, ""))
        names = [name.strip() for name in header.split(separator)]
    require_columns(path, names, [*needed, *([free] if free else [])])
    where = list(names).index(free) if free else 0
    joint = " " if separator == "\t" else separator
    for number, line in lines:
        cells = line.split(separator)
        surplus = len(cells) - len(names)
        if surplus > 0 and free:
            cells[where : where + surplus + 1] = [joint.join(cells[where : where + surplus + 1])]
        elif surplus < 0 and odd:
            odd(number)
            continue
        elif surplus:
            raise BadInput(f"{path}:{number}: {len(cells)} cells, expected {len(names)} ({', '.join(names)})")
        yield dict(zip(names, cells, strict=True))


def read_quoted(path: Path, needed: Sequence[str], separator: str = ",") -> Iterator[dict[str, str]]:
    """Rows of a CSV file: cells that hold commas or line ends stand in quotes. Short rows get empty cells.

    Raises:
        BadInput: a column is missing, or the file is no CSV in UTF-8.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file; is the copy of the corpus complete?")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, delimiter=separator, restval="")
        try:
            require_columns(path, reader.fieldnames or [], needed)
            for row in reader:
                row.pop(None, None)  # cells beyond the header
                yield row
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadInput(f"{path}: near line {reader.line_num + 1}: {error}; expected CSV in UTF-8") from error


def require_columns(path: Path, there: Iterable[str], needed: Sequence[str]) -> None:
    """Refuse a table without the columns that are read.

    Raises:
        BadInput: names those missing and those there.
    """
    there = list(there)
    missing = [name for name in needed if name not in there]
    if missing:
        raise BadInput(f"{path}: no column {', '.join(missing)} (there are {', '.join(there)[:200] or 'none'})")


def unquoted(text: str) -> str:
    """A cell that some releases wrote in CSV's quotes although others are not; the sentence's own quotes stay.

    >>> unquoted('"She said ""no"" to him"'), unquoted('"Go!" she said, "now."'), unquoted('"Quiet."')
    ('She said "no" to him', '"Go!" she said, "now."', '"Quiet."')
    """
    inner = text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == '"' and '""' in inner and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return text
