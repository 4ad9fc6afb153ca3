"""Kinds of error as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from speech_tl.reporting import svg
from speech_tl.reporting.svg import LEFT, LETTER, RIGHT, TOP, WIDTH, mark
from speech_tl.scoring.alignment import UNITS, Edits
from speech_tl.text import Rate

if TYPE_CHECKING:
    from markupsafe import Markup

BAR_HEIGHT = 30
KINDS = ("substitutions", "deletions", "insertions")


def kinds_plot(before: Edits, after: Edits, rate: Rate = "wer") -> Markup:
    """Substitutions, deletions and insertions before and after, per 100 words (or characters) that were said."""
    sides = {"before": before, "after": after}
    shares = {name: [100 * count / side.units for count in side[1:]] for name, side in sides.items()}
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
