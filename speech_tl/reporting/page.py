"""A run's report: all its figures, written as report.json, report.md and report.html."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.data.leaks import Leaks
from speech_tl.figures import Sides
from speech_tl.reporting import words
from speech_tl.reporting.clips import AudioMode
from speech_tl.reporting.guards import LIMIT, guard_warnings, judged
from speech_tl.reporting.html import html_page
from speech_tl.reporting.ladder import Climbed, ladder_figures
from speech_tl.reporting.markdown import markdown_page
from speech_tl.reporting.plots import KINDS
from speech_tl.reporting.report import BeforeAfter, Guard, Report, Search, Shortened, Target, Training
from speech_tl.reporting.style import as_written, style_figures, style_line
from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.files import write_json
from speech_tl.scoring.groups import compare_groups, gap, group
from speech_tl.scoring.kinds import error_kinds
from speech_tl.scoring.pairing import PAIR, differing_conditions, pair
from speech_tl.scoring.significance import bootstrap_change, change_interval
from speech_tl.scoring.wer import Evaluation, Score
from speech_tl.text import Rate, leading_rate, literal, write_atomically

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

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

MUTE_SHARE = 0.5
"""A model that writes nothing for more of the utterances is called that."""

Pair = tuple[Evaluation, Evaluation]


def build_report(
    recipe: str | Mapping[str, Any],
    before: Evaluation,
    after: Evaluation,
    *,
    shortened: Evaluation | None = None,
    greedy: Pair | None = None,
    guards: Mapping[str, Pair] | None = None,
    guard_limits: Mapping[str, float] | None = None,
    ladder: Climbed | None = None,
    leaks: Leaks | None = None,
    by: Sequence[str] = (),
    training: Mapping[str, Any] | None = None,
    model: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    notes: Iterable[str] = (),
    seed: int = 0,
) -> Report:
    """Every figure of a run.

    Args:
        recipe: its name, or the whole resolved recipe (with the key `name`).
        before, after: the test set by the untouched and the adapted model.
        shortened: the test set by the adapted model with windows shortened to the clip, where it is used so.
        greedy: the test set before and after, decoded without beam, language model and hotwords, where there are any.
        guards: other test sets before and after, by name.
        guard_limits: by how much the leading rate of a guard may rise (a fraction), by name; else `LIMIT`.
        ladder: the test set in noise, before and after.
        leaks: what train and test share, from `data.leaks.find_leaks`; None where nobody knows.
        by: manifest columns to report by group.
        training: the trainer's figures; unknown ones of the contract's keys become None, others are kept.
        model: what was adapted; by default what the evaluation after recorded.
        data: facts about the data; `data["excluded"]` counts the rows set aside by problem.
        notes: sentences that a reader of the figures must know.
        seed: of the bootstrap.

    Returns:
        The report; `as_dict()` of it is what report.json holds.

    Raises:
        BadInput: before and after were not measured on the same words, or a group's column does not exist.
    """
    after = pair(before, after)
    facts = {**after.data, **(data or {})}
    rate = leading_rate(facts.get("language") or after.model.get("language"), after.normaliser)
    target = Target(**dict(_before_after(before, after, seed, rate)), style=style_figures(before, after))
    price = _price(guards or {}, guard_limits or {}, seed)
    found = [*guard_warnings(price), *notes, *_own_notes(target, after), *_loop_notes(target, price)]
    groups = {column: compare_groups(before.utterances, after.utterances, column, seed, rate) for column in by}
    return Report(
        recipe=recipe if isinstance(recipe, str) else dict(recipe),
        target=target,
        shortened=_shortened(after, shortened, seed, rate) if shortened else None,
        search=_search(before, after, greedy, seed, rate) if greedy else None,
        guards=price,
        groups=groups,
        gaps={column: gap(found, rate) for column, found in groups.items()},
        errors=error_kinds(before.utterances, after.utterances, rate),
        ladder=ladder_figures(ladder, lambda first, last: _before_after(first, last, seed, rate)) if ladder else None,
        training=Training(**(dict.fromkeys(TRAINING) if training else {}) | dict(training or {})),
        model=dict(model) if model is not None else after.model,
        decoding=after.decoding,
        **_rules(after),
        data=facts,
        leaks=leaks,
        conditions=_conditions({"": (before, after), **(guards or {})}),
        notes=list(dict.fromkeys(found)),
        versions=after.versions,
    )


def _price(guards: Mapping[str, Pair], limits: Mapping[str, float], seed: int) -> dict[str, Guard]:
    """Every guard with its verdict; the rate that leads is its own language's."""
    return {
        name: judged(_before_after(*sides, seed, sides[1].rate), limits.get(name, LIMIT), **_rules(sides[1]))
        for name, sides in guards.items()
    }


def write_report(
    report: Report,
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
    write_json(folder / "report.json", report.as_dict())
    write_atomically(folder / "report.md", markdown_page(report))
    write_atomically(folder / "report.html", html_page(report, before, after, log, audio, folder))
    return folder


def terminal_table(report: Report) -> Table:
    """The figures before and after, compact enough for a terminal."""
    from rich.table import Table

    target, training = report.target, report.training
    few = words.too_few(target.change)
    lines = [
        words.change_line(target.change),
        "" if few else words.verdict(target.change),
        training.kept_weights or "",
        f"whole run {words.run_time(training)}" if training.run_seconds else "",
        words.normaliser(report),
        style_line(target),
    ]
    table = Table(
        title=literal(*filter(None, (few, report.name)), style="table.title"),
        caption=literal(*filter(None, lines), style="table.caption"),
        caption_justify="left",
    )
    for heading in ("", "before", "after", "change"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for cells in _rows(target):
        table.add_row(*cells)
    if found := report.search:
        table.add_row(*_rate_cells("  greedy", found.greedy))
    if short := report.shortened:
        faster = f"{short.times_faster:.1f} times as fast" if short.times_faster else ""
        rate = target.rate
        table.add_row(f"  windows shortened: {rate.upper()}", "", words.percent(short.score.rate(rate)), faster)
    for name, guard in report.guards.items():
        table.add_row(*_rate_cells(f"guard {name}", guard))
    for rung in report.ladder.rungs[1:] if report.ladder else ():
        table.add_row(*_rate_cells(rung.name, rung))
    return table


def _rate_cells(name: str, measured: BeforeAfter) -> list[Text | str]:
    """A line of the leading rate alone."""
    rates = measured.rates
    return [literal(f"{name}: {measured.rate.upper()}"), *map(words.percent, rates), words.change_of(*rates)]


def evaluation_table(evaluation: Evaluation, by: Sequence[str] = ()) -> Table:
    """The figures of one evaluation, and the WER of each value of the columns `by`, for a terminal.

    Raises:
        BadInput: no utterance has a column of `by`.
    """
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE,  # eight columns would not fit a terminal's 80 characters with lines between them
        padding=(0, 0, 0, 1),
        title=literal(evaluation.model.get("source") or "evaluation", style="table.title"),
        caption=literal(words.normaliser(evaluation), style="table.caption"),
        caption_justify="left",
    )
    table.add_column("", max_width=24, overflow="fold")  # a long value folds; figures are never cut
    rate = evaluation.rate
    for heading in (rate.upper(), "95 % interval", words.OTHER[rate].upper(), "sub.", "del.", "ins.", UNITS[rate]):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("all", *_cells(evaluation.score, rate))
    for column in by:
        groups = group(evaluation, column)
        table.add_section()
        for value, figures in groups.items():
            table.add_row(literal(f"{column} {value}"), *_cells(figures, rate))
    return table


def _cells(score: Score, rate: Rate) -> list[str]:
    """One line of figures, the leading rate first: rates in per cent, counts as they are."""
    rates = [
        words.percent(score.rate(rate)),
        words.interval(score.interval(rate)),
        words.percent(score.rate(words.OTHER[rate])),
    ]
    units, *wrong = score.edits(rate)
    return [*rates, *(words.count(number) for number in (*wrong, units))]


def _rows(target: Target) -> list[tuple[str, ...]]:
    """The table's lines, the leading rate first: rates in per cent, counts as they are."""
    rate, other, raw = target.rate, words.OTHER[target.rate], as_written(target)
    before, after = (side.edits(rate) for side in target.sides)
    intervals = target.before.interval(rate), target.after.interval(rate)
    return [
        _changed(rate.upper(), target.rates),
        ("  95 % interval", *map(words.interval, intervals), ""),
        *([_changed("  as written", (raw[0].rate(rate), raw[1].rate(rate)))] if raw else []),
        _changed(other.upper(), target.rates_in(other)),
        *(
            (kind, words.count(first), words.count(last), words.count_change(first, last))
            for kind, first, last in zip(KINDS, before[1:], after[1:], strict=True)
        ),
        (UNITS[rate], words.count(before.units), words.count(after.units), ""),
    ]


def _changed(name: str, rates: tuple[float | None, float | None]) -> tuple[str, ...]:
    """A line of an error rate before and after."""
    return name, words.percent(rates[0]), words.percent(rates[1]), words.change_of(*rates)


def _before_after(before: Evaluation, after: Evaluation, seed: int, rate: Rate) -> BeforeAfter:
    """Both scores and the change of either rate; the matched-pairs test is made of the leading one."""
    after, other = pair(before, after), words.OTHER[rate]
    change = change_interval(before, after, seed, rate=rate)
    beside = bootstrap_change(before.utterances, after.utterances, seed, rate=other).of_a_test_set_as(change)
    wer, cer = (change, beside) if rate == "wer" else (beside, change)
    loops = Sides(before=before.loops, after=after.loops)
    return BeforeAfter(rate=rate, before=before.score, after=after.score, wer_change=wer, cer_change=cer, loops=loops)


def _shortened(after: Evaluation, shortened: Evaluation, seed: int, rate: Rate) -> Shortened:
    """What shorter windows change beside `after`: score, change, and how many times faster they were decoded."""
    shortened = pair(after, shortened, ("after", "after with shorter windows"))
    times = after.seconds / shortened.seconds if after.seconds and shortened.seconds else None
    return Shortened(
        audio_context=shortened.decoding.get("audio_context"),
        score=shortened.score,
        **{f"{rate}_change": change_interval(after, shortened, seed, rate=rate)},
        seconds=shortened.seconds,
        seconds_full=after.seconds,
        times_faster=None if times is None else round(times, 2),
    )


def _search(before: Evaluation, after: Evaluation, greedy: Pair, seed: int, rate: Rate) -> Search:
    """What adaptation and what the search gave: both sides greedily too, and each side's change by the search."""
    first, last = (
        change_interval(plain, pair(plain, searched, ("greedy", "searched")), seed, rate=rate)
        for plain, searched in zip(greedy, (before, after), strict=True)
    )
    return Search(greedy=_before_after(*greedy, seed, rate), before=first, after=last)


def _rules(evaluation: Evaluation) -> dict[str, str]:
    """What both sides of a comparison were normalised with."""
    names = ("normaliser", "normaliser_hash", "normaliser_reason")
    return {name: getattr(evaluation, name) for name in names}


def _conditions(pairs: Mapping[str, Pair]) -> list[str]:
    """Under which other conditions a before and its after were measured; a guard's lines begin with its name."""
    return [
        f"guard {name}: {line}" if name else line
        for name, sides in pairs.items()
        for line in differing_conditions(dict(zip(PAIR, sides, strict=True)))
    ]


def _loop_notes(target: Target, guards: Mapping[str, Guard]) -> list[str]:
    """The test set's loops and those of each guard, where there were any."""
    places = {"test": target.loops, **{f"guard {name}": guard.loops for name, guard in guards.items()}}
    told = {place: words.loops_line(loops.before, loops.after) for place, loops in places.items() if loops}
    return [f"{place}: {line}." for place, line in told.items() if line]


def _own_notes(target: Target, after: Evaluation) -> list[str]:
    """What the figures themselves give reason to say."""
    notes = words.disagreement(target)
    spoken = [utterance for utterance in after.utterances if utterance.reference]
    mute = sum(not utterance.hypothesis for utterance in spoken)
    if mute > MUTE_SHARE * len(spoken):
        notes.append(
            f"After adapting, nothing at all is written for {mute} of {len(spoken)} utterances: with nothing written "
            "the WER is 100 %, which is not hearing better. It takes longer training, or more speech."
        )
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
