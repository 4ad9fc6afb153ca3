"""A Ray cluster as the command names it: there, reachable and of the same versions, or one line about what is wrong."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import speech_tl
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from types import ModuleType

CLIENT_PORT = 10001
"""Where a cluster's head listens for `ray://` unless it was told otherwise."""

REACHED_WITHIN_S = 10.0
NODE_ANSWERS_WITHIN_S = 120.0
"""A node may have to start a Python first."""


@contextmanager
def cluster(on: str, workers: int, *, shows: bool = False) -> Iterator[ModuleType]:
    """Ray, connected to the cluster that `on` names, with room for `workers` of one processor each.

    Args:
        on: "ray" (RAY_ADDRESS, else a cluster on this machine, which is started where there is none), or
            "ray://HOST[:PORT]".
        workers: as many as will run at once.
        shows: what workers write to their standard error is shown here.

    Yields:
        The module `ray`. Who was connected before stays so afterwards.

    Raises:
        BadInput: Ray is not installed, nobody answers at that address, a node has another Python, Ray or speech_tl, or
            the cluster has fewer processors than workers.
    """
    address = known_address(on)
    ray = _imported()
    connected = ray.is_initialized()
    named = address or (None if connected else os.environ.get("RAY_ADDRESS"))
    if named is not None:
        _require_listener(on, named)
    if not connected:
        _connect(ray, on, address, shows)
    try:
        _require_same_versions(ray, on)
        _require_room(ray, on, workers)
        yield ray
    finally:
        if not connected:
            ray.shutdown()


def known_address(on: str) -> str | None:
    """What `ray.init` takes for it; None is a cluster that Ray finds or starts itself.

    >>> known_address("ray"), known_address("ray://head"), known_address("ray://10.0.0.1:10002")
    (None, 'ray://head:10001', 'ray://10.0.0.1:10002')

    Raises:
        BadInput: it is neither "ray" nor "ray://HOST[:PORT]".
    """
    if on == "ray":
        return None
    try:
        parts = urlsplit(on)
        host, port = parts.hostname, parts.port or CLIENT_PORT
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme != "ray" or parts.path.strip("/") or parts.query or parts.username:
        raise BadInput(f"--on {on}: expected ray (this machine, or RAY_ADDRESS) or ray://HOST[:PORT]")
    return f"ray://{f'[{host}]' if ':' in host else host}:{port}"


def _imported() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody unless somebody asked for it
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise BadInput("--on ray needs Ray: pip install 'speech_tl[ray]'") from None
    return ray


def _connect(ray: ModuleType, on: str, address: str | None, shows: bool) -> None:
    local = {} if address or os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
    try:
        ray.init(address, log_to_driver=shows, logging_level="ERROR", **local)
    except (OSError, RuntimeError, ValueError) as error:  # ConnectionError, versions that do not match, a wrong address
        where = os.environ.get("RAY_ADDRESS", "this machine") if address is None else address
        raise BadInput(
            f"--on {on}: no Ray cluster could be used at {where} ({_short(error)}); it may have another version of "
            "Ray, or ask for a token (RAY_AUTH_TOKEN)"
        ) from error


def _require_listener(on: str, address: str) -> None:
    """A closed port is found out within seconds; Ray itself would try for minutes."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        if parts.port is None:  # "auto", "local": Ray's own words
            return
        socket.create_connection((parts.hostname or "", parts.port), REACHED_WITHIN_S).close()
    except (OSError, ValueError) as error:
        raise BadInput(
            f"--on {on}: nothing answers at {address} ({_short(error)}); is `ray start --head` "
            "running there, and the port open?"
        ) from error


def _require_same_versions(ray: ModuleType, on: str) -> None:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def versions() -> dict[str, str]:  # goes over as code: a node without speech_tl answers, too
        import platform

        import ray

        try:
            from speech_tl import __version__
        except ImportError:
            __version__ = "none"
        python = ".".join(platform.python_version_tuple()[:2])
        return {"Python": python, "Ray": ray.__version__, "speech_tl": __version__}

    ask = ray.remote(num_cpus=0, max_retries=0)(versions)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    pinned = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
    answers = [ask.options(scheduling_strategy=one).remote() for one in pinned]
    for node, answer in zip(nodes, answers, strict=True):
        name = node["NodeManagerAddress"]
        try:
            _refuse_other(on, name, ray.get(answer, timeout=NODE_ANSWERS_WITHIN_S))
        except ray.exceptions.RayError as error:
            raise BadInput(f"--on {on}: node {name} does not answer ({_short(error)})") from error


def _refuse_other(on: str, node: str, there: Mapping[str, str]) -> None:
    here = _versions_here()
    other = [f"{name} {there[name]} (here {here[name]})" for name in here if there[name] != here[name]]
    if other:
        raise BadInput(f"--on {on}: node {node} has {', '.join(other)}; install the same versions on all machines")


def _versions_here() -> dict[str, str]:
    import ray

    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python, "Ray": ray.__version__, "speech_tl": speech_tl.__version__}


def _require_room(ray: ModuleType, on: str, workers: int) -> None:
    processors = int(ray.cluster_resources().get("CPU", 0))
    if processors < workers:
        raise BadInput(f"--on {on}: the cluster has {processors} processors, for {workers} workers; ask for fewer")


def gpus_each(ray: ModuleType, workers: int) -> int:
    """A GPU for each worker where the cluster has so many, else none."""
    return int(ray.cluster_resources().get("GPU", 0) >= workers)


def _short(error: Any) -> str:
    """The first line of what a library said."""
    said = str(error).strip().splitlines()
    return said[0][:200] if said else type(error).__name__
