"""What the sections of the report page show, made from a report's figures and from the utterances themselves."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from speech_tl.reporting import words
from speech_tl.reporting.plots import KINDS, PairedRow, Point, curve_plot, kinds_plot, paired_plot, spread_plot
from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.groups import SMALL_GROUP, UNKNOWN, split_by
from speech_tl.scoring.kinds import MOST
from speech_tl.scoring.wer import Evaluation
from speech_tl.text import Rate

MOST_HEARD = 2  # of what a word was heard as
FEWEST_WORDS = 30  # of the middle speaker, for a plot of each speaker's change
MOST_ROWS = 24  # of a plot of groups; its table holds them all
ERROR_COUNTS = {
    "loops": "the same words over and over (loops)",
    "overlong": "more words than the time allows",
    "on_silence": "text where nothing was said",
}

Section = dict[str, Any]


def test_line(report: Mapping[str, Any], after: Evaluation | None) -> str:
    """The test set's size in one line."""
    score, rate = report["target"]["after"], words.rate_of(report["target"])
    known = {utterance.speaker for utterance in after.utterances} - {None} if after else set()
    speakers = f", {words.count(len(known))} speaker{'s' if len(known) > 1 else ''}" if known else ""
    said = words.count(words.units(score, rate))
    return f"{words.count(score['utterances'])} utterances, {said} {UNITS[rate]}{speakers}"


def effort_lines(report: Mapping[str, Any]) -> list[str]:
    """What a run took, or which models are compared: the first line matters most."""
    training, data = report.get("training") or {}, report.get("data") or {}
    if not training:
        model = report.get("model") or {}
        sides = [(model.get(side) or {}).get("source") for side in ("before", "after")]
        return [f"{side}: {source}" for side, source in zip(("before", "after"), sides, strict=True) if source]
    lines = []
    train_hours, bare = (data.get("hours") or {}).get("train"), data.get("unlabelled")
    if bare:
        lines.append(f"{words.hours(3600 * bare['hours'])} of speech without transcripts")
    if train_hours is not None and (train_hours or not bare):
        speakers = (data.get("speakers") or {}).get("train")
        lines.append(f"{words.hours(3600 * train_hours)} of speech" + (f" by {speakers} speakers" if speakers else ""))
    if training.get("seconds") is not None:
        lines.append(f"{words.hours(training['seconds'])} of training")
    if training.get("run_seconds") is not None:
        lines.append(f"{words.hours(training['run_seconds'])} for the whole run")
    if training.get("audio_seconds") is not None:
        lines.append(f"{words.hours(training['audio_seconds'])} of audio trained on, repeats counted")
    steps = [f"{words.count(training['steps'])} steps"] if training.get("steps") is not None else []
    moved, whole = training.get("trainable_parameters"), training.get("total_parameters")
    share = [f"{words.percent(moved / whole)} of the parameters"] if moved and whole and moved < 0.995 * whole else []
    lines += [", ".join(steps + share)] if steps or share else []
    return [*lines, training["kept_weights"]] if training.get("kept_weights") else lines


def guard_plots(report: Mapping[str, Any]) -> list[Any]:
    """The guards as paired dot plots, one for each rate that leads among them."""
    rows: dict[Rate, list[PairedRow]] = {}
    for name, found in (report.get("guards") or {}).items():
        if _has_words(found):
            rows.setdefault(words.rate_of(found), []).append(PairedRow(name, found["before"], found["after"]))
    return [paired_plot(f"{rate.upper()} of the guards", guards, rate) for rate, guards in rows.items()]


def group_sections(report: Mapping[str, Any]) -> list[Section]:
    """For each column: a plot, the table's rows, the gap between best and worst, what was left out of the plot."""
    return [_group_section(report, column, values) for column, values in report["groups"].items()]


def _group_section(report: Mapping[str, Any], column: str, values: Mapping[str, Any]) -> Section:
    """One column's groups; the plot holds those with most words."""
    rate = words.rate_of(report["target"])
    small = {value: found.get("small", found["words"] < SMALL_GROUP["wer"]) for value, found in values.items()}
    rows = {value: found for value, found in values.items() if _has_words(found)}
    most = sorted(rows, key=lambda value: -words.units(rows[value]["before"], rate))[:MOST_ROWS]
    drawn = [
        PairedRow(value, found["before"], found["after"], small[value])
        for value, found in rows.items()
        if value in most
    ]
    return {
        "column": column,
        "plot": paired_plot(f"{rate.upper()} by {column}", drawn, rate) if drawn else None,
        "values": values,
        "small": small,
        "gap": (report.get("gaps") or {}).get(column),
        "not_drawn": len(rows) - len(drawn),
        "folded": len(values) > MOST_ROWS,
    }


def speaker_section(before: Evaluation | None, after: Evaluation | None, rate: Rate = "wer") -> Section | None:
    """How each speaker's error rate changed; None where fewer than two speakers are known."""
    if before is None or after is None or not any(utterance.speaker for utterance in before.utterances):
        return None
    first, last = split_by(before, "speaker"), split_by(after, "speaker")
    changes, sizes = [], []
    for speaker, utterances in first.items():
        size = sum(utterance.edits(rate).units for utterance in utterances)
        if size and speaker != UNKNOWN:
            errors = [sum(utterance.edits(rate).errors for utterance in side[speaker]) for side in (last, first)]
            changes.append((speaker, 100 * (errors[0] - errors[1]) / size))
            sizes.append(size)
    if len(changes) < 2:
        return None
    values, size = [change for _, change in changes], statistics.median(sizes)
    return {
        "plot": spread_plot("Change of each speaker: one dot each", changes, rate) if size >= FEWEST_WORDS else None,
        "better": sum(value < 0 for value in values),
        "worse": sum(value > 0 for value in values),
        "same": sum(value == 0 for value in values),
        "median": statistics.median(values),
        "size": size,
        "lost": [found for found in sorted(changes, key=lambda found: -found[1])[:5] if found[1] > 0],
    }


def error_section(report: Mapping[str, Any]) -> Section:
    """Kinds of error, the counts of odd texts, confusions that became rarer and more frequent, words won and lost."""
    target, errors = report["target"], report.get("errors") or {}
    rate = words.rate_of(target)
    both = [target[side] for side in ("before", "after")]
    confusions = errors.get("confusions") or {"before": [], "after": []}
    fixed, new = confusion_changes(confusions)
    return {
        "plot": kinds_plot(*both, rate) if all(words.units(side, rate) for side in both) else None,
        "kinds": KINDS,
        "counts": [(said, errors[name]) for name, said in ERROR_COUNTS.items() if errors.get(name)],
        "confusions": [(title, rows) for title, rows in (("Rarer", fixed), ("New or more frequent", new)) if rows],
        "words": [
            (f"{UNITS[rate].capitalize()} {name}", _with_confusions(errors[name], confusions.get(side)))
            for name, side in (("fixed", "before"), ("broken", "after"))
            if errors.get(name)
        ],
    }


def _with_confusions(
    found: Sequence[Sequence[Any]], confusions: Sequence[Sequence[Any]] | None
) -> list[tuple[str, int, str]]:
    """(word, how often, what it was mostly heard as where that is known) of the words fixed or broken."""
    heard: dict[str, list[str]] = {}
    for said, written, _ in confusions or ():
        heard.setdefault(said, []).append(written)
    return [
        (word, number, f" as {', '.join(heard[word][:MOST_HEARD])}" if word in heard else "") for word, number in found
    ]


def confusion_changes(confusions: Mapping[str, Sequence[Sequence[Any]]]) -> tuple[list[Section], list[Section]]:
    """The frequent confusions that became rarer, and those that are new or became more frequent.

    Each holds `said`, `heard`, `before` and `after`: counts, as text. A list of report.json ends somewhere: what is
    not in a full one happened at most as often as its last, which is said as "≤ 3".
    """
    sides = {name: {(said, heard): number for said, heard, number in confusions[name]} for name in ("before", "after")}
    most = {name: min(found.values()) if len(found) >= MOST else 0 for name, found in sides.items()}
    fixed, new = [], []
    for key in dict.fromkeys([*sides["before"], *sides["after"]]):
        counts = {name: found.get(key, most[name]) for name, found in sides.items()}
        shown = {
            name: words.count(counts[name]) if key in found or not most[name] else f"≤ {most[name]}"
            for name, found in sides.items()
        }
        row = {"said": key[0], "heard": key[1], "by": counts["after"] - counts["before"], **shown}
        # A bound on one side tells the direction only where the other side lies above it.
        if row["by"] < 0 and key in sides["before"]:
            fixed.append(row)
        elif row["by"] > 0 and key in sides["after"]:
            new.append(row)
    return sorted(fixed, key=lambda row: row["by"]), sorted(new, key=lambda row: -row["by"])


def curves(log: Sequence[Mapping[str, Any]], rate: Rate = "wer") -> list[Any]:
    """Loss and the leading rate of dev over the steps, as far as they were logged."""
    loss, dev = _series(log, "loss"), [(step, 100 * value) for step, value in _series(log, f"dev_{rate}")]
    drawn = [curve_plot("Training loss", "loss", loss)] if loss else []
    title = f"{rate.upper()} on the dev split, its lowest marked"
    return [*drawn, curve_plot(title, f"{rate.upper()} (%)", dev, lowest=True)] if dev else drawn


def _series(log: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    """The finite values of one logged quantity by step."""
    found = [(entry["step"], entry[name]) for entry in log if entry.get(name) is not None and "step" in entry]
    return [(step, value) for step, value in found if math.isfinite(value)]


def _has_words(found: Mapping[str, Any]) -> bool:
    """Whether there is a WER on both sides."""
    return all(found[side]["wer"] is not None for side in ("before", "after"))
