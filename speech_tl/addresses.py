"""Where a server on this machine listens, and who may talk to it: ports, and the Host and Origin of a request. Floor 0.

A page elsewhere can make a browser send requests to a server on the same machine, or make its own name lead there (DNS
rebinding). So a request must name this server as its host, and a page that sends one must come from this server.
"""

from __future__ import annotations

import errno
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from speech_tl.errors import BadInput

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::")


@dataclass(frozen=True)
class OwnAddress:
    """By which names a server may be asked, and from which pages.

    Attributes:
        host: that it listens on.
        other_hosts: names that lead to it as well, in lower case: a proxy's.
        other_origins: pages that may use it beside its own, as "https://example.org".
    """

    host: str
    other_hosts: Collection[str] = ()
    other_origins: Collection[str] = ()

    def is_named_by(self, hosts: list[str]) -> bool:
        """Whether a request's Host headers are one, and name this server; whatever the port: a tunnel has its own."""
        return len(hosts) == 1 and self._is_here(_name_in(hosts[0]))

    def is_origin(self, origin: str | None, schemes: Collection[str], host: str) -> bool:
        """Whether a page from `origin` (None: no page) may send a request that has come to `host`."""
        if origin is None:
            return True
        origin = origin.lower()
        return origin in self.other_origins or origin in {f"{scheme}://{host.lower()}" for scheme in schemes}

    def _is_here(self, name: str) -> bool:
        if name in self.other_hosts:
            return True
        if self.host in LOOPBACK:
            return name in LOOPBACK
        if self.host in EVERY_ADDRESS:  # an address cannot be made to lead elsewhere, as a name can
            return name in LOOPBACK or _address(name) is not None
        return name == self.host.lower() or _address(name) == _address(self.host) is not None


def shown_address(scheme: str, host: str, port: int) -> str:
    """The address as a browser takes it.

    >>> shown_address("http", "::1", 8000)
    'http://[::1]:8000'
    """
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def cannot_listen(error: OSError, host: str, port: int) -> BadInput:
    """Why `host` and `port` cannot be listened on, as one line."""
    if error.errno == errno.EADDRINUSE:
        return BadInput(f"--port {port} is taken on {host}: choose another, or 0 for any that is free")
    if error.errno == errno.EACCES:
        return BadInput(f"--port {port}: not permitted; choose one above 1023")
    return BadInput(f"--host {host}: not an address of this machine ({error.strerror or error})")


def _name_in(host: str) -> str:
    """The name in a Host header; "" where it cannot be read."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
