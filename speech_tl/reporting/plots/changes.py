"""How an error rate changed: one interval, pairs of dots, the cloud of the speakers."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from speech_tl.reporting import svg
from speech_tl.reporting.plots.shared import Dot, PairedRow, escaped, points
from speech_tl.reporting.svg import BOTTOM, LEFT, LETTER, RIGHT, TOP, WIDTH, mark
from speech_tl.text import Rate

if TYPE_CHECKING:
    from markupsafe import Markup

ROW_HEIGHT = 26
NAME_LETTERS = 18
SPREAD_BINS = 24
SPREAD_HEIGHT = 150


def interval_plot(change: Dot, rate: Rate = "wer") -> Markup:
    """The change of an error rate, with its 95 % interval, in percentage points, and zero as a line."""
    middle, low, high = change.values
    span = svg.span_of([low, high, 0.0], margin=0.2)
    place, dot, axis = svg.scale(span, 24, WIDTH - RIGHT), 48, 72
    zero = place(0.0)
    said = f"{points(middle)} ({points(low)} to {points(high)})"
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
        rows: at least one.
        rate: which one.
    """
    span = svg.span_of([value for row in rows for side in row[1:3] for value in side.values])
    span = max(0.0, span[0]), span[1]
    left = 14 + LETTER * min(NAME_LETTERS, max(len(row.name) for row in rows))
    place, axis = svg.scale(span, left, WIDTH - RIGHT), TOP + ROW_HEIGHT * len(rows)
    marks = svg.bottom_axis(place, span, axis, f"{rate.upper()} (%)", left=left, grid_from=TOP)
    for number, row in enumerate(rows):
        marks.append(_paired(row, place, TOP + ROW_HEIGHT * (number + 0.5), left))
    alternative = f"{title}, {rate.upper()} in per cent: {'; '.join(map(str, rows))}."
    return svg.figure(f"{title}: ○ before, ● after", alternative, marks, axis + BOTTOM)


def _paired(row: PairedRow, place: svg.Place, y: float, left: float) -> str:
    """One row: name, the way from before to after, and above and below it the intervals of the two."""
    first, last = place(100 * row.before.value), place(100 * row.after.value)
    marks = [
        mark("text", "label", svg.cut(row.name, NAME_LETTERS), x=left - 8, y=y + 4, text_anchor="end"),
        mark("line", "way", x1=first, x2=last, y1=y, y2=y),
    ]
    for css, side, x, shift in (("before", row.before, first, -6), ("after", row.after, last, 6)):
        if side.ci95:
            low, high = (place(100 * end) for end in side.ci95)
            marks.append(mark("line", f"{css} ci", x1=low, x2=high, y1=y + shift, y2=y + shift))
        marks.append(mark("circle", css, cx=x, cy=y, r=5))
    tip = f"<title>{escaped(f'{row.name}: before {row.before}, after {row.after}')}</title>"
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
        mark("circle", _side_of(change), tip=f"{name}: {points(change)} points", cx=x, cy=upright(row + 0.5), r=radius)
        for row, (change, name) in enumerate(stack)
    )


def _side_of(change: float) -> str:
    """The class of a change's dot."""
    return "better" if change < 0 else "worse" if change > 0 else "same"
