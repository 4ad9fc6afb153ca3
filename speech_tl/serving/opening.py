"""From the command's options to a server: everything that can be wrong is looked at before weights are loaded."""

from __future__ import annotations

import importlib.util
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from speech_tl.addresses import cannot_listen
from speech_tl.errors import BadInput

NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "websockets")


def require_extra() -> None:
    """Refuse to go on without the packages of the extra.

    Raises:
        BadInput: one is missing.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(f"serving needs {', '.join(missing)}, not installed: pip install 'speech_tl[serve]'")


def named_models(given: Sequence[str]) -> dict[str, str]:
    """The options --model as names that clients ask for, and where each model is.

    Raises:
        BadInput: two have the same name.

    >>> named_models(["openai/whisper-base", "small=openai/whisper-small"])
    {'openai/whisper-base': 'openai/whisper-base', 'small': 'openai/whisper-small'}
    """
    models: dict[str, str] = {}
    for one in given:
        name, equals, source = one.partition("=")
        if not equals or not NAME.fullmatch(name) or Path(one).exists():
            name, source = _name_of(one), one
        if name in models:
            raise BadInput(f"two models are called {name}: give --model NAME={source} another name")
        models[name] = source
    return models


def _name_of(source: str) -> str:
    """The folder's name, or the run's where that is its model/; a Hub id or starter as it is."""
    path = Path(source).expanduser()
    if not path.is_dir():
        return source
    path = path.resolve()
    return path.parent.name if path.name in ("model", "adapter") else path.name


def require_recognisers(sources: Sequence[str]) -> list[str | None]:
    """What language each model is limited to by its settings, weights unread.

    Raises:
        BadInput: one is no recogniser, or not there.
    """
    from speech_tl.models.load import only_language
    from speech_tl.models.options import ModelOptions

    return [only_language(ModelOptions(source=source)) for source in sources]


def listen(host: str, port: int) -> socket.socket:
    """Take the port.

    Raises:
        BadInput: it is taken, or the host is not one of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise cannot_listen(error, host, port) from error
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with suppress(OSError):
                taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        taken.bind(address)
        taken.listen(1024)
    except OSError as error:
        taken.close()
        raise cannot_listen(error, host, port) from error
    return taken


def require_same_language(before: str | None, after: str | None, sources: Sequence[str]) -> None:
    """Refuse to compare models that write different languages.

    Raises:
        BadInput: both say which, and they differ.
    """
    from speech_tl.text import language_name, same_language

    if before and after and not same_language(before, after):
        names = f"{language_name(before)} and {language_name(after)}"
        raise BadInput(f"{sources[0]} and {sources[1]} write {names}: give two models of one language")
