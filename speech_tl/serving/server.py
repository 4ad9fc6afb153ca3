"""The server as a process: takes a port, loads models, answers until it is asked to stop, finishes what it has."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from speech_tl.addresses import shown_address
from speech_tl.serving.app import create_app
from speech_tl.serving.limits import Access
from speech_tl.serving.service import Service

KEEP_ALIVE_S = 15
MOST_CONNECTIONS = 1000
LIVE_MESSAGE_BYTES = 1 << 20


class Server:
    """Answers on a port that was taken before.

    Attributes:
        address: what to open in a browser, or to give to a client.
    """

    def __init__(self, service: Service, access: Access, taken: socket.socket) -> None:
        """`taken` is bound and listens already: who connects meanwhile waits."""
        self._service, self._socket = service, taken
        config = uvicorn.Config(
            create_app(service, access),
            log_level="warning",
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            limit_concurrency=MOST_CONNECTIONS,
            ws="websockets-sansio",
            ws_max_size=LIVE_MESSAGE_BYTES,
            server_header=False,
            proxy_headers=False,
        )
        self._server = _Graceful(config, service)
        self.address = shown_address("http", access.address.host, taken.getsockname()[1])

    def run(self) -> None:
        """Until SIGINT, SIGTERM or `stop`, and until what is worked on is done; a second signal ends it at once."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._service.stopping = True
        self._server.should_exit = True


class _Graceful(uvicorn.Server):
    """A stop that was asked for is no failure: uvicorn would raise the signal once more behind it."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._service.stopping = True
        super().handle_exit(sig, frame)
