"""Files that were right, spoilt at random: in their bytes, their lines, their cells or their values."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

import pyarrow as pa
import yaml
from pyarrow import parquet

Mutator = Callable[[Random, bytes], bytes]
"""Spoils a file's bytes; returns them as they are where it does not know the format."""

TOKENS = (
    *(b"\0", b"\r", b"\n", b"\r\n", b"\n\n", b"\t", b",", b";", b"|", b'"', b'""', b"'", b"\\", b"\x0b", b"\x0c"),
    *(b"\xff", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc2\x85", b"\xe2\x80\xa8", b"\x80"),
    *(letter.encode() for letter in ("٣", "１", "½", "é", "e\u0301", "\u200b", "\ufffe", "\x1a", "\u202e")),
    *(b"1e999", b"-inf", b"nan", b"NaN", b"Infinity", b"-0", b"1_0", b"0x10", b"1e-400", b"9" * 5000, b"1.7e308"),
    *(b"[" * 3000, b"{" * 500, b'{"a":' * 2000, b"]", b"}", b"null", b"true", b"&a ", b"*a", b"!!python/name:os "),
    *(b"\x1b[31m", b"[/red]", b"(x)", b"{a / b}", b";;", b"sep=;\n", b"audio,", b"\\ud800", b"\\u0000", b"\\r", b"#"),
    *(b"<<: ", b"%", b"---\n", b"x" * 200_000),
)
"""What readers of text trip over."""

TEXTS = (
    *("", " ", "x", "\0", "\r", "a\rb", "a\nb", "\r\n", '"', '"a', 'a"b"', "\t", ",", "\u0085", "\u2028", "\ufeff"),
    *("٣", "٣٫٥", "1e999", "-inf", "nan", "NaN", "1_000", "½", "²", "9" * 5000, "-1", "0", "1e308", "0x1f", "1,5"),
    *("../../../etc/passwd", "/dev/null", "~", "a" * 300 + ".wav", "\\\\server\\x.wav", "file:///x%00.wav", " 2 "),
    *("[/red]", "{a}", "{{a}}", "<script>", "%s", "train", "TEST", "left", "2", "ß", "İ", "I\u0307", "\u202e"),
    *("con\0.wav", "\x1b[2J", "\U0001f600", "word " * 5000),
)
"""Cells and values of text."""


def deep(levels: int, inner: Any = 0) -> Any:
    """Lists in lists."""
    for _ in range(levels):
        inner = [inner]
    return inner


VALUES: tuple[Any, ...] = (
    *TEXTS,
    *(None, True, False, 0, 1, -1, 2, 7, 2**31, 2**31 - 1, -(2**31), 2**63, 10**9, 10**12, 10**30, 10**400),
    *(0.0, -0.0, 0.5, 1.5, -1e-9, 1e-300, 1e308, float("inf"), float("-inf"), float("nan")),
    *(
        [],
        {},
        [[]],
        [{}],
        {"a": 1},
        [None],
        [0],
        [-1],
        [1, "x"],
        [0.5],
        ["x"],
        {"": ""},
        {"path": "x"},
        {"0": 0},
        deep(30),
    ),
    *(deep(990), [0] * 1000, [10**9] * 3, {"\0": "\r"}, {"a": deep(50)}, list(range(40))),
    "\ud800",
)
"""Values of JSON and YAML."""


# ---- bytes


def flip(rng: Random, data: bytes) -> bytes:
    """A few bytes become others."""
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if spoilt:
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
    return bytes(spoilt)


def cut(rng: Random, data: bytes) -> bytes:
    """The end, the beginning, or a piece is missing."""
    first, last = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return rng.choice((data[:first], data[last:], data[:first] + data[last:]))


def repeat(rng: Random, data: bytes) -> bytes:
    """A piece stands there again."""
    first, last = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:last] + data[first:last] * rng.choice((1, 2, 5)) + data[last:]


def insert(rng: Random, data: bytes) -> bytes:
    """Something that readers trip over, somewhere."""
    at = rng.choice((0, len(data), rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    return data[:at] + rng.choice(TOKENS) + data[at:]


def overwrite(rng: Random, data: bytes) -> bytes:
    """The same in place of as many bytes."""
    at, token = rng.randrange(len(data) + 1), rng.choice(TOKENS[:-1])
    return data[:at] + token + data[at + len(token) :]


def line_ends(rng: Random, data: bytes) -> bytes:
    """All lines, or one, end otherwise."""
    other = rng.choice((b"\r", b"\r\n", b"\n\r", b"\n\n", b"\x0b", b"\xe2\x80\xa8", b""))
    return data.replace(b"\n", other) if rng.random() < 0.5 else data.replace(b"\n", other, rng.randrange(3))


def encoding(rng: Random, data: bytes) -> bytes:
    """Another encoding, or a mark of one."""
    text = data.decode("utf-8", "replace")
    name = rng.choice(("utf-16", "utf-16-le", "utf-32", "cp1252", "utf-8-sig", "utf-7", "cp500"))
    return text.encode(name, "replace")


BYTES: tuple[Mutator, ...] = (flip, cut, repeat, insert, insert, overwrite, line_ends, encoding)


# ---- values


def spoil(rng: Random, value: Any) -> Any:
    """A plain value with one inside it replaced, removed, renamed or doubled."""
    places: list[tuple[Any, Any]] = []

    def walk(inner: Any) -> None:
        for key in inner if isinstance(inner, dict) else range(len(inner)) if isinstance(inner, list) else ():
            places.append((inner, key))
            walk(inner[key])

    walk(value)
    if not places or rng.random() < 0.02:
        return rng.choice(VALUES)
    owner, key = rng.choice(places)
    how = rng.random()
    if how < 0.75:
        owner[key] = rng.choice(VALUES)
    elif how < 0.85:
        del owner[key]
    elif how < 0.95 and isinstance(owner, dict):
        owner[rng.choice(TEXTS)] = owner[key]
    else:
        other, other_key = rng.choice(places)
        owner[key] = other[other_key] if owner is not other else rng.choice(VALUES)
    return value


def _json(value: Any, rng: Random) -> bytes:
    ascii_only = rng.random() < 0.5
    try:
        text = json.dumps(value, ensure_ascii=ascii_only)
    except (ValueError, RecursionError):  # an integer of too many digits, or a value within itself
        return b"9" * 5000
    return text.encode("utf-8", "surrogatepass" if rng.random() < 0.5 else "replace")


def json_value(rng: Random, data: bytes) -> bytes:
    """A JSON file with a value spoilt."""
    try:
        return _json(spoil(rng, json.loads(data)), rng)
    except (ValueError, RecursionError):
        return data


def json_line(rng: Random, data: bytes) -> bytes:
    """JSON lines with a value of one spoilt, or of all of them alike."""
    lines = data.splitlines()
    if not lines:
        return data
    if rng.random() < 0.2:
        seed = rng.random()
        return b"\n".join(json_value(Random(seed), line) for line in lines)
    at = rng.randrange(len(lines))
    lines[at] = json_value(rng, lines[at])
    return b"\n".join(lines) + b"\n"


def yaml_value(rng: Random, data: bytes) -> bytes:
    """A YAML file with a value spoilt."""
    try:
        return yaml.safe_dump(spoil(rng, yaml.safe_load(data)), allow_unicode=True).encode("utf-8", "replace")
    except (yaml.YAMLError, ValueError, RecursionError):
        return data


def yaml_trick(rng: Random, data: bytes) -> bytes:
    """What only YAML has: aliases that multiply, a value within itself, tags, merges, dates, other integers."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(8)
    )
    tricks = ("x: &x {y: *x}\n", bomb, "seed: 0777\n", "seed: 1:30:00\n", "seed: 2020-01-01\n", "? [a, b]\n: c\n")
    tricks += ("seed: !!python/object/apply:os.getcwd []\n", "seed: !!binary AA=\n", "<<: {seed: 1}\n", "---\n")
    tricks += ("data: &d {where: *d}\n", f"seed: {'1' * 5000}\n", f"seed: {'[' * 2000}\n", "data: {where: {a: .nan}}\n")
    tricks += ("seed: 2020-13-45\n", "seed: 0b\n", "seed: 1_\n", "seed: !!int x\n", "seed: !!float x\n")
    tricks += ("seed: !!timestamp x\n", "%YAML 9.9\n---\n", "training: {epochs: 1.0e+400}\n")
    trick = rng.choice(tricks).encode()
    return trick + data if rng.random() < 0.5 else data + trick


# ---- cells


def cell(rng: Random, data: bytes) -> bytes:
    """One cell of a line becomes another text; in a header, a name may come twice."""
    lines = data.split(b"\n")
    at = 0 if rng.random() < 0.15 else rng.randrange(len(lines))
    parts = re.split(rb"([,\t;| ])", lines[at])
    place = 2 * rng.randrange((len(parts) + 1) // 2)
    twin = parts[2 * rng.randrange((len(parts) + 1) // 2)]
    parts[place] = twin if rng.random() < 0.1 else rng.choice(TEXTS).encode("utf-8", "replace")
    lines[at] = b"".join(parts)
    return b"\n".join(lines)


def _samples(value: pa.DataType, rate: pa.DataType) -> pa.DataType:
    return pa.struct([("array", pa.list_(value)), ("sampling_rate", rate)])


def _file(content: pa.DataType, path: pa.DataType) -> pa.DataType:
    return pa.struct([("bytes", content), ("path", path)])


KINDS_OF_COLUMN: tuple[tuple[pa.DataType, Any], ...] = (
    *((pa.int64(), 3), (pa.int8(), -1), (pa.uint64(), 2**64 - 1), (pa.float32(), float("nan")), (pa.float64(), 1e300)),
    *((pa.bool_(), True), (pa.null(), None), (pa.string(), "x"), (pa.large_string(), "1.5"), (pa.binary(), b"\xff\0")),
    *((pa.large_binary(), b""), (pa.list_(pa.int64()), [1, 2]), (pa.list_(pa.string()), ["a"]), (pa.date32(), 3)),
    *((pa.timestamp("us"), 5), (pa.duration("s"), 5), (pa.time64("us"), 7), (pa.decimal128(10, 2), None)),
    (_file(pa.binary(), pa.string()), {"bytes": b"RIFF", "path": "a\0b"}),
    (_file(pa.binary(), pa.binary()), {"bytes": None, "path": b"\xff"}),
    (pa.struct([("path", pa.int64())]), {"path": 4}),
    (pa.struct([("bytes", pa.string())]), {"bytes": "x"}),
    (_samples(pa.float32(), pa.int64()), {"array": [0.1], "sampling_rate": 0}),
    (_samples(pa.string(), pa.string()), {"array": ["x"], "sampling_rate": "y"}),
    (_samples(pa.float64(), pa.int64()), {"array": [float("nan")] * 9, "sampling_rate": 2**40}),
    *((pa.map_(pa.string(), pa.int64()), [("a", 1)]), (pa.dictionary(pa.int32(), pa.string()), "d")),
    (pa.binary(3), b"abc"),
)


def parquet_column(rng: Random, data: bytes) -> bytes:
    """A Parquet file with a column of another type, name or number of nulls."""
    try:
        table = parquet.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError):
        return data
    place = rng.randrange(max(table.num_columns, 1))
    kind, value = rng.choice(KINDS_OF_COLUMN)
    filled = [value if rng.random() < 0.8 else None for _ in range(table.num_rows)]
    name = table.column_names[place] if rng.random() < 0.8 else rng.choice((*TEXTS, *table.column_names))
    try:
        column = pa.array(filled, kind)
        table = table.set_column(place, name, column) if rng.random() < 0.8 else table.append_column(name, column)
        if rng.random() < 0.1:
            table = table.slice(0, 0)
        sink = io.BytesIO()
        parquet.write_table(table, sink)
    except (pa.ArrowException, UnicodeEncodeError, OSError, TypeError):
        return data
    return sink.getvalue()


OF_SUFFIX: dict[str, tuple[Mutator, ...]] = {
    ".json": (json_value,),
    ".jsonl": (json_line,),
    ".yaml": (yaml_value, yaml_value, yaml_trick),
    ".parquet": (parquet_column,),
    **dict.fromkeys((".csv", ".tsv", ".txt", ".trn", ".stm", ".ctm"), (cell,)),
}
"""What a format has besides its bytes, by its ending."""


def spoilt(rng: Random, data: bytes, suffix: str) -> bytes:
    """A file with one to three things wrong: first in what its format says (or not), then in its bytes."""
    own = OF_SUFFIX.get(suffix, ())
    by_format = bool(own) and rng.random() < 0.6
    if by_format:
        data = rng.choice(own)(rng, data)
    for _ in range(rng.choice((0, 0, 0, 1, 2)) if by_format else rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(BYTES)(rng, data)
    return data
