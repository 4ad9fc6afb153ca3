"""Who gets in, how much, and what hostile, slow and leaving clients do to the others: nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from speech_tl.addresses import OwnAddress
from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.serving.limits import COOKIE, Access, allowed, read_token
from speech_tl.serving.opening import listen, named_models, require_same_language
from speech_tl.transcribing.recogniser import Recogniser, load_recogniser
from tests.recording.made import as_wav
from tests.serving.running import LIMITS, Running, running
from tests.sounds import talking
from tests.tiny import tiny_ctc

TOKEN = "0123456789abcdef0123"
CLIP = as_wav(talking(1.8))
BOUNDARY = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
FORM = BOUNDARY + CLIP + b"\r\n--edge--\r\n"


CHUNKED_BEGINNING = f"{len(BOUNDARY):x}\r\n".encode() + BOUNDARY + b"\r\n"


def head(*lines: str, host: str = "127.0.0.1", kind: str = "multipart/form-data; boundary=edge") -> bytes:
    """The beginning of an upload."""
    given = ["POST /v1/audio/transcriptions HTTP/1.1", f"Host: {host}", f"Content-Type: {kind}", *lines]
    return "\r\n".join([*given, "", ""]).encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1]) if answer else 0


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Recogniser:
    return load_recogniser(str(tiny_ctc(tmp_path_factory.mktemp("ctc"))))


@pytest.fixture(scope="module")
def served(tiny: Recogniser) -> Iterator[Running]:
    with running({"tiny": tiny}) as server:
        assert server.post(CLIP).json()["text"], "a random model writes letters"
        yield server
        assert server.post(CLIP).json()["text"], "and still does after all that"


def test_it_is_watched(served: Running):
    for path in ("/healthz", "/readyz"):
        assert served.http.get(path).status_code == 200
    before = served.metric("audio_seconds_total")
    served.post(CLIP)
    assert served.metric("audio_seconds_total") - before == pytest.approx(1.8, abs=0.5)
    text = served.http.get("/metrics").text
    assert 'speech_tl_requests_total{path="/v1/audio/transcriptions",status="200"}' in text
    served.http.get("/elsewhere/invented")
    assert "invented" not in served.http.get("/metrics").text
    description = served.http.get("/openapi.json").json()
    assert {"/v1/audio/transcriptions", "/v1/audio/translations", "/v1/models"} <= set(description["paths"])
    assert "openapi.json" in served.http.get("/docs").text


def test_requests_share_batches(served: Running):
    before = served.metric("batch_pieces_sum"), served.metric("batch_pieces_count")
    with ThreadPoolExecutor(5) as clients, served.busy():
        answers = [clients.submit(served.post, CLIP) for _ in range(5)]
        served.wait_until(lambda: served.service.batcher.waiting == 5)
    texts = {answer.result().json()["text"] for answer in answers}
    assert len(texts) == 1
    assert served.metric("batch_pieces_sum") - before[0] == 5
    assert served.metric("batch_pieces_count") - before[1] == 1


def test_too_many_are_told_to_come_again(served: Running):
    before = served.metric("refused_requests_total")
    with ThreadPoolExecutor(LIMITS.requests) as clients, served.busy():
        answers = [clients.submit(served.post, CLIP) for _ in range(LIMITS.requests)]
        served.wait_until(lambda: served.service.requests == LIMITS.requests)
        refused = served.post(CLIP)
        assert served.http.get("/readyz").status_code == 200
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert [answer.result().status_code for answer in answers] == [200] * LIMITS.requests
    assert served.metric("refused_requests_total") - before == 1


def test_who_left_is_not_decoded(served: Running):
    before = served.metric("dropped_pieces_total"), served.metric("audio_seconds_total")
    for fields in ({}, {"stream": "true"}):
        with served.busy():
            with pytest.raises(httpx.ReadTimeout):
                served.http.post("/v1/audio/transcriptions", files={"file": CLIP}, data=fields, timeout=2)
            served.wait_until(lambda: served.service.requests == 0)
    served.wait_until(lambda: served.metric("dropped_pieces_total") - before[0] == 2)
    assert served.metric("audio_seconds_total") == before[1]


def test_one_bad_piece_does_not_spoil_its_batch(served: Running, monkeypatch: pytest.MonkeyPatch):
    recogniser = served.service.recognisers["tiny"]
    plain = recogniser.transcribe_batch

    def fragile(pieces, *asked, **more):
        if any(len(piece.waveform) < 20_000 for piece in pieces):
            raise RuntimeError("a kernel does not like this length")
        return plain(pieces, *asked, **more)

    monkeypatch.setattr(recogniser, "transcribe_batch", fragile)
    with ThreadPoolExecutor(3) as clients, served.busy():
        answers = [clients.submit(served.post, sound) for sound in (CLIP, as_wav(talking(1.1)), CLIP)]
        served.wait_until(lambda: served.service.batcher.waiting == 3)
    assert [answer.result().status_code for answer in answers] == [200, 500, 200]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ((head("Content-Length: 5"), b"hello"), 400),
        ((head("Content-Length: 5", kind="multipart/form-data"), b"hello"), 400),
        ((head("Content-Length: 5", kind="text/plain"), b"hello"), 400),
        ((head(f"Content-Length: {len(FORM)}"), FORM.replace(b"name=", b"\x00\xff")), 400),
        ((head(f"Content-Length: {len(FORM) - 20}"), FORM[:-20]), 400),
        ((head("Content-Length: -1"), FORM), 400),
        ((head("Content-Length: 1", "Content-Length: 2"), FORM), 400),
        ((head("Transfer-Encoding: chunked"), b"zzz\r\nno size\r\n"), 400),
        ((head("Content-Length: 99999999999"), b"x"), 413),
        ((head("Transfer-Encoding: chunked"), CHUNKED_BEGINNING, *[b"10000\r\n" + bytes(65536) + b"\r\n"] * 40), 413),
        ((b"\x16\x03\x01 is no HTTP\r\n\r\n",), 400),
    ],
    ids=lambda given: None if isinstance(given, tuple) else str(given),
)
def test_what_is_malformed_is_refused(served: Running, request_: tuple[bytes, ...], expected: int):
    assert status(served.raw(*request_)) in (expected, 0), "refused, or cut off while it was still sending"


def test_slow_and_silent_senders_are_let_go_of(served: Running):
    with (
        socket.create_connection(("127.0.0.1", served.port)) as idle,
        socket.create_connection(("127.0.0.1", served.port)),
    ):
        idle.sendall(head(f"Content-Length: {len(FORM)}") + FORM[:1000])
        assert served.post(CLIP).status_code == 200, "others are answered meanwhile"
        idle.settimeout(20)
        assert status(idle.recv(65536)) == 408

    def drip() -> int:
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as slow:
            slow.sendall(head(f"Content-Length: {len(FORM)}"))
            for byte in FORM:
                try:
                    slow.sendall(bytes([byte]))
                except OSError:
                    return 408
                slow.settimeout(0.3)
                try:
                    return status(slow.recv(65536))
                except TimeoutError:
                    pass
            return 0

    assert drip() == 408


def test_half_closed_and_cut_uploads_hurt_nobody(served: Running):
    whole = head(f"Content-Length: {len(FORM)}", "Connection: close") + FORM
    assert status(served.raw(whole)) == 200
    for part in (whole, whole[: len(whole) // 2], whole[:50]):
        served.raw(part, half_closed=True)
    served.wait_until(lambda: served.service.requests == 0)


def test_zeros_are_no_audio_and_cost_no_memory(served: Running):
    zeros = bytes(LIMITS.upload_bytes - 10_000)
    assert served.post(zeros).status_code == 400
    assert served.post(bytes(LIMITS.upload_bytes + 1)).status_code == 413


def test_uploads_leave_no_files(served: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert served.post(CLIP).status_code == 200
    assert served.post(b"no sound").status_code == 400
    assert list(tmp_path.iterdir()) == []


def test_other_names_and_pages_are_refused(served: Running):
    def code(**headers: str) -> int:
        return served.http.get("/v1/models", headers=headers).status_code

    assert code(Host="evil.example") == 403
    assert code(Host=f"localhost:{served.port}") == code(Host="[::1]") == 200
    assert code(Origin="https://evil.example") == code(Origin="null") == 403
    assert code(Origin=f"http://127.0.0.1:{served.port}") == 200
    assert "access-control-allow-origin" not in served.http.get("/v1/models").headers


def test_names_and_pages_can_be_allowed(tiny: Recogniser):
    address = allowed(["asr.example.org"], ["https://app.example.org"], "127.0.0.1")
    with running({"tiny": tiny}, address=address) as server:
        allowed_page = {"Host": "asr.example.org", "Origin": "https://app.example.org"}
        answer = server.http.get("/v1/models", headers=allowed_page)
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        assert server.http.get("/v1/models", headers={"Origin": "https://other.example.org"}).status_code == 403


def test_a_token_is_asked_for(tiny: Recogniser):
    with running({"tiny": tiny}, token=TOKEN) as server:
        assert server.post(CLIP).status_code == 200
        with httpx.Client(base_url=server.address) as stranger:
            assert stranger.get("/healthz").status_code == 200
            for shown in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
                answer = stranger.get("/v1/models", headers=shown)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert stranger.get("/?token=wrong").headers["set-cookie"].startswith(f"{COOKIE}=wrong; HttpOnly")
            assert stranger.get("/v1/models").status_code == 401
            stranger.get(f"/?token={TOKEN}")
            assert stranger.get("/v1/models").status_code == 200, "the browser keeps it as a cookie"
            evil = {"Origin": "https://evil.example"}
            assert stranger.get(f"/?token={TOKEN}", headers=evil).status_code == 403


def test_a_stop_finishes_what_was_begun(tiny: Recogniser):
    with running({"tiny": tiny}) as server, ThreadPoolExecutor(1) as clients:
        with server.busy():
            answer = clients.submit(server.post, CLIP)
            server.wait_until(lambda: server.service.batcher.waiting == 1)
            server.server.stop()
        assert answer.result().status_code == 200


def test_whose_address_others_reach_is_warned():
    assert Access(OwnAddress("127.0.0.1")).warning is None
    assert "without --token-file" in Access(OwnAddress("0.0.0.0")).warning
    assert "not encrypted" in Access(OwnAddress("0.0.0.0"), TOKEN).warning
    assert TOKEN not in repr(Access(OwnAddress("0.0.0.0"), TOKEN))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--model", "no/such/model/here"], "does not exist"),
        (["--model", __file__], "test_server.py"),
        (["--model", "a=starter-whisper", "--model", "a=starter-wav2vec2"], "two models are called a"),
        (["--model", "starter-whisper", "--token-file", "no-such-file"], "cannot be read"),
        (["--model", "starter-whisper", "--allow-origin", "example.org"], "https://example.org"),
        (["--model", "starter-whisper", "--host", "203.0.113.7"], "not an address of this machine"),
        (["--model", "starter-whisper", "--engine", "abacus"], "expected torch or ctranslate2"),
    ],
    ids=lambda given: given[-1] if isinstance(given, list) else "",
)
def test_options_that_cannot_be_used_are_one_line(given: list[str], told: str, capsys: pytest.CaptureFixture[str]):
    assert _run(["serve", *given]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("speech-tl: ") and told in lines[-1]


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("speech_tl.transcribing.recogniser.load_recogniser", lambda *_, **__: pytest.fail("loaded"))
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert _run(["serve", "--model", "starter-whisper", "--port", port]) == 2
        assert _run(["demo", "--before", "starter-whisper", "--after", "starter-wav2vec2", "--port", port]) == 2
    assert capsys.readouterr().err.count(f"--port {port} is taken on 127.0.0.1") == 2


def test_models_of_two_languages_are_not_compared():
    require_same_language("en", None, ["a", "b"])
    require_same_language("de", "deu", ["a", "b"])
    with pytest.raises(BadInput, match="a and b write German and English: give two models of one language"):
        require_same_language("de", "en", ["a", "b"])


def test_models_have_names(tmp_path: Path):
    for place in ("accent/model", "plain"):
        (tmp_path / place).mkdir(parents=True)
    assert named_models([f"{tmp_path}/accent/model", f"{tmp_path}/plain/", "openai/whisper-tiny"]) == {
        "accent": f"{tmp_path}/accent/model",
        "plain": f"{tmp_path}/plain/",
        "openai/whisper-tiny": "openai/whisper-tiny",
    }


def test_a_token_that_can_be_guessed_is_refused(tmp_path: Path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert read_token(file) == TOKEN
    for bad in ("", "short", f"{TOKEN} {TOKEN}", "é" * 20):
        file.write_text(bad, encoding="utf-8")
        with pytest.raises(BadInput, match="openssl rand -hex 16"):
            read_token(file)


def test_sound_of_any_rate_and_channels(served: Running):
    both = np.stack([talking(1.0).repeat(3)] * 2, axis=1)
    assert served.post(as_wav(both, 44100)).status_code == 200
