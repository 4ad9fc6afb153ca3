"""The noise ladder in a report: how both models' error rates grow as noise does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speech_tl.reporting.plots import LadderPoint, ladder_plot
from speech_tl.text import Rate

if TYPE_CHECKING:
    from speech_tl.data.augment import Ladder
    from speech_tl.scoring.wer import Evaluation

Figures = Callable[["Evaluation", "Evaluation"], dict[str, Any]]


@dataclass(frozen=True)
class Climbed:
    """What both models wrote on each rung.

    Attributes:
        facts: how the rungs came about.
        rungs: name, ratio in dB (None without noise), before, after.
    """

    facts: Mapping[str, Any]
    rungs: Sequence[tuple[str, float | None, Evaluation, Evaluation]]


def climbed(ladder: Ladder, before: Mapping[str, Evaluation], after: Mapping[str, Evaluation]) -> Climbed:
    """The ladder's rungs with what was measured on them, by their names."""
    return Climbed(
        ladder.facts, [(rung.name, rung.snr_db, before[rung.name], after[rung.name]) for rung in ladder.rungs]
    )


def ladder_figures(ladder: Climbed | None, figures: Figures) -> dict[str, Any] | None:
    """The ladder as report.json holds it; None where there is none.

    Args:
        ladder: what was measured.
        figures: both scores and the change of a pair of evaluations.
    """
    if ladder is None:
        return None
    rungs = [{"name": name, "snr_db": snr_db, **figures(*sides)} for name, snr_db, *sides in ladder.rungs]
    return {**ladder.facts, "rungs": rungs}


def ladder_section(report: Mapping[str, Any], rate: Rate = "wer") -> dict[str, Any] | None:
    """What the page shows: the plot, the rungs and what was heard; None without a ladder."""
    ladder = report.get("ladder")
    if not ladder:
        return None
    rungs = [rung for rung in ladder["rungs"] if all(rung[side][rate] is not None for side in ("before", "after"))]
    points = [LadderPoint(rung["name"], rung["before"], rung["after"]) for rung in rungs]
    return {
        "plot": ladder_plot(points, rate) if points else None,
        "rungs": ladder["rungs"],
        "heard": heard_lines(ladder),
    }


def heard_lines(ladder: Mapping[str, Any]) -> list[str]:
    """What the test set was heard through, and what training heard, in sentences."""
    effects, recordings = ladder["effects"], ladder["recordings"]
    noise = effects["noise"]
    sources = []
    if noise["folders"]:
        sources.append(f"{recordings['test']} recordings that training never heard")
    sources += [f"{kind} noise" if kind != "babble" else "babble of other test voices" for kind in noise["generated"]]
    lines = [f"{ladder['utterances']} utterances of the test set, each with the same noise on every rung: "
             f"{', '.join(sources)}."]  # fmt: skip
    others = [name for name in effects if name != "noise"]
    if others:
        lines.append(f"Beside the noise, on every rung but “clean”: {', '.join(others)}.")
    lines.append("The ratio is that of the powers of speech and noise while somebody speaks.")
    return lines
