"""What a run's data was, so that a resumed run can tell whether it still is: the tables, and the audio itself."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.audio.remote import is_remote

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest, Utterance

BLOCK_BYTES = 1 << 14
"""Of a file, the first and the last so many bytes are read: a header, and half a second of speech at each end."""

READERS = 8
"""Files read at once: what waits for a disk or a network waits together."""

Fingerprint = dict[str, Any]
"""`rows` and `files` (counts), and hexadecimal digests: `table` of the rows, `audio` of the files' sizes and contents,
`times` of their sizes and times of change."""

Progress = Callable[[int, int], None]

MISSING = "missing"
"""Stands for a file that cannot be read."""


def fingerprints(
    parts: Mapping[str, Manifest],
    known: Mapping[str, Fingerprint] | None = None,
    progress: Progress = lambda done, total: None,
) -> dict[str, Fingerprint]:
    """The fingerprint of every part of a run's data.

    A file that was only copied or touched keeps its fingerprint. Files whose sizes and times are all as they were are
    not opened again.

    Args:
        parts: rows by what they are called: train, dev, test, guard NAME, ...
        known: what an earlier part of the run found.
        progress: called with (rows done, rows in all).
    """
    found, done, total = {}, 0, sum(map(len, parts.values()))
    for name, rows in parts.items():
        found[name] = _fingerprint(rows, (known or {}).get(name), partial(_further, progress, done, total))
        done += len(rows)
    return found


def changes(before: Mapping[str, Fingerprint], now: Mapping[str, Fingerprint]) -> list[str]:
    """What differs, a phrase for each part; parts that only one side has are not compared.

    >>> changes({"dev": {"rows": 3, "table": "a", "audio": "x"}}, {"dev": {"rows": 3, "table": "a", "audio": "y"}})
    ['the audio of dev']
    """
    found = []
    for name in (name for name in before if name in now):
        old, new = before[name], now[name]
        rows = f" ({old['rows']} rows, now {new['rows']})" if old["rows"] != new["rows"] else ""
        what = ["table"] * (old["table"] != new["table"])
        if old["audio"] != new["audio"] and (not what or old.get("files") == new.get("files")):
            what.append("audio")
        if what:
            found.append(f"the {' and the '.join(what)} of {name}{rows}")
    return found


def audio_fingerprints(utterances: Sequence[Utterance]) -> list[str | None]:
    """Of each utterance's file a digest, by its size, first and last block; None where it cannot be read."""
    files = {utterance.audio: None for utterance in utterances if utterance.audio_bytes is None}
    with ThreadPoolExecutor(READERS) as pool:
        known = dict(zip(files, pool.map(_content, files), strict=True))
    found = [
        known[said.audio] if said.audio_bytes is None else _ends(len(said.audio_bytes), said.audio_bytes)
        for said in utterances
    ]
    return [None if digest == MISSING else digest for digest in found]


def _further(progress: Progress, before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _fingerprint(rows: Manifest, known: Fingerprint | None, progress: Callable[[int], None]) -> Fingerprint:
    """Of one part; `progress` is called with the number of files done."""
    embedded: list[str] = []
    files: dict[str, None] = {}
    for utterance in rows:
        if utterance.audio_bytes is not None:
            embedded.append(_ends(len(utterance.audio_bytes), utterance.audio_bytes))
        else:
            files[utterance.audio] = None
    times = _joined([*map(_time, files), *embedded])
    told = {"rows": len(rows), "files": len(files) + len(embedded), "table": rows.fingerprint(), "times": times}
    if known is not None and known.get("times") == times and known.get("table") == told["table"]:
        return told | {"audio": known["audio"]}
    with ThreadPoolExecutor(READERS) as pool:
        contents = []
        for done, content in enumerate(pool.map(_content, files), 1):
            contents.append(content)
            progress(done)
    return told | {"audio": _joined([*contents, *embedded])}


def _time(path: str) -> str:
    """Size and times of a file. The time of its entry changes even where a copy keeps the time of its content."""
    if is_remote(path):  # what a name there stands for is not asked for each of a million rows
        return "elsewhere"
    try:
        found = os.stat(path)
    except OSError:
        return MISSING
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _content(path: str) -> str:
    """Size, first and last block of a file; what cannot be read has a word of its own."""
    if is_remote(path):
        return "elsewhere"
    if not os.path.isfile(path):  # a pipe would wait for whoever writes into it
        return "missing"
    try:
        with Path(path).open("rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            data = stream.read(BLOCK_BYTES)
            if size > BLOCK_BYTES:
                stream.seek(max(BLOCK_BYTES, size - BLOCK_BYTES))
                data += stream.read(BLOCK_BYTES)
    except OSError:
        return MISSING
    return _ends(size, data)


def _ends(size: int, data: bytes) -> str:
    """Digest of a file of `size` bytes by its first and its last block; `data` may be these alone or the whole."""
    whole = memoryview(data)
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    digest.update(whole[:BLOCK_BYTES])
    digest.update(whole[max(BLOCK_BYTES, len(whole) - BLOCK_BYTES) :])
    return digest.hexdigest()


def _joined(digests: Iterable[str]) -> str:
    """One digest of many, whatever their order."""
    return hashlib.blake2b("\n".join(sorted(digests)).encode(), digest_size=16).hexdigest()
