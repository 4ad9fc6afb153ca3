"""Drawing in SVG: scales, ticks, axes and the frame that all plots share; colours come from the page around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

WIDTH = 400
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 44
LETTER = 6.6  # about how wide a letter of a label is, in the drawing's units

Place = Callable[[float], float]
Span = tuple[float, float]


def figure(title: str, alternative: str, marks: Sequence[str], height: float) -> Markup:
    """A whole plot: its title, and the drawing with what it shows in words for those who do not see it.

    Args:
        title: stands above the drawing; plain text.
        alternative: what the drawing shows; plain text.
        marks: the drawing's elements, from `mark` and the axes.
        height: of the drawing, in its own units (it is `WIDTH` wide).
    """
    from markupsafe import Markup, escape

    head = f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(alternative)}">'
    return Markup(f'<figure class="plot"><figcaption>{escape(title)}</figcaption>{head}{"".join(marks)}</svg></figure>')


def mark(tag: str, css: str, text: str | None = None, tip: str | None = None, **places: Any) -> str:
    """One element; `text` is its content, `tip` what shows when the mouse rests on it, numbers are places.

    An underscore in a name becomes a hyphen: `text_anchor`.
    """
    from markupsafe import escape

    written = "".join(f' {name.replace("_", "-")}="{escape(_written(value))}"' for name, value in places.items())
    inside = (f"<title>{escape(tip)}</title>" if tip else "") + (str(escape(text)) if text is not None else "")
    start = f'<{tag} class="{css}"{written}'
    return f"{start}>{inside}</{tag}>" if inside else f"{start}/>"


def bottom_axis(place: Place, span: Span, at: float, name: str, left: float = LEFT, grid_from: float = 0) -> list[str]:
    """The level axis at height `at` with ticks and its name below; with `grid_from`, lines up to that height."""
    marks = [mark("line", "axis", x1=left, x2=WIDTH - RIGHT, y1=at, y2=at)]
    for tick in ticks(*span):
        x = place(tick)
        if grid_from:
            marks.append(mark("line", "grid", x1=x, x2=x, y1=grid_from, y2=at))
        marks.append(mark("text", "tick", number(tick), x=x, y=at + 16, text_anchor="middle"))
    middle = (left + WIDTH - RIGHT) / 2
    return [*marks, mark("text", "name", name, x=middle, y=at + 35, text_anchor="middle")]


def side_axis(place: Place, span: Span, bottom: float, name: str, whole: bool = False) -> list[str]:
    """The upright axis' grid, ticks and name; `whole` leaves out ticks between whole numbers."""
    marks = []
    for tick in ticks(*span):
        if whole and tick != int(tick):
            continue
        y = place(tick)
        marks.append(mark("line", "grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
        marks.append(mark("text", "tick", number(tick), x=LEFT - 6, y=y + 4, text_anchor="end"))
    middle = (TOP + bottom) / 2
    turn = f"rotate(-90 12 {middle:.0f})"
    return [*marks, mark("text", "name", name, x=12, y=middle, text_anchor="middle", transform=turn)]


def number(value: float) -> str:
    """A tick's label, with a real minus sign."""
    return f"{value:g}".replace("-", "−")


def cut(text: str, letters: int) -> str:
    """`text` in at most so many letters."""
    return text if len(text) <= letters else text[: letters - 1] + "…"


def cut_within(text: str, letters: int) -> str:
    """`text` in at most so many letters, its two ends kept: what tells paths apart may stand at either."""
    start = letters // 2
    return text if len(text) <= letters else text[:start] + "…" + text[len(text) - (letters - start - 1) :]


def span_of(values: Sequence[float], margin: float = 0.08) -> Span:
    """The lowest and highest value with some room; never of zero width."""
    low, high = min(values), max(values)
    room = (high - low) * margin or (0.5 if low == high else 0.0)
    return (low if low == 0 and high > 0 else low - room), (high if high == 0 and low < 0 else high + room)


def scale(span: Span, start: float, end: float) -> Place:
    """From values of `span` to places between `start` and `end`."""
    low, high = span
    return lambda value: start + (value - low) / (high - low) * (end - start)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """About `wanted` round numbers between `low` and `high`."""
    step = round_step((high - low) / wanted)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def round_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5, 5, 10 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _written(value: Any) -> str:
    """A place with one decimal, anything else as its text."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, (int, float)) else str(value)
