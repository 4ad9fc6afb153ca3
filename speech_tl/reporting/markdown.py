"""report.md: short enough for a pull request, complete enough to be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from speech_tl.reporting import words

GROUPS_SHOWN = 12


def markdown_page(report: Mapping[str, Any]) -> str:
    """The report as Markdown: figures before and after, whether the change is real, and under which conditions."""
    target = report["target"]
    change = target["wer_change"]
    parts = [
        f"# {escaped(words.recipe_name(report))}",
        f"**WER {words.percent(target['before']['wer'])} → {words.percent(target['after']['wer'])}**: "
        f"{words.verdict(change)}.",
        f"Change {words.change_line(change)} ({change['method']}).",
        _scores(target),
        _guards(report["guards"]),
        *(_group(column, values) for column, values in report["groups"].items()),
        _training(report["training"]),
        _conditions(report),
        "\n".join(f"> {escaped(note)}" for note in report.get("notes", [])),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: Any) -> str:
    """Text from data that can break neither a table nor the page: no markup, no line ends."""
    line = " ".join(str(text).split())
    for character in "\\`*_[]<>|#":
        line = line.replace(character, f"\\{character}")
    return line


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose first column is left-aligned, the others right."""
    lines = [headings, [":--", *["--:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _scores(target: Mapping[str, Any]) -> str:
    """The main table."""
    before, after = target["before"], target["after"]
    rows = [
        ["WER (95 % interval)", *(f"{words.percent(s['wer'])} ({words.interval(s['ci95'])})" for s in (before, after))],
        ["CER", *(words.percent(side["cer"]) for side in (before, after))],
    ]
    for name in ("substitutions", "deletions", "insertions", "words", "utterances"):
        rows.append([name, *(words.count(side[name]) for side in (before, after))])
    return table(["", "before", "after"], rows)


def _guards(guards: Mapping[str, Any]) -> str:
    """What the adaptation cost elsewhere."""
    if not guards:
        return ""
    rows = [
        [
            escaped(name),
            *(words.percent(guard[side]["wer"]) for side in ("before", "after")),
            words.points(guard["wer_change"]["absolute"]),
            words.verdict(guard["wer_change"]),
        ]
        for name, guard in guards.items()
    ]
    return "## Guards\n\n" + table(["test set", "WER before", "after", "points", ""], rows)


def _group(column: str, values: Mapping[str, Any]) -> str:
    """One column's groups, the largest ones where there are many."""
    largest = sorted(values, key=lambda value: -values[value]["words"])[:GROUPS_SHOWN]
    rows = [
        [
            escaped(value),
            *(words.percent(found[side]["wer"]) for side in ("before", "after")),
            words.change_of(found["before"], found["after"]),
            words.count(found["words"]),
        ]
        for value, found in values.items()
        if value in largest
    ]
    found = table([escaped(column), "WER before", "after", "points", "words"], rows)
    left = len(values) - len(largest)
    more = f"\n\n{left} smaller groups are in report.json and report.html." if left else ""
    return f"## By {escaped(column)}\n\n{found}{more}"


def _training(training: Mapping[str, Any]) -> str:
    """The training in one line."""
    facts = words.training_facts(training)
    return "Training: " + ", ".join(f"{name} {value}" for name, value in facts) + "." if facts else ""


def _conditions(report: Mapping[str, Any]) -> str:
    """What a reader needs to repeat the measurement."""
    lines = [
        f"- normaliser: `{report['normaliser']}` (rules `{report.get('normaliser_hash', 'unknown')}`), the same for "
        "references and both models",
        f"- model: {escaped(words.short(report['model']))}",
        f"- decoding: {escaped(words.short(report['decoding']))}",
    ]
    aside = words.set_aside(report)
    if aside:
        lines.append(f"- data: {escaped(aside)}")
    lines.extend(f"- differs: {escaped(line)}" for line in report.get("conditions", []))
    return "\n".join(lines)
