"""The table of a study as Markdown and as one page with its plots."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.reporting import words
from speech_tl.reporting.markdown import escaped, table
from speech_tl.reporting.plots import Dot, PairedRow, paired_plot
from speech_tl.reporting.plots.lines import lines_plot
from speech_tl.text import RATES, Rate, write_atomically

if TYPE_CHECKING:
    from markupsafe import Markup

Row = Mapping[str, Any]

SHOWN = 1.2
"""A look before the first step with a higher rate than this is not drawn: random weights would flatten all the rest."""

CAPTION = (
    "Time is of training without validation; disk is what has to be kept beside the checkpoint (an adapter where "
    "there is one, else the model); memory is the largest that the run's process had. Looks at dev before the first "
    f"step are drawn up to {100 * SHOWN:.0f} %."
)
REACHED = (
    "“Reaches”: seconds of training until dev showed the WER, or the CER, of {reference}'s chosen weights; in "
    "brackets, when {reference} reached this one's. A model that writes nothing at all has a WER of 100 %, which is "
    "less than one has that begins to write: up there only the CER tells who is further."
)


def write_study_page(name: str, description: str, reference: str | None, rows: Sequence[Row], out: Path) -> None:
    """Write study.html from the rows of finished runs, each with its `looks` at dev; nothing where there are none."""
    from speech_tl.reporting.html import rendered

    if not rows:
        return
    headings, lines = table_of(rows, reference)
    page = rendered(
        "study.html",
        "none",
        None,
        "wer",
        name=name,
        message=message_of(rows, reference),
        facts=_facts(rows),
        plots=_plots(rows),
        summary=summary_of(rows),
        headings=headings,
        lines=lines,
        captions=_captions(reference),
    )
    write_atomically(out / "study.html", page)


def markdown_page(name: str, description: str, reference: str | None, rows: Sequence[Row]) -> str:
    """The table as Markdown, runs that are not done with what stands in their way."""
    done = [row for row in rows if row["status"] == "done"]
    headings, lines = table_of(done, reference)
    parts = [f"# {escaped(name)}", escaped(description)]
    if done:
        parts += [table(headings, [[escaped(cell) for cell in line] for line in lines]), *_captions(reference)]
    parts += [f"- {row['run']}: {escaped(row['status'])}" for row in rows if row["status"] != "done"]
    return "\n\n".join(part for part in parts if part) + "\n"


def table_of(rows: Sequence[Row], reference: str | None) -> tuple[list[str], list[list[str]]]:
    """Headings and cells, a row a run, as people read them."""
    guards = [name.removeprefix("guard_") for name in (rows[0] if rows else {}) if _is_guard(name)]
    amounts = any(row["minutes"] is not None for row in rows)
    headings = ["variant", *(["minutes"] if amounts else []), "seed", "WER before", "WER (95 %)", "CER (95 %)"]
    for guard in guards:
        headings += [f"{guard} before", f"{guard} after"]
    headings += ["trained", "time", "memory", "disk"]
    for rate in RATES if reference else ():
        headings += [f"{rate.upper()} minus {reference}'s (95 %)", f"reaches {reference}'s {rate.upper()}"]
    return headings, [_cells(row, guards, amounts, reference) for row in rows]


def message_of(rows: Sequence[Row], reference: str | None) -> str:
    """The study in one sentence: which variant reaches the lowest WER, and whether it beats the reference.

    Of several amounts of speech it is about the largest; a variant's WER is the mean of its seeds.
    """
    amounts = {row["minutes"] for row in rows}
    most = None if None in amounts else max(amounts)
    means = {
        variant: (statistics.fmean(row["wer"] for row in found), found)
        for variant in dict.fromkeys(row["variant"] for row in rows)
        if (found := [row for row in rows if row["variant"] == variant and row["minutes"] == most])
    }
    best = min(means, key=lambda variant: means[variant][0])
    wer, found = means[best]
    before = statistics.fmean(row["wer_before"] for row in found)
    said = f"{best} reaches the lowest WER: {words.percent(wer)}, from {words.percent(before)} before"
    said += f", with {most:g} minutes of speech" if most is not None and len(amounts) > 1 else ""
    if len(means) < 2:
        return f"{best}: WER {words.percent(before)} before, {words.percent(wer)} after."
    tested = [row for row in found if row.get("wer_minus_high") is not None]
    if reference in (None, best) or not tested:
        return f"{said}."
    sure = sum(row["wer_minus_high"] < 0 for row in tested)
    of_seeds = f" in {sure} of {len(tested)} seeds" if len(tested) > 1 and sure else ""
    return f"{said}; {'significantly' if sure else 'not significantly'} lower than {reference}'s{of_seeds}."


def _facts(rows: Sequence[Row]) -> str:
    """How many runs of what."""
    variants, seeds = (len({row[name] for row in rows}) for name in ("variant", "seed"))
    amounts = sorted({row["minutes"] for row in rows if row["minutes"] is not None})
    parts = [f"{variants} variant{'s' if variants > 1 else ''}", f"{seeds} seed{'s' if seeds > 1 else ''}"]
    parts += [f"{', '.join(f'{minutes:g}' for minutes in amounts)} minutes of speech"] if amounts else []
    return f"{', '.join(parts)}: {len(rows)} run{'s' if len(rows) > 1 else ''}. Whiskers are 95 % intervals."


def summary_of(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """A line for each variant and amount: both, mean WER of the seeds, lowest to highest, the same of CER, seeds."""
    found: dict[tuple[str, float | None], list[Row]] = {}
    for row in rows:
        found.setdefault((row["variant"], row["minutes"]), []).append(row)
    return [
        (
            variant,
            words.NOTHING if minutes is None else f"{minutes:g}",
            *(cell for rate in RATES for cell in _of_seeds([row[rate] for row in seeds])),
            str(len(seeds)),
        )
        for (variant, minutes), seeds in found.items()
    ]


def _of_seeds(rates: Sequence[float]) -> tuple[str, str]:
    """Mean, and lowest to highest."""
    within = f"{words.percent(min(rates))} to {words.percent(max(rates))}" if len(rates) > 1 else words.NOTHING
    return words.percent(statistics.fmean(rates)), within


def _cells(row: Row, guards: Sequence[str], amounts: bool, reference: str | None) -> list[str]:
    """One run."""
    cells = [row["variant"], *([_amount(row["minutes"])] if amounts else []), str(row["seed"])]
    cells += [words.percent(row["wer_before"]), *(_within(row, rate) for rate in RATES)]
    for guard in guards:
        cells += [words.percent(row[f"guard_{guard}_before"]), words.percent(row[f"guard_{guard}"])]
    trained, total = row["trainable_parameters"], row["total_parameters"]
    cells += [f"{words.count(trained)} ({trained / total:.1%})", f"{row['train_seconds']:.0f} s"]
    cells += [f"{row['peak_memory_bytes'] / 1e6:,.0f} MB", f"{row['disk_bytes'] / 1e6:,.1f} MB"]
    for rate in RATES if reference else ():
        cells += [_apart(row, rate), _reaches(row, rate)]
    return cells


def _within(row: Row, rate: Rate) -> str:
    """An error rate with its interval."""
    low, high = row[f"{rate}_low"], row[f"{rate}_high"]
    return words.percent(row[rate]) + (f" ({words.percent(low)} to {words.percent(high)})" if low is not None else "")


def _apart(row: Row, rate: Rate) -> str:
    """How far a run is from the reference on the test set."""
    if row.get(f"{rate}_minus_reference") is None:
        return words.NOTHING
    low, high = row[f"{rate}_minus_low"], row[f"{rate}_minus_high"]
    within = f" ({words.points(low)} to {words.points(high)})" if low is not None else ""
    return words.points(row[f"{rate}_minus_reference"]) + within


def _reaches(row: Row, rate: Rate) -> str:
    """When a run reached the error rate of the reference's weights, and the reference this run's."""
    mine, other = (row.get(name) for name in (f"seconds_to_reference_{rate}", f"reference_seconds_to_this_{rate}"))
    return words.NOTHING if mine is None else f"{_time(mine)} ({_time(other)})"


def _time(value: float | str | None) -> str:
    """Seconds, or never."""
    return f"{value:.0f} s" if isinstance(value, (int, float)) else str(value)


def _amount(minutes: float | None) -> str:
    """Minutes of training speech."""
    return "all" if minutes is None else f"{minutes:g}"


def _captions(reference: str | None) -> list[str]:
    """What the table's words mean."""
    return [CAPTION, *([REACHED.format(reference=reference)] if reference else [])]


def _is_guard(name: str) -> bool:
    """Whether a column is a guard's WER after."""
    return name.startswith("guard_") and not name.endswith("_before")


def _plots(rows: Sequence[Row]) -> list[Markup]:
    """WER and CER over minutes where there are several amounts, else before and after; and dev over the seconds of
    compute.
    """
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    amounts = sorted({row["minutes"] for row in rows if row["minutes"] is not None})
    plots: list[Markup | None] = []
    for rate in RATES:
        title, unit = f"{rate.upper()} on the test set", f"{rate.upper()} (%)"
        if len(amounts) > 1:
            of = {variant: [row for row in rows if row["variant"] == variant] for variant in variants}
            series = {variant: _means(found, rate) for variant, found in of.items()}
            within = {variant: _ends(found, rate) for variant, found in of.items()}
            across = "minutes of target speech"
            plots.append(lines_plot(title, across, series, unit, doubling=True, within=within, from_zero=True))
        else:
            plots.append(_sides(title, rows, f"{rate}_before", rate, rate))
    if len(amounts) <= 1:
        for name in (name for name in rows[0] if _is_guard(name)):
            plots.append(_sides(f"Guard {name.removeprefix('guard_')}", rows, f"{name}_before", name))
    for minutes in amounts or [None]:
        plots += [_while_training(rows, variants, minutes, rate) for rate in RATES]
    return [plot for plot in plots if plot]


def _while_training(rows: Sequence[Row], variants: Sequence[str], minutes: float | None, rate: Rate) -> Markup | None:
    """Dev over the seconds of compute, of each variant's first seed."""
    curves = {
        row["variant"]: [(seconds, 100 * seen) for seconds, seen in row["looks"][rate] if seconds or seen <= SHOWN]
        for row in reversed(rows)
        if row["minutes"] == minutes and row["looks"][rate]
    }
    title = f"Dev {rate.upper()} while training" + (f", {minutes:g} minutes of speech" if minutes is not None else "")
    there = {variant: curves[variant] for variant in variants if curves.get(variant)}
    return lines_plot(title, "seconds of training", there, f"{rate.upper()} (%)", from_zero=True) if there else None


def _means(rows: Sequence[Row], rate: Rate) -> list[tuple[float, float]]:
    """(minutes, mean of the seeds in per cent)."""
    amounts = sorted({row["minutes"] for row in rows})
    return [(m, 100 * statistics.fmean(row[rate] for row in rows if row["minutes"] == m)) for m in amounts]


def _ends(rows: Sequence[Row], rate: Rate) -> list[tuple[float, float, float]]:
    """(minutes, low, high) in per cent: the widest of the seeds' 95 % intervals, where the table has them."""
    known = [row for row in rows if row.get(f"{rate}_low") is not None]
    amounts = sorted({row["minutes"] for row in known})
    of = {amount: [row for row in known if row["minutes"] == amount] for amount in amounts}
    return [
        (amount, 100 * min(row[f"{rate}_low"] for row in found), 100 * max(row[f"{rate}_high"] for row in found))
        for amount, found in of.items()
    ]


def _sides(title: str, rows: Sequence[Row], before: str, after: str, rate: Rate = "wer") -> Markup:
    """Before and after of every run, with the interval where the table has one."""
    seeds = len({row["seed"] for row in rows}) > 1
    lines = []
    for row in rows:
        low, high = (row.get(f"{after}_{end}") for end in ("low", "high"))
        name = f"{row['variant']} {row['seed']}" if seeds else row["variant"]
        ends = None if low is None or high is None else (low, high)
        lines.append(PairedRow(name, Dot(row[before]), Dot(row[after], ends)))
    return paired_plot(title, lines, rate)
