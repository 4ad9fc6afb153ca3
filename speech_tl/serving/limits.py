"""What a client may ask of the server, and who may ask at all: checked before a request is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.addresses import LOOPBACK, OwnAddress
from speech_tl.errors import BadInput
from speech_tl.serving.problems import Problem

if TYPE_CHECKING:
    from speech_tl.serving.service import Service

OPEN = ("/healthz", "/readyz")
"""What asks for no token: watchdogs have none."""

COOKIE = "speech_tl_token"
"""Where a browser that opened the page with ?token=... keeps the token."""

SHORTEST_TOKEN = 16

LINGER_S, LINGER_IDLE_S = 30.0, 2.0
"""So long a refused body is read and thrown away, at most, and so long without a part of it: most clients send all they
have before they read, and one that is cut off meanwhile sees no answer (as nginx's lingering_close)."""


@dataclass(frozen=True)
class Limits:
    """What one request may be.

    Attributes:
        upload_bytes: of a request's body.
        longest_s: seconds of sound of a recording.
        upload_s: seconds that a body may take to arrive.
        idle_s: seconds between two parts of it.
        requests: at once; one more gets 429.
        live_sessions: at once; one more gets 429.
    """

    upload_bytes: int = 500_000_000
    longest_s: float = 4 * 3600.0
    upload_s: float = 600.0
    idle_s: float = 20.0
    requests: int = 128
    live_sessions: int = 8


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        address: by which names the server is asked, and from which pages.
        token: that every request must show; None asks for none.
    """

    address: OwnAddress
    token: str | None = field(default=None, repr=False)

    @property
    def warning(self) -> str | None:
        """What is to be said where strangers can reach the server."""
        if self.address.host in LOOPBACK:
            return None
        others = f"Warning: --host {self.address.host} lets other machines in"
        if self.token is None:
            return f"{others}, and without --token-file whoever reaches it may use it"
        return f"{others}, and what they send is not encrypted: put a proxy with https before it (docs: guides/serve)"

    def problem(self, scope: dict[str, Any]) -> Problem | None:
        """Why a request is refused, or None."""
        headers = _Headers(scope)
        hosts = headers.all(b"host")
        if not self.address.is_named_by(hosts):
            return Problem(403, "this server has another name: ask it by that, or start it with --allow-host NAME")
        schemes = ("http", "https")  # the proxy before it may speak either
        if not self.address.is_origin(headers.first(b"origin"), schemes, hosts[0]):
            return Problem(403, "pages from elsewhere may not use this server: start it with --allow-origin ORIGIN")
        if self.token is None or scope["path"] in OPEN:
            return None
        if any(secrets.compare_digest(shown.encode(), self.token.encode()) for shown in headers.tokens()):
            return None
        return Problem(
            401, "a token is needed: send the header Authorization: Bearer TOKEN", kind="authentication_error"
        )


class _Headers:
    def __init__(self, scope: dict[str, Any]) -> None:
        self._pairs = scope["headers"]

    def all(self, name: bytes) -> list[str]:
        return [value.decode("latin-1") for key, value in self._pairs if key == name]

    def first(self, name: bytes) -> str | None:
        return next(iter(self.all(name)), None)

    def tokens(self) -> list[str]:
        """Those that a request shows: in Authorization, or in the page's cookie."""
        found = [value[7:].strip() for value in self.all(b"authorization") if value[:7].lower() == "bearer "]
        for value in self.all(b"cookie"):
            morsel = SimpleCookie(value).get(COOKIE)
            found += [morsel.value] if morsel is not None else []
        return found


def read_token(file: Path) -> str:
    """The token in a file: one line.

    Raises:
        BadInput: the file is not there, or what is in it can be guessed.
    """
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise BadInput(f"--token-file {file}: cannot be read ({why})") from error
    if len(token) < SHORTEST_TOKEN or any(c.isspace() or not c.isprintable() or ord(c) > 126 for c in token):
        raise BadInput(
            f"--token-file {file}: expected one line of at least {SHORTEST_TOKEN} ASCII letters and digits; "
            "`openssl rand -hex 16` makes one"
        )
    return token


class Guard:
    """The application behind `Access`, with request bodies that keep to `Limits`; counts what is answered."""

    def __init__(self, app: Any, access: Access, service: Service) -> None:
        """`app` is the ASGI application."""
        self.app, self.access, self.limits, self.metrics = app, access, service.limits, service.metrics

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Refuse, or pass on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            refused = self.access.problem(scope) is not None
            await (_refuse_socket(receive, send) if refused else self.app(scope, receive, send))
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        begun, status = time.perf_counter(), 500

        async def noted(message: dict[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            problem = self._problem(scope)
            if problem is None:
                await self.app(scope, _Body(receive, self.limits), noted)
            else:
                if _Headers(scope).first(b"expect") is None:  # else the client waits, and sends nothing if refused
                    await _thrown_away(receive)
                await problem.response()(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "elsewhere")
            self.metrics.answered(route, status, time.perf_counter() - begun)

    def _problem(self, scope: dict[str, Any]) -> Problem | None:
        access = Access(self.access.address) if _opens_page(scope) else self.access
        length = _Headers(scope).first(b"content-length") or ""
        if (problem := access.problem(scope)) is not None:
            return problem
        return too_large(self.limits) if length.isdecimal() and int(length) > self.limits.upload_bytes else None


def _opens_page(scope: dict[str, Any]) -> bool:
    """With the token in its address, which becomes a cookie; what the page then asks for needs it."""
    return scope["path"] == "/" and scope["query_string"].startswith(b"token=")


def too_large(limits: Limits) -> Problem:
    """The answer to a body beyond the limit."""
    return Problem(413, f"the upload is too large: at most {limits.upload_bytes / 1e6:g} MB are taken")


async def _refuse_socket(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 1008})


async def _thrown_away(receive: Any) -> None:
    """The rest of a body, as far as it comes within `LINGER_S` and without gaps of `LINGER_IDLE_S`."""

    async def read() -> None:
        more = True
        while more:
            message = await asyncio.wait_for(receive(), LINGER_IDLE_S)
            more = message["type"] == "http.request" and message.get("more_body", False)

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(read(), LINGER_S)


class _Body:
    """A request's body as it arrives: not too much, not too slowly."""

    def __init__(self, receive: Any, limits: Limits) -> None:
        self._receive, self._limits = receive, limits
        self._begun, self._bytes, self._complete = time.monotonic(), 0, False

    async def __call__(self) -> dict[str, Any]:
        if self._complete:  # what follows is that the client leaves, whenever
            return await self._receive()
        left_s = self._begun + self._limits.upload_s - time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, min(self._limits.idle_s, left_s)))
        except asyncio.TimeoutError:
            raise Problem(408, "the upload took too long: nothing came for a while, or too little") from None
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._bytes > self._limits.upload_bytes:
                if not self._complete:
                    await _thrown_away(self._receive)
                raise too_large(self._limits)
        return message


def allowed(hosts: Collection[str], origins: Collection[str], host: str) -> OwnAddress:
    """The options --allow-host and --allow-origin.

    Raises:
        BadInput: an origin that is none.
    """
    for origin in origins:
        scheme, _, rest = origin.partition("://")
        if scheme not in ("http", "https") or not rest or "/" in rest:
            raise BadInput(f"--allow-origin {origin}: expected a scheme and a host, as https://example.org")
    for name in hosts:
        if not name or "/" in name:
            raise BadInput(f"--allow-host {name}: expected a name alone, as example.org")
    return OwnAddress(host, tuple(name.lower() for name in hosts), tuple(origin.lower() for origin in origins))
