"""report.md: short enough for a pull request, complete enough to be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from speech_tl.reporting import words
from speech_tl.reporting.interpolation import interpolation_section
from speech_tl.reporting.ladder import heard_lines
from speech_tl.reporting.style import as_written, style_line
from speech_tl.scoring.alignment import UNITS
from speech_tl.text import Rate, printable

GROUPS_SHOWN = 12
WORDS_SHOWN = 6
LONGEST_WORD = 24  # a looping model writes words of hundreds of letters
SIDES = ("before", "after")


def markdown_page(report: Mapping[str, Any]) -> str:
    """The report as Markdown: what changed, whether that is real, for whom, at what price, under which conditions.

    Keys that older reports lack leave their parts out.
    """
    target = report["target"]
    change, rate = words.leading(target), words.rate_of(target)
    tests = words.tests_lines({**change, "p_value": None})  # the bootstrap's p stands in the line of the change
    parts = [
        f"# {escaped(words.recipe_name(report))}",
        judged_headline(report),
        " ".join([f"Change {words.change_line(change)} ({change['method']}).", *tests]),
        escaped(words.guards_verdict(report["guards"])) if report["training"] or report["guards"] else "",
        "\n".join(f"> {escaped(note)}" for note in report.get("notes", [])),
        scores_table(target),
        words.search_line(report),
        words.shortened_line(report),
        _ladder(report.get("ladder"), rate),
        _guards(report["guards"]),
        _interpolation(report),
        *(
            _group(column, values, (report.get("gaps") or {}).get(column), rate)
            for column, values in report["groups"].items()
        ),
        _errors(report.get("errors") or {}, rate),
        _training(report["training"]),
        _rounds(report["training"]),
        folded("Conditions", _conditions(report)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def headline(report: Mapping[str, Any]) -> str:
    """The leading rate before and after: "WER 25.0 % → 20.0 %"; of a language without spaces the CER comes first."""
    target = report["target"]
    rates = list(dict.fromkeys([words.rate_of(target), "wer"]))
    told = [f"{name.upper()} {' → '.join(words.percent(target[side][name]) for side in SIDES)}" for name in rates]
    return ", ".join(told)


def judged_headline(report: Mapping[str, Any]) -> str:
    """The headline with its verdict; a test set too small for one is said first."""
    change = words.leading(report["target"])
    if few := words.too_few(change):
        return f"**{few[0].upper()}{few[1:]}.** {headline(report)}."
    return f"**{headline(report)}**: {words.verdict(change)}."


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


def scores_table(target: Mapping[str, Any]) -> str:
    """The main table: both scores and by how much they differ."""
    sides, rate = [target[side] for side in SIDES], words.rate_of(target)
    other = words.OTHER[rate]
    intervals = [f"{words.percent(side[rate])} ({words.interval(words.ci95(side, rate))})" for side in sides]
    rows = [[f"{rate.upper()} (95 % interval)", *intervals, words.change_of(*sides, rate)]]
    rows.append([other.upper(), *(words.percent(side[other]) for side in sides), words.change_of(*sides, other)])
    if written := as_written(target):
        rates = [words.percent(raw[rate]) for raw in written]
        rows.append([f"{rate.upper()} of the text as written", *rates, words.change_of(*written, rate)])
    counts = [words.edits(side, rate) for side in sides]
    for name in ("substitutions", "deletions", "insertions"):
        rows.append([name, *(words.count(side[name]) for side in counts), words.count_change(*counts, name)])
    rows.append([UNITS[rate], *(words.count(words.units(side, rate)) for side in sides), ""])
    rows.append(["utterances", *(words.count(side["utterances"]) for side in sides), ""])
    shown = table(["", "before", "after", "change"], rows)
    return f"{shown}\n\n{escaped(left_out)}" if (left_out := style_line(target)) else shown


def guards_table(guards: Mapping[str, Any]) -> str:
    """What the adaptation cost elsewhere, test set by test set."""
    rates = {words.rate_of(guard) for guard in guards.values()}
    shared = f"{min(rates).upper()} before" if len(rates) == 1 else "before"
    rows = [_guard(name, guard, named=len(rates) > 1) for name, guard in guards.items()]
    return table(["test set", shared, "after", "points (95 % interval)", "limit", "normaliser", ""], rows)


def _guard(name: str, guard: Mapping[str, Any], named: bool) -> list[str]:
    """One guard's row; its rate is `named` where not all guards have the same one."""
    rate, change = words.rate_of(guard), words.leading(guard)
    prefix = f"{rate.upper()} " if named else ""
    verdict = words.verdict(change)
    return [
        escaped(name),
        *(prefix + words.percent(guard[side][rate]) for side in SIDES),
        _with_interval(change),
        words.points(guard.get("limit")),
        code(guard["normaliser"]) if guard.get("normaliser") else words.NOTHING,
        f"**beyond its limit**, {verdict}" if guard.get("exceeded") else verdict,
    ]


def _ladder(ladder: Mapping[str, Any] | None, rate: Rate) -> str:
    """Error rates from clean speech to the loudest noise."""
    if not ladder:
        return ""
    other = words.OTHER[rate]
    rows = [
        [
            escaped(rung["name"]),
            *(words.percent(rung[side][rate]) for side in SIDES),
            _with_interval(words.leading(rung)),
            *(words.percent(rung[side][other]) for side in SIDES),
        ]
        for rung in ladder["rungs"]
    ]
    headings = ["speech over noise", f"{rate.upper()} before", "after", "points (95 % interval)"]
    headings += [f"{other.upper()} before", "after"]
    return "\n\n".join(["## In noise", escaped(" ".join(heard_lines(ladder))), table(headings, rows)])


def _guards(guards: Mapping[str, Any]) -> str:
    """The guards under their heading."""
    return "## Guards\n\n" + guards_table(guards) if guards else ""


def _interpolation(report: Mapping[str, Any]) -> str:
    """The shares of the new weights that were tried, what each costs, and which was taken."""
    found = interpolation_section(report)
    if found is None:
        return ""
    rows = [[row["share"], row["verdict"], *row["rates"]] for row in found["rows"]]
    headings = ["share of the new weights", "", *map(escaped, found["names"])]
    return "\n\n".join(["## Between the old and the new weights", escaped(found["rule"]), table(headings, rows)])


def _group(column: str, values: Mapping[str, Any], gap: Mapping[str, Any] | None, rate: Rate) -> str:
    """One column's groups, the largest ones where there are many, and how far the best and the worst are apart."""
    largest = sorted(values, key=lambda value: -words.units(values[value]["before"], rate))[:GROUPS_SHOWN]
    rows = [
        [
            escaped(value) + (" (too small to judge)" if found.get("small") else ""),
            *(words.percent(found[side][rate]) for side in SIDES),
            _with_interval(found["change"]) if "change" in found else words.change_of(*(found[s] for s in SIDES), rate),
            words.count(words.units(found["before"], rate)),
        ]
        for value, found in values.items()
        if value in largest
    ]
    parts = [
        f"## By {escaped(column)}",
        escaped(words.gap_line(gap)),
        table([escaped(column), f"{rate.upper()} before", "after", "points (95 % interval)", UNITS[rate]], rows),
    ]
    if left := len(values) - len(largest):
        parts.append(f"{left} smaller groups are in report.json and report.html.")
    return "\n\n".join(part for part in parts if part)


def _errors(errors: Mapping[str, Any], rate: Rate) -> str:
    """The kinds of error in a few lines: words that were won and lost, confusions, what no speech explains."""
    lines = []
    for name in ("fixed", "broken"):
        if counted := errors.get(name):
            lines.append(
                f"- {UNITS[rate]} {name}: " + ", ".join(f"{_cut(word)} {n}" for word, n in counted[:WORDS_SHOWN])
            )
    for side in SIDES:
        if confused := (errors.get("confusions") or {}).get(side):
            pairs = [f"{_cut(said)} → {_cut(heard)} {n}" for said, heard, n in confused[:WORDS_SHOWN]]
            lines.append(f"- confusions {side}: " + ", ".join(pairs))
    strange = {"loops": "loops", "overlong": "longer than speech allows", "on_silence": "text where nothing is said"}
    counts = [(told, errors[name]) for name, told in strange.items() if errors.get(name)]
    counted = [f"{told} {sides['before']} → {sides['after']}" for told, sides in counts]
    if counted:
        lines.append(f"- utterances: {', '.join(counted)}")
    return "## Errors\n\n" + "\n".join(lines) if lines else ""


def _cut(word: str) -> str:
    """A word that fits a line."""
    return escaped(word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 3]}...")


def _training(training: Mapping[str, Any]) -> str:
    """The training in one line."""
    facts = words.training_facts(training)
    return "Training: " + ", ".join(f"{name} {value}" for name, value in facts) + "." if facts else ""


def _rounds(training: Mapping[str, Any]) -> str:
    """What each round of pseudo-labels kept and made."""
    headings, rows = words.pseudo_label_rows(training)
    if not rows:
        return ""
    shown = [[escaped(cell) for cell in row] for row in rows]
    return f"## Pseudo-labels\n\n{table(headings, shown)}\n\nEvery label, kept or not and why: `rounds/N/labels.jsonl`."


def _conditions(report: Mapping[str, Any]) -> str:
    """What a reader needs to repeat the measurement, and what test shares with train."""
    reason = report.get("normaliser_reason")
    lines = [
        f"- normaliser: {code(report['normaliser'])} (rules {code(report.get('normaliser_hash', 'unknown'))}), "
        "the same for references and both models" + (f"; {escaped(reason)}" if reason else ""),
        f"- model: {escaped(words.short(report['model']))}",
        f"- decoding: {escaped(words.short(report['decoding']))}",
        f"- versions: {escaped(words.short(report.get('versions') or 'unknown'))}",
    ]
    aside = words.set_aside(report)
    if aside:
        lines.append(f"- data: {escaped(aside)}")
    lines.extend(f"- train and test: {escaped(line)}" for line in words.leak_lines(report.get("leaks")))
    lines.extend(f"- differs: {escaped(line)}" for line in report.get("conditions", []))
    return "\n".join(lines)


def _with_interval(change: Mapping[str, Any]) -> str:
    """A change in points with its 95 % interval."""
    if not change.get("ci95"):
        return words.points(change["absolute"])
    return f"{words.points(change['absolute'])} ({words.ends(change['ci95'])})"
