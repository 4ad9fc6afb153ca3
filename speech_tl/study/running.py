"""The runs of a study, one after the other or several at once, each in a process of its own, so that its memory is its
own; resumable."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from speech_tl.adaptation.preparation import prepare
from speech_tl.data.manifest import open_data
from speech_tl.errors import BadInput, PartlyDone, Terminated
from speech_tl.recipe import Recipe
from speech_tl.reporting.study import write_study_page
from speech_tl.scaling.jobs import PATIENCE_S, Launch, Lost
from speech_tl.screen import Screen, clock
from speech_tl.study.table import write_tables
from speech_tl.study.value import Study, Trial
from speech_tl.text import replacing_folder, require_writable, sweep, write_atomically
from speech_tl.training.run_lock import locked, wait_until_free

LEARNING = {"name", "description", "strategy", "keep", "training", "report"}
"""Parts of a recipe that the figures of the untouched model do not depend on."""

STOPPED = (130, -2, 143, -15)
"""Exit codes of a run that Ctrl-C or SIGTERM stopped; negative ones are of a process that did not listen."""

MOST_LOST = 5
"""So often a run goes on elsewhere when its node is lost."""


class StudyFolder:
    """Where a study writes: recipes/, runs/, logs/, attempts.jsonl, table.csv, table.md, study.html."""

    def __init__(self, path: Path) -> None:
        """Nothing is touched yet."""
        self.path = path
        self._noting = threading.Lock()

    def run(self, trial: Trial) -> Path:
        """The folder of one run."""
        return self.path / "runs" / trial.name

    def finished(self, trial: Trial) -> bool:
        """Whether its report is there."""
        return (self.run(trial) / "report.json").is_file()

    def attempts(self) -> list[dict[str, Any]]:
        """What was begun so far: run, seconds, exit code, and the last line it said when it failed."""
        lines = []
        with suppress(FileNotFoundError):
            lines = (self.path / "attempts.jsonl").read_text(encoding="utf-8").splitlines()
        found = []
        for line in lines:
            with suppress(json.JSONDecodeError):  # an earlier version's kills cut lines short
                found.append(json.loads(line))
        return found

    def note(self, trial: Trial, seconds: float, code: int, said: str) -> None:
        """Add an attempt."""
        entry = {"run": trial.name, "seconds": round(seconds, 1), "code": code} | ({"said": said} if code else {})
        with self._noting:
            lines = [json.dumps(attempt) + "\n" for attempt in [*self.attempts(), entry]]
            write_atomically(self.path / "attempts.jsonl", "".join(lines))


def run_study(
    study: Study,
    out: str | Path | None = None,
    *,
    screen: Screen | None = None,
    launch: Launch | None = None,
    at_once: int = 1,
) -> list[dict[str, Any]]:
    """Run what is not there yet, and keep the tables and the page up to date after every run.

    Args:
        study: what to run.
        out: the study's folder; None is runs/NAME. Finished runs in it are kept, a stopped one goes on.
        screen: where to show progress; None is silent.
        launch: runs one `speech-tl` command; None starts a process for it, `scaling.jobs.jobs_on` a cluster's job.
        at_once: so many runs side by side.

    Returns:
        The table: one row a run, as table.csv holds it.

    Raises:
        BadInput: the data or a strategy make a run impossible, or the folder holds runs of other settings; nothing is
            trained then.
        PartlyDone: runs failed; the message lists them, all others are in the table.
    """
    screen, launch = screen or Screen(), launch or in_a_process
    folder, trials = StudyFolder(Path(out) if out else Path("runs") / study.name), study.trials()
    require_writable(folder.path)
    with locked(folder.path, screen.line):
        for place in (folder.path, folder.path / "recipes", folder.path / "runs"):
            sweep(place, below=False)  # what is in a run is its own business
        return _run_all(study, folder, trials, screen, launch, at_once)


def _run_all(
    study: Study, folder: StudyFolder, trials: Sequence[Trial], screen: Screen, launch: Launch, at_once: int
) -> list[dict[str, Any]]:
    """The study itself, in a folder that no other study writes into."""
    for trial in trials:
        _refuse_another(folder, trial)
    waiting = [trial for trial in trials if not folder.finished(trial)]
    _check(waiting, screen)
    work = (folder, waiting, trials, screen, launch)
    for _ in _one_by_one(*work) if at_once == 1 else _side_by_side(*work, at_once):
        _write(study, folder)
    rows = _write(study, folder)
    failed = [f"{row['run']}: {row['status']}" for row in rows if row["status"] != "done"]
    if len(failed) == len(rows):
        raise BadInput(f"no run of the study succeeded; the first: {failed[0]}")
    if failed:
        raise PartlyDone(f"{len(failed)} of {len(rows)} runs failed (the same command tries them again)", failed)
    return rows


def _one_by_one(
    folder: StudyFolder, waiting: Sequence[Trial], trials: Sequence[Trial], screen: Screen, launch: Launch
) -> Iterator[Trial]:
    """Each run when it has ended."""
    started = time.monotonic()
    for number, trial in enumerate(waiting):
        left = (time.monotonic() - started) / number * (len(waiting) - number) if number else None
        screen.line(f"run {number + 1} of {len(waiting)}: {trial.name}" + (f", {clock(left)} left" if left else ""))
        _run_where_needed(folder, trial, trials, screen, launch)
        yield trial


def _side_by_side(
    folder: StudyFolder, waiting: Sequence[Trial], trials: Sequence[Trial], screen: Screen, launch: Launch, at_once: int
) -> Iterator[Trial]:
    """Each run when it has ended; a thread waits for each that is under way."""
    queue, pool = list(waiting), ThreadPoolExecutor(at_once)
    running: dict[Future[None], Trial] = {}
    try:
        while queue or running:
            while queue and len(running) < at_once:
                trial = queue.pop(0)
                screen.line(f"run {len(waiting) - len(queue)} of {len(waiting)}: {trial.name}")
                running[pool.submit(_run_where_needed, folder, trial, trials, screen, launch)] = trial
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                trial = running.pop(ended)
                ended.result()
                yield trial
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _run_where_needed(
    folder: StudyFolder, trial: Trial, trials: Sequence[Trial], screen: Screen, launch: Launch
) -> None:
    """A run, unless a study that was killed has left one that goes on and ends well."""
    for lost in range(MOST_LOST + 1):
        wait_until_free(folder.run(trial), screen.line)
        if folder.finished(trial):
            return
        try:
            _run(folder, trial, trials, launch)
            return
        except Lost as error:
            if lost == MOST_LOST:
                raise BadInput(f"{trial.name}: its node was lost {lost + 1} times ({error})") from error
            screen.line(f"{trial.name}: its node was lost, it goes on elsewhere ({error})")


def _write(study: Study, folder: StudyFolder) -> list[dict[str, Any]]:
    """Tables and page of what there is; returns the table."""
    rows = write_tables(study, folder.path, folder.run, folder.attempts())
    done = [row for row in rows if row["status"] == "done"]
    write_study_page(study.name, study.description, study.reference, done, folder.path)
    return rows


def in_a_process(arguments: Sequence[str], log: Path) -> int:
    """`speech-tl` in a process of its own; what it says goes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        process = subprocess.Popen([sys.executable, "-m", "speech_tl.cli", *arguments], stdout=stream, stderr=stream)
        try:
            return process.wait()
        except KeyboardInterrupt as error:
            if isinstance(error, Terminated):  # Ctrl-C has reached the run too
                process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_S)
            raise
        finally:
            process.kill()


def _run(folder: StudyFolder, trial: Trial, trials: Sequence[Trial], launch: Launch) -> None:
    """Begin a run or let it go on."""
    recipe, run = folder.path / "recipes" / f"{trial.name}.yaml", folder.run(trial)
    recipe.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(recipe, trial.recipe.to_yaml())
    _share_before(folder, trial, trials)
    resume = ["--resume"] if (run / "recipe.yaml").is_file() else []
    log, began = folder.path / "logs" / f"{trial.name}.log", time.monotonic()
    code = launch(["adapt", str(recipe), *trial.recipe.owners_overrides(), "--out", str(run), *resume], log)
    if code == 1 and folder.finished(trial):
        code = 0  # done, with a guard beyond its limit
    folder.note(trial, time.monotonic() - began, code, _last_line(log) if code else "")
    if code in STOPPED:
        raise KeyboardInterrupt


def _share_before(folder: StudyFolder, trial: Trial, trials: Sequence[Trial]) -> None:
    """The untouched model's figures from a run that measured the same model on the same data: they cannot differ."""
    run = folder.run(trial)
    if run.exists() or _starts_from_nothing(trial.recipe):
        return
    for other in trials:
        if other.name != trial.name and folder.finished(other) and _measures_alike(trial.recipe, other.recipe):
            source = folder.run(other)
            with replacing_folder(run) as whole:
                (whole / "recipe.yaml").write_text(trial.recipe.to_yaml(), encoding="utf-8")
                for before in sorted(source.rglob("before")):
                    if (before / "summary.json").is_file():
                        shutil.copytree(before, whole / before.relative_to(source), dirs_exist_ok=True)
                shutil.copy(source / "environment.json", whole)  # says on which data that was measured
            return


def _starts_from_nothing(recipe: Recipe) -> bool:
    """Whether before is measured on weights that this run draws."""
    return recipe.model.from_scratch or recipe.model.source.startswith("new:")


def _measures_alike(first: Recipe, second: Recipe) -> bool:
    """Whether two recipes differ only in how they learn."""
    sides = [recipe.model_dump(mode="json", exclude=LEARNING) for recipe in (first, second)]
    return sides[0] == sides[1]


def _refuse_another(folder: StudyFolder, trial: Trial) -> None:
    """Refuse a folder whose runs have other settings."""
    saved = folder.run(trial) / "recipe.yaml"
    if saved.is_file() and saved.read_text(encoding="utf-8") != trial.recipe.to_yaml():
        raise BadInput(
            f"{saved.parent} was run with other settings than the study has now: choose another --out, or remove it"
        )


def _check(trials: Sequence[Trial], screen: Screen) -> None:
    """Read the data of every amount, and prepare every variant once as its runs will, before hours are spent."""
    variants: dict[str, Trial] = {}
    for trial in trials:
        variants.setdefault(trial.variant, trial)
    if variants:
        screen.line(f"{len(trials)} runs; checking that each of {', '.join(variants)} fits the model and the data ...")
    for cell, trial in {trial.cell: trial for trial in trials}.items():
        if cell not in {checked.cell for checked in variants.values()}:
            open_data(trial.recipe.data, needs_train=trial.recipe.unlabelled is None)
    for trial in variants.values():
        try:
            prepare(trial.recipe, Screen())
        except BadInput as error:
            raise BadInput(f"variant {trial.variant}: {error}") from error


def _last_line(log: Path) -> str:
    """The last thing that a run said."""
    with suppress(FileNotFoundError):
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        return lines[-1].removeprefix("speech-tl: ") if lines else ""
    return ""
