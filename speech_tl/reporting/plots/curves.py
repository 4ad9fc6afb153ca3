"""Curves: over the steps of training, and over the rungs of a noise ladder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from speech_tl.reporting import svg
from speech_tl.reporting.plots.shared import Dot, PairedRow
from speech_tl.reporting.svg import BOTTOM, LEFT, RIGHT, TOP, WIDTH, mark
from speech_tl.text import Rate

if TYPE_CHECKING:
    from markupsafe import Markup

CURVE_HEIGHT = 210
CURVE_POINTS = 240  # more do not show
LADDER_HEIGHT = 260

Point = tuple[float, float]


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


def ladder_plot(points: Sequence[PairedRow], rate: Rate = "wer") -> Markup:
    """Error rates before and after on every rung, from clean speech to the loudest noise; at least one rung."""
    sides = {"before": [point.before for point in points], "after": [point.after for point in points]}
    values = [value for dots in sides.values() for dot in dots for value in dot.values]
    span, floor = (0.0, max(*values, 1e-3) * 1.06), LADDER_HEIGHT - BOTTOM
    place, y = svg.scale((-0.5, len(points) - 0.5), LEFT, WIDTH - RIGHT), svg.scale(span, floor, TOP)
    marks = svg.side_axis(y, span, floor, f"{rate.upper()} (%)")
    marks.append(mark("line", "axis", x1=LEFT, x2=WIDTH - RIGHT, y1=floor, y2=floor))
    for number, point in enumerate(points):
        label = svg.cut(point.name.replace("-", "−"), 9)
        marks.append(mark("text", "tick", label, x=place(number), y=floor + 16, text_anchor="middle"))
    name = "speech over noise (signal-to-noise ratio)"
    marks.append(mark("text", "name", name, x=(LEFT + WIDTH - RIGHT) / 2, y=floor + 35, text_anchor="middle"))
    names = [point.name for point in points]
    for (side, dots), shift in zip(sides.items(), (-3, 3), strict=True):
        marks += _rungs(side, names, dots, [place(number) + shift for number in range(len(points))], y)
    title = f"{rate.upper()} as noise grows: ○ before, ● after"
    alternative = f"{rate.upper()} in per cent on each rung of the noise ladder. {'; '.join(map(str, points))}."
    return svg.figure(title, alternative, marks, LADDER_HEIGHT)


def _rungs(side: str, names: Sequence[str], dots: Sequence[Dot], xs: Sequence[float], y: svg.Place) -> list[str]:
    """One model's line over the rungs, its dots, and its intervals."""
    path = " ".join(f"{x:.1f},{y(100 * dot.value):.1f}" for x, dot in zip(xs, dots, strict=True))
    marks = [f'<polyline class="ladder {side}" points="{path}"/>']
    for name, dot, x in zip(names, dots, xs, strict=True):
        if dot.ci95:
            low, high = (y(100 * end) for end in dot.ci95)
            marks.append(mark("line", f"{side} ci", x1=x, x2=x, y1=low, y2=high))
        tip = f"{name}: {side} {100 * dot.value:.1f} %"
        marks.append(mark("circle", side, tip=tip, cx=x, cy=y(100 * dot.value), r=5))
    return marks


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most `CURVE_POINTS` points: means of as many neighbours as need be."""
    size = math.ceil(len(points) / CURVE_POINTS)
    groups = [points[first : first + size] for first in range(0, len(points), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
