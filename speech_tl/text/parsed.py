"""JSON and YAML from anywhere -> plain values, or one line that says what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from speech_tl.errors import BadInput

LINE_ENDS = {"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""JSON leaves these as they are, but half of all readers would end a line at them."""

DEEPEST = 100
"""Lists and objects inside each other. Nothing that is meant has more, and what walks through values recurs."""

LONGEST = 1_000_000
"""Characters of a YAML file: a recipe has a few thousand, and each costs microseconds."""

MOST_NODES = 200_000
"""Values of a YAML file with its aliases written out: nine of nine of nine ... are a million from a line each."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_HALF = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")


def json_value(data: str | bytes, where: str, advice: str = "is the file complete?") -> Any:
    """The value that JSON text holds; NaN and infinities are read as Python's json reads them.

    Args:
        data: the text; bytes are UTF-8, or UTF-16 or UTF-32 as json finds out.
        where: file, or file and line, for the message.
        advice: what to do about it.

    Raises:
        BadInput: not JSON, an integer of thousands of digits, nested too deeply, or half a character (a surrogate).
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not JSON ({_brief(error)}); {advice}") from None
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and is_deep(value):
        raise BadInput(f"{where}: not JSON that is read (more than {DEEPEST} lists inside each other); {advice}")
    if (_HALF.search(raw) or b"\0" in raw) and any(map(_SURROGATE.search, _texts(value))):
        raise BadInput(f"{where}: half a character (a lone surrogate) in a text; {advice}")
    return value


def json_line(value: Any) -> str:
    """A value as one line of JSON, whatever characters its texts hold; of a table's cells, dates are written as text.

    Raises:
        ValueError: a number that is none, or infinite.
    """
    line = json.dumps(value, ensure_ascii=False, allow_nan=False, default=as_text)
    for character, escaped in LINE_ENDS.items():
        line = line.replace(character, escaped)
    return line


def as_text(value: Any) -> str:
    """What JSON and CSV have no form for (dates, decimals, bytes) as text; bytes that are no text in hexadecimal."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def yaml_value(text: str, where: str) -> Any:
    """The value that YAML text holds: plain ones only, for nothing in it names what is to be made.

    Raises:
        BadInput: not YAML, nested too deeply, or aliases that multiply.
    """
    import yaml

    if len(text) > LONGEST:
        raise BadInput(f"{where} is not YAML that is read: more than {LONGEST} characters")
    if _open_brackets(text) > 5 * DEEPEST:  # which the library takes long to find out
        raise BadInput(f"{where} is not YAML: nested too deeply")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None
        _size(node, {}, 0, where)
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except BadInput:
        raise
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, TypeError, AttributeError) as error:
        raise BadInput(f"{where} is not YAML: {_brief(error)}") from error


def _open_brackets(text: str) -> int:
    """Most brackets that are open at a time, those inside quotation marks among them."""
    most = now = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        now += 1 if bracket in "[{" else -1
        most = max(most, now)
    return most


def is_deep(value: Any) -> bool:
    """Whether lists and objects stand inside each other more than `DEEPEST` times."""
    layer = [value]
    for _ in range(DEEPEST + 1):
        layer = [inner for one in layer for inner in _inside(one)]
        if not layer:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    """The lists and objects in a value."""
    found = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [inner for inner in found if isinstance(inner, (dict, list))]


def _texts(value: Any) -> Iterator[str]:
    """All keys and strings in a value."""
    layer = [value]
    while layer:
        one = layer.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            yield from one
            layer.extend(one.values())
        elif isinstance(one, list):
            layer.extend(one)


def _size(node: Any, known: dict[int, int | None], depth: int, where: str) -> int:
    """How many values a YAML node is, aliases written out."""
    import yaml

    if depth > DEEPEST:
        raise BadInput(f"{where}: more than {DEEPEST} lists inside each other; expected a recipe's keys")
    size = known.get(id(node), 0)
    if size is None:
        raise BadInput(f"{where}: an alias (*) stands inside what it names; write the value out")
    if size or isinstance(node, yaml.ScalarNode):
        return size or 1
    known[id(node)] = None
    inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    size = 1 + sum(_size(part, known, depth + 1, where) for part in inner)
    if size > MOST_NODES:
        raise BadInput(f"{where}: more than {MOST_NODES} values, aliases (*) written out; expected a recipe's keys")
    known[id(node)] = size
    return size


def _brief(error: Exception) -> str:
    """The first line of an error."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, line {error.lineno} column {error.colno}"
    return (str(error).splitlines() or [type(error).__name__])[0].split("; use sys")[0][:120]
