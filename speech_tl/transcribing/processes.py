"""Many recordings in several processes, each with a model of its own; one that dies takes one recording with it.

Recordings go out in small portions, so that no process waits while another has hours to go. Every process runs what a
single one would, and writes its transcripts itself. Where a process dies (a decoder that crashes, memory that runs
out), the recordings it had are tried again one by one in another, and the one it dies of is a failure like any other.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from speech_tl.transcribing.recordings import Recording
from speech_tl.transcribing.results import Desk, FailedRecording, TranscriptionResult

PORTION_S = 240.0
"""Seconds of recordings that go to a process at a time, or one recording that is longer."""

PORTIONS_EACH = 4
"""There are at least so many for each process, where there are recordings enough."""

MOST_RECORDINGS = 250
"""In one portion, however short they are: progress is seen, and little is lost when a process dies."""

Work = Callable[[list[Recording], Desk, Callable[[float, float], None]], None]
"""Transcribes recordings, hands them in at a desk and tells its progress."""


@dataclass
class _Portion:
    """Consecutive recordings.

    Attributes:
        recordings: all of them.
        seconds: by their headers.
        done_s: how far a process is.
        result: what became of them.
    """

    recordings: list[Recording]
    seconds: float
    done_s: float = 0.0
    result: TranscriptionResult | None = None


@dataclass
class _Worker:
    """A process, our end of its pipe, and what it works on."""

    process: BaseProcess
    pipe: Connection
    portion: _Portion | None = None


@dataclass
class Processes:
    """Runs `work` on portions of recordings.

    Attributes:
        jobs: processes.
        prepare: called once in each process; what it returns does the work.
        desk: where results go, in the order of the recordings. Files are written by the processes.
        progress: told seconds done and in all.
    """

    jobs: int
    prepare: Callable[[], Work]
    desk: Desk
    progress: Callable[[float, float], None] | None = None
    _workers: list[_Worker] = field(default_factory=list)
    _collected: int = 0

    def transcribe(self, recordings: Sequence[Recording], seconds: Sequence[float]) -> None:
        """All of them; `seconds` are their lengths.

        Raises:
            BadInput: what stops all work in a process: a model that cannot be loaded, a folder that cannot be written.
        """
        waiting = deque(_portions(recordings, seconds, self.jobs))
        portions = list(waiting)
        total_s = sum(seconds)
        try:
            while waiting or any(worker.portion for worker in self._workers):
                self._hand_out(waiting)
                for worker in self._ready():
                    self._hear(worker, waiting, portions)
                if self.progress is not None:
                    self.progress(min(total_s, sum(portion.done_s for portion in portions)), total_s)
                self._collect(portions)
        finally:
            self._end()

    def _hand_out(self, waiting: deque[_Portion]) -> None:
        """Give every idle process a portion, and start processes that are missing."""
        while waiting and len(self._workers) < self.jobs:
            self._workers.append(self._start())
        for worker in self._workers:
            if waiting and worker.portion is None:
                worker.portion = waiting.popleft()
                worker.pipe.send(worker.portion.recordings)

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        desk = Desk(self.desk.out, self.desk.formats, None, self.desk.layout)
        process = context.Process(target=_serve, args=(there, self.prepare, desk))
        process.start()
        there.close()
        return _Worker(process, here)

    def _ready(self) -> list[_Worker]:
        busy = {worker.pipe: worker for worker in self._workers if worker.portion is not None}
        return [busy[pipe] for pipe in wait(list(busy))]

    def _hear(self, worker: _Worker, waiting: deque[_Portion], portions: list[_Portion]) -> None:
        """Take what a process says of its portion: seconds done, a result, an error; or that it died."""
        portion = worker.portion
        try:
            said = worker.pipe.recv()
        except (EOFError, ConnectionError):
            self._bury(worker, waiting, portions)
            return
        if isinstance(said, Exception):
            raise said
        if isinstance(said, float):
            portion.done_s = said
            return
        portion.result, portion.done_s, worker.portion = said, portion.seconds, None

    def _bury(self, worker: _Worker, waiting: deque[_Portion], portions: list[_Portion]) -> None:
        """Its recordings are tried again, one at a time; one that was alone has failed."""
        worker.process.join()
        self._workers.remove(worker)
        portion, code = worker.portion, worker.process.exitcode
        portion.done_s = 0.0
        if len(portion.recordings) == 1:
            path = str(portion.recordings[0].path)
            problem = f"{path}: the process that read it died (exit code {code}); too little memory, or a damaged file"
            portion.result = TranscriptionResult(failures=[FailedRecording(path, problem, "died")])
            portion.done_s = portion.seconds
            return
        _split(portion, waiting, portions)

    def _collect(self, portions: list[_Portion]) -> None:
        """Pass on, in order, what is complete up to the first portion that is not."""
        while self._collected < len(portions) and portions[self._collected].result is not None:
            self.desk.take(portions[self._collected].result)
            self._collected += 1

    def _end(self) -> None:
        for worker in self._workers:
            worker.pipe.close()
            if worker.portion is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join()


def _portions(recordings: Sequence[Recording], seconds: Sequence[float], jobs: int) -> list[_Portion]:
    """Consecutive recordings of up to `PORTION_S` together; fewer where there would be too few portions."""
    most_s = min(PORTION_S, sum(seconds) / (jobs * PORTIONS_EACH))
    most = min(MOST_RECORDINGS, max(1, len(recordings) // (jobs * PORTIONS_EACH)))
    portions: list[_Portion] = []
    for recording, length_s in zip(recordings, seconds, strict=True):
        last = portions[-1] if portions else None
        same = last is not None and last.recordings[-1].path == recording.path
        if not same and (last is None or last.seconds + length_s > most_s or len(last.recordings) >= most):
            portions.append(_Portion([], 0.0))
        portions[-1].recordings.append(recording)
        portions[-1].seconds += length_s
    return portions


def _split(portion: _Portion, waiting: deque[_Portion], portions: list[_Portion]) -> None:
    """Put a portion's recordings one by one in its place, and next in the queue."""
    each_s = portion.seconds / len(portion.recordings)
    single = [_Portion([one], each_s) for one in portion.recordings]
    place = next(number for number, other in enumerate(portions) if other is portion)
    portions[place : place + 1] = single
    waiting.extendleft(reversed(single))


def _serve(pipe: Connection, prepare: Callable[[], Work], desk: Desk) -> None:
    """A process: portions in, results out, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of a terminal's processes; the first one ends us
    work = None
    try:
        while True:
            recordings = pipe.recv()
            work = work or prepare()
            desk.result = TranscriptionResult()
            work(recordings, desk, lambda done_s, total_s: pipe.send(float(done_s)))
            pipe.send(desk.result)
    except (EOFError, ConnectionError):
        return
    except Exception as error:  # raised again where somebody sees it
        pipe.send(error)
