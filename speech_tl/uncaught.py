"""An error that nobody expected is a fault of ours: what a command says then, and what a report needs. Floor 0."""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from speech_tl.errors import one_line

SHOW = "SPEECH_TL_TRACEBACK"
"""Environment variable: with any value the traceback is shown, too."""

PACKAGE = "speech_tl"
TRACKER_NAMES = ("issues", "tracker", "bug tracker", "bugs")
PACKAGES = (PACKAGE, "torch", "transformers", "datasets", "pyarrow", "peft", "soundfile", "av")

UNLOADABLE = re.compile("Could not load this library|undefined symbol|cannot open shared object|DLL load failed")
"""What loaders of shared libraries say of packages that were built for others than those beside them."""


def report(error: BaseException, arguments: Sequence[str]) -> str:
    """One line for a person: that the fault is ours, where to report it, and which file says what happened; or that
    installed packages do not go together.
    """
    whole = "".join(traceback.format_exception(error))
    if os.environ.get(SHOW):
        print(whole, file=sys.stderr)
    if UNLOADABLE.search(str(error)):
        return f"installed packages do not go together, {_brief(error)}: `speech-tl doctor` says what to install"
    saved = _saved(whole, arguments)
    tracker = _tracker()
    where = f"report it at {tracker}" if tracker else "report it in the project's issue tracker"
    what = f"with {saved}" if saved else f"with what {SHOW}=1 shows"
    return f"internal error, {_brief(error)}: a fault of speech_tl, not yours; please {where}, {what}"


def _brief(error: BaseException) -> str:
    """The error on one line, whatever characters are in it."""
    said = one_line(" ".join(str(error).split())[:160])
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _saved(whole: str, arguments: Sequence[str]) -> Path | None:
    """A file of what a report needs, among the temporary ones; None where none can be written."""
    lines = [
        shlex.join(["speech-tl", *arguments]),
        f"Python {platform.python_version()}, {platform.platform()}",
        ", ".join(f"{name} {version}" for name, version in _versions().items()),
        "",
        whole,
    ]
    try:
        handle, name = tempfile.mkstemp(prefix="speech-tl-error-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write("\n".join(lines))
    except OSError:
        return None
    return Path(name)


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _tracker() -> str | None:
    """The address in the package's own description (`project.urls` in pyproject.toml)."""
    try:
        urls = metadata.metadata(PACKAGE).get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return None
    named = {name.strip().casefold(): url.strip() for name, _, url in (line.partition(",") for line in urls)}
    return next((named[name] for name in TRACKER_NAMES if name in named), None)
