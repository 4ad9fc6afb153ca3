"""Several lines in one drawing: told apart by dashes, dots and names, so that a print without colour can be read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from speech_tl.reporting import svg
from speech_tl.reporting.plots.curves import Point
from speech_tl.reporting.svg import BOTTOM, LEFT, RIGHT, TOP, WIDTH, mark

if TYPE_CHECKING:
    from markupsafe import Markup

HEIGHT = 260
KEY_HEIGHT = 16
Interval = tuple[float, float, float]
"""(x, low, high)."""

DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "1 2")


def lines_plot(
    title: str,
    across: str,
    series: Mapping[str, Sequence[Point]],
    unit: str = "WER (%)",
    doubling: bool = False,
    chosen: float | None = None,
    within: Mapping[str, Sequence[Interval]] | None = None,
    from_zero: bool = False,
) -> Markup:
    """A line for each of several series.

    Args:
        title: what is shown.
        across: the level axis' name.
        series: name -> (x, y) in order; at least one point in all, all finite.
        unit: of the upright axis.
        doubling: each doubling of x takes the same room, and the ticks are the values themselves; x above 0.
        chosen: an x to be marked by an upright line.
        within: name -> (x, low, high): upright intervals of that series.
        from_zero: begin the upright axis at zero, so that a small difference does not look like a large one.
    """
    points = [point for line in series.values() for point in line]
    intervals = within or {}
    value_of = (lambda x: math.log2(x)) if doubling else (lambda x: x)
    xs, ys = [value_of(x) for x, _ in points], [y for _, y in points]
    ys += [end for found in intervals.values() for _, *ends in found for end in ends] + ([0.0] if from_zero else [])
    floor = HEIGHT - BOTTOM
    across_span, span = svg.span_of(xs, margin=0.05), svg.span_of(ys)
    place, y = svg.scale(across_span, LEFT, WIDTH - RIGHT), svg.scale(span, floor, TOP)
    marks = svg.side_axis(y, span, floor, unit)
    if doubling:
        marks.append(mark("line", "axis", x1=LEFT, x2=WIDTH - RIGHT, y1=floor, y2=floor))
        for x in sorted({x for x, _ in points}):
            marks.append(mark("text", "tick", f"{x:g}", x=place(value_of(x)), y=floor + 16, text_anchor="middle"))
        middle = (LEFT + WIDTH - RIGHT) / 2
        marks.append(mark("text", "name", across, x=middle, y=floor + 35, text_anchor="middle"))
    else:
        marks += svg.bottom_axis(place, across_span, floor, across)
    if chosen is not None:
        x = place(value_of(chosen))
        marks.append(mark("line", "zero", tip=f"chosen: {chosen:g}", x1=x, x2=x, y1=TOP, y2=floor))
        side = "end" if chosen > sum(across_span) / 2 else "start"
        marks.append(mark("text", "label", "chosen", x=x + (-5 if side == "end" else 5), y=TOP + 8, text_anchor=side))
    for number, (name, line) in enumerate(series.items()):
        for x, low, high in intervals.get(name, ()):
            across_at = place(value_of(x)) + 3 * (number - (len(series) - 1) / 2)  # beside those of the other lines
            marks.append(mark("line", f"curve ci k{number % 6}", x1=across_at, x2=across_at, y1=y(low), y2=y(high)))
        marks += _line(number, name, [(place(value_of(x)), y(value), x, value) for x, value in line])
        marks += _key(number, name)
    said = "; ".join(
        f"{name}: " + ", ".join(f"{v:.1f} at {x:g}" for x, v in _ends(line)) for name, line in series.items()
    )
    said += "" if chosen is None else f". Chosen: {chosen:g}"
    return svg.figure(title, f"{title}, {unit} over {across}. {said}.", marks, HEIGHT + KEY_HEIGHT * len(series))


def _line(number: int, name: str, places: Sequence[tuple[float, float, float, float]]) -> list[str]:
    """One series: its line and its dots, which say what they are."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in places)
    marks = [_polyline(number, path)]
    for x, y, at, value in places:
        marks.append(mark("circle", f"dot k{number % 6}", tip=f"{name}: {value:.1f} at {at:g}", cx=x, cy=y, r=3))
    return marks


def _key(number: int, name: str) -> list[str]:
    """The series' name with a piece of its line, below the axis."""
    y = HEIGHT + KEY_HEIGHT * number + 4
    piece = _polyline(number, f"{LEFT},{y} {LEFT + 34},{y}")
    return [piece, mark("text", "label", svg.cut(name, 40), x=LEFT + 42, y=y + 4)]


def _polyline(number: int, path: str) -> str:
    """A line in the dashes and the colour of its number."""
    return f'<polyline class="curve k{number % 6}" stroke-dasharray="{DASHES[number % 6]}" points="{path}"/>'


def _ends(line: Sequence[Point]) -> list[Point]:
    """First and last point."""
    return [line[0], line[-1]] if len(line) > 1 else list(line)
