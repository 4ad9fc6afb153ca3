"""Many recordings on a Ray cluster: as `transcribing.processes`, with actors in the place of processes.

An actor has a model of its own and one portion of recordings at a time, so what is under way, and what lies in the
object store, is bounded by the number of workers. Transcripts come back to this process, which writes them as soon as a
portion is complete: a portion that is tried again, however often, leaves nothing twice. Recordings must lie where all
nodes see them; the folder for transcripts need not.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from speech_tl.errors import BadInput
from speech_tl.scaling.cluster import cluster, gpus_each
from speech_tl.training.run_lock import locked
from speech_tl.transcribing.processes import Processes, Work, _Portion, _split, _Worker
from speech_tl.transcribing.recordings import Recording
from speech_tl.transcribing.results import Desk, FailedRecording, TranscriptionResult

WHOLE_TRIES = 2
"""A portion is tried so often as it is, for what ended a worker may have been its machine; then one by one."""

SINGLE_TRIES = 3
"""A recording that is alone with so many workers as they die has failed."""

FRUITLESS_DEATHS = 20
"""For each worker, without a portion that is finished between them: then something is wrong with all of them."""


class _Actor:
    """On a node: waits for recordings with a loaded model."""

    def __init__(self, prepare: Callable[[], Work], formats: tuple[str, ...]) -> None:
        """Nothing is loaded yet."""
        self._prepare, self._formats = prepare, formats
        self._work: Work | None = None

    def load(self) -> None:
        """The model, before any portion; what is wrong with it comes back with the first one."""
        with suppress(Exception):
            self._work = self._prepare()

    def transcribe(self, recordings: list[Recording]) -> TranscriptionResult | Exception:
        """What became of them; what stops all work is an answer, too."""
        desk = Desk(None, self._formats, None)
        try:
            self._work = self._work or self._prepare()
            self._work(recordings, desk, lambda done_s, total_s: None)
        except Exception as error:
            return error
        return desk.result


@dataclass
class _Pipe:
    """An actor as a process's pipe: recordings are sent, one answer comes back."""

    ray: ModuleType
    actor: Any
    loading: Any
    answer: Any = None

    def send(self, recordings: list[Recording]) -> None:
        """Ask for them."""
        self.answer = self.actor.transcribe.remote(recordings)

    def recv(self) -> TranscriptionResult | Exception:
        """The answer.

        Raises:
            EOFError: the actor, its node or the answer is gone.
        """
        try:
            return self.ray.get(self.answer)
        except self.ray.exceptions.RayError as error:
            raise EOFError from error
        finally:
            self.answer = None

    def had_loaded(self) -> bool:
        """Whether the actor, which is gone, got as far as its portion: else that is not what it died of."""
        done, _ = self.ray.wait([self.loading], timeout=0)
        try:
            return bool(done) and self.ray.get(self.loading) is None
        except self.ray.exceptions.RayError:
            return False

    def close(self) -> None:
        """Forget the answer."""
        self.answer = None


@dataclass
class _Life:
    """An actor as a process that can be ended."""

    ray: ModuleType
    actor: Any

    def terminate(self) -> None:
        """End it at once."""
        self.ray.kill(self.actor)

    def join(self) -> None:
        """Gone is gone; its processor is free for another."""
        self.ray.kill(self.actor)


@dataclass
class RayWorkers(Processes):
    """Runs the same work on portions of recordings as `Processes` does, in `jobs` actors.

    Attributes:
        ray: the module, connected.
    """

    ray: ModuleType | None = None
    _deaths: Counter[int] = field(default_factory=Counter)
    _fruitless: int = 0

    def transcribe(self, recordings: Sequence[Recording], seconds: Sequence[float]) -> None:
        """All of them; `seconds` are their lengths.

        Raises:
            BadInput: what stops all work in a worker, a folder that cannot be written, or workers that all die.
        """
        self._named = {(str(one.path), one.channel): one for one in recordings}
        super().transcribe(recordings, seconds)

    def _hand_out(self, waiting: deque[_Portion]) -> None:
        """As with processes; workers for whom nothing is left make room, maybe for one that waits for a processor."""
        super()._hand_out(waiting)
        for worker in [] if waiting else [idle for idle in self._workers if idle.portion is None]:
            worker.process.terminate()
            self._workers.remove(worker)

    def _start(self) -> _Worker:
        resources = {"num_cpus": 1, "num_gpus": gpus_each(self.ray, self.jobs)}
        actor = self.ray.remote(_Actor).options(**resources, max_restarts=0).remote(self.prepare, self.desk.formats)
        return _Worker(_Life(self.ray, actor), _Pipe(self.ray, actor, actor.load.remote()))

    def _ready(self) -> list[_Worker]:
        busy = {worker.pipe.answer: worker for worker in self._workers if worker.portion is not None}
        ready, _ = self.ray.wait(list(busy), num_returns=1)
        return [busy[answer] for answer in ready]

    def _hear(self, worker: _Worker, waiting: deque[_Portion], portions: list[_Portion]) -> None:
        """Write what a portion gave as soon as it is there."""
        portion = worker.portion
        super()._hear(worker, waiting, portions)
        if portion.result is not None:
            self._fruitless = 0
            told = [(self._named[one.audio, one.channel], one) for one in portion.result.transcripts]
            Desk(self.desk.out, self.desk.formats, None, self.desk.layout).hand_in(told)

    def _bury(self, worker: _Worker, waiting: deque[_Portion], portions: list[_Portion]) -> None:
        """Its portion is tried again, as a whole and then one by one, by another worker."""
        worker.process.join()
        self._workers.remove(worker)
        portion, alone = worker.portion, len(worker.portion.recordings) == 1
        self._deaths[id(portion)] += worker.pipe.had_loaded()
        self._fruitless += 1
        if self._fruitless >= FRUITLESS_DEATHS * self.jobs:
            raise BadInput(
                f"{self._fruitless} workers died one after the other and transcribed nothing; see the logs of Ray's "
                "nodes (too little memory for the model?)"
            )
        if self._deaths[id(portion)] < (SINGLE_TRIES if alone else WHOLE_TRIES):
            waiting.appendleft(portion)
        elif alone:
            path = str(portion.recordings[0].path)
            problem = f"{path}: {SINGLE_TRIES} workers that read it died; too little memory, or a damaged file"
            portion.result = TranscriptionResult(failures=[FailedRecording(path, problem, "died")])
            portion.done_s = portion.seconds
        else:
            _split(portion, waiting, portions)


def transcribe_on(
    on: str,
    workers: RayWorkers,
    recordings: Sequence[Recording],
    length_s: Callable[[Recording], float],
) -> None:
    """Share recordings among the workers of the cluster that `on` names; nobody else writes into their folder.

    Raises:
        BadInput: as `cluster` and `RayWorkers.transcribe`, or another command writes into the folder.
    """
    out = workers.desk.out
    with cluster(on, workers.jobs) as workers.ray, locked(out) if isinstance(out, Path) else nullcontext():
        workers.transcribe(recordings, [length_s(recording) for recording in recordings])
