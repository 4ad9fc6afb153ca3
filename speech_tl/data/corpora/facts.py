"""What is known about a corpus, as its script states it and `speech-tl corpora` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Met = Literal["release", "excerpt", "miniature"]
"""What a script has been run on: the release itself, real files of it put back into its layout, or a made miniature."""


@dataclass(frozen=True)
class Download:
    """One file that the corpus's host lets anybody fetch.

    Attributes:
        url: as the source that the script cites gives it.
        checksum: "md5:..." or "sha256:...", or None where none is published.
        part: which part of the corpus it is ("dev-clean", "german"), for `--part`; empty for all of it.
    """

    url: str
    checksum: str | None = None
    part: str = ""

    @property
    def name(self) -> str:
        """Its file name."""
        return self.url.rpartition("/")[2].partition("?")[0]


@dataclass(frozen=True)
class Corpus:
    """The facts of one corpus.

    Attributes:
        name: of its script.
        title: what people call it, with what it holds in a few words.
        kind: "speech", "noise" or "rooms".
        language: of the speech; empty where nobody speaks.
        hours: in words ("27 h"), as the sources say; empty where they do not.
        speakers: likewise ("24 speakers").
        accents: what is known of them, in a few words; empty for none.
        size: of what is fetched, likewise.
        licence: short name, with what to heed.
        citation: one line.
        page: where it lives.
        layout: where its layout was read; each a source that can be looked up.
        met: what the script has been run on.
        marks: glob patterns that tell its folder; "a|b" is met by either.
        downloads: files that may be fetched without an account or a form; empty where there are none.
        access: how to get it where there are none.
        splits: where train, dev and test come from.
    """

    name: str
    title: str
    kind: Literal["speech", "noise", "rooms"]
    language: str
    hours: str
    speakers: str
    size: str
    licence: str
    citation: str
    page: str
    layout: tuple[str, ...]
    met: Met
    marks: tuple[str, ...]
    splits: str
    accents: str = ""
    downloads: tuple[Download, ...] = ()
    access: str = ""
