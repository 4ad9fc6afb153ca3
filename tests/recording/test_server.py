"""The recorder's server, over real HTTP: who gets in, what it answers, ports and hosts, and the command around it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.message import Message
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import numpy as np
import pytest
import soundfile

from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.recording import certificate
from speech_tl.recording.opening import open_session
from speech_tl.recording.server import MOST_BYTES, Place, RecordingServer
from tests.recording.made import as_wav, clip
from tests.sounds import SAMPLE_RATE

ROOT = Path(__file__).parents[2]


@pytest.fixture
def session(tmp_path):
    (tmp_path / "s.txt").write_text("\n".join(f"this is sentence {'abcdefghijkl'[n]}" for n in range(12)))
    return open_session(tmp_path / "mine", sentences=tmp_path / "s.txt")[0]


@pytest.fixture
def server(session) -> Iterator[RecordingServer]:
    made = RecordingServer(session)
    thread = threading.Thread(target=made.run)
    thread.start()
    yield made
    made.stop()
    thread.join(10)
    assert not thread.is_alive()


def get(address: str) -> bytes:
    return urlopen(address, timeout=20).read()


def post(address: str, body: bytes = b"") -> dict[str, Any]:
    return json.loads(urlopen(address, data=body, timeout=20).read())


def refusal(address: str, body: bytes | None = None) -> tuple[int, str]:
    with pytest.raises(HTTPError) as caught:
        urlopen(address, data=body, timeout=20)
    return caught.value.code, caught.value.read().decode()


def test_a_clip_goes_from_the_page_to_the_manifest(server, session):
    assert server.address.startswith("http://127.0.0.1:")
    assert b"<title>Record your voice</title>" in get(server.address)
    state = json.loads(get(server.address + "state"))
    assert (state["recorded"], state["sentence"]) == (0, session.sentence)
    asked = f"{server.address}clip?sentence={quote(state['sentence'])}"
    answer = post(asked, as_wav(clip(gain=0.01, noise=1e-5)))
    assert "Too quiet" in answer["problems"][0] and answer["usable"] and answer["recorded"] == 0
    assert not answer["kept"]
    data = as_wav(clip())
    answer = post(asked, data)
    assert (
        answer["problems"] == []
        and answer["kept"]
        and answer["recorded"] == 1
        and answer["sentence"] != state["sentence"]
    )
    assert [one["name"] for one in answer["clips"]] == ["0001.wav"]
    assert get(f"{server.address}clips/0001.wav") == data
    skipped = answer["sentence"]
    answer = post(f"{server.address}skip?sentence={quote(skipped)}")
    assert skipped not in session.waiting and answer["sentence"] == session.sentence
    answer = post(f"{server.address}again?clip=0001.wav")
    assert (answer["recorded"], answer["sentence"]) == (0, state["sentence"])
    answer = post(f"{asked}&anyway=1", as_wav(clip(gain=0.01, noise=1e-5)))
    assert answer["problems"] and answer["kept"] and answer["recorded"] == 1


def test_nobody_without_the_secret_gets_in(server, session):
    post(f"{server.address}clip?sentence={quote(session.sentence)}", as_wav(clip()))
    outside = server.address.rsplit("/", 2)[0]
    for path in ("/", "/state", "/wrong/state", "/wrong/clips/0001.wav", f"/{server.address.split('/')[-2]}"):
        assert refusal(outside + path)[0] == 404
    for path in ("/clip", "/wrong/finish", "/wrong/again?clip=0001.wav"):
        assert refusal(outside + path, b"x")[0] == 404
    assert len(session.rows) == 1


def test_no_file_but_the_clips_is_given_out(server, session):
    post(f"{server.address}clip?sentence={quote(session.sentence)}", as_wav(clip()))
    for path in ("manifest.csv", "clips/manifest.csv", "clips/../manifest.csv", "clips/%2e%2e/manifest.csv", "clips/"):
        assert refusal(server.address + path)[0] == 404


def test_what_cannot_be_taken_is_said_and_the_server_goes_on(server, session):
    code, said = refusal(f"{server.address}clip?sentence=another", as_wav(clip()))
    assert code == 409 and "this page is behind" in json.loads(said)["error"]
    sentence = quote(session.sentence)
    code, said = refusal(f"{server.address}clip?sentence={sentence}", b"no audio")
    assert code == 409 and "the recording" in json.loads(said)["error"]
    assert refusal(server.address + "nothing", b"")[0] == 404
    with socket.create_connection(("127.0.0.1", int(server.address.split(":")[2].split("/")[0])), 20) as line:
        path = "/" + server.address.split("/")[3]
        line.sendall(f"POST {path}/clip HTTP/1.1\r\nHost: x\r\nContent-Length: {MOST_BYTES + 1}\r\n\r\n".encode())
        assert b" 413 " in line.recv(4096)
    session.out.mkdir()
    (session.out / "clips").write_text("in the way")
    code, said = refusal(f"{server.address}clip?sentence={sentence}", as_wav(clip()))
    assert code == 507 and "not saved" in json.loads(said)["error"] and json.loads(said)["recorded"] == 0
    (session.out / "clips").unlink()
    assert post(f"{server.address}clip?sentence={sentence}", as_wav(clip()))["recorded"] == 1


def test_two_clips_at_once_are_one(server, session):
    address, data, answers = f"{server.address}clip?sentence={quote(session.sentence)}", as_wav(clip()), []

    def send() -> None:
        try:
            answers.append(post(address, data)["recorded"])
        except HTTPError as error:
            answers.append(error.code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [1, 409, 409, 409] and len(session.rows) == 1


def test_a_host_in_the_network_is_served_by_https(session, monkeypatch):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl (Debian: apt-get install openssl)")
    # 127.0.0.2 is this machine too, and stands for its address in a network
    made = RecordingServer(session, "127.0.0.2")
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        assert made.address.startswith("https://127.0.0.2:") and "Whoever has the address" in made.remarks[0]
        port = int(made.address.split(":")[2].split("/")[0])
        silent = socket.create_connection(("127.0.0.2", port))  # says nothing, and holds up nobody
        shown = ssl.get_server_certificate(("127.0.0.2", port))
        trusting = ssl.create_default_context(cadata=shown)
        assert b"Record your voice" in urlopen(made.address, context=trusting, timeout=20).read()
        silent.close()
    finally:
        made.stop()
        thread.join(10)
    monkeypatch.setattr(certificate.shutil, "which", lambda name: None)
    with pytest.raises(BadInput, match="--host 127.0.0.2.*openssl"):
        RecordingServer(session, "127.0.0.2")


def refused_line(capsys: pytest.CaptureFixture, *arguments: object) -> str:
    code = _run(["record", *map(str, arguments)])
    shown = capsys.readouterr()
    assert code == 2 and shown.out == ""
    (line,) = shown.err.splitlines()
    return line


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").touch()
    (tmp_path / "s.txt").write_text("one sentence to be read\n")
    mine = ("--out", "mine", "--sentences", "s.txt")
    (tmp_path / "file").write_text("here")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.csv").write_text("a,b\n1,2\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"--port {port} is taken" in refused_line(capsys, *mine, "--port", port)
    assert "empty.txt: holds no sentence" in refused_line(capsys, "--out", "mine", "--sentences", "empty.txt")
    assert "none.txt: no such file" in refused_line(capsys, "--out", "mine", "--sentences", "none.txt")
    assert "empty.txt: holds no word" in refused_line(capsys, "--out", "mine", "--words", "empty.txt")
    assert "file is a file" in refused_line(capsys, "--out", "file/mine")
    assert "--language de" in refused_line(capsys, "--out", "mine", "--language", "de")
    assert "--minutes" in refused_line(capsys, "--out", "mine", "--minutes", "0")
    assert "other/manifest.csv" in refused_line(capsys, "--out", "other")
    assert "--host 192.0.2.1: not an address of this machine" in refused_line(
        capsys, *mine, "--host", "192.0.2.1", "--port", 0
    )
    assert not (tmp_path / "mine").exists()


def test_the_command_serves_until_it_is_stopped_and_then_the_recipe_runs(tmp_path: Path):
    """Twelve clips through a real `speech-tl record`, Ctrl-C, the check, and two steps of the recipe."""
    from tests.tiny import tiny_ctc

    command = [sys.executable, "-m", "speech_tl.cli"]
    record = [*command, "record", "--out", "mine", "--minutes", "0.5", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    told = {"cwd": tmp_path, "stderr": subprocess.PIPE, "text": True, "env": environment}
    listens = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # to Ctrl-C, whoever started the tests
    with subprocess.Popen(record, **told, preexec_fn=listens) as running:
        try:
            address = next(found[0] for line in running.stderr if (found := re.search(r"http://\S+/", line)))
            for seed in range(12):
                sentence = json.loads(get(address + "state"))["sentence"]
                body = as_wav(clip(len(sentence) / 14 + 0.2, seed=seed))
                assert post(f"{address}clip?sentence={quote(sentence)}", body)["problems"] == []
            running.send_signal(signal.SIGINT)
            assert running.wait(60) == 130
            said = running.stderr.read()
            assert "12 recordings" in said and "go on with the same command" in said
        finally:
            running.kill()
    with (tmp_path / "mine" / "manifest.csv").open() as stream:
        assert {row["language"] for row in csv.DictReader(stream)} == {"en"}
    assert _run(["check", str(tmp_path / "mine")]) == 0
    tiny = tiny_ctc(tmp_path / "tiny")
    recipe = ["speaker/my_voice", f"data.root={tmp_path / 'mine'}", f"model={tiny}", "training.max_steps=2"]
    recipe += ["training.eval_steps=2", "training.workers=0", "decoding.workers=0", "training.precision=float32"]
    assert _run(["adapt", *recipe, "--out", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run" / "report.json").read_text())["target"]["after"]["utterances"] == 1


def answer_to(server: RecordingServer, path: str, headers: list[str], body: bytes | None = None) -> tuple[int, str]:
    """Status and answer to a request with these headers alone."""
    port, secret = server.address.split(":")[2].split("/")[:2]
    start = f"{'GET' if body is None else 'POST'} /{secret}/{path} HTTP/1.0"
    sent = [start, *headers, *([f"Content-Length: {len(body)}"] if body is not None else [])]
    with socket.create_connection(("127.0.0.1", int(port)), 20) as line:
        line.sendall("\r\n".join([*sent, "", ""]).encode() + (body or b""))
        head, _, answer = b"".join(iter(partial(line.recv, 65536), b"")).decode().partition("\r\n\r\n")
    return int(head.split()[1]), answer


def test_requests_are_to_this_server_and_from_its_own_page(server, session):
    skip = f"skip?sentence={quote(session.sentence)}"
    for headers in (["Host: evil.example"], ["Host: localhost", "Origin: http://evil.example"], []):
        for path, body in (("state", None), ("", None), ("clips/0001.wav", None), (skip, b""), ("finish", b"")):
            status, said = answer_to(server, path, headers, body)
            assert status == 403 and said.startswith("this page is not for requests from elsewhere")
    assert answer_to(server, "state", ["Host: localhost", "Origin: http://localhost"])[0] == 200
    assert answer_to(server, skip, ["Host: localhost:9000", "Origin: http://localhost:9000"], b"")[0] == 200


@pytest.mark.parametrize(
    ("headers", "invited"),
    [
        (["Host: 127.0.0.1"], True),
        (["Host: 127.0.0.1:9000"], True),  # through a tunnel
        (["Host: LOCALHOST:8765"], True),
        (["Host: [::1]:8765"], True),
        (["Host: localhost:8765", "Origin: http://localhost:8765"], True),
        ([], False),
        (["Host: "], False),
        (["Host: evil.example:8765"], False),  # its name was made to lead here
        (["Host: localhost.evil.example"], False),
        (["Host: 127.0.0.1.evil.example"], False),
        (["Host: evil.example@127.0.0.1x"], False),
        (["Host: [::1"], False),
        (["Host: 192.168.1.9"], False),
        (["Host: localhost", "Host: evil.example"], False),
        (["Host: localhost:8765", "Origin: http://evil.example"], False),
        (["Host: localhost:8765", "Origin: http://localhost:3000"], False),  # another program's page on this machine
        (["Host: localhost:8765", "Origin: https://localhost:8765"], False),
        (["Host: localhost:8765", "Origin: null"], False),
    ],
    ids=str,
)
def test_names_of_a_server_on_this_machine(headers, invited):
    made = Message()
    for header in headers:
        name, _, value = header.partition(": ")
        made[name] = value
    for host in ("127.0.0.1", "localhost", "::1"):
        assert Place(host, "http", "s").invites(made) == invited


def test_names_of_a_server_in_the_network():
    place = Place("192.168.1.9", "https", "s")
    named = {"Host": "192.168.1.9:8765", "Origin": "https://192.168.1.9:8765"}
    assert place.invites(message(**named)) and place.invites(message(Host="192.168.1.9"))
    for host in ("localhost", "127.0.0.1", "192.168.1.90", "mine.local"):
        assert not place.invites(message(Host=host))
    assert not place.invites(message(**named | {"Origin": "http://192.168.1.9:8765"}))
    assert Place("mine.local", "https", "s").invites(message(Host="Mine.local.:8765"))
    assert Place("2001:db8:0::1", "https", "s").invites(message(Host="[2001:DB8::1]:8765"))
    everywhere = Place("0.0.0.0", "https", "s")
    assert everywhere.invites(message(Host="192.168.1.9:8765")) and everywhere.invites(message(Host="[fe80::1]"))
    assert not everywhere.invites(message(Host="evil.example"))


def message(**headers: str) -> Message:
    made = Message()
    for name, value in headers.items():
        made[name] = value
    return made


def test_many_may_knock_at_once(server):
    """The page asks for state and clips together; the listener takes them while it is busy with others."""
    port = int(server.address.split(":")[2].split("/")[0])
    assert server._server.request_queue_size == 128
    lines = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(100)]
    assert json.loads(get(server.address + "state"))["recorded"] == 0
    for line in lines:
        line.close()


def packed(seconds: float, rate: int = SAMPLE_RATE) -> bytes:
    """So much silence as FLAC: next to nothing."""
    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", rate, 1, format="FLAC") as file:
        for _ in range(round(seconds / 10)):
            file.write(np.zeros(10 * rate, dtype=np.int16))
    return stream.getvalue()


def test_a_long_clip_is_refused(server, session):
    code, said = refusal(f"{server.address}clip?sentence={quote(session.sentence)}", packed(900))
    assert code == 409
    assert "900 s long" in json.loads(said)["error"]


def test_a_clip_that_is_longer_than_it_says_is_refused(server, session):
    whole = packed(600)
    samples = int.from_bytes(whole[21:26], "big") & ~((1 << 36) - 1)
    unknown = whole[:21] + samples.to_bytes(5, "big") + whole[26:]  # an encoder that wrote to a pipe says 0 samples
    code, said = refusal(f"{server.address}clip?sentence={quote(session.sentence)}", unknown)
    assert code == 409
    assert "31 s" in json.loads(said)["error"]


@pytest.mark.parametrize("rate", [1, 100, 4_000])
def test_a_rate_that_no_microphone_has(server, session, rate):
    clip_ = as_wav(np.zeros(20 * rate, dtype=np.float32), rate)
    code, said = refusal(f"{server.address}clip?sentence={quote(session.sentence)}", clip_)
    assert code == 409
    assert "samples a second" in json.loads(said)["error"] or "Hz" in json.loads(said)["error"]
