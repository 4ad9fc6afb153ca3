"""Where commands write: pages on standard output, reports and progress on standard error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

DONE, IN_PART, BAD_INPUT, OUR_FAULT, INTERRUPTED, TERMINATED = 0, 1, 2, 70, 130, 143
"""Exit codes: done, done in part, bad input, a fault of ours (as sysexits.h has it), Ctrl-C, SIGTERM."""


def base_of(model: Mapping[str, Any]) -> list[str]:
    """Which model an adapter was put on: the adapter itself names it."""
    return [f"{model.get('source')} is an adapter; it was loaded on {model['base']}"] if model.get("base") else []


def complain(line: str) -> None:
    """One line on standard error, whatever data and paths bring into it."""
    from speech_tl.text.printing import printable

    typer.echo(printable(line), err=True)


def echo(page: str, *, nl: bool = True) -> None:
    """Lines on standard output; what data and paths bring into them steers no terminal."""
    from speech_tl.text.printing import printable

    typer.echo(printable(page, lines=True), nl=nl)


def new_console() -> Console:
    """Where reports and progress go: standard error, so that transcripts can be piped."""
    from rich.console import Console

    return Console(stderr=True)
