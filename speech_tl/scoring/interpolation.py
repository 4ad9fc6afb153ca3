"""The way between the old and the new weights: what each share of the new ones gives on dev, and which is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from speech_tl.figures import Figures
from speech_tl.text import Rate
from speech_tl.text.numbers import percent

TARGET = "target dev"
"""What the target's dev split is called beside the guards, whose names have no space."""

ROUNDING = 1e-12


class DevRates(Figures):
    """Error rates of one dev set with some share of the new weights; `choice` is what is minimised."""

    wer: float | None = None
    cer: float | None = None
    leading: float
    choice: float = 0.0


class SharePoint(Figures):
    """What one share of the new weights gives, by dev set, and whether no guard forbids it."""

    share: float
    scores: dict[str, DevRates]
    allowed: bool = True


class Interpolation(Figures):
    """The share of the new weights that a model got.

    Attributes:
        share: as chosen.
        points: the shares that were tried, rising; empty where the recipe gave one.
        limits: by how much each guard's leading rate may rise.
        rates: which rate leads, by dev set.
        utterances: of each dev set.
        finding: what was chosen, in a sentence.
    """

    share: float
    limits: dict[str, float] = Field({})
    points: list[SharePoint] = Field([])
    rates: dict[str, Rate] = Field({})
    utterances: dict[str, int] = Field({})
    finding: str = ""

    def told(self) -> str:
        """What was chosen and what that costs beside the new weights alone, in a sentence."""
        told = f"interpolated: {percent(self.share)} of the new weights"
        if not self.points:
            return f"{told}, as the recipe gives it"
        taken = next(point for point in self.points if point.share == self.share)
        parts = []
        for name, rate in self.rates.items():
            old, now, new = (percent(point.scores[name].leading) for point in (self.points[0], taken, self.points[-1]))
            who = "dev" if name == TARGET else f"guard {name} (dev part)"
            parts.append(f"{who} {rate.upper()} {old} with the old weights, {now} now, {new} with the new")
        return f"{told}; {'; '.join(parts)}"


def chosen(points: Sequence[SharePoint], limits: Mapping[str, float]) -> Interpolation:
    """The share that is best on dev (`scoring.dev_choice.choice`) among those that no guard forbids; of equals the
    smallest.

    Args:
        points: rising from 0.
        limits: by how much each guard's leading rate may rise above that at share 0.
    """
    first = points[0].scores
    for point in points:
        point.allowed = all(
            point.scores[name].leading <= first[name].leading + limit + ROUNDING for name, limit in limits.items()
        )
    allowed = (point for point in points if point.allowed)
    best = min(allowed, key=lambda point: (point.scores[TARGET].choice, point.share))
    return Interpolation(share=best.share, limits=dict(limits), points=list(points))
