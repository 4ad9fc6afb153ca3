"""One row a run: what it reached, what it cost, and how soon it reached what the reference reached at last."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from speech_tl.reporting.report import Report
from speech_tl.reporting.study import markdown_page
from speech_tl.scoring.pairing import pair
from speech_tl.scoring.significance import change_interval
from speech_tl.scoring.wer import Evaluation
from speech_tl.study.value import Study, Trial
from speech_tl.text import RATES, Rate, write_atomically
from speech_tl.training.progress import read_log

NEVER = "never"
"""An error rate that a run does not reach."""

FIGURES = (
    "run",
    "variant",
    "minutes",
    "seed",
    "status",
    "wer_before",
    "wer",
    "wer_low",
    "wer_high",
    "cer_before",
    "cer",
    "cer_low",
    "cer_high",
    "best_dev_wer",
    "best_dev_cer",
    "trainable_parameters",
    "total_parameters",
    "steps",
    "audio_seconds",
    "train_seconds",
    "wall_seconds",
    "peak_memory_bytes",
    "disk_bytes",
    "model_bytes",
)
"""Columns that every row has; those of guards and of the reference follow."""


def write_tables(
    study: Study, out: Path, run_of: Callable[[Trial], Path], attempts: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Write table.csv and table.md anew from the runs' own files; returns the rows.

    Rates are fractions; seconds are of training without validation, but for `wall_seconds`, the whole run's.
    `disk_bytes` is what has to be kept beside the checkpoint: an adapter where it holds all, else the model.
    """
    trials = study.trials()
    rows = {trial.name: _row(trial, run_of(trial), attempts) for trial in trials}
    if study.reference:
        for trial in trials:
            reference = next(t for t in trials if t.cell == trial.cell and t.variant == study.reference)
            rows[trial.name] |= _against(trial, reference, rows, run_of)
    columns = list(dict.fromkeys([*FIGURES, *(name for row in rows.values() for name in row)]))
    table = [{name: rows[trial.name].get(name) for name in columns} for trial in trials]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows([{name: value for name, value in row.items() if value is not None} for row in table])
    write_atomically(out / "table.csv", text.getvalue())
    write_atomically(out / "table.md", markdown_page(study.name, study.description, study.reference, table))
    return [row | {"looks": _looks(run_of(trial))} for row, trial in zip(table, trials, strict=True)]


def _row(trial: Trial, run: Path, attempts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What one run's files say."""
    mine = [attempt for attempt in attempts if attempt["run"] == trial.name]
    row: dict[str, Any] = {"run": trial.name, "variant": trial.variant, "minutes": trial.minutes, "seed": trial.seed}
    if not (run / "report.json").is_file():
        said = f"failed ({mine[-1]['code']}): {mine[-1].get('said', '')}".strip() if mine else "not run yet"
        return row | {"status": said}
    report = Report.read(run / "report.json")
    training = report.training
    row["status"] = "done"
    for rate in RATES:
        low, high = report.target.after.interval(rate) or (None, None)
        before, after = report.target.rates_in(rate)
        row |= {f"{rate}_before": before, rate: after, f"{rate}_low": low, f"{rate}_high": high}
    names = ["best_dev_wer", "best_dev_cer", "trainable_parameters", "total_parameters", "steps"]
    names += ["audio_seconds", "peak_memory_bytes"]
    row |= {name: training[name] for name in names} | {"train_seconds": training.seconds}
    row |= {"wall_seconds": round(sum(attempt["seconds"] for attempt in mine), 1) if mine else None}
    model, adapter = (_weights_bytes(run / name) for name in ("model", "adapter"))
    between = training.interpolation
    row |= {"model_bytes": model, "disk_bytes": model if between else adapter or model}
    row |= {"source_seconds": training.source_seconds} if training.keep else {}
    row |= {"new_share": between.share} if between else {}
    for name, guard in report.guards.items():
        row |= {f"guard_{name}_before": guard.before.wer, f"guard_{name}": guard.after.wer}
    return row


def _against(
    trial: Trial, reference: Trial, rows: Mapping[str, Mapping[str, Any]], run_of: Callable[[Trial], Path]
) -> dict[str, Any]:
    """When each of the two reached what the other reached at last (on dev), and how far apart they are on test."""
    mine, other = rows[trial.name], rows[reference.name]
    if mine["status"] != "done" or other["status"] != "done":
        return {}
    looks = _looks(run_of(trial)), _looks(run_of(reference))
    found: dict[str, Any] = {}
    for rate in RATES:
        found[f"seconds_to_reference_{rate}"] = seconds_to(looks[0][rate], other[f"best_dev_{rate}"])
        found[f"reference_seconds_to_this_{rate}"] = seconds_to(looks[1][rate], mine[f"best_dev_{rate}"])
    if trial.name == reference.name:
        return found
    sides = [Evaluation.read(run_of(t) / "after") for t in (reference, trial)]
    sides[1] = pair(sides[0], sides[1], (reference.name, trial.name))
    for rate in RATES:
        change = change_interval(sides[0], sides[1], rate=rate)
        low, high = change.ci95 or (None, None)
        found |= {f"{rate}_minus_reference": change.absolute, f"{rate}_minus_low": low, f"{rate}_minus_high": high}
    return found


def seconds_to(curve: Sequence[tuple[float, float]], rate: float | None) -> float | str | None:
    """Seconds of training until a validation showed an error rate of `rate` or less; "never" where none did.

    >>> seconds_to([(0, 1.0), (30, 0.8), (60, 0.6)], 0.8), seconds_to([(0, 1.0)], 0.5)
    (30, 'never')
    """
    if rate is None:
        return None
    return next((seconds for seconds, seen in curve if seen <= rate), NEVER)


def _looks(run: Path) -> dict[Rate, list[tuple[float, float]]]:
    """(seconds of training, WER or CER) at every validation."""
    looks = [entry for entry in read_log(run / "training" / "log.jsonl") if "dev_wer" in entry]
    return {rate: [(look.get("seconds", 0.0), look[f"dev_{rate}"]) for look in looks] for rate in RATES}


def _weights_bytes(folder: Path) -> int:
    """Size of the weights in a folder; 0 where there are none."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
