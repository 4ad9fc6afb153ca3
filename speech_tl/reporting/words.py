"""How figures are written: percentages, points, durations, and whether a change is significant, in the same words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from speech_tl.data.leaks import Leak, Leaks
from speech_tl.reporting.report import BeforeAfter, Guard, Merging, PseudoLabels, Ranking, Report, Training
from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.groups import Gap
from speech_tl.scoring.significance import Change
from speech_tl.scoring.wer import Evaluation
from speech_tl.text import Rate
from speech_tl.text.numbers import (
    NOTHING,
    UNBROKEN,
    count,
    ends,
    exact_p,
    hours,
    interval,
    p_value,
    percent,
    points,
    relative,
    signed,
    won_share,
)

__all__ = ["NOTHING", "count", "ends", "exact_p", "hours", "interval", "percent", "points", "relative"]

SIDES = ("before", "after")

JUDGED = {
    "better": "significantly better (95 % interval excludes zero)",
    "worse": "significantly worse (95 % interval excludes zero)",
    "open": "no significant change",
}

OTHER: dict[Rate, Rate] = {"wer": "cer", "cer": "wer"}
"""The rate that stands behind the leading one."""


def normaliser(report: Report | Evaluation) -> str:
    """What both sides were normalised with, and why, where that is known: "normaliser basic (the language is tr)"."""
    return f"normaliser {report.normaliser}" + (f" ({report.normaliser_reason})" if report.normaliser_reason else "")


def count_change(before: int, after: int) -> str:
    """By how much a count changed, with its sign."""
    return signed(after - before, ",.0f").replace(",", UNBROKEN)


def change_of(before: float | None, after: float | None) -> str:
    """By how many percentage points an error rate changed, with its sign."""
    return NOTHING if before is None or after is None else points(after - before)


def verdict(change: Change) -> str:
    """Whether a change is significant, in the words that every report, table and page has for it."""
    if few := too_few(change):
        return few
    return f"{JUDGED[tone(change)]}{_one_voice(change)}"


def _one_voice(change: Change) -> str:
    """What is added where all is by one voice."""
    return ", for this one voice" if "one speaker" in change.method else ""


def too_few(change: Change) -> str | None:
    """ "4 speakers, 120 words: too few to tell" where a test set is too small for any claim, else None."""
    # Reports of earlier versions said so in the method, or had no interval.
    return change.too_few or ("too few to tell" if not change.ci95 or "descriptive" in change.method else None)


def disagreement(target: BeforeAfter) -> list[str]:
    """A sentence where one error rate got significantly better and the other significantly worse; else none."""
    changes = {rate: target.change_in(rate) for rate in (target.rate, OTHER[target.rate])}
    if {tone(change) for change in changes.values()} != {"better", "worse"}:
        return []
    told = " but ".join(f"{rate.upper()} {points(change.absolute)}" for rate, change in changes.items())
    before, after = (count(side.edits(target.rate).deletions) for side in target.sides)
    return [
        f"The two error rates disagree: {told} points, both significant. Errors can become fewer because less is "
        f"written ({before} {UNITS[target.rate]} were left out before, {after} after): do not trust one of them alone."
    ]


def loops_line(*loops: int) -> str:
    """How often decoding was stopped in a loop, in one model's texts or before and after; "" where it never was."""
    return f"loops stopped while decoding: {' → '.join(map(count, loops))}" if any(loops) else ""


def change_line(change: Change) -> str:
    """The change with its interval and p-value in one line."""
    line = f"{points(change.absolute)} points"
    if change.relative is not None:
        line += f" ({relative(change.relative)} relative)"
    if change.ci95:
        line += f", 95 % interval {ends(change.ci95)}"
    return line + ("" if change.p_value is None else f", p = {change.p_value:.4f}")


def tone(change: Change) -> str:
    """ "better", "worse" or "open": which way a change is significant, if it is."""
    if change.ci95 is None or too_few(change) or not change.significant:
        return "open"
    return "better" if change.ci95[1] < 0 else "worse"


def tests_lines(change: Change, bootstrap: bool = True) -> list[str]:
    """What the tests of a change say: bootstrap resamples won, its p-value, the matched pairs'; as far as known."""
    lines = []
    if change.won is not None:
        lines.append(f"After is better in {won_share(change.won)} of the bootstrap resamples.")
    if bootstrap and change.p_value is not None:
        lines.append(f"Bootstrap: {p_value(change.p_value)}.")
    if pairs := change.mapsswe:
        lines.append(f"Matched pairs (MAPSSWE): {p_value(pairs.p_value)}, {count(pairs.segments)} segments.")
    return lines


def guard_line(name: str, guard: Guard) -> str:
    """One guard's change and whether it is within its limit, such as "ljspeech: +0.4 points (limit +2.0)"."""
    change = guard.change.absolute
    if change is None:
        return f"{name}: no words to score"
    allowed = "" if guard.limit is None else f" (limit {points(guard.limit)})"
    return f"{name}: {points(change)} points{allowed}"


def guards_verdict(guards: Mapping[str, Guard]) -> str:
    """What the gain cost elsewhere, in one sentence."""
    if not guards:
        return "No guard was measured: what the change cost elsewhere is unknown."
    beyond = [name for name, guard in guards.items() if guard.exceeded]
    if beyond:
        return f"Warning: {', '.join(beyond)} worsened beyond {'its' if len(beyond) == 1 else 'their'} limit."
    if any(guard.exceeded is None for guard in guards.values()):
        return "Measured on other test sets too; no limit was set."
    all_of_them = {1: "The guard", 2: "Both guards"}.get(len(guards), f"All {len(guards)} guards")
    return f"{all_of_them} stayed within the limit."


def winner(ranking: Ranking, written: Callable[[str], str] = str) -> str:
    """Who is best in a ranking, and whether that is significant, in one sentence; `written` makes a name safe."""
    first, *others = ranking.ranking
    name, beaten, test = written(first.name), len(first.better_than), ranking.pairs[0]
    if few := too_few(test):
        return f"{few}; {name} comes first."
    if beaten == len(others):
        every = "the other" if beaten == 1 else f"all {beaten} others"
        return f"{name} is best: significantly better than {every}{_one_voice(test)}."
    which = "none" if not beaten else f"only {beaten}"
    return f"{name} comes first, significantly better than {which} of the other {len(others)}{_one_voice(test)}."


def gap_line(gap: Gap | None) -> str:
    """How far apart the best and the worst group are, before and after; "" where it is unknown."""
    if not gap:
        return ""
    sides = [
        f"{100 * spread.gap:.1f} points {side} ({spread.best} best, {spread.worst} worst)"
        for side, spread in (("before", gap.before), ("after", gap.after))
    ]
    return f"Between the best and the worst group: {', '.join(sides)}."


def gap_points(gap: Gap) -> str:
    """How far apart the groups are, in few words: "17.8 → 14.9 points"."""
    return f"{100 * gap.before.gap:.1f} → {100 * gap.after.gap:.1f} points"


def leak_lines(leaks: Leaks | None) -> list[str]:
    """What train and test share, one sentence a kind; what is not known is said too."""
    if leaks is None:
        return []
    kinds = {"speakers": leaks.speakers, "sentences": leaks.sentences, "recordings": leaks.audio}
    return [f"Shared {kind}: {_shared(leak)}." for kind, leak in kinds.items()]


def _shared(leak: Leak | None) -> str:
    """How many things, and the first of them by name."""
    if leak is None:
        return "not known"
    more = ", ..." if leak.count > len(leak.first) else ""
    named = f" ({', '.join(leak.first)}{more})" if leak.first else ""
    return f"{count(leak.count) if leak.count else 'none'}{named}"


def shortened_line(report: Report) -> str:
    """What windows shortened to the clip change beside the result, in one sentence; "" where nobody decodes so."""
    found, rate = report.shortened, report.rate
    if not found:
        return ""
    line = f"After, windows shortened to the clip: {rate.upper()} {percent(found.score.rate(rate))}"
    line += f" ({points(found.change.absolute)} points beside 30 s windows, {verdict(found.change)})"
    return line + (f", decoded {found.times_faster:.1f} times as fast." if found.times_faster else ".")


def search_line(report: Report) -> str:
    """What adaptation gave decoded greedily, and what the search gave each side; "" where nobody searches."""
    found = report.search
    if not found:
        return ""
    greedy = found.greedy
    sides, change = " → ".join(map(percent, greedy.rates)), greedy.change
    line = f"Decoded greedily: {greedy.rate.upper()} {sides} ({_with_interval(change)}, {verdict(change)})."
    return (
        f"{line} The search (see decoding) gives {_with_interval(found.before)} before and "
        f"{_with_interval(found.after)} after adaptation."
    )


def _with_interval(change: Change) -> str:
    """ "−3.1 points (−4.0 to −2.2)"."""
    return f"{points(change.absolute)} points" + (f" ({ends(change.ci95)})" if change.ci95 else "")


def run_time(training: Training) -> str:
    """Wall time of the whole run and of its parts: "33 min 10 s (before 3 min 02 s, training 9 min 40 s, ...)"."""
    if training.run_seconds is None:
        return NOTHING
    parts = [f"{name.replace('_', ' ')} {hours(took)}" for name, took in (training.phases or {}).items() if took]
    return hours(training.run_seconds) + (f" ({', '.join(parts)})" if parts else "")


def training_facts(training: Training) -> list[tuple[str, str]]:
    """The training's figures as (name, value with unit), as far as they are known."""
    speed, moved, memory = training.audio_seconds_per_second, training.trainable_parameters, training.peak_memory_bytes
    between, context = training.interpolation, training.audio_context
    facts = [
        ("steps", count(training.steps)),
        ("epochs", NOTHING if training.epochs is None else f"{training.epochs:.1f}"),
        ("weights", (training.kept_weights or NOTHING).removeprefix("weights of ")),
        ("time", hours(training.seconds)),
        ("whole run", run_time(training)),
        ("audio trained on", hours(training.audio_seconds)),
        ("of it source speech", _source(training)),
        ("speed", NOTHING if speed is None else f"{speed:.1f} s of audio a second"),
        ("trained parameters", NOTHING if moved is None else f"{count(moved)} of {count(training.total_parameters)}"),
        ("merged", _merged(training.merging) if training.merging else NOTHING),
        ("share of the new weights", percent(between.share) if between else NOTHING),
        ("learnt from", _learnt_from(training.pseudo_labels)),
        ("padding", percent(training.padding_share)),
        ("used with audio context", (context.decoding if context else None) or NOTHING),
        ("peak memory", NOTHING if memory is None else f"{count(memory / 2**20)} MiB"),
    ]
    return [(name, value) for name, value in facts if value != NOTHING]


def _source(training: Training) -> str:
    """How much of the audio was speech of the source domain, heard so as not to forget it."""
    seconds, whole = training.source_seconds, training.audio_seconds
    return f"{hours(seconds)} ({percent(seconds / whole)})" if seconds and whole else NOTHING


def _learnt_from(rounds: PseudoLabels | None) -> str:
    """Which round of pseudo-labels made the model."""
    if not rounds:
        return NOTHING
    return f"pseudo-labels of round {rounds.chosen}" if rounds.chosen else "labelled utterances alone (round 0)"


def pseudo_label_rows(training: Training) -> tuple[list[str], list[list[str]]]:
    """(headings, rows) of a table of the rounds of pseudo-labels; no rows where there were none."""
    told = training.pseudo_labels or PseudoLabels()
    rate, known = told.rate, any(row.labels_wer is not None for row in told.rounds)
    headings = ["round", "kept", "hours", "left out", f"{rate.upper()} on dev"]
    headings += [f"{rate.upper()} of the labels"] if known else []
    rows = []
    for row in told.rounds:
        left = ", ".join(f"{count(number)} {reason}" for reason, number in row.left.items())
        cells = [f"{row.round} (the model)" if row.round == told.chosen else str(row.round)]
        cells += ["labelled only" if row.kept is None else f"{count(row.kept)} of {count(row.utterances)}"]
        cells += [NOTHING if row.kept_hours is None else f"{row.kept_hours:.2f}", left or NOTHING]
        cells += [percent(row.dev_wer if rate == "wer" else row.dev_cer)]
        rows.append(cells + ([percent(row.labels_wer if rate == "wer" else row.labels_cer)] if known else []))
    return headings, rows


def _merged(merging: Merging) -> str:
    """What merging an adapter into the model changed."""
    return f"{count(merging.changed)} of {count(merging.utterances)} dev transcripts changed"


def short(value: Any) -> str:
    """A dictionary of conditions as "beam 1, precision float32"; anything else as its text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {short(inner)}" for name, inner in value.items() if inner not in (None, {}, []))
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(short(inner) for inner in value) if isinstance(value, (list, tuple)) else str(value)


def telling(names: Sequence[str]) -> list[str]:
    """What tells names apart: of paths, the parts that not all of them begin or end with.

    >>> telling(["runs/small/after", "runs/base/after", "runs/base/before"])
    ['small/after', 'base/after', 'base/before']
    """
    parts = [name.split("/") for name in names]
    shortest = min(len(part) for part in parts) - 1
    first = next((n for n in range(shortest) if len({part[n] for part in parts}) > 1), shortest)
    last = next((n for n in range(shortest - first) if len({part[-1 - n] for part in parts}) > 1), shortest - first)
    cut = ["/".join(part[first : len(part) - last]) for part in parts]
    return cut if len(set(cut)) == len(set(names)) else list(names)


def sides_called(report: Report) -> dict[str, str]:
    """How the two sides are called after the name of a rate: "before" and "after" a run; of a comparison the models."""
    sides = [report.model.get(side) for side in SIDES]
    sources = [side.get("source") if isinstance(side, Mapping) else None for side in sides]
    if report.training or None in sources or sources[0] == sources[1]:
        return {side: side for side in SIDES}
    return dict(zip(SIDES, (f"of {name}" for name in tails(list(map(str, sources)))), strict=True))


def tails(names: Sequence[str]) -> list[str]:
    """Names, of long paths the last two parts, where these still tell them apart.

    >>> tails(["openai/whisper-small", "/home/ann/runs/mine/model"])
    ['openai/whisper-small', 'mine/model']
    """
    cut = ["/".join(str(name).split("/")[-2:]) for name in names]
    return cut if len(set(cut)) == len(set(names)) else list(names)


def set_aside(report: Report) -> str:
    """The rows that were not used, by problem; "" when there were none."""
    excluded = report.data.get("excluded") or {}
    if not excluded:
        return ""
    kinds = ", ".join(f"{number} {problem}" for problem, number in excluded.items())
    return f"{sum(excluded.values())} rows set aside ({kinds}): see excluded.jsonl"
