"""The folder of a run: made only when everything is ready, resumable at every stage, refused when in use."""

from __future__ import annotations

import copy
import dataclasses
import json
import platform
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from speech_tl.data.fingerprints import changed_part
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.scoring.files import versions
from speech_tl.scoring.wer import Evaluation
from speech_tl.text import require_writable, write_atomically
from speech_tl.training.progress import read_log
from speech_tl.training.run_lock import RunLock
from speech_tl.training.train import TrainingResult

CHECKPOINTS = 3
"""Two are kept, one is being written."""


class RunFolder:
    """Where one run writes; see the design's "A run's folder".

    Attributes:
        path: the folder.
        resumed: whether an earlier run is continued.
    """

    def __init__(self, path: Path, recipe_yaml: str, resume: bool) -> None:
        """Look, and touch nothing yet.

        Raises:
            BadInput: it cannot be written, is in use without `resume`, holds nothing to resume, or was started by
                another recipe.
        """
        self.path, self.recipe_yaml = path, recipe_yaml
        saved = path / "recipe.yaml"
        if path.exists() and not path.is_dir():
            raise BadInput(f"output folder {path} is a file: choose another --out")
        require_writable(path)
        self.lock = RunLock(path)
        self.lock.refuse_if_held()
        if not resume:
            self._require_unused()
        if resume and not saved.is_file():
            raise BadInput(f"nothing to resume in {path}: it has no recipe.yaml (run without --resume)")
        if resume and saved.read_text(encoding="utf-8") != recipe_yaml:
            command = shlex.join(["speech-tl", "adapt", str(saved), "--resume", "--out", str(path)])
            raise BadInput(
                f"{path} was started with {_first_difference(saved.read_text(encoding='utf-8'), recipe_yaml)}: "
                f"resume it as it was (`{command}`), or choose another --out"
            )
        self.resumed = resume

    @property
    def model_folder(self) -> Path:
        """Where the adapted model is saved."""
        return self.path / "model"

    @contextmanager
    def opened(
        self,
        parameters: tuple[int, int],
        facts: dict[str, Any],
        seed: int,
        device: str,
        data: Mapping[str, Mapping[str, str]],
    ) -> Iterator[None]:
        """Make the folder and note what the run depends on; within, no other run may use it.

        Args:
            parameters: the trained ones and all.
            facts: of the data, for environment.json.
            seed: of the run.
            device: it runs on.
            data: fingerprints of each part of the data, which must be the same when the run is resumed.

        Raises:
            BadInput: it cannot be written, another run is going on in it, the disk has no room for the checkpoints, or
                the data are not those that the run was started with.
        """
        new = not self.path.exists()
        try:
            self.lock.take()
        except OSError as error:
            raise BadInput(f"output folder {self.path} cannot be written: {error.strerror}") from error
        try:
            if self.resumed:
                self._require_same(data)
            else:
                self._require_unused()  # another run may have come and gone while the data were read
            self._begin(parameters, facts, seed, device, data)
            yield
        finally:
            self.lock.release()
            if new and self.path.is_dir() and not any(self.path.iterdir()):
                self.path.rmdir()

    def _require_unused(self) -> None:
        """Hidden files are no use of a folder: what was being written when a run was killed, or a file manager's."""
        if self.path.is_dir() and any(not inside.name.startswith(".") for inside in self.path.iterdir()):
            raise BadInput(f"output folder {self.path} is in use: continue it with --resume, or choose another --out")

    def _require_same(self, data: Mapping[str, Mapping[str, str]]) -> None:
        """Refuse to go on with other data than the run began with."""
        noted = self.path / "environment.json"
        environment = json.loads(noted.read_text(encoding="utf-8")) if noted.is_file() else {}
        changed = changed_part(environment["data"], data) if "data" in environment else None
        if changed:
            raise BadInput(
                f"{self.path} was started with other data: {changed} changed since; put the data back as they were, or "
                "choose another --out"
            )

    def _begin(
        self,
        parameters: tuple[int, int],
        facts: dict[str, Any],
        seed: int,
        device: str,
        data: Mapping[str, Mapping[str, str]],
    ) -> None:
        """Look at the disk, then write recipe and environment."""
        existing = next(p for p in [self.path, *self.path.absolute().parents] if p.exists())
        free, needed = shutil.disk_usage(existing).free, disk_bytes(*parameters)
        if free < needed:
            raise BadInput(
                f"no space left for {self.path}: checkpoints need {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free"
            )
        try:
            # The recipe comes first: a run that is killed after this line can be resumed.
            write_atomically(self.path / "recipe.yaml", self.recipe_yaml)
            (self.path / "training").mkdir(exist_ok=True)
        except OSError as error:
            raise BadInput(f"output folder {self.path} cannot be written: {error.strerror}") from error
        environment = {
            "versions": versions(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "device": device,
            "seed": seed,
            "git_revision": git_revision(),
            "data_fingerprint": facts.get("fingerprint"),
            "data": data,
        }
        self._write_json("environment.json", environment)

    def evaluation(self, name: str, measure: Callable[[], Evaluation]) -> Evaluation:
        """The evaluation in the folder `name`, such as "before" or "guards/NAME/after": read if it is there, else
        measured and written."""
        folder = self.path / name
        if (folder / "summary.json").is_file():
            return Evaluation.read(folder)
        evaluation = measure()
        evaluation.write(folder)
        return evaluation

    def training(
        self, model: AcousticModel, learn: Callable[[], tuple[AcousticModel, TrainingResult]]
    ) -> tuple[AcousticModel, TrainingResult]:
        """The adapted model: loaded where training had finished, else learnt now and saved.

        `model` says in which language and for which task it is loaded; `learn` trains it, or another.
        """
        done = self.path / "training" / "result.json"
        if done.is_file():
            values = json.loads(done.read_text(encoding="utf-8"))
            values["problems"] = {int(index): problem for index, problem in values["problems"].items()}
            adapted = load_model(self.model_folder, language=model.language, task=model.task)
            return adapted, TrainingResult(**values)
        model, result = learn()
        model.save(self.model_folder)
        model.source = str(self.model_folder)
        self._write_json("training/result.json", dataclasses.asdict(result))
        return model, result

    def inside(self, name: str) -> RunFolder:
        """A folder inside this one, such as "rounds/1", for a training of its own; it is made if need be."""
        part = copy.copy(self)
        part.path = self.path / name
        (part.path / "training").mkdir(parents=True, exist_ok=True)
        return part

    def tidy(self, keep_checkpoints: bool) -> None:
        """Give back the disk that only a run under way needs: checkpoints with their optimiser's moments, caches."""
        if keep_checkpoints:
            return
        for place in [*self.path.glob("training/checkpoint-*"), *self.path.glob("rounds/*/training/checkpoint-*")]:
            shutil.rmtree(place, ignore_errors=True)

    def log(self) -> list[dict[str, Any]]:
        """Entries of training/log.jsonl."""
        return read_log(self.path / "training" / "log.jsonl")

    def add_to_log(self, entry: dict[str, Any]) -> None:
        """One more entry at the end of training/log.jsonl; an earlier one of the same keys gives way to it."""
        entries = [old for old in self.log() if set(old) != set(entry)]
        lines = "".join(json.dumps(line) + "\n" for line in [*entries, entry])
        write_atomically(self.path / "training" / "log.jsonl", lines)

    def _write_json(self, name: str, value: dict[str, Any]) -> None:
        write_atomically(self.path / name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def disk_bytes(trained: int, total: int) -> int:
    """What a run of so many parameters needs: checkpoints of all weights and two moments of the trained, the model."""
    weights, moments = 4 * total, 2 * 4 * trained
    return CHECKPOINTS * (weights + moments) + weights


def git_revision() -> str | None:
    """The commit of the folder one works in, with a "+" when files differ from it; None outside git."""
    try:
        revision = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
        changed = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return revision.stdout.strip() + ("+" if changed.stdout.strip() else "")


def _first_difference(saved: str, wanted: str) -> str:
    """The first line of the saved recipe that the wanted one does not have, and what it has instead."""
    for old, new in zip(saved.splitlines(), wanted.splitlines(), strict=False):
        if old != new:
            return f"{old.strip()!r}, not {new.strip()!r}"
    return "more or fewer lines in its recipe"
