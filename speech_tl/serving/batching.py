"""One worker thread that decodes what all requests wait for, in batches across them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from speech_tl.transcribing.segments import Segment

if TYPE_CHECKING:
    from speech_tl.serving.metrics import Metrics
    from speech_tl.transcribing.recogniser import Recogniser, SpokenSegment

ROUND_PIECES, ROUND_S = 16, 120.0
"""What is decoded at once, at most: more pads less, but who comes meanwhile waits longer."""


@dataclass(frozen=True)
class Asked:
    """How a piece is decoded: pieces that are asked for alike share a batch."""

    model: str
    language: str | None = None
    task: str | None = None
    temperature: float = 0.0
    prompt: str | None = None


@dataclass(eq=False)
class Waiting:
    """A piece in the queue, or a `call` that needs the worker's thread; `segments` come when it was decoded."""

    asked: Asked
    piece: Segment | None = None
    call: Callable[[], Any] | None = None
    result: Future = field(default_factory=Future)

    @property
    def seconds(self) -> float:
        """Of sound."""
        return 0.0 if self.piece is None else self.piece.end_s - self.piece.start_s


class Batcher:
    """The queue and its thread. Who asks waits for a `Future`; one that was cancelled is not decoded.

    A round is the piece that waits longest and all others that are asked for alike, up to `ROUND_PIECES`; pieces of
    live sessions come first. One piece alone is decoded at once: nothing waits for company.
    """

    def __init__(self, recognisers: Mapping[str, Recogniser], metrics: Metrics) -> None:
        """Start the thread."""
        self.recognisers, self.metrics = recognisers, metrics
        self._live: deque[Waiting] = deque()
        self._others: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)
        self._thread.start()

    def submit(self, piece: Segment, asked: Asked, *, live: bool = False) -> Future[list[SpokenSegment]]:
        """Put a piece into the queue; the result is its segments."""
        return self._put(Waiting(asked, piece), live)

    def call(self, function: Callable[[], Any], *, live: bool = False) -> Future:
        """Run a function that uses a model in the worker's thread."""
        return self._put(Waiting(Asked(""), call=function), live)

    def close(self) -> None:
        """Decode what waits, then end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def waiting(self) -> int:
        """Pieces in the queue."""
        return len(self._live) + len(self._others)

    def _put(self, waiting: Waiting, live: bool) -> Future:
        with self._changed:
            if self._closing:
                raise RuntimeError("the server is stopping")
            (self._live if live else self._others).append(waiting)
            self._changed.notify_all()
        return waiting.result

    def _run(self) -> None:
        while (taken := self._next()) is not None:
            begun = [one for one in taken if one.result.set_running_or_notify_cancel()]
            self.metrics.dropped.inc(len(taken) - len(begun))
            if begun:
                self._answer(begun)

    def _next(self) -> list[Waiting] | None:
        """The pieces of the next round; None when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._live or self._others or self._closing)
            queue = self._live or self._others
            if not queue:
                return None
            first = queue.popleft()
            if first.call is not None:
                return [first]
            taken, left, seconds = [first], [], first.seconds
            for one in queue:
                fits = len(taken) < ROUND_PIECES and seconds + one.seconds <= ROUND_S
                if one.call is None and one.asked == first.asked and (fits or one.result.cancelled()):
                    taken.append(one)
                    seconds += 0.0 if one.result.cancelled() else one.seconds
                else:
                    left.append(one)
            queue.clear()
            queue.extend(left)
            return taken

    def _answer(self, begun: list[Waiting]) -> None:
        """Decode a round; where that fails, each piece by itself, so that one cannot spoil the others."""
        started = time.perf_counter()
        try:
            results = self._decode(begun)
        except Exception as error:
            if len(begun) == 1:
                begun[0].result.set_exception(error)
                return
            for one in begun:
                self._answer([one])
            return
        if begun[0].piece is not None:
            self.metrics.decoded(len(begun), sum(one.seconds for one in begun), time.perf_counter() - started)
        for one, result in zip(begun, results, strict=True):
            one.result.set_result(result)

    def _decode(self, begun: list[Waiting]) -> list[Any]:
        first = begun[0]
        if first.call is not None:
            return [first.call()]
        asked = first.asked
        pieces = [one.piece for one in begun]
        recogniser = self.recognisers[asked.model]
        more = {"temperature": asked.temperature, "prompt": asked.prompt}
        return recogniser.transcribe_batch(pieces, asked.language, asked.task, **more)
