"""Live sessions over a real WebSocket: the sound of a clip in, final words out; what is no sound is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from speech_tl.audio import load_audio
from tests.serving.running import LIMITS, Running, running
from tests.serving.test_audio_routes import clips
from tests.tiny import tiny_ctc

TOKEN = "0123456789abcdef0123"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running({"english": "starter-whisper", "frames": tiny_ctc(tmp_path_factory.mktemp("ctc"))}) as server:
        yield server
        server.wait_until(lambda: server.service.live_sessions == 0)


def session(served: Running, **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{served.port}/v1/live", open_timeout=60, **options)


def samples(rate: int = 16000) -> bytes:
    sound = np.concatenate([load_audio(clips()[8], rate), np.zeros(rate, np.float32)])
    return (32767 * sound).astype("<i2").tobytes()


def send(socket: ClientConnection, data: bytes, size: int = 8000) -> None:
    for start in range(0, len(data), size):
        socket.send(data[start : start + size])


def rest(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages until the server closes."""
    found = []
    try:
        while True:
            found.append(json.loads(socket.recv(timeout=120)))
    except ConnectionClosed:
        return found


@pytest.mark.parametrize("start", [None, {"model": "english", "sample_rate": 48000}, {"model": "frames"}])
def test_final_words_are_the_utterance(served: Running, start: dict[str, Any] | None):
    rate = (start or {}).get("sample_rate", 16000)
    with session(served) as socket:
        if start is not None:
            socket.send(json.dumps({"type": "start"} | start))
        send(socket, samples(rate))
        socket.send('{"type": "end"}')
        messages = rest(socket)
    assert messages.pop() == {"type": "done"}
    wholes = [message for message in messages if message["type"] == "utterance"]
    assert wholes and wholes[-1]["text"]
    for whole in wholes:
        own = [m for m in messages if m["utterance"] == whole["utterance"] and m["type"] == "final"]
        assert [word for message in own for word in message["words"]] == whole["words"]
        assert 0 <= whole["start"] < whole["end"] <= len(samples()) / 32000 + 0.1


def encoded(format: str) -> bytes:
    """The clip as a browser's MediaRecorder writes it: Opus in WebM, in clusters of a fifth of a second."""
    stream, rate = io.BytesIO(), 48000
    sound = np.frombuffer(samples(rate), "<i2")
    live = {"live": "1", "cluster_time_limit": "200"} if format == "webm" else {}
    with av.open(stream, "w", format=format, options=live) as container:
        track = container.add_stream("libopus", rate=rate, layout="mono")
        for start in range(0, len(sound), 960):
            frame = av.AudioFrame.from_ndarray(sound[None, start : start + 960], format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return stream.getvalue()


@pytest.mark.parametrize("format", ["webm", "ogg"])
def test_what_a_browser_records_is_decoded_as_it_comes(served: Running, format: str):
    data = encoded(format)
    with session(served) as socket:
        socket.send(json.dumps({"type": "start", "model": "frames", "format": format}))
        send(socket, data[: len(data) * 3 // 4], 700)
        first = []
        if format == "webm":  # the pages of a short Ogg hold all of it
            first.append(json.loads(socket.recv(timeout=60)))
            assert first[0]["type"] in ("partial", "final"), "words come before the end of the file"
        send(socket, data[len(data) * 3 // 4 :], 700)
        socket.send('{"type": "end"}')
        messages = [*first, *rest(socket)]
    assert messages.pop() == {"type": "done"}
    assert len(samples()) / 32000 - 1.5 < messages[-1]["end"] <= len(samples()) / 32000 + 0.1


def test_a_damaged_container_is_refused(served: Running):
    for data in (b"this is no WebM" * 300, b""):
        with session(served) as socket:
            socket.send('{"type": "start", "format": "webm"}')
            socket.send(data)
            socket.send('{"type": "end"}')
            assert "cannot be decoded" in rest(socket)[-1]["message"]


def test_silence_says_nothing(served: Running):
    with session(served) as socket:
        socket.send(bytes(64_000))
        socket.send('{"type": "end"}')
        assert rest(socket) == [{"type": "done"}]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("not json", "JSON object"),
        ("[" * 5000, "JSON object"),
        ('{"type": "stop"}', "the first message"),
        ('{"type": "start", "model": "elsewhere"}', "expected one of english, frames"),
        ('{"type": "start", "model": 5}', "model: expected text"),
        ('{"type": "start", "sample_rate": 3}', "sample_rate: expected Hz"),
        ('{"type": "start", "sample_rate": "fast"}', "sample_rate: expected Hz"),
        ('{"type": "start", "format": "mp3"}', "expected one of pcm16, webm, ogg"),
        ('{"type": "start", "task": "sing"}', "transcribe or translate"),
        ('{"type": "start", "model": "frames", "task": "translate"}', "cannot translate"),
        (b"odd", "16-bit samples"),
    ],
)
def test_what_is_no_sound_is_refused(served: Running, sent: str | bytes, told: str):
    with session(served) as socket:
        socket.send(sent)
        messages = rest(socket)
    assert [message["type"] for message in messages] == ["error"] and told in messages[0]["message"]


def test_sessions_are_counted_and_who_leaves_makes_room(served: Running):
    first, second = session(served), session(served)
    first.send(samples()[:8000])
    second.send(samples()[:8000])
    served.wait_until(lambda: served.service.live_sessions == LIMITS.live_sessions)
    assert served.metric("live_sessions") == LIMITS.live_sessions
    with session(served) as third:
        assert "busy with 2 live sessions" in rest(third)[0]["message"]
    first.close()
    second.socket.close()  # without a word
    served.wait_until(lambda: served.service.live_sessions == 0)


def test_pages_and_strangers_are_refused(served: Running, tmp_path: Path):
    with pytest.raises(InvalidStatus), session(served, origin="https://evil.example"):
        pass
    with session(served, origin=f"http://127.0.0.1:{served.port}") as socket:
        socket.send('{"type": "end"}')
        assert rest(socket) == [{"type": "done"}]
    with running({"frames": tiny_ctc(tmp_path / "ctc")}, token=TOKEN) as server:
        with pytest.raises(InvalidStatus), session(server):
            pass
        with session(server, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
            socket.send('{"type": "end"}')
            assert rest(socket) == [{"type": "done"}]
