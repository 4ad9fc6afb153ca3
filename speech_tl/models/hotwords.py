"""Files of hotwords: names and terms that a recogniser is to write more readily."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from speech_tl.errors import BadInput
from speech_tl.text import read_text


def read_hotwords(
    path: Path, source: str, spell: Callable[[str], str], missing: Callable[[str], Iterable[str]]
) -> list[str]:
    """The hotwords of a file, one a line, as a model spells them.

    Args:
        path: the file; empty lines say nothing.
        source: the model's name, for messages.
        spell: makes of a line what the model would write.
        missing: what of a line the model cannot write.

    Raises:
        BadInput: the file cannot be read or holds none, or one that the model cannot write.
    """
    if not path.is_file():
        raise BadInput(f"there is no file of hotwords {path}: expected a text file, one a line")
    found = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if lacking := sorted(missing(line)):
            raise BadInput(
                f"{path} line {number}: {source} cannot write {' '.join(lacking)} of {line.strip()!r}: "
                "spell it with letters that it has"
            )
        found += [spell(line)] if spell(line).strip() else []
    if not found:
        raise BadInput(f"{path} holds no hotwords: expected one a line")
    return found
