"""What the sections of the report page show, made from a report's figures and from the utterances themselves."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from speech_tl.reporting import words
from speech_tl.reporting.plots import (
    KINDS,
    PairedRow,
    Point,
    curve_plot,
    kinds_plot,
    paired_plot,
    paired_row,
    spread_plot,
)
from speech_tl.reporting.report import Report
from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.groups import UNKNOWN, Gap, Group, split_by
from speech_tl.scoring.kinds import MOST, Confusions
from speech_tl.scoring.wer import Evaluation, Score, ScoredUtterance
from speech_tl.text import Rate

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_HEARD = 2  # of what a word was heard as
FEWEST_WORDS = 30  # of the middle speaker, for a plot of each speaker's change
MOST_ROWS = 24  # of a plot of groups; its table holds them all


class GroupSection(NamedTuple):
    """One column: its plot, all its groups, the gap between best and worst, how many groups the plot leaves out."""

    column: str
    plot: Markup | None
    groups: Mapping[str, Group]
    gap: Gap | None
    not_drawn: int

    @property
    def folded(self) -> bool:
        """Whether there are too many for an open table."""
        return len(self.groups) > MOST_ROWS


class SpeakerSection(NamedTuple):
    """How each speaker's error rate changed.

    Attributes:
        plot: None where the middle speaker said too little.
        better, worse, same: how many speakers.
        median: change of the middle speaker, in points.
        size: words (or characters) that the middle speaker said.
        lost: those who lost most, with by how many points.
    """

    plot: Markup | None
    better: int
    worse: int
    same: int
    median: float
    size: float
    lost: list[tuple[str, float]]


class ConfusionRow(NamedTuple):
    """What was said, what was heard, how often before and after (as text), and by how much that changed."""

    said: str
    heard: str
    before: str
    after: str
    by: int


class ErrorSection(NamedTuple):
    """Kinds of error.

    Attributes:
        plot: None where nothing was said.
        rows: (kind, before, after): counts.
        confusions: (title, rows): those that became rarer, and more frequent.
        words: (title, words): those fixed and broken, each as (word, how often, what it was mostly heard as).
    """

    plot: Markup | None
    rows: list[tuple[str, int, int]]
    confusions: list[tuple[str, list[ConfusionRow]]]
    words: list[tuple[str, list[tuple[str, int, str]]]]


def test_line(score: Score, rate: Rate, utterances: Sequence[ScoredUtterance] = ()) -> str:
    """The test set's size in one line."""
    known = len({utterance.speaker for utterance in utterances} - {None})
    speakers = f", {words.count(known)} speaker{'s' if known > 1 else ''}" if known else ""
    said = words.count(score.edits(rate).units)
    return f"{words.count(score.utterances)} utterances, {said} {UNITS[rate]}{speakers}"


def effort_lines(report: Report) -> list[str]:
    """What a run took, or which models are compared: the first line matters most."""
    training, data = report.training, report.data
    if not training:
        sides = ((side, (report.model.get(side) or {}).get("source")) for side in words.SIDES)
        return [f"{side}: {source}" for side, source in sides if source]
    lines = []
    train_hours, bare = (data.get("hours") or {}).get("train"), data.get("unlabelled")
    if bare:
        lines.append(f"{words.hours(3600 * bare['hours'])} of speech without transcripts")
    if train_hours is not None and (train_hours or not bare):
        speakers = (data.get("speakers") or {}).get("train")
        lines.append(f"{words.hours(3600 * train_hours)} of speech" + (f" by {speakers} speakers" if speakers else ""))
    took = [
        (training.seconds, "of training"),
        (training.run_seconds, "for the whole run"),
        (training.audio_seconds, "of audio trained on, repeats counted"),
    ]
    lines += [f"{words.hours(seconds)} {what}" for seconds, what in took if seconds is not None]
    steps = [f"{words.count(training.steps)} steps"] if training.steps is not None else []
    moved, whole = training.trainable_parameters, training.total_parameters
    share = [f"{words.percent(moved / whole)} of the parameters"] if moved and whole and moved < 0.995 * whole else []
    lines += [", ".join(steps + share)] if steps or share else []
    return [*lines, training.kept_weights] if training.kept_weights else lines


def guard_plots(report: Report) -> list[Markup]:
    """The guards as paired dot plots, one for each rate that leads among them."""
    rows: dict[Rate, list[PairedRow]] = {}
    for name, guard in report.guards.items():
        if row := paired_row(name, guard, guard.rate):
            rows.setdefault(guard.rate, []).append(row)
    return [paired_plot(f"{rate.upper()} of the guards", guards, rate) for rate, guards in rows.items()]


def group_sections(report: Report) -> list[GroupSection]:
    """A section for each column; its plot holds the groups with most words."""
    sections, rate = [], report.rate
    for column, groups in report.groups.items():
        rows = {value: paired_row(value, group, rate, group.too_small) for value, group in groups.items()}
        known = [value for value, row in rows.items() if row]
        most = set(sorted(known, key=lambda value: -groups[value].before.edits(rate).units)[:MOST_ROWS])
        drawn = [row for value, row in rows.items() if row and value in most]
        plot = paired_plot(f"{rate.upper()} by {column}", drawn, rate) if drawn else None
        sections.append(GroupSection(column, plot, groups, report.gaps.get(column), len(known) - len(drawn)))
    return sections


def speaker_section(before: Evaluation | None, after: Evaluation | None, rate: Rate = "wer") -> SpeakerSection | None:
    """How each speaker's error rate changed; None where fewer than two speakers are known."""
    if before is None or after is None or not any(utterance.speaker for utterance in before.utterances):
        return None
    first, last = split_by(before, "speaker"), split_by(after, "speaker")
    changes, sizes = [], []
    for speaker, utterances in first.items():
        units = sum(utterance.edits(rate).units for utterance in utterances)
        if units and speaker != UNKNOWN:
            errors = [sum(utterance.edits(rate).errors for utterance in side[speaker]) for side in (last, first)]
            changes.append((speaker, 100 * (errors[0] - errors[1]) / units))
            sizes.append(units)
    if len(changes) < 2:
        return None
    values, size = [change for _, change in changes], statistics.median(sizes)
    return SpeakerSection(
        plot=spread_plot("Change of each speaker: one dot each", changes, rate) if size >= FEWEST_WORDS else None,
        better=sum(value < 0 for value in values),
        worse=sum(value > 0 for value in values),
        same=sum(value == 0 for value in values),
        median=statistics.median(values),
        size=size,
        lost=[found for found in sorted(changes, key=lambda found: -found[1])[:5] if found[1] > 0],
    )


def error_section(report: Report) -> ErrorSection:
    """Kinds of error, the counts of odd texts, confusions that became rarer and more frequent, words won and lost."""
    errors, rate = report.errors, report.rate
    before, after = (side.edits(rate) for side in report.target.sides)
    odd = {
        "the same words over and over (loops)": errors.loops,
        "more words than the time allows": errors.overlong,
        "text where nothing was said": errors.on_silence,
    }
    fixed, new = confusion_changes(errors.confusions)
    changed = {
        "fixed": _with_confusions(errors.fixed, errors.confusions.before),
        "broken": _with_confusions(errors.broken, errors.confusions.after),
    }
    return ErrorSection(
        plot=kinds_plot(before, after, rate) if before.units and after.units else None,
        rows=[
            *zip(KINDS, before[1:], after[1:], strict=True),
            *((said, sides.before, sides.after) for said, sides in odd.items() if sides),
        ],
        confusions=[(title, rows) for title, rows in (("Rarer", fixed), ("New or more frequent", new)) if rows],
        words=[(f"{UNITS[rate].capitalize()} {name}", rows) for name, rows in changed.items() if rows],
    )


def _with_confusions(
    found: Sequence[tuple[str, int]], confusions: Sequence[tuple[str, str, int]]
) -> list[tuple[str, int, str]]:
    """(word, how often, what it was mostly heard as where that is known) of the words fixed or broken."""
    heard: dict[str, list[str]] = {}
    for said, written, _ in confusions:
        heard.setdefault(said, []).append(written)
    return [
        (word, number, f" as {', '.join(heard[word][:MOST_HEARD])}" if word in heard else "") for word, number in found
    ]


def confusion_changes(confusions: Confusions) -> tuple[list[ConfusionRow], list[ConfusionRow]]:
    """The frequent confusions that became rarer, and those that are new or became more frequent.

    A list of report.json ends somewhere: what is not in a full one happened at most as often as its last, which is
    said as "≤ 3".
    """
    before, after = (
        {(said, heard): number for said, heard, number in side} for side in (confusions.before, confusions.after)
    )
    most_before, most_after = (min(side.values()) if len(side) >= MOST else 0 for side in (before, after))
    fixed, new = [], []
    for key in dict.fromkeys([*before, *after]):
        by = after.get(key, most_after) - before.get(key, most_before)
        row = ConfusionRow(*key, _bounded(before.get(key), most_before), _bounded(after.get(key), most_after), by)
        # A bound on one side tells the direction only where the other side lies above it.
        if by < 0 and key in before:
            fixed.append(row)
        elif by > 0 and key in after:
            new.append(row)
    return sorted(fixed, key=lambda row: row.by), sorted(new, key=lambda row: -row.by)


def _bounded(number: int | None, most: int) -> str:
    """A count, or where it is not known the most that it can be."""
    return f"≤ {most}" if number is None and most else words.count(number or 0)


def curves(log: Sequence[Mapping[str, Any]], rate: Rate = "wer") -> list[Markup]:
    """Loss and the leading rate of dev over the steps, as far as they were logged."""
    loss, dev = _series(log, "loss"), [(step, 100 * value) for step, value in _series(log, f"dev_{rate}")]
    drawn = [curve_plot("Training loss", "loss", loss)] if loss else []
    title = f"{rate.upper()} on the dev split, its lowest marked"
    return [*drawn, curve_plot(title, f"{rate.upper()} (%)", dev, lowest=True)] if dev else drawn


def _series(log: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    """The finite values of one logged quantity by step."""
    found = [(entry["step"], entry[name]) for entry in log if entry.get(name) is not None and "step" in entry]
    return [(step, value) for step, value in found if math.isfinite(value)]
