"""`doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from speech_tl.commands.terminal import IN_PART

if TYPE_CHECKING:
    pass


def doctor() -> None:
    """Show what this machine can do, and what to do about what is missing (exit code 1 when something must be)."""
    from rich.console import Console

    from speech_tl.doctor import examine, print_findings
    from speech_tl.screen import announce_loading

    announce_loading()
    findings = examine()
    print_findings(findings, Console())
    if any(finding.status == "bad" for finding in findings):
        raise typer.Exit(IN_PART)
