"""report.md: short enough for a pull request, complete enough to be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from speech_tl.reporting import words
from speech_tl.reporting.interpolation import interpolation_section
from speech_tl.reporting.ladder import heard_lines
from speech_tl.reporting.plots import KINDS
from speech_tl.reporting.report import Guard, Ladder, Report, Target, Training
from speech_tl.reporting.style import as_written, style_line
from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.groups import Gap, Group
from speech_tl.scoring.kinds import ErrorKinds
from speech_tl.scoring.significance import Difference
from speech_tl.text import Rate, printable

GROUPS_SHOWN = 12
WORDS_SHOWN = 6
LONGEST_WORD = 24  # a looping model writes words of hundreds of letters


def markdown_page(report: Report) -> str:
    """The report as Markdown: what changed, whether that is real, for whom, at what price, under which conditions.

    What older reports lack leaves its part out.
    """
    change, rate = report.target.change, report.rate
    tests = words.tests_lines(change, bootstrap=False)  # the bootstrap's p stands in the line of the change
    parts = [
        f"# {escaped(report.name)}",
        judged_headline(report),
        " ".join([f"Change {words.change_line(change)} ({change.method}).", *tests]),
        escaped(words.guards_verdict(report.guards)) if report.training or report.guards else "",
        "\n".join(f"> {escaped(note)}" for note in report.notes),
        scores_table(report.target),
        words.search_line(report),
        words.shortened_line(report),
        _ladder(report.ladder, rate) if report.ladder else "",
        "## Guards\n\n" + guards_table(report.guards) if report.guards else "",
        _interpolation(report.training),
        *(_group(column, groups, report.gaps.get(column), rate) for column, groups in report.groups.items()),
        _errors(report.errors, rate),
        _training(report.training),
        _rounds(report.training),
        folded("Conditions", _conditions(report)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def headline(target: Target) -> str:
    """The leading rate before and after: "WER 25.0 % → 20.0 %"; of a language without spaces the CER comes first."""
    rates: list[Rate] = ["wer"] if target.rate == "wer" else ["cer", "wer"]
    return ", ".join(f"{rate.upper()} {' → '.join(map(words.percent, target.rates_in(rate)))}" for rate in rates)


def judged_headline(report: Report) -> str:
    """The headline with its verdict; a test set too small for one is said first."""
    change, told = report.target.change, headline(report.target)
    if few := words.too_few(change):
        return f"**{few[0].upper()}{few[1:]}.** {told}."
    return f"**{told}**: {words.verdict(change)}."


def escaped(text: Any) -> str:
    """Text from data that can break neither a table nor the page: no markup, no line ends, nothing for a terminal."""
    line = printable(" ".join(str(text).split()))
    for character in "\\`*_[]<>|#":
        line = line.replace(character, f"\\{character}")
    return line


def code(text: Any) -> str:
    """Text from data between marks of code, which it cannot end."""
    line = printable(" ".join(str(text).split())).replace("`", "'")
    return f"`{line.replace('|', chr(92) + '|')}`"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose first column is left-aligned, the others right."""
    lines = [headings, [":--", *["--:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def folded(title: str, content: str) -> str:
    """A part that a pull request shows folded, and any other reader as it is."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def scores_table(target: Target) -> str:
    """The main table: both scores and by how much they differ."""
    sides, rate = target.sides, target.rate
    other = words.OTHER[rate]
    intervals = [f"{words.percent(side.rate(rate))} ({words.interval(side.interval(rate))})" for side in sides]
    rows = [[f"{rate.upper()} (95 % interval)", *intervals, words.change_of(*target.rates)]]
    rows.append([other.upper(), *_both(target.rates_in(other))])
    if written := as_written(target):
        rows.append([f"{rate.upper()} of the text as written", *_both((written[0].rate(rate), written[1].rate(rate)))])
    before, after = (side.edits(rate) for side in sides)
    for name, first, last in zip(KINDS, before[1:], after[1:], strict=True):
        rows.append([name, words.count(first), words.count(last), words.count_change(first, last)])
    rows.append([UNITS[rate], words.count(before.units), words.count(after.units), ""])
    rows.append(["utterances", *(words.count(side.utterances) for side in sides), ""])
    shown = table(["", "before", "after", "change"], rows)
    return f"{shown}\n\n{escaped(left_out)}" if (left_out := style_line(target)) else shown


def _both(rates: tuple[float | None, float | None]) -> list[str]:
    """A rate before and after, and by how much it changed."""
    return [*map(words.percent, rates), words.change_of(*rates)]


def guards_table(guards: Mapping[str, Guard]) -> str:
    """What the adaptation cost elsewhere, test set by test set."""
    rates = {guard.rate for guard in guards.values()}
    shared = f"{min(rates).upper()} before" if len(rates) == 1 else "before"
    rows = [_guard(name, guard, named=len(rates) > 1) for name, guard in guards.items()]
    return table(["test set", shared, "after", "points (95 % interval)", "limit", "normaliser", ""], rows)


def _guard(name: str, guard: Guard, named: bool) -> list[str]:
    """One guard's row; its rate is `named` where not all guards have the same one."""
    prefix = f"{guard.rate.upper()} " if named else ""
    verdict = words.verdict(guard.change)
    return [
        escaped(name),
        *(prefix + words.percent(rate) for rate in guard.rates),
        _with_interval(guard.change),
        words.points(guard.limit),
        code(guard.normaliser) if guard.normaliser else words.NOTHING,
        f"**beyond its limit**, {verdict}" if guard.exceeded else verdict,
    ]


def _ladder(ladder: Ladder, rate: Rate) -> str:
    """Error rates from clean speech to the loudest noise."""
    other = words.OTHER[rate]
    rows = [
        [
            escaped(rung.name),
            *map(words.percent, rung.rates_in(rate)),
            _with_interval(rung.change),
            *map(words.percent, rung.rates_in(other)),
        ]
        for rung in ladder.rungs
    ]
    headings = ["speech over noise", f"{rate.upper()} before", "after", "points (95 % interval)"]
    headings += [f"{other.upper()} before", "after"]
    return "\n\n".join(["## In noise", escaped(" ".join(heard_lines(ladder))), table(headings, rows)])


def _interpolation(training: Training) -> str:
    """The shares of the new weights that were tried, what each costs, and which was taken."""
    found = interpolation_section(training)
    if found is None:
        return ""
    rows = [[row.share, row.verdict, *row.rates] for row in found.rows]
    headings = ["share of the new weights", "", *map(escaped, found.names)]
    return "\n\n".join(["## Between the old and the new weights", escaped(found.rule), table(headings, rows)])


def _group(column: str, groups: Mapping[str, Group], gap: Gap | None, rate: Rate) -> str:
    """One column's groups, the largest ones where there are many, and how far the best and the worst are apart."""
    units = {value: group.before.edits(rate).units for value, group in groups.items()}
    largest = sorted(groups, key=lambda value: -units[value])[:GROUPS_SHOWN]
    rows = []
    for value, group in groups.items():
        if value in largest:
            rates = group.before.rate(rate), group.after.rate(rate)
            change = _with_interval(group.change) if group.change else words.change_of(*rates)
            name = escaped(value) + (" (too small to judge)" if group.small else "")
            rows.append([name, *map(words.percent, rates), change, words.count(units[value])])
    parts = [
        f"## By {escaped(column)}",
        escaped(words.gap_line(gap)),
        table([escaped(column), f"{rate.upper()} before", "after", "points (95 % interval)", UNITS[rate]], rows),
    ]
    if left := len(groups) - len(largest):
        parts.append(f"{left} smaller groups are in report.json and report.html.")
    return "\n\n".join(part for part in parts if part)


def _errors(errors: ErrorKinds, rate: Rate) -> str:
    """The kinds of error in a few lines: words that were won and lost, confusions, what no speech explains."""
    lines = {
        f"{UNITS[rate]} fixed": [f"{_cut(word)} {n}" for word, n in errors.fixed],
        f"{UNITS[rate]} broken": [f"{_cut(word)} {n}" for word, n in errors.broken],
        "confusions before": [f"{_cut(said)} → {_cut(heard)} {n}" for said, heard, n in errors.confusions.before],
        "confusions after": [f"{_cut(said)} → {_cut(heard)} {n}" for said, heard, n in errors.confusions.after],
    }
    strange = {
        "loops": errors.loops,
        "longer than speech allows": errors.overlong,
        "text where nothing is said": errors.on_silence,
    }
    lines["utterances"] = [f"{told} {sides.before} → {sides.after}" for told, sides in strange.items() if sides]
    told = [f"- {name}: {', '.join(found[:WORDS_SHOWN])}" for name, found in lines.items() if found]
    return "## Errors\n\n" + "\n".join(told) if told else ""


def _cut(word: str) -> str:
    """A word that fits a line."""
    return escaped(word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 3]}...")


def _training(training: Training) -> str:
    """The training in one line."""
    facts = words.training_facts(training)
    return "Training: " + ", ".join(f"{name} {value}" for name, value in facts) + "." if facts else ""


def _rounds(training: Training) -> str:
    """What each round of pseudo-labels kept and made."""
    headings, rows = words.pseudo_label_rows(training)
    if not rows:
        return ""
    shown = [[escaped(cell) for cell in row] for row in rows]
    return f"## Pseudo-labels\n\n{table(headings, shown)}\n\nEvery label, kept or not and why: `rounds/N/labels.jsonl`."


def _conditions(report: Report) -> str:
    """What a reader needs to repeat the measurement, and what test shares with train."""
    reason = report.normaliser_reason
    lines = [
        f"- normaliser: {code(report.normaliser)} (rules {code(report.normaliser_hash)}), "
        "the same for references and both models" + (f"; {escaped(reason)}" if reason else ""),
        f"- model: {escaped(words.short(report.model))}",
        f"- decoding: {escaped(words.short(report.decoding))}",
        f"- versions: {escaped(words.short(report.versions or 'unknown'))}",
    ]
    if aside := words.set_aside(report):
        lines.append(f"- data: {escaped(aside)}")
    lines.extend(f"- train and test: {escaped(line)}" for line in words.leak_lines(report.leaks))
    lines.extend(f"- differs: {escaped(line)}" for line in report.conditions)
    return "\n".join(lines)


def _with_interval(change: Difference) -> str:
    """A change in points with its 95 % interval."""
    return words.points(change.absolute) + (f" ({words.ends(change.ci95)})" if change.ci95 else "")
