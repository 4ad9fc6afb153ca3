"""The curve between old and new weights in a report: what each share keeps and what it gains, and which was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from speech_tl.reporting import words
from speech_tl.reporting.plots.lines import lines_plot
from speech_tl.reporting.report import Training
from speech_tl.scoring.interpolation import TARGET, Interpolation, SharePoint

if TYPE_CHECKING:
    from markupsafe import Markup


class ShareRow(NamedTuple):
    """One share of the new weights: what each set's error rate is, and whether it was chosen."""

    share: str
    rates: list[str]
    verdict: str


class InterpolationSection(NamedTuple):
    """What page and Markdown show: the plot, the sets' names, a row for each share, the rule."""

    plot: Markup
    names: list[str]
    rows: list[ShareRow]
    rule: str


def rule(found: Interpolation) -> str:
    """How the share was chosen, in a sentence."""
    rate = found.rates[TARGET].upper()
    allowed = ", ".join(f"{name} {words.points(limit)} points" for name, limit in found.limits.items())
    return f"the lowest {rate} on dev among the shares at which no guard's dev part loses more than allowed ({allowed})"


def interpolation_section(training: Training) -> InterpolationSection | None:
    """The way between the old and the new weights; None where no share was tried."""
    found = training.interpolation
    if not found or not found.points:
        return None
    names = list(found.rates)
    series = {said(name): [(point.share, 100 * point.scores[name].leading) for point in found.points] for name in names}
    units = {rate.upper() for rate in found.rates.values()}
    return InterpolationSection(
        plot=lines_plot(
            "Between the old and the new weights",
            "share of the new weights",
            series,
            unit=f"{' / '.join(sorted(units))} (%)",
            chosen=found.share,
        ),
        names=["target" if name == TARGET else name for name in names],
        rows=[
            ShareRow(
                f"{point.share:g}",
                [words.percent(point.scores[name].leading) for name in names],
                _verdict(point, found.share),
            )
            for point in found.points
        ],
        rule=f"All on dev parts. Chosen: {rule(found)}. Test sets were not looked at.",
    )


def said(name: str) -> str:
    """A set's name for a reader."""
    return "target, dev" if name == TARGET else f"guard {name}, dev part"


def _verdict(point: SharePoint, chosen: float) -> str:
    """What a row of the table says of its share."""
    if point.share == chosen:
        return "chosen"
    return "" if point.allowed else "too much lost"
