"""Several recognisers side by side: their rates, the differences between pairs of them, and both for each group.

A recogniser goes by its number in the ranking here; names of any length stand in the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from speech_tl.reporting import svg
from speech_tl.reporting.plots.shared import escaped, points
from speech_tl.reporting.svg import BOTTOM, LETTER, RIGHT, TOP, WIDTH, mark
from speech_tl.text import Rate

if TYPE_CHECKING:
    from markupsafe import Markup

ROW_HEIGHT = 26
LINE_HEIGHT = 15  # of one recogniser within a group
NAME_LETTERS = 24


class Measure(NamedTuple):
    """One figure with its 95 % interval, both fractions; `sure` draws a filled dot, else a hollow one."""

    name: str
    value: float
    ci95: Sequence[float] | None
    sure: bool = True


def ranked_plot(rows: Sequence[Measure], rate: Rate = "wer") -> Markup:
    """Each recogniser's error rate, best first, at least one."""
    title = f"{rate.upper()} of each, with its 95 % interval"
    return _dots(title, rows, f"{rate.upper()} (%)", differences=False)


def pairs_plot(rows: Sequence[Measure], rate: Rate = "wer") -> Markup:
    """By how much the worse of each pair is worse; hollow where that is not significant."""
    axis = f"{rate.upper()} of the second less that of the first (points)"
    return _dots("Differences: ● significant, ○ not significant", rows, axis, differences=True)


def grouped_plot(title: str, groups: Mapping[str, Sequence[Measure]], rate: Rate = "wer") -> Markup:
    """Each recogniser's error rate in each group: at least one group, in each the same recognisers in their order."""
    left = _left(list(groups)) + 14
    place, span = _scale([one for rows in groups.values() for one in rows], left)
    heights = [LINE_HEIGHT * len(rows) + 8 for rows in groups.values()]
    axis = TOP + sum(heights)
    marks = svg.bottom_axis(place, span, axis, f"{rate.upper()} (%)", left=left, grid_from=TOP)
    top: float = TOP
    for (name, rows), height in zip(groups.items(), heights, strict=True):
        middle = top + height / 2
        label = svg.cut(name, NAME_LETTERS)
        marks.append(mark("text", "label", label, x=left - 24, y=middle + 4, text_anchor="end"))
        for number, row in enumerate(rows):
            y = top + 4 + LINE_HEIGHT * (number + 0.5)
            marks.append(mark("text", "tick", row.name, x=left - 8, y=y + 4, text_anchor="end"))
            marks += _dot(row, place, y, f"{name}, {row.name}", differences=False)
        top += height
        marks.append(mark("line", "grid", x1=8, x2=WIDTH - RIGHT, y1=top, y2=top))
    said = "; ".join(
        f"{name}: " + ", ".join(f"{row.name} {100 * row.value:.1f}" for row in rows) for name, rows in groups.items()
    )
    return svg.figure(title, f"{title}, {rate.upper()} in per cent by number in the ranking. {said}.", marks,
                      axis + BOTTOM)  # fmt: skip


def _dots(title: str, rows: Sequence[Measure], axis_name: str, differences: bool) -> Markup:
    """A row for each figure: its name, its interval, its dot and the figure itself."""
    left = _left([row.name for row in rows])
    place, span = _scale(rows, left, zero=differences)
    axis = TOP + ROW_HEIGHT * len(rows)
    marks = svg.bottom_axis(place, span, axis, axis_name, left=left, grid_from=TOP)
    if differences:
        marks.append(mark("line", "zero", x1=place(0), x2=place(0), y1=TOP, y2=axis))
    for number, row in enumerate(rows):
        y = TOP + ROW_HEIGHT * (number + 0.5)
        marks.append(
            mark("text", "label", svg.cut_within(row.name, NAME_LETTERS), x=left - 8, y=y + 4, text_anchor="end")
        )
        marks += _dot(row, place, y, row.name, differences)
    said = "; ".join(f"{row.name}: {_told(row, differences)}" for row in rows)
    return svg.figure(title, f"{title}. {said}.", marks, axis + BOTTOM)


def _dot(row: Measure, place: svg.Place, y: float, name: str, differences: bool) -> list[str]:
    """One figure's interval and dot, with what they say when the mouse rests on them."""
    marks = []
    if row.ci95:
        low, high = (place(100 * end) for end in row.ci95)
        marks.append(mark("line", "after ci", x1=low, x2=high, y1=y, y2=y))
    marks.append(mark("circle", "after" if row.sure else "before", cx=place(100 * row.value), cy=y, r=5))
    tip = f"<title>{escaped(f'{name}: {_told(row, differences)}')}</title>"
    return [f'<g class="row">{tip}{"".join(marks)}</g>']


def _told(row: Measure, differences: bool) -> str:
    """A figure in words."""
    value = points(100 * row.value) if differences else f"{100 * row.value:.1f}"
    ends = [points(100 * end) if differences else f"{100 * end:.1f}" for end in row.ci95 or ()]
    return f"{value} ({ends[0]} to {ends[1]})" if ends else value


def _left(names: Sequence[str]) -> float:
    """Where the drawing begins, to the right of the longest name."""
    return 14 + LETTER * min(NAME_LETTERS, max(len(name) for name in names))


def _scale(rows: Sequence[Measure], left: float, zero: bool = False) -> tuple[svg.Place, svg.Span]:
    """From per cent to places; all figures and the ends of their intervals fit in, and `zero` if that matters."""
    values = [100 * value for row in rows for value in (row.value, *(row.ci95 or ()))]
    low, high = svg.span_of([*values, 0.0] if zero else values)
    span = (low if zero else max(low, 0.0)), high
    return svg.scale(span, left, WIDTH - RIGHT), span
