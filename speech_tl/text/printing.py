"""Text from data, paths and models as it may reach a terminal or a report: what would steer a terminal is spelt out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

STEERING = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f"  # C0 without the tab, DEL, and C1, whose CSI is ESC [ in one character
    r"\u2028\u2029\u202a-\u202e\u2066-\u2069"  # line ends, and what turns the direction of writing over
    r"\ud800-\udfff]"  # halves of pairs: bytes of a file's name that are no text, which no stream takes
)
"""Characters that act on what shows them. Marks of one character's direction (U+200E, U+200F) are text."""


def printable(text: Any, *, lines: bool = False) -> str:
    """`text` with every character that steers a terminal as \\uXXXX, which JSON reads back as it was.

    Args:
        text: anything; other than text is made text.
        lines: whether line ends are meant: a page, not a line in which data could begin another one.

    >>> printable("a\\x1b[2Jb\\n"), printable("a\\x9bb\\n", lines=True)
    ('a\\\\u001b[2Jb\\\\u000a', 'a\\\\u009bb\\n')
    """
    return STEERING.sub(lambda found: found[0] if lines and found[0] == "\n" else f"\\u{ord(found[0]):04x}", str(text))


def literal(*parts: Any, style: str = "") -> Text:
    """Lines for rich, each as `printable` has it: square brackets are no markup, and :name: is no picture."""
    from rich.text import Text

    return Text("\n".join(map(printable, parts)), style)
