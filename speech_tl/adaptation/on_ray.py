"""A run whose training a Ray cluster's workers share: Ray Train's TorchTrainer around `adapt` and its run folder.

Every worker runs `adapt`, as every process of torchrun does: the first tells the story, the others help it train. Where
one dies, Ray ends the others and starts all anew, and the run goes on from its last checkpoint, as with `--resume`. The
run's folder is on a disk that all nodes see; Ray keeps nothing of its own.
"""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

from speech_tl.adaptation import AdaptationResult, adapt, read_result
from speech_tl.errors import BadInput
from speech_tl.recipe import Recipe
from speech_tl.scaling.cluster import cluster, gpus_each
from speech_tl.screen import Screen
from speech_tl.text import discard, make_folder, require_writable, write_atomically
from speech_tl.training.run_folder import RunFolder
from speech_tl.training.run_lock import wait_until_free
from speech_tl.training.train import LONGEST_WAIT_S

MOST_FAILURES = 100
"""So often workers may die; a run that cannot go on is refused by itself and tried no second time."""

REFUSED = "refused.json"


def adapt_on(
    on: str, workers: int, recipe: Recipe, folder: Path, *, resume: bool = False, screen: Screen | None = None
) -> AdaptationResult:
    """Run a recipe in `workers` processes of a Ray cluster.

    Args:
        on: "ray" or "ray://HOST[:PORT]".
        workers: processes that share each step: a batch of `training.batch_seconds` for each; a GPU each where there
            are so many, else a processor.
        recipe: what to do.
        folder: the run's, which all nodes see under this path.
        resume: continue a run that was stopped.
        screen: where to say what waits for what; the first worker tells of the run itself on standard error.

    Raises:
        BadInput: as `adapt` and `cluster`, or workers that fail again and again.
    """
    folder, screen = folder.resolve(), screen or Screen()
    require_writable(folder)
    run = RunFolder(folder, recipe.to_yaml(), resume, recipe.training.keep_checkpoints)
    notes = folder.with_name(f".{folder.name}.ray")
    with cluster(on, workers, shows=True) as ray:
        with run.held(screen.line):
            discard(notes)  # nobody else works there, and what is in the folder is this recipe's
        try:
            _fit(ray, recipe, folder, make_folder(notes), resume, workers)
            if (notes / REFUSED).is_file():
                raise BadInput(json.loads((notes / REFUSED).read_text(encoding="utf-8")))
        finally:
            discard(notes)
    return read_result(recipe, folder)


def _fit(ray: Any, recipe: Recipe, folder: Path, notes: Path, resume: bool, workers: int) -> None:
    """Ray Train's part.

    Raises:
        BadInput: it gave up.
    """
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    given = {"recipe": recipe, "folder": folder, "notes": notes, "resume": resume}
    trainer = TorchTrainer(
        _worker,
        train_loop_config=given,
        torch_config=TorchConfig(timeout_s=LONGEST_WAIT_S),  # the others wait while the first measures
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=bool(gpus_each(ray, workers))),
        run_config=RunConfig(
            name="ray", storage_path=str(notes), failure_config=FailureConfig(max_failures=MOST_FAILURES)
        ),
    )
    usual = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit()
    except ray.train.TrainingFailedError as error:
        raise BadInput(
            f"{folder}: Ray's workers failed again and again; --resume goes on ({str(error).strip().splitlines()[-1]})"
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, usual)  # Ray Train leaves its own behind


def _worker(given: dict[str, Any]) -> None:
    """One process of the run, on some node; what a user has to mend is noted, and no second try begins."""
    from rich.console import Console

    from speech_tl.adaptation.worker_processes import is_worker

    folder, refused = given["folder"], given["notes"] / REFUSED
    if refused.is_file():
        return
    begun = (folder / "recipe.yaml").is_file()
    screen = Screen() if is_worker() else Screen(Console(stderr=True))
    try:
        if not is_worker():
            wait_until_free(folder, screen.line)  # of a process that is being ended
        adapt(given["recipe"], folder, resume=given["resume"] or begun, screen=screen)
    except BadInput as error:
        write_atomically(refused, json.dumps(str(error)))
        raise
