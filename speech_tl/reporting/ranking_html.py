"""The page of a ranking: report.html of several recognisers on one test set, in the style of a run's page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speech_tl.reporting import words
from speech_tl.reporting.browser import browser_of
from speech_tl.reporting.html import rendered
from speech_tl.reporting.options import AudioMode
from speech_tl.reporting.plots import Measure, grouped_plot, pairs_plot, ranked_plot
from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.pairing import differing_conditions, pair
from speech_tl.scoring.wer import Evaluation

MOST_PAIRS = 28  # of 8 recognisers; of more, the plot has only those with the best one
MOST_GROUPS = 12  # of a plot; its table holds them all


def ranking_html(
    report: Mapping[str, Any],
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
    rate, names = report["rate"], [place["name"] for place in report["ranking"]]
    numbers = {name: str(number) for number, name in enumerate(names, 1)}
    called = {name: f"{numbers[name]} {short}" for name, short in zip(names, words.telling(names), strict=True)}
    first = evaluations[next(iter(evaluations))]
    sides = {called[name]: pair(first, evaluations[name]) for name in names}
    return rendered(
        "ranking.html",
        audio,
        browser_of(sides, list(report["groups"]), audio, folder, rate),
        rate,
        report=report,
        numbers=numbers,
        called=called,
        few=words.too_few(report["pairs"][0]),
        winner=words.winner(report, called.__getitem__),
        tone="better" if len(report["ranking"][0]["better_than"]) == len(names) - 1 else "open",
        test_line=_test_line(report, first),
        ranked=ranked_plot([_measure(called[place["name"]], place, rate) for place in report["ranking"]], rate),
        pairs=_pairs(report, numbers),
        groups=[_group(report, column, numbers) for column in report["groups"]],
        conditions=differing_conditions({called[name]: evaluations[name] for name in names}),
        beyond=sum(test["significant"] for test in report["pairs"]),
    )


def _measure(name: str, place: Mapping[str, Any], rate: str) -> Measure:
    """One recogniser's place as a figure."""
    return Measure(name, place[rate], place["rate_ci95"])


def _test_line(report: Mapping[str, Any], first: Evaluation) -> str:
    """The test set's size in one line."""
    place, rate = report["ranking"][0], report["rate"]
    speakers = len({utterance.speaker for utterance in first.utterances} - {None})
    said = f"{words.count(place['utterances'])} utterances, {words.count(words.units(place, rate))} {UNITS[rate]}"
    return said + (f", {words.count(speakers)} speaker{'s' if speakers > 1 else ''}" if speakers else "")


def _pairs(report: Mapping[str, Any], numbers: Mapping[str, str]) -> dict[str, Any]:
    """The plot of the differences, and whether it leaves some out."""
    best, tests = report["ranking"][0]["name"], report["pairs"]
    drawn = tests if len(tests) <= MOST_PAIRS else [test for test in tests if test["better"] == best]
    rows = [
        Measure(
            f"{numbers[test['better']]} and {numbers[test['worse']]}",
            test["absolute"],
            test["ci95"],
            test["significant"],
        )
        for test in drawn
    ]
    return {"plot": pairs_plot(rows, report["rate"]), "left_out": len(tests) - len(drawn)}


def _group(report: Mapping[str, Any], column: str, numbers: Mapping[str, str]) -> dict[str, Any]:
    """One column's groups: the plot of the largest, and how many it leaves out."""
    rate, groups = report["rate"], report["groups"][column]
    known = {value: found for value, found in groups.items() if None not in found["rates"].values()}
    most = sorted(known, key=lambda value: -known[value][UNITS[rate]])[:MOST_GROUPS]
    rows = {
        value: [Measure(number, found["rates"][name], found["ci95"][name]) for name, number in numbers.items()]
        for value, found in known.items()
        if value in most
    }
    plot = grouped_plot(f"{rate.upper()} by {column}", rows, rate) if rows else None
    return {"column": column, "plot": plot, "values": groups, "not_drawn": len(known) - len(rows)}
