"""The text of a recording -> pieces to look for in it: lines or sentences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from speech_tl.errors import BadInput
from speech_tl.text import read_text

By = Literal["line", "sentence"]

_FINAL = ".!?…。！？।॥؟۔"
_CLOSING = "\"'”’»)\\]"
_BORDER = re.compile(rf"(?<=[{_FINAL}])[{_CLOSING}]*(?:\s+|(?<=[。！？]))")
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:\w|Mr|Mrs|Ms|Dr|St|Prof|No|vs|etc|Nr|bzw|z\.B|d\.h|M|Mme|Sr|Sra)\.$")


def read_pieces(path: str | Path, by: By | None = None) -> list[str]:
    """A text's pieces, in order, as written.

    Args:
        path: UTF-8 text.
        by: "line" takes every line as a piece; "sentence" joins the lines of a paragraph and cuts it at the ends of its
            sentences; None takes sentences where the text marks their ends, lines where it does not.

    Raises:
        BadInput: not there, not UTF-8, or without words.
    """
    text = read_text(path).replace("\r\n", "\n").replace("\r", "\n")
    if by is None:
        by = "sentence" if re.search(rf"[{_FINAL}]", text) else "line"
    if by == "line":
        pieces = text.split("\n")
    else:
        pieces = [piece for paragraph in re.split(r"\n\s*\n", text) for piece in sentences(paragraph)]
    found = [" ".join(piece.split()) for piece in pieces]
    found = [piece for piece in found if any(character.isalnum() for character in piece)]
    if not found:
        raise BadInput(f"{path}: no words in it; expected what is said in the recording, as plain text")
    return found


def sentences(paragraph: str) -> list[str]:
    """Cut at the ends of sentences; initials and common abbreviations end none.

    >>> sentences("Mr. Smith met J. R. He said \\"No.\\" Then\\nhe left.")
    ['Mr. Smith met J. R. He said "No."', 'Then he left.']
    """
    text = " ".join(paragraph.split())
    found: list[str] = []
    begin = 0
    for border in _BORDER.finditer(text):
        before, after = text[begin : border.start()], text[border.end() : border.end() + 1]
        if _ABBREVIATION.search(before) or after.islower():
            continue
        found.append(text[begin : border.end()].strip())
        begin = border.end()
    return [*found, text[begin:].strip()] if text[begin:].strip() else found
