"""What the server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENCIES_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class Metrics:
    """One server's figures, in a registry of their own.

    Attributes:
        dropped: pieces whose client left before they were decoded.
        refused: requests that got 429.
        live: live sessions that are open.
    """

    def __init__(self) -> None:
        """All at zero."""
        self.registry = registry = CollectorRegistry()
        self._requests = Counter("speech_tl_requests", "Answered requests", ["path", "status"], registry=registry)
        self._latency = Histogram(
            "speech_tl_request_seconds", "From request to last byte", ["path"], buckets=LATENCIES_S, registry=registry
        )
        self._sound = Counter("speech_tl_audio_seconds", "Seconds of sound decoded", registry=registry)
        self._work = Counter("speech_tl_decoding_seconds", "Seconds spent decoding", registry=registry)
        self._batch = Histogram(
            "speech_tl_batch_pieces", "Pieces decoded at once", buckets=(1, 2, 4, 8, 16), registry=registry
        )
        self.dropped = Counter("speech_tl_dropped_pieces", "Pieces whose client had left", registry=registry)
        self.refused = Counter("speech_tl_refused_requests", "Requests refused: the queue was full", registry=registry)
        self.live = Gauge("speech_tl_live_sessions", "Live sessions that are open", registry=registry)

    def watch(self, name: str, what: str, value: Callable[[], float]) -> None:
        """A gauge that is looked at when somebody asks."""
        Gauge(f"speech_tl_{name}", what, registry=self.registry).set_function(value)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """One request; `path` is the route's, so that a client cannot invent labels."""
        self._requests.labels(path, str(status)).inc()
        self._latency.labels(path).observe(seconds)

    def decoded(self, pieces: int, sound_s: float, seconds: float) -> None:
        """One round of the worker."""
        self._batch.observe(pieces)
        self._sound.inc(sound_s)
        self._work.inc(seconds)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)
