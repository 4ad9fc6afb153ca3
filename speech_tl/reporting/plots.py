"""Plots as SVG in one style: a title, axes with units, a text alternative; colours come from the page around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

WIDTH, HEIGHT = 420, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 30, 44

Point = tuple[float, float]


def interval_plot(change: Mapping[str, Any]) -> Markup:
    """The change of the WER in percentage points as a dot with its 95 % interval, and zero as a line."""
    low, high = (100 * end for end in change["ci95"])
    middle = 100 * change["absolute"]
    height = 96
    place = _scale(_span([low, high, 0.0]), LEFT, WIDTH - LEFT)
    axis = height - 40
    zero = place(0.0)
    marks = [
        f'<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="26" y2="{axis}"/>',
        *_bottom_axis(place, _ticks(*_span([low, high, 0.0])), axis, height, "change of the WER (percentage points)"),
        f'<line class="interval" x1="{place(low):.1f}" x2="{place(high):.1f}" y1="40" y2="40"/>',
        f'<circle class="dot" cx="{place(middle):.1f}" cy="40" r="6"/>',
    ]
    alternative = f"Change {middle:.1f} points, 95 % interval {low:.1f} to {high:.1f}; left of zero is better."
    return _svg("Change with its 95 % interval (left of zero is better)", alternative, marks, height)


def curve_plot(title: str, unit: str, points: Sequence[Point], across: str = "step") -> Markup:
    """A curve over training steps.

    Args:
        title: what is shown.
        unit: of the upright axis.
        points: (step, value), in order; at least one, all finite.
        across: the level axis' name.
    """
    steps, values = [step for step, _ in points], [value for _, value in points]
    span = _span([*values, 0.0])
    x, y = _scale(_span(steps, margin=0.0), LEFT, WIDTH - RIGHT), _scale(span, HEIGHT - BOTTOM, TOP)
    path = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in points)
    last = f'<circle class="dot" cx="{x(steps[-1]):.1f}" cy="{y(values[-1]):.1f}" r="3.5"/>'
    marks = [
        *_side_axis(y, _ticks(*span), unit),
        *_bottom_axis(x, _ticks(*_span(steps, margin=0.0)), HEIGHT - BOTTOM, HEIGHT, across),
        f'<polyline class="curve" points="{path}"/>',
        last,
    ]
    ends = [f"{value:.3g} at {across} {step:g}" for step, value in (points[0], points[-1])]
    alternative = f"{title} ({unit}): from {ends[0]} to {ends[1]}, lowest {min(values):.3g}."
    return _svg(title, alternative, marks, HEIGHT)


def _svg(title: str, alternative: str, marks: Sequence[str], height: int) -> Markup:
    """The whole drawing; text is escaped, marks are ours."""
    from markupsafe import Markup, escape

    head = f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(alternative)}">'
    return Markup(f'{head}<text class="title" x="2" y="14">{escape(title)}</text>{"".join(marks)}</svg>')


def _bottom_axis(
    place: Callable[[float], float], ticks: Sequence[float], at: float, height: int, name: str
) -> list[str]:
    """The level axis at height `at`, its ticks and its name."""
    from markupsafe import escape

    marks = [f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>']
    marks += [
        f'<text class="tick" x="{place(t):.1f}" y="{at + 16}" text-anchor="middle">{_number(t)}</text>' for t in ticks
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    marks.append(f'<text class="name" x="{middle:.0f}" y="{height - 6}" text-anchor="middle">{escape(name)}</text>')
    return marks


def _side_axis(place: Callable[[float], float], ticks: Sequence[float], name: str) -> list[str]:
    """The upright axis' grid, ticks and name."""
    from markupsafe import escape

    marks = []
    for tick in ticks:
        y = place(tick)
        marks.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        marks.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(tick)}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    turn = f'transform="rotate(-90 12 {middle:.0f})"'
    marks.append(f'<text class="name" x="12" y="{middle:.0f}" text-anchor="middle" {turn}>{escape(name)}</text>')
    return marks


def _number(value: float) -> str:
    """A tick's label, with a real minus sign."""
    return f"{value:g}".replace("-", "−")


def _span(values: Sequence[float], margin: float = 0.08) -> tuple[float, float]:
    """The lowest and highest value with some room; never of zero width."""
    low, high = min(values), max(values)
    room = (high - low) * margin or (0.5 if low == high else 0.0)
    return (low if low == 0 and high > 0 else low - room), (high if high == 0 and low < 0 else high + room)


def _scale(span: tuple[float, float], start: float, end: float) -> Callable[[float], float]:
    """From values of `span` to places between `start` and `end`."""
    low, high = span
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """About `wanted` round numbers between `low` and `high`."""
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]
