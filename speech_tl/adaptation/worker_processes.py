"""A run in several processes, as torchrun starts them: the first tells the story, the others join in for training."""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import torch

from speech_tl.adaptation.preparation import Data, prepare
from speech_tl.adaptation.restored_texts import once_noted
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.recipe import Recipe
from speech_tl.retention.collection import Retention
from speech_tl.screen import Screen
from speech_tl.training.progress import StepProgress
from speech_tl.training.run_lock import LOCK, Tell
from speech_tl.training.train import LONGEST_WAIT_S, TrainingResult, train

WAIT_S = 1.0
"""Between looks for the report, and for what started this process."""


def processes() -> int:
    """How many processes share this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_worker() -> bool:
    """Whether this process is not the run's first."""
    return int(os.environ.get("RANK", "0")) > 0


def was_restarted(folder: Path) -> bool:
    """Whether torchrun has started this process anew after one was lost (--max-restarts), and the run has begun."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0 and (folder / "recipe.yaml").is_file()


def end_with_launcher() -> None:
    """Where several processes share a run, end this one within a second or two of what started it.

    When torchrun itself is killed, its processes wait for each other through a store that died with it: for ever, and
    the run's folder stays in use. Ended at any moment, as by SIGKILL, a run can be resumed.
    """
    if processes() == 1:
        return
    launcher = os.getppid()
    by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ

    def watch() -> None:
        adopted = by_torchrun and not _is_python(launcher)  # torchrun had gone before this was called
        while not adopted and os.getppid() == launcher:
            time.sleep(WAIT_S)
        os._exit(1)  # the main thread may wait inside a library, where no signal reaches it

    threading.Thread(target=watch, daemon=True, name="end_with_launcher").start()


def _is_python(process: int) -> bool:
    """Whether a process, which may be gone or another user's, runs Python."""
    import psutil

    try:
        return "python" in Path(psutil.Process(process).exe()).name
    except psutil.Error:
        return False


def join_training(recipe: Recipe, folder: Path, resume: bool) -> None:
    """What a process beside the first does: prepare the same, and train with it.

    Args:
        recipe: the run's.
        folder: the run's, on a disk that all processes see.
        resume: as the first one does.

    Raises:
        BadInput: as `adapt`.
    """
    if (folder / "training" / "result.json").is_file():
        return
    model, data = prepare(recipe, Screen())
    data = once_noted(data, recipe, model, folder / "training")
    learn(model, data, recipe, folder / "training", resume, data.sources.retention())


def wait_for_report(folder: Path) -> None:
    """Until the first process has left the run's folder; its failure ends the others too, as torchrun does."""
    while (folder / LOCK).exists() or not (folder / "report.json").is_file():
        time.sleep(WAIT_S)


def learn(
    model: AcousticModel,
    data: Data,
    recipe: Recipe,
    folder: Path,
    resume: bool,
    retention: Retention,
    progress: StepProgress | None = None,
    tell: Tell = lambda line: None,
) -> TrainingResult:
    """Train as the recipe says; with other processes where there are some, which part afterwards.

    Raises:
        BadInput: nothing to train on, losses that stay non-finite, or several processes where only one will do.
    """
    if processes() > 1 and data.unlabelled is not None:
        raise BadInput("speech without transcripts is learnt from by one process: leave torchrun out")
    _join()
    trained = train(
        model,
        data.train,
        data.dev_set(model),
        recipe.training,
        folder,
        seed=recipe.seed,
        augmenter=data.augmenter,
        decoding=recipe.decoding.of_the_sound(),  # dev judges the weights themselves
        strategy=recipe.strategy,
        retention=retention,
        cache_gb=recipe.data.cache_gb,
        resume=resume,
        progress=progress,
        tell=tell,
    )
    _part()
    return trained


_parted: list[str] = []
"""The back ends over which the processes were connected so far, one for each training."""


def _join() -> None:
    """Connect the processes by addresses of their own, where a script trains for a second time or was started anew.

    The Trainer makes the first connections; it would find the addresses of the closed ones the next time, which are
    still in the store that torchrun shares, also with processes that it has restarted. Hence a part of the store for
    each training of each start.
    """
    start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    if processes() == 1 or (start == "0" and not _parted):
        return
    backend = _parted[-1] if _parted else "nccl" if torch.cuda.is_available() else "gloo"
    store, rank, size = next(torch.distributed.rendezvous("env://"))
    store = torch.distributed.PrefixStore(f"start {start}, training {len(_parted)}", store)
    wait = timedelta(seconds=LONGEST_WAIT_S)
    torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=wait)


def _part() -> None:
    """Wait for each other and close the connections: whoever is left talking would be aborted."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        _parted.append(torch.distributed.get_backend())
        torch.distributed.destroy_process_group()
