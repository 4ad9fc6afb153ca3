"""The report of several recognisers on one test set: its figures, report.md, and a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from speech_tl.reporting import words
from speech_tl.reporting.markdown import code, escaped, table
from speech_tl.reporting.options import AudioMode
from speech_tl.reporting.ranking_html import ranking_html
from speech_tl.reporting.report import RankedGroup, Ranking
from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.files import write_json
from speech_tl.scoring.groups import is_small, members
from speech_tl.scoring.pairing import differing_conditions, pair
from speech_tl.scoring.ranking import rank
from speech_tl.scoring.significance import LEVEL
from speech_tl.scoring.wer import Evaluation, Score
from speech_tl.text import literal, write_atomically

if TYPE_CHECKING:
    from rich.table import Table

RULE = f"significant: 95 % interval excludes zero and corrected p below {LEVEL}"


def build_ranking(evaluations: Mapping[str, Evaluation], by: Sequence[str] = (), seed: int = 0) -> Ranking:
    """Every figure of a ranking.

    Args:
        evaluations: of one test set, by name; the first one's columns say who belongs to which group.
        by: manifest columns to report by group.
        seed: of the bootstrap.

    Raises:
        BadInput: they are not of the same words, or a group's column does not exist.
    """
    order, tests = rank(evaluations, seed)
    first = next(iter(evaluations.values()))
    return Ranking(
        rate=first.rate,
        ranking=order,
        pairs=tests,
        correction=f"Holm 1979, {len(tests)} pairs; {RULE}",
        groups={column: _groups(evaluations, column) for column in by},
        normaliser=first.normaliser,
        normaliser_hash=first.normaliser_hash,
        models={name: side.model for name, side in evaluations.items()},
        decoding={name: side.decoding for name, side in evaluations.items()},
        data=first.data,
        versions=first.versions,
        conditions=differing_conditions(evaluations),
    )


def write_ranking(
    report: Ranking, folder: str | Path, evaluations: Mapping[str, Evaluation], audio: AudioMode = "none"
) -> Path:
    """Write report.json, report.md and report.html into `folder` (made if need be); returns the folder.

    Args:
        report: from `build_ranking`.
        folder: made if need be.
        evaluations: what was ranked, by name.
        audio: how the page plays utterances.
    """
    folder = Path(folder)
    page = ranking_html(report, evaluations, audio, folder)
    write_json(folder / "report.json", report.as_dict())
    write_atomically(folder / "report.md", ranking_page(report))
    write_atomically(folder / "report.html", page)
    return folder


def ranking_page(report: Ranking) -> str:
    """The ranking as Markdown: the order, every pair's test, the groups, the conditions."""
    rows = [[escaped(cell) for cell in row] for row in _rows(report)]
    parts = [
        f"# {len(rows)} recognisers on one test set",
        f"**{words.winner(report, escaped)}** Ranked by {report.rate.upper()}; normaliser "
        f"{code(report.normaliser)} (rules {code(report.normaliser_hash)}).",
        table(["rank", "recogniser", *_headings(report)], rows),
        "## Every pair\n\n" + _pairs(report),
        *(_group(report, column) for column in report.groups),
        "\n".join(f"- differs: {escaped(line)}" for line in report.conditions),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def ranking_table(report: Ranking) -> Table:
    """The order, compact enough for a terminal."""
    from rich import box
    from rich.table import Table

    found = Table(
        box=box.SIMPLE,
        padding=(0, 0, 0, 1),
        caption=literal(
            words.winner(report),
            report.pairs[0].method,
            report.correction,
            f"normaliser {report.normaliser}",
            style="table.caption",
        ),
        caption_justify="left",
    )
    for heading in ("", "", *_headings(report)):
        figures = heading not in ("", "better than")
        found.add_column(heading, justify="right" if figures else "left", no_wrap=figures, overflow="fold")
    names = [place.name for place in report.ranking]
    short = dict(zip(names, words.telling(names), strict=True))  # full paths would fold into towers
    for row in _rows(report, short.__getitem__):
        found.add_row(*map(literal, row))
    return found


def _headings(report: Ranking) -> list[str]:
    """What the columns behind a recogniser's name hold: the leading rate first."""
    rate = report.rate
    return [rate.upper(), "95 % interval", words.OTHER[rate].upper(), "sub.", "del.", "ins.", "better than"]


def _rows(report: Ranking, written: Callable[[str], str] = str) -> list[list[str]]:
    """One line of figures for each recogniser, its name as `written`; those that it beats are named by their ranks."""
    rate, ranks = report.rate, {place.name: str(place.rank) for place in report.ranking}
    return [
        [
            str(place.rank),
            written(place.name),
            words.percent(place.rate(rate)),
            words.interval(place.rate_ci95),
            words.percent(place.rate(words.OTHER[rate])),
            *map(words.count, place.edits(rate)[1:]),
            ", ".join(dict.fromkeys(ranks[name] for name in place.better_than)) or words.NOTHING,
        ]
        for place in report.ranking
    ]


def _pairs(report: Ranking) -> str:
    """The table of all tests."""
    rows = [
        [
            escaped(test.better),
            escaped(test.worse),
            words.points(test.absolute),
            words.ends(test.ci95),
            words.exact_p(test.p_value),
            words.exact_p(test.p_holm),
            words.exact_p(test.mapsswe_p_holm),
            "yes" if test.significant else "no",
        ]
        for test in report.pairs
    ]
    headings = ["better", "worse", "points", "95 % interval", "p", "p (Holm)", "MAPSSWE p (Holm)", "significant"]
    return f"{table(headings, rows)}\n\nCorrection: {report.correction}. Tests: {report.pairs[0].method}."


def _group(report: Ranking, column: str) -> str:
    """One column's groups: the leading rate of each recogniser, in the order of the ranking."""
    names = [place.name for place in report.ranking]
    rows = [
        [
            escaped(value) + (" (too small to judge)" if found.small else ""),
            *(words.percent(found.rates[name]) for name in names),
            words.count(found.units),
        ]
        for value, found in report.groups[column].items()
    ]
    return f"## By {escaped(column)}\n\n" + table([escaped(column), *map(escaped, names), UNITS[report.rate]], rows)


def _groups(evaluations: Mapping[str, Evaluation], column: str) -> dict[str, RankedGroup]:
    """The leading rate of each recogniser in each group."""
    names = list(evaluations)
    first = evaluations[names[0]]
    sides = {name: pair(first, evaluations[name], (names[0], name)).utterances for name in names}
    found = {}
    for value, indices in members(first.utterances, column).items():
        scores = {name: Score.of([side[index] for index in indices]) for name, side in sides.items()}
        one, rate = scores[names[0]], first.rate
        found[value] = RankedGroup(
            **{UNITS[rate]: one.edits(rate).units},
            small=is_small(one, rate),
            rates={name: score.rate(rate) for name, score in scores.items()},
            ci95={name: score.interval(rate) for name, score in scores.items()},
        )
    return found
