"""A run's report: one dictionary of figures, written as report.json, report.md and report.html."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.reporting import words
from speech_tl.reporting.clips import AudioMode
from speech_tl.reporting.guards import LIMIT, guard_warnings, judged
from speech_tl.reporting.html import html_page
from speech_tl.reporting.ladder import Climbed, ladder_figures
from speech_tl.reporting.markdown import markdown_page
from speech_tl.reporting.sections import rate_of as leading_rate_of
from speech_tl.scoring.files import plain, write_json
from speech_tl.scoring.groups import compare_groups, gap, group
from speech_tl.scoring.kinds import error_kinds
from speech_tl.scoring.pairing import differing_conditions, pair
from speech_tl.scoring.ranking import rate_of
from speech_tl.scoring.significance import change_interval
from speech_tl.scoring.wer import Evaluation, Score
from speech_tl.text import write_atomically

if TYPE_CHECKING:
    from rich.table import Table

TRAINING = (
    "steps",
    "epochs",
    "seconds",
    "audio_seconds",
    "audio_seconds_per_second",
    "trainable_parameters",
    "total_parameters",
    "padding_share",
    "peak_memory_bytes",
)

Pair = tuple[Evaluation, Evaluation]


def build_report(
    recipe: str | Mapping[str, Any],
    before: Evaluation,
    after: Evaluation,
    *,
    guards: Mapping[str, Pair] | None = None,
    guard_limits: Mapping[str, float] | None = None,
    ladder: Climbed | None = None,
    leaks: Mapping[str, Any] | None = None,
    by: Sequence[str] = (),
    training: Mapping[str, Any] | None = None,
    model: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    notes: Iterable[str] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """Every figure of a run, as report.json holds it (all error rates are fractions).

    Args:
        recipe: its name, or the whole resolved recipe (with the key `name`).
        before, after: the test set by the untouched and the adapted model.
        guards: other test sets before and after, by name.
        guard_limits: by how much the WER of a guard may rise (a fraction), by name; `LIMIT` where there is none.
        ladder: the test set in noise, before and after.
        leaks: what train and test share, from `data.leaks.find_leaks`; None where nobody knows.
        by: manifest columns to report by group.
        training: the trainer's figures; unknown ones of the contract's keys become None, others are kept.
        model: what was adapted; by default what the evaluation after recorded.
        data: facts about the data; `data["excluded"]` counts the rows set aside by problem.
        notes: sentences that a reader of the figures must know.
        seed: of the bootstrap.

    Returns:
        The report: plain values only, in the contract's order.

    Raises:
        BadInput: before and after were not measured on the same words, or a group's column does not exist.
    """
    after = pair(before, after)
    limits = guard_limits or {}
    price = {
        name: judged(_before_after(*sides, seed), limits.get(name, LIMIT)) | _rules(sides[1])
        for name, sides in (guards or {}).items()
    }
    groups = {column: compare_groups(before.utterances, after.utterances, column, seed) for column in by}
    known = dict.fromkeys(TRAINING) if training else {}
    return plain(
        {
            "recipe": recipe,
            "target": _before_after(before, after, seed),
            "guards": price,
            "groups": groups,
            "gaps": {column: gap(found) for column, found in groups.items()},
            "ladder": ladder_figures(ladder, lambda *sides: _before_after(*sides, seed)),
            "errors": error_kinds(before.utterances, after.utterances),
            "training": {**known, **(training or {})},
            "model": dict(model) if model is not None else after.model,
            "decoding": after.decoding,
            **_rules(after),
            "data": {**after.data, **(data or {})},
            "leaks": None if leaks is None else dict(leaks),
            "conditions": _conditions({"": (before, after), **(guards or {})}),
            "notes": list(dict.fromkeys([*guard_warnings(price), *notes, *_own_notes(after)])),
            "versions": after.versions,
        }
    )


def write_report(
    report: Mapping[str, Any],
    folder: str | Path,
    before: Evaluation | None = None,
    after: Evaluation | None = None,
    log: Sequence[Mapping[str, Any]] = (),
    audio: AudioMode = "none",
) -> Path:
    """Write report.json, report.md and report.html into `folder`; returns the folder.

    Args:
        report: from `build_report`.
        folder: made if need be.
        before, after: for the page's utterances and their differences; without them the page has figures only.
        log: the entries of training/log.jsonl, for the page's curves.
        audio: how the page plays utterances: "embed" (at most 40 clips), "link" or "none".
    """
    folder = Path(folder)
    write_json(folder / "report.json", dict(report))
    write_atomically(folder / "report.md", markdown_page(report))
    write_atomically(folder / "report.html", html_page(report, before, after, log, audio, folder))
    return folder


def terminal_table(report: Mapping[str, Any]) -> Table:
    """The figures before and after, compact enough for a terminal."""
    from rich.markup import escape
    from rich.table import Table

    target = report["target"]
    change = target["wer_change"]
    table = Table(
        title=escape(words.recipe_name(report)),
        caption=f"{words.change_line(change)}\n{words.verdict(change)}\nnormaliser {report['normaliser']}",
        caption_justify="left",
    )
    for heading in ("", "before", "after", "change"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for cells in _rows(target["before"], target["after"], leading_rate_of(report)):
        table.add_row(*cells)
    for name, guard in report["guards"].items():
        rates = [words.percent(guard[side]["wer"]) for side in ("before", "after")]
        table.add_row(f"guard {escape(name)}: WER", *rates, words.change_of(guard["before"], guard["after"], "wer"))
    return table


def evaluation_table(evaluation: Evaluation, by: Sequence[str] = ()) -> Table:
    """The figures of one evaluation, and the WER of each value of the columns `by`, for a terminal.

    Raises:
        BadInput: no utterance has a column of `by`.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        box=box.SIMPLE,  # eight columns would not fit a terminal's 80 characters with lines between them
        padding=(0, 0, 0, 1),
        title=escape(str(evaluation.model.get("source") or "evaluation")),
        caption=f"normaliser {evaluation.normaliser}",
        caption_justify="left",
    )
    table.add_column("", max_width=24, overflow="fold")  # a long value folds; figures are never cut
    rate = rate_of(evaluation)
    rates = ("WER", "95 % interval", "CER") if rate == "wer" else ("CER", "WER", "95 % interval")
    for heading in (*rates, "sub.", "del.", "ins.", "words"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("all", *_cells(evaluation.score, rate))
    for column in by:
        groups = group(evaluation, column)
        table.add_section()
        for value, figures in groups.items():
            table.add_row(escape(f"{column} {value}"), *_cells(figures, rate))
    return table


def _cells(figures: Score, rate: str) -> list[str]:
    """One line of figures, the leading rate first: rates in per cent, counts as they are."""
    rates = [words.percent(figures.wer), words.interval(figures.ci95)]
    rates.insert(0 if rate == "cer" else 2, words.percent(figures.cer))
    edits = (figures.substitutions, figures.deletions, figures.insertions, figures.words)
    return rates + [words.count(number) for number in edits]


def _rows(before: Mapping[str, Any], after: Mapping[str, Any], rate: str) -> list[tuple[str, str, str, str]]:
    """The table's lines, the leading rate first: rates in per cent, counts as they are."""
    sides = (before, after)
    rates = {name: [words.percent(side[name]) for side in sides] for name in ("wer", "cer")}
    rows = [
        ("WER", *rates["wer"], words.change_of(before, after, "wer")),
        ("  95 % interval", *(words.interval(side["ci95"]) for side in sides), ""),
        (
            "  as written",
            *(words.percent(side["raw"]["wer"]) for side in sides),
            words.change_of(before["raw"], after["raw"]),
        ),
    ]
    rows.insert(0 if rate == "cer" else 3, ("CER", *rates["cer"], words.change_of(before, after, "cer")))
    for name in ("substitutions", "deletions", "insertions"):
        rows.append((name, *(words.count(side[name]) for side in sides), words.count_change(before, after, name)))
    return [*rows, ("words", *(words.count(side["words"]) for side in sides), "")]


def _before_after(before: Evaluation, after: Evaluation, seed: int) -> dict[str, Any]:
    """Both scores and the change between them."""
    after = pair(before, after)
    change = change_interval(before, after, seed)
    return {"before": before.score.as_dict(), "after": after.score.as_dict(), "wer_change": change.as_dict()}


def _rules(evaluation: Evaluation) -> dict[str, str]:
    """What both sides of a comparison were normalised with."""
    return {"normaliser": evaluation.normaliser, "normaliser_hash": evaluation.normaliser_hash}


def _conditions(pairs: Mapping[str, Pair]) -> list[str]:
    """Under which other conditions a before and its after were measured; a guard's lines begin with its name."""
    return [
        f"guard {name}: {line}" if name else line
        for name, sides in pairs.items()
        for line in differing_conditions(*sides)
    ]


def _own_notes(after: Evaluation) -> list[str]:
    """What the figures themselves give reason to say."""
    notes = []
    speakers = {utterance.speaker for utterance in after.utterances}
    if len(speakers) == 1 and None not in speakers:
        notes.append("This voice only: the test set has one speaker, so the figures say nothing about other voices.")
    left_out = after.data.get("left_out")
    if left_out:
        notes.append(
            f"{len(left_out)} utterances could not be decoded and are in no figure: {', '.join(left_out[:3])}."
        )
    if after.score.wer is None:
        notes.append("The references hold no words: there is no WER, only inserted words.")
    return notes
