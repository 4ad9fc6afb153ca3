"""The typed options of a run's report; light to import."""

from __future__ import annotations

from typing import Literal

from speech_tl.options import Options

AudioMode = Literal["embed", "link", "none"]
"""How a page plays utterances."""


class ReportOptions(Options):
    """What a report holds and what it is strict about.

    Attributes:
        audio: how report.html plays utterances: "embed" puts at most 40 clips into the page as Opus (whoever gets the
            page hears the voices), "link" points at the files, "none" leaves them out.
        strict_guards: a guard that worsens beyond its limit makes the command's exit code 1, not only a warning.
        licence: licence identifier of the adapted model for its card, such as apache-2.0: the strictest of the base
            model's and the data's, so change it with `model`; None is not stated.
        data_licence: name and licence of the data in a few words, for the card; None is not stated.
    """

    audio: AudioMode = "embed"
    strict_guards: bool = False
    licence: str | None = None
    data_licence: str | None = None
