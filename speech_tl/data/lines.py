"""Lines of CSV or TSV -> rows, each line for itself: what is quoted, what is a lone mark, what is no row at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from speech_tl.data.columns import standard_names
from speech_tl.data.paths import AUDIO_SUFFIXES
from speech_tl.data.table import Fault

Row = list[str | None]

LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r|\Z)")
"""A line and what ends it."""

_MOST_LINES = 200  # in one quoted cell


@dataclass(frozen=True)
class Layout:
    """How a file is laid out: its columns, what is between them, and how many lines stand before the rows.

    `plain` says that Arrow can read it: the header is the first thing, and no line ends with CR alone.
    """

    header: list[str]
    separator: str
    skip: int
    plain: bool
    notes: list[str]

    @property
    def audio(self) -> int | None:
        """The place of the column of audio files."""
        names = standard_names(self.header)
        return next((place for place, name in enumerate(self.header) if names.get(name, name) == "audio"), None)


@dataclass
class Rows:
    """Rows as their lines have them.

    Attributes:
        header: names of the columns.
        rows: the cells of each, as many as there are columns; None for those that a faulty row lacks.
        lines: the number of the line that each begins in.
        faults: rows whose line has more or fewer cells.
        notes: what a person should know about how they were read.
    """

    header: list[str]
    rows: list[Row]
    lines: list[int]
    faults: dict[int, Fault]
    notes: list[str]


@dataclass
class _Line:
    """A line's text, its number, and what ends it."""

    text: str
    number: int
    end: str


def split_lines(text: str, layout: Layout) -> Rows:
    """The rows behind the header. Where marks between tabs stand alone, nothing there is quoted."""
    lines = list(_lines(text))[layout.skip :]
    found, stray = _rows(_Splitter(lines, layout, quoting=True), layout)
    if stray and layout.separator == "\t":
        found, _ = _rows(_Splitter(lines, layout, quoting=False), layout)
    if stray:
        more = f" and {len(stray) - 1} more" if len(stray) > 1 else ""
        found.notes.append(f"line {stray[0]}{more}: quotation marks that do not enclose a cell are kept as characters")
    return found


def _lines(text: str) -> Iterator[_Line]:
    for number, found in enumerate(LINE.finditer(text), 1):
        if found.end() > found.start():
            yield _Line(found.group(1), number, found.group(2))


def _rows(splitter: _Splitter, layout: Layout) -> tuple[Rows, list[int]]:
    """All rows, and the lines with lone marks."""
    found = Rows(layout.header, [], [], {}, [])
    stray: list[int] = []
    width, at = splitter.width, 0
    while at < len(splitter.lines):
        line = splitter.lines[at]
        if not line.text.strip(" "):
            at += 1
            continue
        cells, lone, taken = splitter.row(at)
        at += taken
        if lone:
            stray.append(line.number)
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            cells = cells[:width]
        if len(cells) != width:
            what = f"line {line.number} has {len(cells)} cells under {width} columns"
            more = f"a text that holds {splitter.separator!r} needs quotes around it"
            advice = more if len(cells) > width else "is the line complete?"
            found.faults[len(found.rows)] = Fault("malformed", f"{what}; {advice}")
            cells = cells[:width]
        found.rows.append([*cells, *[None] * (width - len(cells))])
        found.lines.append(line.number)
    return found, stray


class _Splitter:
    """Lines -> the cells of their rows; with `quoting` off, marks are characters wherever a line then fits."""

    def __init__(self, lines: Sequence[_Line], layout: Layout, *, quoting: bool) -> None:
        self.lines, self.separator, self.width, self.quoting = lines, layout.separator, len(layout.header), quoting
        self.swallows = swallows_in(layout, next((line.text for line in lines if line.text.strip()), ""))

    def row(self, at: int) -> tuple[list[str], bool, int]:
        """The cells of the row that begins at a line, whether a mark is a character there, and the lines it takes."""
        text = self.lines[at].text
        raw = text.split(self.separator)
        if '"' not in text:
            return self._over_a_return(at) or (raw, False, 1)
        if not self.quoting and len(raw) == self.width:
            return raw, False, 1
        cells, lone = cells_of(text, self.separator)
        if not lone:
            return cells, False, 1
        return self._over_lines(at) or ((raw if len(raw) == self.width else cells), True, 1)

    def _over_lines(self, at: int) -> tuple[list[str], bool, int] | None:
        """The row whose quoted cell goes on for more lines; None where its mark is never closed."""
        text, end = self.lines[at].text, self.lines[at].end
        for taken, line in enumerate(self.lines[at + 1 : at + _MOST_LINES], 2):
            if self.swallows(self.lines[at].text, line.text):
                return None
            text, end = text + end + line.text, line.end
            cells, lone = cells_of(text, self.separator)
            if not lone:
                return (cells, False, taken) if len(cells) == self.width else None
        return None

    def _over_a_return(self, at: int) -> tuple[list[str], bool, int] | None:
        """The row that a CR in its text cuts in two."""
        pair = self.lines[at : at + 2]
        widths = [len(line.text.split(self.separator)) for line in pair]
        if len(pair) < 2 or pair[0].end != "\r" or sum(widths) != self.width + 1 or self.width == widths[1]:
            return None
        return f"{pair[0].text} {pair[1].text}".split(self.separator), False, 2


def cells_of(text: str, separator: str) -> tuple[list[str], bool]:
    """The cells of a row, and whether one begins with a mark that does not enclose it.

    >>> cells_of('a.wav, "one, two",say ""no""', ",")
    (['a.wav', 'one, two', 'say ""no""'], False)
    >>> cells_of('a.wav,"one,5" pipe', ",")
    (['a.wav', '"one', '5" pipe'], True)
    """
    if '"' not in text:
        return text.split(separator), False
    cells, lone = [], False
    for found in _cell(separator).finditer(text):
        quoted, plain, border = found.groups()
        cells.append(quoted.replace('""', '"') if quoted is not None else plain)
        lone |= quoted is None and plain.lstrip(" ").startswith('"')
        if not border:
            break
    return cells, lone


@cache
def _cell(separator: str) -> re.Pattern[str]:
    mark = re.escape(separator)
    return re.compile(rf'(?: *"([^"]*(?:""[^"]*)*)" *(?={mark}|\Z)|([^{mark}]*))({mark}|\Z)')


def swallows_in(layout: Layout, example: str) -> Callable[[str, str], bool]:
    """Tells whether a line behind an open quotation mark is a row of its own, so that the mark was never closed.

    It is when it has so many cells as a row, and both it and the line with the mark name an audio file where the
    example, a row that is right, has one. The second cell of a text over two lines is no audio file.
    """
    width, place = len(layout.header), layout.audio
    usual = _suffix(example.split(layout.separator), place)

    def named_alike(rows: Sequence[Sequence[str]]) -> bool:
        found = [_suffix(cells, place) for cells in rows]
        bare = place is not None and all(len(cells) > place and " " not in cells[place].strip() for cells in rows)
        return AUDIO_SUFFIXES.issuperset(found) or (bare and all(suffix == usual for suffix in found))

    def swallows(opening: str, line: str) -> bool:
        before, cells = (text.rstrip("\r").split(layout.separator) for text in (opening, line))
        if len(cells) != width or width < 2:
            return False
        return len(before) == width if place is None else named_alike((before, cells))

    return swallows


def _suffix(cells: Sequence[str], place: int | None) -> str:
    return Path(cells[place].strip().strip('"')).suffix.lower() if place is not None and place < len(cells) else ""
