"""Tables that lie elsewhere (s3://, gs://, hf://, https://): fetched, read as any other; their audio stays there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from speech_tl.audio.remote import RemotePath, fetched, listed, shown_url
from speech_tl.data.folders import MANIFEST_NAMES, TABLE_SUFFIXES, read_folder
from speech_tl.data.table import Table
from speech_tl.errors import BadInput

_fetched: list[tempfile.TemporaryDirectory] = []
"""Folders of fetched tables; audio inside of Parquet is read from there, until this process ends."""


def read_remote(url: str, read_file: Callable[[Path], Table]) -> Table:
    """A table, or a folder that holds manifest.csv (or another format) or its parts, manifest-*.csv.

    Raises:
        BadInput: not there, no access, a folder without such a table, or what `read_file` refuses.
    """
    place = RemotePath(url)
    here = tempfile.TemporaryDirectory(prefix="speech-tl-table-")
    _fetched.append(here)
    folder = Path(here.name)
    if Path(shown_url(url)).suffix.lower() in TABLE_SUFFIXES:
        path = folder / Path(shown_url(url)).name
        path.write_bytes(fetched(url))
        table, root = read_file(path), place.parent
    else:
        prefix = str(place) + "/"
        inside = [one for one in listed(url) if one.startswith(prefix) and "/" not in one.removeprefix(prefix)]
        tables = [one for one in inside if is_manifest(one.rpartition("/")[2])]
        if not tables:
            raise BadInput(f"{url}: no {', '.join(MANIFEST_NAMES)} there, nor parts such as manifest-000.csv")
        for one in tables:
            (folder / one.rpartition("/")[2]).write_bytes(fetched(one))
        table, root = read_folder(folder, read_file), place
    table.root = root  # type: ignore[assignment]  # what is asked of it, a remote path has, too
    return table


def is_manifest(name: str) -> bool:
    """Whether a file is a manifest or a part of one.

    >>> is_manifest("manifest.csv"), is_manifest("manifest-007.parquet"), is_manifest("notes.csv")
    (True, True, False)
    """
    return any(name == known or Path(name).match(known.replace("manifest.", "manifest-*.")) for known in MANIFEST_NAMES)
