"""The page of a ranking: report.html of several recognisers on one test set, in the style of a run's page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from speech_tl.reporting import words
from speech_tl.reporting.browser import browser_of
from speech_tl.reporting.html import rendered
from speech_tl.reporting.options import AudioMode
from speech_tl.reporting.plots import Measure, grouped_plot, pairs_plot, ranked_plot
from speech_tl.reporting.report import RankedGroup, Ranking
from speech_tl.reporting.sections import test_line
from speech_tl.scoring.pairing import differing_conditions, pair
from speech_tl.scoring.wer import Evaluation

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_PAIRS = 28  # of 8 recognisers; of more, the plot has only those with the best one
MOST_GROUPS = 12  # of a plot; its table holds them all


def ranking_html(
    report: Ranking,
    evaluations: Mapping[str, Evaluation],
    audio: AudioMode = "none",
    folder: Path | None = None,
) -> str:
    """The ranking as a page; nothing in it is loaded from elsewhere, all text from data is escaped.

    Args:
        report: from `build_ranking`.
        evaluations: what was ranked, by name.
        audio: "embed" puts at most 40 clips into the page, "link" points at the files, "none" leaves sound out.
        folder: where the page will lie, for links.
    """
    rate, names = report.rate, [place.name for place in report.ranking]
    numbers = {name: str(number) for number, name in enumerate(names, 1)}
    called = {name: f"{numbers[name]} {short}" for name, short in zip(names, words.telling(names), strict=True)}
    first = evaluations[next(iter(evaluations))]
    sides = {called[name]: pair(first, evaluations[name]) for name in names}
    return rendered(
        "ranking.html",
        audio,
        browser_of(sides, list(report.groups), audio, folder, rate),
        rate,
        report=report,
        numbers=numbers,
        called=called,
        few=words.too_few(report.pairs[0]),
        winner=words.winner(report, called.__getitem__),
        tone="better" if len(report.ranking[0].better_than) == len(names) - 1 else "open",
        test_line=test_line(report.ranking[0], rate, first.utterances),
        ranked=ranked_plot(
            [Measure(called[place.name], place.rate(rate) or 0.0, place.rate_ci95) for place in report.ranking], rate
        ),
        pairs=_pairs(report, numbers),
        groups=[_group(report, column, numbers) for column in report.groups],
        conditions=differing_conditions({called[name]: evaluations[name] for name in names}),
        beyond=sum(test.significant for test in report.pairs),
    )


class Pairs(NamedTuple):
    """The plot of the differences, and how many it leaves out."""

    plot: Markup
    left_out: int


class GroupPlot(NamedTuple):
    """One column's groups, the plot of the largest, and how many it leaves out."""

    column: str
    plot: Markup | None
    groups: Mapping[str, RankedGroup]
    not_drawn: int


def _pairs(report: Ranking, numbers: Mapping[str, str]) -> Pairs:
    """The differences of all pairs, or where they are many of those with the best one."""
    best, tests = report.ranking[0].name, report.pairs
    drawn = tests if len(tests) <= MOST_PAIRS else [test for test in tests if test.better == best]
    rows = [
        Measure(f"{numbers[test.better]} and {numbers[test.worse]}", test.absolute or 0.0, test.ci95, test.significant)
        for test in drawn
    ]
    return Pairs(pairs_plot(rows, report.rate), len(tests) - len(drawn))


def _group(report: Ranking, column: str, numbers: Mapping[str, str]) -> GroupPlot:
    """One column's groups."""
    rate, groups = report.rate, report.groups[column]
    known = {value: found for value, found in groups.items() if None not in found.rates.values()}
    most = sorted(known, key=lambda value: -known[value].units)[:MOST_GROUPS]
    rows = {
        value: [Measure(number, found.rates[name] or 0.0, found.ci95[name]) for name, number in numbers.items()]
        for value, found in known.items()
        if value in most
    }
    plot = grouped_plot(f"{rate.upper()} by {column}", rows, rate) if rows else None
    return GroupPlot(column, plot, groups, len(known) - len(rows))
