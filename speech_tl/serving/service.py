"""What all requests of one server share: models, queue, decoders, limits, figures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from speech_tl.audio.untrusted import UntrustedDecoder
from speech_tl.serving.batching import Batcher
from speech_tl.serving.limits import Limits
from speech_tl.serving.metrics import Metrics
from speech_tl.serving.problems import Problem
from speech_tl.transcribing.recogniser import Recogniser

ANY_MODEL = "whisper-1"
"""OpenAI's name for its model, which many clients send whatever the server: it means the first one here."""

DECODERS = 2
"""Uploads decoded at once."""

RETRY_AFTER_S = 5


@dataclass
class Service:
    """What all requests share.

    Attributes:
        recognisers: by the names that clients ask for, the first one for `ANY_MODEL`.
        compared: the names of the two models that the demo page shows, or none.
    """

    recognisers: Mapping[str, Recogniser]
    limits: Limits = field(default_factory=Limits)
    compared: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        """Start the worker thread; the children that decode start with the first upload."""
        self.metrics = Metrics()
        self.batcher = Batcher(self.recognisers, self.metrics)
        self.decoder = UntrustedDecoder(longest_s=self.limits.longest_s, workers=DECODERS)
        self.decoding = asyncio.Semaphore(DECODERS)
        self.requests = self.live_sessions = 0
        self.started = int(time.time())
        self.stopping = False
        self.metrics.watch("waiting_pieces", "Pieces in the queue", lambda: self.batcher.waiting)
        self.metrics.watch("requests_in_flight", "Requests that are being worked on", lambda: self.requests)

    def named(self, model: str | None) -> str:
        """The name of the model that a client asks for.

        Raises:
            Problem: there is none of that name.
        """
        if model in self.recognisers:
            return model
        if model in (None, "", ANY_MODEL):
            return next(iter(self.recognisers))
        there = ", ".join(self.recognisers)
        message = f"model {model[:80]!r} is not served here: expected one of {there}"
        raise Problem(404, message, param="model", code="model_not_found")

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Within, one request is worked on.

        Raises:
            Problem: as many as are allowed are worked on already.
        """
        self.refuse_beyond(self.requests, self.limits.requests, "requests")
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    def refuse_beyond(self, count: int, most: int, what: str) -> None:
        """429 where there are `most` already."""
        if count >= most:
            self.metrics.refused.inc()
            message = f"the server is busy with {count} {what}: try again in {RETRY_AFTER_S} s"
            raise Problem(
                429, message, kind="rate_limit_error", code="rate_limit_exceeded", retry_after_s=RETRY_AFTER_S
            )

    def close(self) -> None:
        """Finish what waits, and let go of the children."""
        self.batcher.close()
        self.decoder.close()
