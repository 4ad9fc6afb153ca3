"""Files from the network: resumed where an earlier attempt stopped, checked, and never half there under their name."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.data.corpora.bars import bar
from speech_tl.data.corpora.facts import Download
from speech_tl.data.corpora.sizes import is_full_disk, said_bytes
from speech_tl.errors import BadInput
from speech_tl.text import sync, sync_names

if TYPE_CHECKING:
    from requests import Response

TIMEOUT_S = 30
CHUNK_BYTES = 1 << 14  # the last, incomplete one is lost when a connection is


class _NothingMissing(Exception):
    """The host has no byte after those that are there; the checksum will say whether they are right."""


def fetch(download: Download, folder: Path) -> Path:
    """The file in `folder`, fetched unless it is there already; what an interrupted attempt left is gone on from.

    Until it is whole and its checksum is right it is called NAME.part; a host that does not resume sends it again.

    Raises:
        BadInput: it cannot be fetched, the disk is full, or the checksum is another one; in each case what came is
            kept, and the message says so.
    """
    target = folder / download.name
    if target.is_file():
        return target
    part = target.with_name(target.name + ".part")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _continue(download.url, part)
    except OSError as error:  # requests' errors are OSErrors too
        if not part.stat().st_size:
            part.unlink()
        raise BadInput(_what_stopped(download.url, part, error)) from error
    _check(download, part)
    sync(part)
    part.rename(target)
    sync_names(folder)
    return target


def _continue(url: str, part: Path) -> None:
    """Append to `part` what is missing of it."""
    from pooch import HTTPDownloader

    there = part.stat().st_size if part.is_file() else 0
    with part.open("ab") as stream, bar(Path(part.stem).name, done=there, bytes_=True) as shown:

        def look(response: Response, *args: Any, **kwargs: Any) -> None:
            if response.status_code == 416 and there:
                raise _NothingMissing
            if response.status_code == 200 and there:  # this host sends the whole again
                stream.truncate(0)

        headers = {"Range": f"bytes={there}-"} if there else {}
        # identity: a host that compresses on the way would make sizes and ranges meaningless
        headers["Accept-Encoding"] = "identity"
        get = HTTPDownloader(
            progressbar=shown, chunk_size=CHUNK_BYTES, headers=headers, hooks={"response": look}, timeout=TIMEOUT_S
        )
        with contextlib.suppress(_NothingMissing):
            get(url, stream, None)


def _what_stopped(url: str, part: Path, error: OSError) -> str:
    kept = part.stat().st_size if part.is_file() else 0
    what = f"; {said_bytes(kept)} are kept in {part}: the same command goes on from there" if kept else ""
    if is_full_disk(error):
        return f"{url}: no space left on the disk{what or f' for {part}'}; make room first"
    reason = " ".join(str(error).split())
    return f"{url} could not be fetched ({reason[:200]}){what or '; fetch it by hand and give --source FILE'}"


def _check(download: Download, part: Path) -> None:
    if download.checksum is None:
        return
    import pooch

    kind, _, expected = download.checksum.partition(":")
    found = pooch.file_hash(str(part), alg=kind)
    if found != expected:
        raise BadInput(
            f"{download.url}: its {kind} is {found}, expected {expected}: damaged on the way, or a newer release; "
            f"the {said_bytes(part.stat().st_size)} are kept in {part}: delete them to fetch again, or rename "
            f"them to {download.name} and give --source if you trust them"
        )
