"""The folder of a run: made only when everything is ready, resumable at every stage, refused when in use."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from speech_tl.data.fingerprints import Fingerprint, Progress, changes, fingerprints
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.retention.base import FOLDER as RETENTION
from speech_tl.scoring.files import versions
from speech_tl.scoring.wer import Evaluation
from speech_tl.text import (
    damaged,
    discard,
    make_folder,
    read_noted,
    replacing_folder,
    require_writable,
    sweep,
    write_atomically,
)
from speech_tl.training.checkpoints import Contents, changed, contents
from speech_tl.training.progress import read_log
from speech_tl.training.run_lock import RunLock, Tell, locked
from speech_tl.training.train import TrainingResult

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest

CHECKPOINTS = 3
"""Two stay, the best and the last; one is being written."""

CHECKPOINT = "checkpoint-*"

CARD = "README.md"
"""Of the model's folder; it is written when all is measured."""

ONLY_TRAINING = ("cache", RETENTION, "batch_seconds.json")
"""What else in training/ no run needs that has been trained: the log and the result stay."""


FILTERS = re.compile(r"(local|worktree)\s+filter\.")
"""Settings of a git folder that name programs which read its files."""


class RunFolder:
    """Where one run writes; see the design's "A run's folder".

    Attributes:
        path: the folder.
        resumed: whether an earlier run is continued.
        keep_checkpoints: whether checkpoints stay when training has ended.
    """

    def __init__(self, path: Path, recipe_yaml: str, resume: bool, keep_checkpoints: bool = False) -> None:
        """Touch nothing yet.

        Raises:
            BadInput: it cannot be written, or holds nothing to resume.
        """
        self.path, self.recipe_yaml, self.resumed = path, recipe_yaml, resume
        self.keep_checkpoints = keep_checkpoints
        self._lock: RunLock | None = None
        if path.exists() and not path.is_dir():
            raise BadInput(f"output folder {path} is a file: choose another --out")
        require_writable(path)
        if resume and not (path / "recipe.yaml").is_file():
            raise BadInput(f"nothing to resume in {path}: it has no recipe.yaml (run without --resume)")

    @contextmanager
    def held(self, tell: Tell = lambda line: None) -> Iterator[RunFolder]:
        """Have the folder for this run alone; an empty one vanishes at the end.

        Raises:
            BadInput: another run works in it, it is in use without `resume`, was started by another recipe, or was
                removed while this run worked in it.
        """
        with locked(self.path, tell) as self._lock:
            self._require_mine()
            sweep(self.path)
            try:
                yield self
            except Exception as error:  # whatever a folder that is gone led to
                self.require_there(error)
                raise
            self.require_there()

    def _require_mine(self) -> None:
        """Refuse what somebody else has put there. Hidden files are no use of a folder."""
        saved = self.path / "recipe.yaml"
        if not self.resumed:
            if any(not entry.name.startswith(".") for entry in self.path.iterdir()):
                raise BadInput(
                    f"output folder {self.path} is in use: continue it with --resume, or choose another --out"
                )
        elif saved.read_text(encoding="utf-8") != self.recipe_yaml:
            command = shlex.join(["speech-tl", "adapt", str(saved), "--resume", "--out", str(self.path)])
            raise BadInput(
                f"{self.path} was started with {_first_difference(saved.read_text(encoding='utf-8'), self.recipe_yaml)}"
                f": resume it as it was (`{command}`), or choose another --out"
            )

    def require_there(self, because: Exception | None = None) -> None:
        """Refuse to go on in a folder that is not the one that was begun: writing there would make it anew.

        Raises:
            BadInput: it was removed or moved.
        """
        if self._lock is not None and not self._lock.there():
            raise BadInput(
                f"{self.path} was removed or moved while this run worked in it: run again without --resume"
            ) from because

    @property
    def model_folder(self) -> Path:
        """Where the adapted model is saved."""
        return self.path / "model"

    def open(
        self,
        disk: Disk,
        facts: Mapping[str, Any],
        tables: Mapping[str, Manifest],
        seed: int,
        device: str,
        progress: Progress = lambda done, total: None,
    ) -> None:
        """Note what the run depends on.

        Args:
            disk: what it will take.
            facts: of the data, for its fingerprint as reports have it.
            tables: the data by the names of its parts, audio included.
            seed, device: of the run.
            progress: called with (files done, files in all) while audio is compared.

        Raises:
            BadInput: the run that is resumed was started with other data (says which part), the folder cannot be
                written, or the disk has no room for the checkpoints.
        """
        data = self._same_data(facts, tables, progress)
        self._require_room(disk)
        try:
            # The recipe comes first: a run that is killed after this line can be resumed.
            write_atomically(self.path / "recipe.yaml", self.recipe_yaml)
            make_folder(self.path / "training")
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

    def _same_data(
        self, facts: Mapping[str, Any], tables: Mapping[str, Manifest], progress: Progress
    ) -> dict[str, Fingerprint]:
        """Fingerprints of the data, which are those that the run was started with."""
        file = self.path / "environment.json"
        try:
            saved = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
            known = saved.get("data", {})
        except ValueError as error:
            raise BadInput(f"{file} is damaged: remove it to resume without comparing the data") from error
        data = fingerprints(tables, known, progress)
        changed = changes(known, data)
        if not known and saved.get("data_fingerprint", facts.get("fingerprint")) != facts.get("fingerprint"):
            changed = ["the table"]  # noted by a version that had one fingerprint for all
        if changed:
            raise BadInput(
                f"{self.path} was started with other data; what changed: {', '.join(changed)}. Put it back as it was, "
                "or choose another --out"
            )
        return data

    def _require_room(self, disk: Disk) -> None:
        """Refuse a disk without room for what is still to come; a run that was trained needs none to speak of."""
        if (self.path / "training" / "result.json").is_file():
            return
        mine = sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())
        free, needed = shutil.disk_usage(self.path).free, disk.training - mine
        if free < needed:
            raise BadInput(
                f"no space left for {self.path}: checkpoints need {needed / 1e6:,.0f} MB{' more' if mine else ''}, "
                f"{free / 1e6:,.0f} MB are free"
            )

    def evaluation(self, name: str, measure: Callable[[], Evaluation]) -> Evaluation:
        """The evaluation in the folder `name`, such as "before" or "guards/NAME/after": read if it is there, else
        measured and written."""
        folder = self.path / name
        if (folder / "summary.json").is_file():
            try:
                return Evaluation.read(folder)
            except BadInput as error:
                raise damaged(folder) from error
        evaluation = measure()
        self.require_there()
        evaluation.write(folder)
        return evaluation

    def noted(self, name: str, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What is noted as JSON in the file `name`: read if it is there, else found and written."""
        path = self.path / name
        if path.is_file():
            return read_noted(path)
        found = find()
        self.require_there()
        write_atomically(path, json.dumps(found, ensure_ascii=False) + "\n")
        return found

    def training(
        self, model: AcousticModel, learn: Callable[[], tuple[AcousticModel, TrainingResult]]
    ) -> tuple[AcousticModel, TrainingResult]:
        """The adapted model: loaded where training had finished, else learnt now and saved. Checkpoints and caches go.

        `model` says in which language and for which task it is loaded; `learn` trains it, or another.
        """
        done = self.path / "training" / "result.json"
        if done.is_file():
            values = read_noted(done)
            self._require_model(values.pop("model_files", {}))
            values["problems"] = {int(index): problem for index, problem in values["problems"].items()}
            adapted = load_model(self.model_folder, language=model.language, task=model.task)
            self._tidy()
            return adapted, TrainingResult(**values)
        self.require_there()
        model, result = learn()
        self.require_there()
        with replacing_folder(self.model_folder) as whole:
            model.save(whole)
        model.source = str(self.model_folder)
        files = contents(self.model_folder, {CARD})
        self._write_json("training/result.json", dataclasses.asdict(result) | {"model_files": files})
        self._tidy()
        return model, result

    def _require_model(self, files: Contents) -> None:
        """Refuse a model that is not the one that was learnt: its figures would be another's."""
        problem = changed(self.model_folder, files)
        if problem is not None:
            result = self.path / "training" / "result.json"
            raise BadInput(f"{self.model_folder} {problem}: remove {result}, and --resume trains again")

    def _tidy(self) -> None:
        """Give back the disk that only training needs; a run that is resumed now has its model."""
        for pattern in ONLY_TRAINING if self.keep_checkpoints else (CHECKPOINT, *ONLY_TRAINING):
            for place in (self.path / "training").glob(pattern):
                if place.is_dir():
                    discard(place)
                else:
                    place.unlink(missing_ok=True)

    def inside(self, name: str) -> RunFolder:
        """A folder inside this one, such as "rounds/1", for a training of its own; it is made if need be."""
        self.require_there()
        part = copy.copy(self)
        part.path = self.path / name
        make_folder(part.path / "training")
        return part

    def log(self) -> list[dict[str, Any]]:
        """Entries of training/log.jsonl."""
        return read_log(self.path / "training" / "log.jsonl")

    def add_to_log(self, entry: dict[str, Any]) -> None:
        """One more entry at the end of training/log.jsonl; an earlier one of the same keys gives way to it."""
        self.require_there()
        entries = [old for old in self.log() if set(old) != set(entry)]
        lines = "".join(json.dumps(line) + "\n" for line in [*entries, entry])
        write_atomically(self.path / "training" / "log.jsonl", lines)

    def _write_json(self, name: str, value: dict[str, Any]) -> None:
        self.require_there()
        write_atomically(self.path / name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


class Disk(NamedTuple):
    """What a run takes of the disk, in bytes: at most `training` while it trains, `afterwards` when it has ended."""

    training: int
    afterwards: int

    @classmethod
    def of(cls, trained: int, total: int, *, models: int = 1, keep_checkpoints: bool = False) -> Disk:
        """Of so many parameters: checkpoints of all weights and two moments of the trained, and the model.

        Args:
            trained, total: parameters that learn, and all.
            models: that are there together until the best one is chosen: one a round of pseudo-labels.
            keep_checkpoints: whether the best and the last checkpoint stay.
        """
        weights, moments = 4 * total, 2 * 4 * trained
        checkpoint = weights + moments
        afterwards = weights + (CHECKPOINTS - 1) * checkpoint * keep_checkpoints
        return cls(CHECKPOINTS * checkpoint + models * weights, afterwards)


def git_revision() -> str | None:
    """The commit of the folder one works in, with a "+" when files differ from it; None outside git.

    The folder may be somebody else's, and looking for changes would run the programs that its own settings name: hooks
    and monitors are switched off, and where it has filters nothing is said about changes.
    """
    try:
        revision = _git("rev-parse", "HEAD")
        settings = _git("config", "--list", "--show-scope", "--name-only").splitlines()
        if any(map(FILTERS.match, settings)):
            return revision
        off = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "--no-optional-locks")
        changed = _git(*off, "status", "--porcelain", "--ignore-submodules=all")
    except (OSError, subprocess.SubprocessError):
        return None
    return revision + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def _first_difference(saved: str, wanted: str) -> str:
    """The first line of the saved recipe that the wanted one does not have, and what it has instead."""
    for old, new in zip(saved.splitlines(), wanted.splitlines(), strict=False):
        if old != new:
            return f"{old.strip()!r}, not {new.strip()!r}"
    return "more or fewer lines in its recipe"
