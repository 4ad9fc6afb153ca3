"""Downloads from a server on this machine: resumed, checked, kept when they stop."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from speech_tl.data.corpora import Download, downloading
from speech_tl.data.corpora.downloading import fetch
from speech_tl.errors import BadInput

CONTENT = bytes(range(256)) * 4000  # about 1 MB
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


class Host:
    """A server that can lose connections and refuse ranges; remembers what it was asked."""

    def __init__(self) -> None:
        self.ranges: list[str | None] = []
        self.encodings: set[str | None] = set()
        self.stops_after: int | None = None
        self.resumes = True
        self.content = CONTENT
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.answer(self)

            def log_message(self, *arguments: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, name: str = "corpus.tar.gz") -> str:
        return f"http://127.0.0.1:{self.server.server_port}/files/{name}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        self.encodings.add(request.headers.get("Accept-Encoding"))
        if "missing" in request.path:
            request.send_error(404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.resumes else 0
        if start >= len(self.content):
            request.send_error(416)
            return
        body = self.content[start:]
        request.send_response(206 if asked and self.resumes else 200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: self.stops_after])
        request.wfile.flush()


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.server.shutdown()
    host.server.server_close()


@pytest.mark.parametrize("checksum", [None, SHA256, MD5])
def test_a_file_is_fetched_once(host, tmp_path, checksum):
    download = Download(host.url(), checksum)
    path = fetch(download, tmp_path)
    assert path == tmp_path / "corpus.tar.gz" and path.read_bytes() == CONTENT
    assert fetch(download, tmp_path) == path
    assert host.ranges == [None] and host.encodings == {"identity"}, "sizes and ranges are of the file itself"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lost_connection_keeps_what_came_and_the_next_call_goes_on(host, tmp_path):
    host.stops_after = 300_000
    with pytest.raises(BadInput) as caught:
        fetch(Download(host.url(), SHA256), tmp_path)
    message = str(caught.value)
    part = tmp_path / "corpus.tar.gz.part"
    kept = part.stat().st_size
    assert 280_000 < kept <= 300_000 and not (tmp_path / "corpus.tar.gz").exists()
    assert f"{kept / 1e3:.1f} kB are kept in" in message and str(part) in message and "\n" not in message
    host.stops_after = None
    assert fetch(Download(host.url(), SHA256), tmp_path).read_bytes() == CONTENT
    assert host.ranges == [None, f"bytes={kept}-"] and not part.exists()


def test_a_host_that_does_not_resume_sends_it_again(host, tmp_path):
    (tmp_path / "corpus.tar.gz.part").write_bytes(CONTENT[:1000])
    host.resumes = False
    assert fetch(Download(host.url(), SHA256), tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_whole_needs_nothing_more(host, tmp_path):
    (tmp_path / "corpus.tar.gz.part").write_bytes(CONTENT)
    assert fetch(Download(host.url(), SHA256), tmp_path).read_bytes() == CONTENT


def test_another_checksum_keeps_the_file_and_says_so_in_one_line_every_time(host, tmp_path):
    host.content = CONTENT[::-1]
    for _ in range(2):
        with pytest.raises(BadInput) as caught:
            fetch(Download(host.url(), SHA256), tmp_path)
        message = str(caught.value)
        assert "expected" in message and "1.0 MB are kept in" in message and "\n" not in message
        assert (tmp_path / "corpus.tar.gz.part").read_bytes() == host.content
        assert not (tmp_path / "corpus.tar.gz").exists()


def test_the_whole_checksum_counts(host, tmp_path):
    other = SHA256[:-1] + ("0" if SHA256[-1] != "0" else "1")
    with pytest.raises(BadInput, match="expected"):
        fetch(Download(host.url(), other), tmp_path)


def test_a_host_that_falls_silent_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(downloading, "TIMEOUT_S", 0.3)
    mute = socket.create_server(("127.0.0.1", 0))  # takes the connection and says nothing
    with mute, pytest.raises(BadInput, match="could not be fetched"):
        fetch(Download(f"http://127.0.0.1:{mute.getsockname()[1]}/x.zip"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_not_there_and_who_does_not_answer(host, tmp_path):
    with pytest.raises(BadInput, match="404") as caught:
        fetch(Download(host.url("missing.zip")), tmp_path)
    assert "--source" in str(caught.value) and not list(tmp_path.iterdir())
    with pytest.raises(BadInput, match="could not be fetched"):
        fetch(Download("http://127.0.0.1:9/x.zip"), tmp_path)


def test_a_host_that_has_nothing_is_no_empty_file(host, tmp_path):
    host.content = b""
    with pytest.raises(BadInput, match="416"):
        fetch(Download(host.url()), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_while_fetching(host, tmp_path):
    """The part is a link to the device that is always full: a real write that fails."""
    part = tmp_path / "corpus.tar.gz.part"
    try:
        part.symlink_to("/dev/full")
        part.open("ab").close()
    except OSError:
        pytest.skip("no /dev/full here")
    with pytest.raises(BadInput, match="no space left on the disk"):
        fetch(Download(host.url()), tmp_path)


def test_a_script_fetches_unpacks_and_goes_on_after_a_stop(host, tmp_path, capsys, monkeypatch):
    """The whole way, with the command line that a user types twice."""
    from dataclasses import replace

    from data_scripts import librispeech
    from tests.data_scripts import miniatures

    root = miniatures.librispeech(tmp_path / "made")
    packed = miniatures.tarred(root / "dev-clean-2", tmp_path / "dev-clean-2.tar.gz", "LibriSpeech/dev-clean-2")
    host.content = packed.read_bytes()
    checksum = f"md5:{hashlib.md5(host.content).hexdigest()}"
    downloads = tuple(Download(host.url(f"{part}.tar.gz"), checksum, part) for part in ("dev-clean-2", "other"))
    script = replace(librispeech.main, corpus=replace(librispeech.CORPUS, downloads=downloads))
    out = ["--out", str(tmp_path / "out")]
    assert script(["--download", *out]) == 2
    assert "--download: say which with --part: dev-clean-2, other, or all" in capsys.readouterr().err
    assert script(["--download", "--part", "devclean", *out]) == 2
    assert "--part devclean: there are dev-clean-2, other, or all" in capsys.readouterr().err
    monkeypatch.setattr(downloading, "CHUNK_BYTES", 100)
    host.stops_after = 500
    assert script(["--download", "--part", "dev-clean-2", *out]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    host.stops_after = None
    assert script(["--download", "--part", "dev-clean-2", *out]) == 0
    assert host.ranges[-1] == "bytes=500-"
    assert (tmp_path / "out" / "manifest.csv").read_text().count("librispeech/dev-clean-2/LibriSpeech") == 2


def test_a_corpus_without_open_download_says_how_to_get_it(tmp_path, capsys):
    from data_scripts import common_voice, l2_arctic

    for script, words in ((common_voice.main, "Mozilla Data Collective"), (l2_arctic.main, "form")):
        assert script(["--download", "--out", str(tmp_path / "out")]) == 2
        message = capsys.readouterr().err
        assert "no open download" in message and words in message and len(message.splitlines()) == 1
