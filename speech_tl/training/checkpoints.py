"""Checkpoints that can be trusted: each is sealed with sizes and hashes once it is whole, others are passed over."""

from __future__ import annotations

import errno
import hashlib
import json
import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from speech_tl.errors import BadInput
from speech_tl.scoring.dev_choice import choice
from speech_tl.text import Rate, discard, sync, write_atomically
from speech_tl.training.run_lock import Tell

SEAL = "complete.json"
"""{file: {"bytes", "sha256"}} of a checkpoint, written when everything else of it is."""

NAME = re.compile(r"checkpoint-(\d+)")
"""With the step."""

CHUNK_BYTES = 1 << 20

Contents = Mapping[str, Mapping[str, Any]]
"""{file: {"bytes", "sha256"}}."""


class Checkpoints(TrainerCallback):
    """Seals every checkpoint, keeps the best and the newest, and finds the best one again when a run is resumed.

    Attributes:
        notes: sentences for the report.
    """

    def __init__(self, folder: Path, rate: Rate, tell: Tell) -> None:
        """`folder` is that of the training; `rate` is the error rate of dev that selects."""
        self.folder, self.rate, self.tell = folder, rate, tell
        self.notes: list[str] = []
        self._place = _identity(folder)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """The best checkpoint by the folder it is in now; the newest one in its stead where it is damaged."""
        if state.global_step:
            self._tell_of_processes(state.global_step, args.world_size)
        if not state.best_global_step:
            return
        best = self._of_step(state.best_global_step)
        problem = damage(best)
        if problem is None:
            state.best_model_checkpoint = str(best)
            return
        newest = self._of_step(state.global_step)
        looks = [entry for entry in state.log_history if entry["step"] == state.global_step and "eval_wer" in entry]
        state.best_metric = state.best_model_checkpoint = state.best_global_step = None
        if looks:
            state.best_metric = choice(looks[-1]["eval_wer"], looks[-1]["eval_cer"], self.rate)
            state.best_model_checkpoint, state.best_global_step = str(newest), state.global_step
        self.notes.append(
            f"{best.name}, the best one on dev when the run was resumed, {problem}: its weights could not be taken"
        )
        self.tell(self.notes[-1])

    def _tell_of_processes(self, step: int, now: int) -> None:
        """Say so where other processes go on: the randomness of each, and its batches, are its own."""
        before = len(list(self._of_step(step).glob("rng_state*.pth")))
        if before != now:
            self.notes.append(
                f"step {step} was reached by {before} process{'es' * (before > 1)} and gone on from by {now}: the run "
                "is another than it would have been"
            )
            self.tell(self.notes[-1])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Look whether the folder is still there: the Trainer would make it anew, and go on in vain."""
        self._require_there()

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """The same after a validation, which takes long."""
        self._require_there()

    def _require_there(self) -> None:
        if self._place not in (None, _identity(self.folder)):
            raise FileNotFoundError(errno.ENOENT, "the training's folder was removed or moved", str(self.folder))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Seal the newest, when every process has written its part of it; only then give up an older one."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.barrier()
        if not state.is_world_process_zero:
            return
        newest = self._of_step(state.global_step)
        seal(newest)
        wanted = {newest.name, Path(state.best_model_checkpoint or "").name}
        for checkpoint in _found(self.folder):
            if checkpoint.name not in wanted:
                discard(checkpoint)

    def _of_step(self, step: int) -> Path:
        return self.folder / f"checkpoint-{step}"


def _identity(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from another one of its name; None where there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def newest_whole(folder: Path, tell: Tell) -> str | None:
    """The newest checkpoint that is as it was sealed; None where there is none.

    Args:
        folder: of the training.
        tell: hears of every newer one that is not.
    """
    found = _found(folder)
    for checkpoint in found:
        problem = damage(checkpoint)
        if problem is None:
            return str(checkpoint)
        tell(f"{checkpoint} {problem}: passed over")
    if found:
        tell("no whole checkpoint is left: training starts again")
    return None


def require_whole(checkpoint: Path) -> None:
    """Refuse a checkpoint that was damaged since the run sealed it.

    Raises:
        BadInput: says what is wrong with it.
    """
    if (problem := damage(checkpoint)) is not None:
        raise BadInput(f"{checkpoint}, the best on dev, {problem}: go on with --resume from what is left")


def _found(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the newest first."""
    steps = {place: int(found[1]) for place in folder.glob("*") if (found := NAME.fullmatch(place.name))}
    return sorted(steps, key=lambda place: -steps[place])


def seal(checkpoint: Path) -> None:
    """Write down what a checkpoint holds, when the disk holds it."""
    sync(checkpoint)
    write_atomically(checkpoint / SEAL, json.dumps(contents(checkpoint, {SEAL}), indent=2) + "\n")


def contents(folder: Path, but: Container[str] = ()) -> Contents:
    """Sizes and hashes of the files in a folder, without those of some names."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name not in but)
    return {
        str(file.relative_to(folder).as_posix()): {"bytes": file.stat().st_size, "sha256": _sha256(file)}
        for file in files
    }


def damage(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, in words that follow its name; None where it is as it was sealed."""
    if not checkpoint.is_dir():
        return "is missing"
    try:
        return changed(checkpoint, json.loads((checkpoint / SEAL).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return "was not written to its end"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except (ValueError, AttributeError, KeyError, TypeError):
        return f"is damaged ({SEAL})"


def changed(folder: Path, sealed: Contents) -> str | None:
    """What of a folder is not as its `contents` were, in words that follow its name; None where all is.

    Raises:
        OSError: a file cannot be read.
    """
    for name, told in sealed.items():
        file = folder / name
        if not file.is_file():
            return f"is damaged ({name} is missing)"
        if file.stat().st_size != told["bytes"] or _sha256(file) != told["sha256"]:
            return f"is damaged ({name} is not what was written)"
    return None


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
