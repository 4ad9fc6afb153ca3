"""The report's plots in one style: a title, axes with units, a text alternative.

Before is a hollow dot and after a filled one everywhere, so that a print without colour can be read.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from speech_tl.reporting import svg
from speech_tl.reporting.svg import BOTTOM, LEFT, LETTER, RIGHT, TOP, WIDTH, mark
from speech_tl.reporting.words import ci95, edits, units
from speech_tl.scoring.alignment import UNITS
from speech_tl.text import Rate

if TYPE_CHECKING:
    from markupsafe import Markup

CURVE_HEIGHT = 210
CURVE_POINTS = 240  # more do not show
ROW_HEIGHT = 26
NAME_LETTERS = 18
BAR_HEIGHT = 30
SPREAD_BINS = 24
SPREAD_HEIGHT = 150
LADDER_HEIGHT = 260
KINDS = ("substitutions", "deletions", "insertions")

Point = tuple[float, float]


class LadderPoint(NamedTuple):
    """One rung of a noise ladder; scores as in report.json."""

    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


class PairedRow(NamedTuple):
    """One line of a paired dot plot: scores as in report.json, with the rate; `faint` where there are too few words."""

    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    faint: bool = False


def interval_plot(change: Mapping[str, Any], rate: Rate = "wer") -> Markup:
    """The change of an error rate in percentage points as a dot with its 95 % interval, and zero as a line."""
    low, high = (100 * end for end in change["ci95"])
    middle = 100 * change["absolute"]
    span = svg.span_of([low, high, 0.0], margin=0.2)
    place, dot, axis = svg.scale(span, 24, WIDTH - RIGHT), 48, 72
    zero = place(0.0)
    said = f"{_points(middle)} ({_points(low)} to {_points(high)})"
    half = len(said) * LETTER / 2 + 4
    marks = [
        *svg.bottom_axis(place, span, axis, f"change of the {rate.upper()} (percentage points)", left=24),
        mark("line", "zero", x1=zero, x2=zero, y1=20, y2=axis),
        mark("text", "better", "← better", x=zero - 8, y=14, text_anchor="end") if zero > 80 else "",
        mark("text", "worse", "worse →", x=zero + 8, y=14) if zero < WIDTH - 80 else "",
        mark("line", "interval", x1=place(low), x2=place(high), y1=dot, y2=dot),
        *(mark("line", "end", x1=place(end), x2=place(end), y1=dot - 7, y2=dot + 7) for end in (low, high)),
        mark("circle", "after", cx=place(middle), cy=dot, r=6.5),
        mark("text", "value", said, x=min(max(place(middle), half), WIDTH - half), y=dot - 14, text_anchor="middle"),
    ]
    alternative = f"Change {middle:.1f} points, 95 % interval {low:.1f} to {high:.1f}; below zero is better."
    return svg.figure("The change and its 95 % interval", alternative, marks, axis + BOTTOM)


def paired_plot(title: str, rows: Sequence[PairedRow], rate: Rate = "wer") -> Markup:
    """An error rate before and after for each row, with the 95 % intervals where they are known.

    Args:
        title: what the rows are.
        rows: at least one; each with the rate on both sides.
        rate: which one.
    """
    span = svg.span_of([100 * value for row in rows for side in row[1:3] for value in _values(side, rate)])
    span = max(0.0, span[0]), span[1]
    left = 14 + LETTER * min(NAME_LETTERS, max(len(row.name) for row in rows))
    place, axis = svg.scale(span, left, WIDTH - RIGHT), TOP + ROW_HEIGHT * len(rows)
    marks = svg.bottom_axis(place, span, axis, f"{rate.upper()} (%)", left=left, grid_from=TOP)
    for number, row in enumerate(rows):
        marks.append(_paired(row, rate, place, TOP + ROW_HEIGHT * (number + 0.5), left))
    said = "; ".join(
        f"{row.name}: {100 * row.before[rate]:.1f} before, {100 * row.after[rate]:.1f} after" for row in rows
    )
    alternative = f"{title}, {rate.upper()} in per cent: {said}."
    return svg.figure(f"{title}: ○ before, ● after", alternative, marks, axis + BOTTOM)


def _paired(row: PairedRow, rate: Rate, place: svg.Place, y: float, left: float) -> str:
    """One row: name, the way from before to after, and above and below it the intervals of the two."""
    first, last = (place(100 * side[rate]) for side in row[1:3])
    marks = [
        mark("text", "label", svg.cut(row.name, NAME_LETTERS), x=left - 8, y=y + 4, text_anchor="end"),
        mark("line", "way", x1=first, x2=last, y1=y, y2=y),
    ]
    for css, side, x, shift in (("before", row.before, first, -6), ("after", row.after, last, 6)):
        if ends := ci95(side, rate):
            low, high = (place(100 * end) for end in ends)
            marks.append(mark("line", f"{css} ci", x1=low, x2=high, y1=y + shift, y2=y + shift))
        marks.append(mark("circle", css, cx=x, cy=y, r=5))
    sides = [f"{name} {_said(side, rate)}" for name, side in (("before", row.before), ("after", row.after))]
    tip = f"<title>{_escaped(f'{row.name}: {sides[0]}, {sides[1]}')}</title>"
    return f'<g class="row{" faint" if row.faint else ""}">{tip}{"".join(marks)}</g>'


def spread_plot(title: str, changes: Sequence[tuple[str, float]], rate: Rate = "wer") -> Markup:
    """Each speaker's change as a dot, stacked where they are alike: how evenly a gain is shared out.

    Args:
        title: what is shown.
        changes: (speaker, change in percentage points), at least one, all finite.
        rate: what changed.
    """
    values = [change for _, change in changes]
    span = svg.span_of([*values, 0.0])
    step = svg.round_step((span[1] - span[0]) / SPREAD_BINS)
    stacks: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for speaker, change in sorted(changes, key=lambda found: found[1]):
        stacks[math.floor(change / step)].append((change, speaker))
    span = step * min(*stacks, 0), step * (max(*stacks, 0) + 1)
    place, floor = svg.scale(span, LEFT, WIDTH - RIGHT), TOP + SPREAD_HEIGHT
    highest = max(map(len, stacks.values()))
    upright = svg.scale((0, max(highest, 2)), floor, TOP + 4)
    marks = [
        *svg.side_axis(upright, (0, max(highest, 2)), floor, "speakers", whole=True),
        *svg.bottom_axis(place, span, floor, f"change of the speaker's {rate.upper()} (percentage points)"),
        *(_stack(stack, place((number + 0.5) * step), place(step) - place(0), upright)
          for number, stack in sorted(stacks.items())),
        mark("line", "zero", x1=place(0), x2=place(0), y1=TOP, y2=floor),
    ]  # fmt: skip
    better, worse = sum(value < 0 for value in values), sum(value > 0 for value in values)
    alternative = (
        f"{title}: {better} speakers better, {worse} worse, from {min(values):.1f} to {max(values):.1f} points, "
        f"the middle one {statistics.median(values):.1f}."
    )
    return svg.figure(title, alternative, marks, floor + BOTTOM)


def _stack(stack: Sequence[tuple[float, str]], x: float, width: float, upright: svg.Place) -> str:
    """The speakers of one bin, one dot each; a bar where dots would be too small to see."""
    height = upright(0) - upright(1)
    radius = min(width / 2 - 0.5, height / 2 - 0.3, 6.0)
    if radius < 1.6:
        top = upright(len(stack))
        css, tip = _side_of(stack[0][0]), f"{len(stack)} speakers"
        return mark("rect", css, tip=tip, x=x - width / 2 + 0.5, y=top, width=width - 1, height=upright(0) - top)
    return "".join(
        mark("circle", _side_of(change), tip=f"{name}: {_points(change)} points", cx=x, cy=upright(row + 0.5), r=radius)
        for row, (change, name) in enumerate(stack)
    )


def kinds_plot(before: Mapping[str, Any], after: Mapping[str, Any], rate: Rate = "wer") -> Markup:
    """Substitutions, deletions and insertions before and after, per 100 words (or characters) that were said."""
    sides = {"before": before, "after": after}
    shares = {
        name: [100 * edits(side, rate)[kind] / units(side, rate) for kind in KINDS] for name, side in sides.items()
    }
    span = 0.0, max(*map(sum, shares.values()), 1e-3) * 1.12
    place, axis = svg.scale(span, LEFT, WIDTH - RIGHT), TOP + 2 * (BAR_HEIGHT + 12) + 4
    marks = svg.bottom_axis(place, span, axis, f"errors in 100 {UNITS[rate]} said", grid_from=TOP)
    for row, (name, parts) in enumerate(shares.items()):
        marks += _bar(name, parts, UNITS[rate], place, TOP + row * (BAR_HEIGHT + 12) + 4)
    x: float = LEFT
    for kind, css in zip(KINDS, ("sub", "del", "ins"), strict=True):
        marks.append(mark("rect", f"part {css}", x=x, y=axis + 46, width=12, height=12))
        marks.append(mark("text", "label", kind, x=x + 17, y=axis + 56))
        x += 42 + LETTER * len(kind)
    said = [
        f"{name}: " + ", ".join(f"{value:.1f} {kind}" for kind, value in zip(KINDS, parts, strict=True))
        for name, parts in shares.items()
    ]
    alternative = f"Errors in 100 {UNITS[rate]}. {'; '.join(said)}."
    return svg.figure(f"Kinds of error: their lengths add up to the {rate.upper()}", alternative, marks, axis + 64)


def _bar(name: str, parts: Sequence[float], unit: str, place: svg.Place, y: float) -> list[str]:
    """One stacked bar with its figures inside, where they fit."""
    marks = [mark("text", "label", name, x=LEFT - 7, y=y + BAR_HEIGHT / 2 + 4, text_anchor="end")]
    reached = 0.0
    for kind, css, value in zip(KINDS, ("sub", "del", "ins"), parts, strict=True):
        start, end = place(reached), place(reached + value)
        tip = f"{name}: {value:.1f} {kind} in 100 {unit}"
        marks.append(mark("rect", f"part {css}", tip=tip, x=start, y=y, width=max(0.0, end - start), height=BAR_HEIGHT))
        if end - start > 30:
            middle = y + BAR_HEIGHT / 2 + 4
            marks.append(mark("text", f"on-{css}", f"{value:.1f}", x=(start + end) / 2, y=middle, text_anchor="middle"))
        reached += value
    return marks


def curve_plot(title: str, unit: str, points: Sequence[Point], across: str = "step", lowest: bool = False) -> Markup:
    """A curve over training steps.

    Args:
        title: what is shown.
        unit: of the upright axis.
        points: (step, value), in order; at least one, all finite. Many are drawn as means of neighbours.
        across: the level axis' name.
        lowest: mark the lowest value and write it beside its dot; otherwise the last one is marked.
    """
    drawn = _thinned(points)
    steps, values = [step for step, _ in drawn], [value for _, value in drawn]
    floored = [*values, 0.0] if min(values) < max(values) / 2 else values  # a small change is to be seen too
    span, across_span = svg.span_of(floored), svg.span_of(steps, margin=0.0)
    floor = CURVE_HEIGHT - BOTTOM
    x, y = svg.scale(across_span, LEFT, WIDTH - RIGHT), svg.scale(span, floor, TOP)
    path = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in drawn)
    step, value = min(drawn, key=lambda point: point[1]) if lowest else drawn[-1]
    marks = [
        *svg.side_axis(y, span, floor, unit),
        *svg.bottom_axis(x, across_span, floor, across),
        f'<polyline class="curve" points="{path}"/>',
        mark("circle", "after", cx=x(step), cy=y(value), r=4),
        mark(
            "text",
            "value",
            f"{value:.3g}" if value < 10 else f"{value:.1f}",
            x=min(x(step), WIDTH - RIGHT - 12),
            y=y(value) - 9,
            text_anchor="middle",
        ),
    ]
    ends = [f"{value:.3g} at {across} {step:g}" for step, value in (points[0], points[-1])]
    least = min(value for _, value in points)
    alternative = f"{title} ({unit}): from {ends[0]} to {ends[1]}, lowest {least:.3g}."
    return svg.figure(title, alternative, marks, CURVE_HEIGHT)


def ladder_plot(points: Sequence[LadderPoint], rate: Rate = "wer") -> Markup:
    """Error rates before and after on every rung, from clean speech to the loudest noise.

    Args:
        points: the rungs in order, at least one, each with the rate on both sides.
        rate: "wer" or "cer", drawn with its 95 % intervals.
    """
    sides = {"before": [point.before for point in points], "after": [point.after for point in points]}
    values = [100 * value for side in sides.values() for score in side for value in _values(score, rate)]
    span, floor = (0.0, max(*values, 1e-3) * 1.06), LADDER_HEIGHT - BOTTOM
    place, y = svg.scale((-0.5, len(points) - 0.5), LEFT, WIDTH - RIGHT), svg.scale(span, floor, TOP)
    marks = svg.side_axis(y, span, floor, f"{rate.upper()} (%)")
    marks.append(mark("line", "axis", x1=LEFT, x2=WIDTH - RIGHT, y1=floor, y2=floor))
    for number, point in enumerate(points):
        label = svg.cut(point.name.replace("-", "−"), 9)
        marks.append(mark("text", "tick", label, x=place(number), y=floor + 16, text_anchor="middle"))
    name = "speech over noise (signal-to-noise ratio)"
    marks.append(mark("text", "name", name, x=(LEFT + WIDTH - RIGHT) / 2, y=floor + 35, text_anchor="middle"))
    for (side, scores), shift in zip(sides.items(), (-3, 3), strict=True):
        marks += _rungs(side, [point.name for point in points], scores, rate, lambda n, s=shift: place(n) + s, y)
    said = "; ".join(
        f"{point.name}: {100 * point.before[rate]:.1f} before, {100 * point.after[rate]:.1f} after" for point in points
    )
    title = f"{rate.upper()} as noise grows: ○ before, ● after"
    return svg.figure(
        title, f"{rate.upper()} in per cent on each rung of the noise ladder. {said}.", marks, LADDER_HEIGHT
    )


def _rungs(
    side: str, names: Sequence[str], scores: Sequence[Mapping[str, Any]], rate: Rate, x: svg.Place, y: svg.Place
) -> list[str]:
    """One model's line over the rungs, its dots, and its intervals."""
    path = " ".join(f"{x(number):.1f},{y(100 * score[rate]):.1f}" for number, score in enumerate(scores))
    marks = [f'<polyline class="ladder {side}" points="{path}"/>']
    for number, (name, score) in enumerate(zip(names, scores, strict=True)):
        value, *ends = _values(score, rate)
        if ends:
            low, high = (y(100 * end) for end in ends)
            marks.append(mark("line", f"{side} ci", x1=x(number), x2=x(number), y1=low, y2=high))
        tip = f"{name}: {side} {100 * value:.1f} %"
        marks.append(mark("circle", side, tip=tip, cx=x(number), cy=y(100 * value), r=5))
    return marks


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most `CURVE_POINTS` points: means of as many neighbours as need be."""
    size = math.ceil(len(points) / CURVE_POINTS)
    groups = [points[first : first + size] for first in range(0, len(points), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _values(side: Mapping[str, Any], rate: Rate) -> list[float]:
    """A score's error rate and the ends of its interval."""
    return [side[rate], *(ci95(side, rate) or [])]


def _said(side: Mapping[str, Any], rate: Rate) -> str:
    """A score in words."""
    ends = ci95(side, rate)
    interval = f" ({100 * ends[0]:.1f} to {100 * ends[1]:.1f})" if ends else ""
    return f"{100 * side[rate]:.1f} %{interval}"


def _points(value: float) -> str:
    """Percentage points with a real sign."""
    return f"{value:+.1f}".replace("-", "−")


def _side_of(change: float) -> str:
    """The class of a change's dot."""
    return "better" if change < 0 else "worse" if change > 0 else "same"


def _escaped(text: str) -> str:
    """Text that may hold markup, as text."""
    from markupsafe import escape

    return str(escape(text))
