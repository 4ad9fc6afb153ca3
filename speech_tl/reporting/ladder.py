"""The noise ladder in a report: how both models' error rates grow as noise does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speech_tl.reporting.plots import ladder_plot, paired_row
from speech_tl.reporting.report import BeforeAfter, Ladder, Rung
from speech_tl.text import Rate

if TYPE_CHECKING:
    from markupsafe import Markup

    from speech_tl.data import augment
    from speech_tl.scoring.wer import Evaluation


@dataclass(frozen=True)
class Climbed:
    """What both models wrote on each rung.

    Attributes:
        facts: how the rungs came about.
        rungs: name, ratio in dB (None without noise), before, after.
    """

    facts: Mapping[str, Any]
    rungs: Sequence[tuple[str, float | None, Evaluation, Evaluation]]


def climbed(ladder: augment.Ladder, before: Mapping[str, Evaluation], after: Mapping[str, Evaluation]) -> Climbed:
    """The ladder's rungs with what was measured on them, by their names."""
    return Climbed(
        ladder.facts, [(rung.name, rung.snr_db, before[rung.name], after[rung.name]) for rung in ladder.rungs]
    )


def ladder_figures(climb: Climbed, measured: Callable[[Evaluation, Evaluation], BeforeAfter]) -> Ladder:
    """The ladder as a report has it.

    Args:
        climb: what was decoded.
        measured: both scores and the change of a pair of evaluations.
    """
    rungs = [Rung(name=name, snr_db=snr_db, **dict(measured(*sides))) for name, snr_db, *sides in climb.rungs]
    return Ladder(**climb.facts, rungs=rungs)


def ladder_plot_of(ladder: Ladder, rate: Rate = "wer") -> Markup | None:
    """Both models' error rates on every rung; None where no rung has words."""
    rows = [row for rung in ladder.rungs if (row := paired_row(rung.name, rung, rate))]
    return ladder_plot(rows, rate) if rows else None


def heard_lines(ladder: Ladder) -> list[str]:
    """What the test set was heard through, and what training heard, in sentences."""
    noise = ladder.effects["noise"]
    sources = []
    if noise["folders"]:
        sources.append(f"{ladder.recordings['test']} recordings that training never heard")
    sources += [f"{kind} noise" if kind != "babble" else "babble of other test voices" for kind in noise["generated"]]
    lines = [f"{ladder.utterances} utterances of the test set, each with the same noise on every rung: "
             f"{', '.join(sources)}."]  # fmt: skip
    others = [name for name in ladder.effects if name != "noise"]
    if others:
        lines.append(f"Beside the noise, on every rung but “clean”: {', '.join(others)}.")
    lines.append("The ratio is that of the powers of speech and noise while somebody speaks.")
    return lines
