"""A real server on a port of this machine, in a thread, for tests that ask it as strangers do."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from speech_tl.addresses import OwnAddress
from speech_tl.serving.limits import Access, Limits
from speech_tl.serving.opening import listen
from speech_tl.serving.server import Server
from speech_tl.serving.service import Service
from speech_tl.transcribing.recogniser import Recogniser, load_recogniser

LIMITS = Limits(upload_bytes=2_000_000, longest_s=60.0, upload_s=4.0, idle_s=1.0, requests=6, live_sessions=2)
"""Small, so that a test reaches them."""


@dataclass
class Running:
    """A server that answers: its service, where it is, and a client of it."""

    server: Server
    service: Service
    http: httpx.Client

    @property
    def address(self) -> str:
        return self.server.address

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def post(self, content: bytes, name: str = "clip.wav", path: str = "transcriptions", **fields: object):
        return self.http.post(f"/v1/audio/{path}", files={"file": (name, content)}, data=fields)

    def metric(self, name: str) -> float:
        found = re.search(rf"^speech_tl_{name}(?:{{.*}})? (\S+)$", self.http.get("/metrics").text, re.MULTILINE)
        return float(found.group(1))

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Within, the worker decodes nothing."""
        free = threading.Event()
        self.service.batcher.call(free.wait)
        try:
            yield
        finally:
            free.set()

    def raw(self, *parts: bytes, half_closed: bool = False, patience_s: float = 10.0) -> bytes:
        """What comes back for bytes sent as they are; b"" where the server just closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience_s) as connection:
            with contextlib.suppress(OSError):
                for part in parts:
                    connection.sendall(part)
                if half_closed:
                    connection.shutdown(socket.SHUT_WR)
            received = b""
            with contextlib.suppress(OSError):
                while data := connection.recv(65536):
                    received += data
                    if b"\r\n\r\n" in received and b"onnection: close" not in received:
                        break
            return received

    def wait_until(self, condition) -> None:
        until = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.01)


@contextlib.contextmanager
def running(
    models: dict[str, str | Path | Recogniser],
    limits: Limits = LIMITS,
    *,
    token: str | None = None,
    compared: tuple[str, str] | None = None,
    address: OwnAddress = OwnAddress("127.0.0.1"),  # noqa: B008 (it cannot change)
) -> Iterator[Running]:
    """Serve these models."""
    loaded = {n: m if isinstance(m, Recogniser) else load_recogniser(str(m), name=n) for n, m in models.items()}
    with listen("127.0.0.1", 0) as taken:
        service = Service(loaded, limits, compared)
        server = Server(service, Access(address, token), taken)
        thread = threading.Thread(target=server.run)
        thread.start()
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with httpx.Client(base_url=server.address, timeout=60, headers=shown) as http:
                yield Running(server, service, http)
        finally:
            server.stop()
            thread.join(30)
        assert not thread.is_alive()
