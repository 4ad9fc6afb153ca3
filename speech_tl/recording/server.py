"""The page that shows sentences and records them, served from this machine by the standard library."""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from speech_tl.addresses import LOOPBACK, OwnAddress, cannot_listen, shown_address
from speech_tl.errors import BadInput, disk_trouble
from speech_tl.recording.certificate import own_certificate
from speech_tl.recording.session import Session

PAGE = Path(__file__).parent / "page.html"
STRANGER = b"this page is not for requests from elsewhere: open the address that speech-tl record shows\n"
MOST_BYTES = 32_000_000  # a clip of 30 s at 192 kHz, twice
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline' blob:; "
POLICY += "connect-src 'self'; media-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
IN_NETWORK = (
    "Whoever has the address can record and hear, so give it to nobody. The browser will warn of a certificate that it "
    "does not know: it was made a moment ago, for this address only."
)


class RecordingServer:
    """Serves one session until the page says that it is finished, or `stop` is called.

    The address holds a secret, so that neither other people in the network nor other pages in the browser can record. A
    request must also be to this server by its own name, and from its own page: a page elsewhere whose name was made to
    lead here (DNS rebinding) is refused even with the secret.

    Attributes:
        address: what to open in a browser.
        remarks: what to know before.
    """

    def __init__(self, session: Session, host: str = "127.0.0.1", port: int = 0) -> None:
        """Take the port.

        Raises:
            BadInput: it is taken, the host is not one of this machine, or there is no way to https on it.
        """
        secret = secrets.token_urlsafe(9)
        context = None if host in LOOPBACK else own_certificate(host)
        scheme = "http" if context is None else "https"
        place = Place(host, scheme, secret)
        self._server = _listening(host, port, partial(_Handler, session=session, place=place, finish=self.stop))
        if context is not None:
            # the handshake waits in the connection's own thread, so that a silent caller holds up nobody
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.remarks = [] if context is None else [IN_NETWORK]
        self.address = f"{shown_address(scheme, host, self._server.server_port)}/{secret}/"

    def run(self) -> None:
        """Serve until it is stopped."""
        try:
            self._server.serve_forever(poll_interval=0.2)
        finally:
            self._server.server_close()

    def stop(self) -> None:
        """End `run`, from any thread."""
        threading.Thread(target=self._server.shutdown, daemon=True).start()


@dataclass(frozen=True)
class Place:
    """Where the page is, and so who may ask for it.

    Attributes:
        host: that the server listens on.
        scheme: "http" or "https".
        secret: the first part of every path.
    """

    host: str
    scheme: str
    secret: str

    def inside(self, path: str) -> str | None:
        """The path behind the secret; None for whoever does not know it."""
        top, slash, rest = urlsplit(path).path.lstrip("/").partition("/")
        return rest if slash and secrets.compare_digest(top.encode(), self.secret.encode()) else None

    def invites(self, headers: Message) -> bool:
        """Whether a request is to this server by its own name, and from its own page where it says from which.

        The port may be another one: a tunnel (`ssh -L`) has its own.
        """
        here, hosts = OwnAddress(self.host), headers.get_all("Host", [])
        return here.is_named_by(hosts) and here.is_origin(headers.get("Origin"), [self.scheme], hosts[0])


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a page asks for several things at once; five, as socketserver has it, are refused

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up, or does not trust the certificate yet, is no news."""


class _Six(_Quiet):
    address_family = socket.AF_INET6


def _listening(host: str, port: int, handler: Callable[..., BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    try:
        return (_Six if ":" in host else _Quiet)((host, port), handler)
    except OSError as error:
        raise cannot_listen(error, host, port) from error


class _Handler(BaseHTTPRequestHandler):
    """One request: the page, the state, a clip to hear, or something that the reader did."""

    timeout = 60

    def __init__(self, *args: Any, session: Session, place: Place, finish: Callable[[], None]) -> None:
        self._session, self._place, self._finish = session, place, finish
        super().__init__(*args)

    def do_GET(self) -> None:
        """The page, its state, or a clip."""
        path = self._place.inside(self.path)
        if path is not None and not self._place.invites(self.headers):
            self._send(STRANGER, "text/plain", HTTPStatus.FORBIDDEN)
        elif path == "":
            self._send(PAGE.read_bytes(), "text/html; charset=utf-8")
        elif path == "state":
            self._send_state()
        elif path is not None and (clip := self._session.clip(unquote(path.removeprefix("clips/")))) is not None:
            self._send(clip.read_bytes(), "audio/wav")
        else:
            self._send(b"nothing here\n", "text/plain", HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """A clip, or a button."""
        acts = {"clip": self._clip, "skip": self._skip, "again": self._again, "finish": self._end}
        act = acts.get(self._place.inside(self.path) or "")
        if act is None:
            self._send(b"nothing here\n", "text/plain", HTTPStatus.NOT_FOUND)
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.close_connection = True
            said = json.dumps({"error": "the recording is too large"}).encode()
            self._send(said, "application/json", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        if not self._place.invites(self.headers):
            self.close_connection = True
            self._send(STRANGER, "text/plain", HTTPStatus.FORBIDDEN)
            return
        body = self.rfile.read(int(length))
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        try:
            act(body, asked)
        except BadInput as error:
            self._send_state({"error": str(error)}, HTTPStatus.CONFLICT)
        except OSError as error:
            why = disk_trouble(error) or f"{error.filename or self._session.out}: {error.strerror}"
            self._send_state({"error": f"not saved: {why}"}, HTTPStatus.INSUFFICIENT_STORAGE)

    def _clip(self, body: bytes, asked: dict[str, str]) -> None:
        heard, kept = self._session.take(body, asked.get("sentence", ""), anyway="anyway" in asked)
        self._send_state({"problems": heard.problems, "usable": heard.usable, "kept": kept})

    def _skip(self, body: bytes, asked: dict[str, str]) -> None:
        self._session.skip(asked.get("sentence", ""))
        self._send_state()

    def _again(self, body: bytes, asked: dict[str, str]) -> None:
        self._session.again(asked.get("clip", ""))
        self._send_state()

    def _end(self, body: bytes, asked: dict[str, str]) -> None:
        self._send_state({"finished": True})
        self._finish()

    def _send_state(self, more: dict[str, Any] | None = None, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps({**self._session.state(), **(more or {})}).encode(), "application/json", status)

    def _send(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "same-origin")  # with no-referrer, browsers may say Origin: null
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are no news."""
