"""The table of a study as Markdown and as one page with its plots."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.reporting import words
from speech_tl.reporting.markdown import escaped, table
from speech_tl.reporting.plots.changes import PairedRow, paired_plot
from speech_tl.reporting.plots.lines import lines_plot
from speech_tl.text import write_atomically

if TYPE_CHECKING:
    from markupsafe import Markup

Row = Mapping[str, Any]

CAPTION = (
    "Time is of training without looks at dev; disk is what has to be kept beside the checkpoint (an adapter where "
    "there is one, else the model); memory is the largest that the run's process had."
)
REACHED = (
    "“Reaches”: seconds of training until dev showed the WER that {reference} reached at last; in brackets, when "
    "{reference} reached this one's."
)


def write_study_page(name: str, description: str, reference: str | None, rows: Sequence[Row], out: Path) -> None:
    """Write study.html from the rows of finished runs, each with its `curve`; nothing where there are none."""
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
        description=description,
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
    headings = ["variant", *(["minutes"] if amounts else []), "seed", "WER before", "WER (95 %)", "CER"]
    for guard in guards:
        headings += [f"{guard} before", f"{guard} after"]
    headings += ["trained", "time", "memory", "disk"]
    headings += [f"WER minus {reference}'s (95 %)", f"reaches {reference}'s"] if reference else []
    return headings, [_cells(row, guards, amounts, reference) for row in rows]


def summary_of(rows: Sequence[Row]) -> list[tuple[str, str, str, str, int]]:
    """(variant, minutes, mean WER, lowest to highest, seeds) of each variant and amount."""
    found: dict[tuple[str, float | None], list[float]] = {}
    for row in rows:
        found.setdefault((row["variant"], row["minutes"]), []).append(row["wer"])
    return [
        (
            variant,
            words.NOTHING if minutes is None else f"{minutes:g}",
            words.percent(statistics.fmean(wers)),
            f"{words.percent(min(wers))} to {words.percent(max(wers))}" if len(wers) > 1 else words.NOTHING,
            len(wers),
        )
        for (variant, minutes), wers in found.items()
    ]


def _cells(row: Row, guards: Sequence[str], amounts: bool, reference: str | None) -> list[str]:
    """One run."""
    within = f" ({words.percent(row['wer_low'])} to {words.percent(row['wer_high'])})" if row["wer_low"] else ""
    cells = [row["variant"], *([_amount(row["minutes"])] if amounts else []), str(row["seed"])]
    cells += [words.percent(row["wer_before"]), words.percent(row["wer"]) + within, words.percent(row["cer"])]
    for guard in guards:
        cells += [words.percent(row[f"guard_{guard}_before"]), words.percent(row[f"guard_{guard}"])]
    trained, total = row["trainable_parameters"], row["total_parameters"]
    cells += [f"{words.count(trained)} ({trained / total:.1%})", f"{row['train_seconds']:.0f} s"]
    cells += [f"{row['peak_memory_bytes'] / 1e6:,.0f} MB", f"{row['disk_bytes'] / 1e6:,.1f} MB"]
    if reference:
        cells += [_apart(row), _reaches(row)]
    return cells


def _apart(row: Row) -> str:
    """How far a run is from the reference on the test set."""
    if row.get("wer_minus_reference") is None:
        return words.NOTHING
    low, high = row["wer_minus_low"], row["wer_minus_high"]
    within = f" ({words.points(low)} to {words.points(high)})" if low is not None else ""
    return words.points(row["wer_minus_reference"]) + within


def _reaches(row: Row) -> str:
    """When a run reached the reference's last WER, and the reference this run's."""
    mine, other = (row.get(name) for name in ("seconds_to_reference_wer", "reference_seconds_to_this_wer"))
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
    """WER over minutes where there are several amounts, else before and after; and dev over the seconds of compute."""
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    amounts = sorted({row["minutes"] for row in rows if row["minutes"] is not None})
    plots = []
    if len(amounts) > 1:
        series = {variant: _means([r for r in rows if r["variant"] == variant]) for variant in variants}
        plots.append(lines_plot("WER on the test set", "minutes of target speech", series, doubling=True))
    else:
        plots.append(_sides("WER on the test set", rows, "wer_before", "wer"))
        for name in (name for name in rows[0] if _is_guard(name)):
            plots.append(_sides(f"Guard {name.removeprefix('guard_')}", rows, f"{name}_before", name))
    for minutes in amounts or [None]:
        curves = {
            row["variant"]: [(seconds, 100 * wer) for seconds, wer in row["curve"]]
            for row in reversed(rows)
            if row["minutes"] == minutes and row["curve"]
        }
        title = "Dev WER while training" + (f", {minutes:g} minutes of speech" if minutes is not None else "")
        if curves:
            plots.append(lines_plot(title, "seconds of training", {v: curves[v] for v in variants if v in curves}))
    return plots


def _means(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """(minutes, mean WER in per cent over seeds)."""
    amounts = sorted({row["minutes"] for row in rows})
    return [(m, 100 * statistics.fmean(row["wer"] for row in rows if row["minutes"] == m)) for m in amounts]


def _sides(title: str, rows: Sequence[Row], before: str, after: str) -> Markup:
    """Before and after of every run."""
    seeds = len({row["seed"] for row in rows}) > 1
    lines = [
        PairedRow(
            f"{row['variant']} {row['seed']}" if seeds else row["variant"],
            {"wer": row[before]},
            {
                "wer": row[after],
                "ci95": [row["wer_low"], row["wer_high"]] if after == "wer" and row["wer_low"] else None,
            },
        )
        for row in rows
    ]
    return paired_plot(title, lines)
