"""The report's plots in one style: a title, axes with units, a text alternative.

Before is a hollow dot and after a filled one everywhere, so that a print without colour can be read.
"""

from __future__ import annotations

from speech_tl.reporting.plots.changes import interval_plot, paired_plot, spread_plot
from speech_tl.reporting.plots.curves import Point, curve_plot, ladder_plot
from speech_tl.reporting.plots.kinds import KINDS, kinds_plot
from speech_tl.reporting.plots.ranking import Measure, grouped_plot, pairs_plot, ranked_plot
from speech_tl.reporting.plots.shared import Dot, PairedRow, paired_row

__all__ = [
    "KINDS",
    "Dot",
    "Measure",
    "PairedRow",
    "Point",
    "curve_plot",
    "grouped_plot",
    "interval_plot",
    "kinds_plot",
    "ladder_plot",
    "paired_plot",
    "paired_row",
    "pairs_plot",
    "ranked_plot",
    "spread_plot",
]
