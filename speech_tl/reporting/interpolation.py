"""The curve between old and new weights in a report: what each share keeps and what it gains, and which was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speech_tl.reporting import words
from speech_tl.reporting.plots.lines import lines_plot

TARGET = "target dev"
"""What the target's dev split is called beside the guards, whose names have no space."""


def rule(found: Mapping[str, Any]) -> str:
    """How the share was chosen, in a sentence."""
    rate = found["rates"][TARGET].upper()
    allowed = ", ".join(f"{name} {words.points(limit)} points" for name, limit in found["limits"].items())
    return f"the lowest {rate} on dev among the shares at which no guard's dev part loses more than allowed ({allowed})"


def finding(found: Mapping[str, Any]) -> str:
    """What was chosen and what that costs beside the new weights alone, in a sentence."""
    if not found["points"]:
        return f"interpolated: {words.percent(found['share'])} of the new weights, as the recipe gives it"
    first, last = found["points"][0]["scores"], found["points"][-1]["scores"]
    taken = next(point for point in found["points"] if point["share"] == found["share"])["scores"]
    parts = []
    for name, rate in found["rates"].items():
        rates = [words.percent(scores[name]["leading"]) for scores in (first, taken, last)]
        who = "dev" if name == TARGET else f"guard {name} (dev part)"
        parts.append(f"{who} {rate.upper()} {rates[0]} with the old weights, {rates[1]} now, {rates[2]} with the new")
    return f"interpolated: {words.percent(found['share'])} of the new weights; " + "; ".join(parts)


def interpolation_section(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """What page and Markdown show: the plot, a row for each share, the rule; None where nothing was interpolated."""
    found = (report.get("training") or {}).get("interpolation")
    if not found or not found["points"]:
        return None
    names = list(found["rates"])
    series = {
        said(name): [(point["share"], 100 * point["scores"][name]["leading"]) for point in found["points"]]
        for name in names
    }
    units = {rate.upper() for rate in found["rates"].values()}
    return {
        "plot": lines_plot(
            "Between the old and the new weights",
            "share of the new weights",
            series,
            unit=f"{' / '.join(sorted(units))} (%)",
            chosen=found["share"],
        ),
        "names": ["target" if name == TARGET else name for name in names],
        "rows": [
            {
                "share": f"{point['share']:g}",
                "rates": [words.percent(point["scores"][name]["leading"]) for name in names],
                "verdict": _verdict(point, found),
            }
            for point in found["points"]
        ],
        "rule": f"All on dev parts. Chosen: {rule(found)}. Test sets were not looked at.",
    }


def said(name: str) -> str:
    """A set's name for a reader."""
    return "target, dev" if name == TARGET else f"guard {name}, dev part"


def _verdict(point: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """What a row of the table says of its share."""
    if point["share"] == found["share"]:
        return "chosen"
    return "" if point["allowed"] else "too much lost"
