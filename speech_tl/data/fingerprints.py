"""What a run learnt from, in a few digits: the rows of a part of the data, and the recordings they name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from speech_tl.data.manifest import Manifest

ENDS_BYTES = 65_536
"""Of each file the first and the last so many bytes are hashed, and its size: copies are alike, edits are not."""


def fingerprints(parts: Mapping[str, Manifest]) -> dict[str, dict[str, str]]:
    """For each part (train, dev, test, a guard) a digest of its `table` and one of its `audio`.

    A digest of audio is of each file's size and of both its ends: a hundred thousand files are hashed in seconds, and a
    file that was only copied or touched counts as the same. Embedded audio counts by its rows alone.
    """
    known: dict[str, str] = {}
    return {name: {"table": part.fingerprint(), "audio": _audio(part, known)} for name, part in parts.items()}


def changed_part(before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> str | None:
    """The first part of the data that is another than before, in words; None where all are the same.

    >>> changed_part({"train": {"table": "a", "audio": "b"}}, {"train": {"table": "a", "audio": "c"}})
    'the audio of train'
    """
    for name in [*before, *(name for name in now if name not in before)]:
        if name not in now or name not in before:
            return f"the part {name}"
        for kind in ("table", "audio"):
            if before[name].get(kind) != now[name].get(kind):
                return f"the {'rows' if kind == 'table' else 'audio'} of {name}"
    return None


def _audio(part: Manifest, known: dict[str, str]) -> str:
    """One digest of all recordings of a part; `known` spares a file that several rows or parts name."""
    digest = hashlib.sha256()
    if not part.embedded:
        for utterance in part:
            if utterance.audio not in known:
                known[utterance.audio] = _file(utterance.audio)
            digest.update(known[utterance.audio].encode())
    return digest.hexdigest()[:16]


def _file(path: str | Path) -> str:
    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            digest = hashlib.blake2b(stream.read(ENDS_BYTES), digest_size=12)
            if size > ENDS_BYTES:
                stream.seek(max(ENDS_BYTES, size - ENDS_BYTES))
                digest.update(stream.read(ENDS_BYTES))
    except OSError:
        return "gone"
    return f"{size}:{digest.hexdigest()}"
