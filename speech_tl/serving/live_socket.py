"""WebSocket /v1/live: sound comes in as it is spoken, words go out as they become certain.

The client may first send a JSON text, {"type": "start"} with "model", "language", "task", "sample_rate" as it likes,
then binary messages of 16-bit little-endian mono samples, and {"type": "end"}. With "format": "webm" (or "ogg") the
binary messages are such a file, in pieces of any size, as a browser's MediaRecorder gives it. The server sends the
messages of `live.session.Message` as JSON, then {"type": "done"}; or {"type": "error", "message": ...} and closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import numpy as np
from fastapi import WebSocket, WebSocketDisconnect

from speech_tl.audio.limits import HIGHEST_RATE, LOWEST_RATE
from speech_tl.errors import BadInput
from speech_tl.live.recognising import LiveRecogniser, as_piece, new_session, words_of
from speech_tl.live.session import DecodingRequest, LiveSession
from speech_tl.serving.batching import Asked
from speech_tl.serving.live_input import KNOWN, PCM16, open_input
from speech_tl.serving.problems import Problem
from speech_tl.serving.service import Service
from speech_tl.transcribing.recogniser import Word

MOST_MESSAGE_BYTES = 1 << 20
SILENT_S = 60.0
"""A client that sends nothing for so long is let go of."""

BEHIND_S = 30.0
"""A client may be so far ahead of the decoder: then its next sound waits in its own buffers."""


async def serve_live(socket: WebSocket, service: Service) -> None:
    """One session, until the client ends it or leaves."""
    await socket.accept()
    try:
        service.refuse_beyond(service.live_sessions, service.limits.live_sessions, "live sessions")
        service.live_sessions += 1
        service.metrics.live.inc()
        try:
            await _Connection(socket, service).run()
        finally:
            service.live_sessions -= 1
            service.metrics.live.dec()
    except Problem as problem:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.send_json({"type": "error", "message": problem.message})
            await socket.close(1008)
    except WebSocketDisconnect:
        pass


class _Connection:
    def __init__(self, socket: WebSocket, service: Service) -> None:
        self.socket, self.service = socket, service
        self.changed = asyncio.Event()
        self.session: LiveSession | None = None

    async def run(self) -> None:
        """Read and answer at the same time."""
        first = await self._receive()
        start = _started(first)
        await self._open(start or {})
        if start is None:
            await self._take(first)
        reading = asyncio.ensure_future(self._read())
        answering = asyncio.ensure_future(self._answer())
        try:
            await asyncio.wait({reading, answering}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            await answering
            await self.socket.send_json({"type": "done"})
            await self.socket.close()
        finally:
            for task in (reading, answering):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
            await self.input.close()

    async def _open(self, start: dict[str, Any]) -> None:
        service = self.service
        name = service.named(_text(start, "model"))
        recogniser = service.recognisers[name]
        task = _text(start, "task")
        if task not in (None, "transcribe", "translate"):
            raise Problem(400, f"task {task[:80]!r}: expected transcribe or translate")
        try:
            language = recogniser.require(_text(start, "language"), task)
        except BadInput as error:
            raise Problem(400, str(error)) from error
        rate = start.get("sample_rate", recogniser.sample_rate)
        if not isinstance(rate, int) or isinstance(rate, bool) or not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise Problem(400, f"sample_rate: expected Hz as a number from {LOWEST_RATE} to {HIGHEST_RATE}")
        format = _text(start, "format") or PCM16
        if format not in KNOWN:
            raise Problem(400, f"format {format[:80]!r}: expected one of {', '.join(KNOWN)}")
        self.name, self.recogniser = name, recogniser
        self.live = LiveRecogniser(recogniser, language, task)
        self.session = new_session(recogniser)
        self.input = await open_input(format, rate, recogniser.sample_rate, self._add)

    def _add(self, waveform: np.ndarray) -> None:
        self.session.add(waveform)
        self.changed.set()

    async def _receive(self) -> bytes | str:
        try:
            message = await asyncio.wait_for(self.socket.receive(), SILENT_S)
        except asyncio.TimeoutError:
            raise Problem(408, f"nothing came for {SILENT_S:g} s: the session is over") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        content = message["text"] if message.get("bytes") is None else message["bytes"]
        if len(content) > MOST_MESSAGE_BYTES:
            raise Problem(413, f"a message of {len(content)} bytes: at most {MOST_MESSAGE_BYTES} are taken")
        return content

    async def _read(self) -> None:
        """Until the client says that it is the end."""
        while not self.session.is_over:
            await self._take(await self._receive())
            while self.session.behind_s > BEHIND_S:
                await asyncio.sleep(0.1)

    async def _take(self, content: bytes | str) -> None:
        if isinstance(content, bytes):
            await self.input.feed(content)
        elif _message(content).get("type") == "end":
            await self.input.end()
            self.session.end()
            self.changed.set()
        else:
            raise Problem(400, 'expected binary messages with the sound, or {"type": "end"}')

    async def _answer(self) -> None:
        """Decode what is due, and send what became of it."""
        while not self.session.is_done:
            request = self.session.next_request()
            if request is None:
                if self.session.is_done:
                    break
                self.changed.clear()
                await self.changed.wait()
                continue
            words = await self._words(request)
            for message in self.session.take(request, words):
                await self.socket.send_json(message.as_json())

    async def _words(self, request: DecodingRequest) -> list[Word]:
        """In the worker's thread: with others in a batch, where the language is known and the words need no frames."""
        batcher, live = self.service.batcher, self.live
        if self.recogniser.hears_frames or live.language is None:
            return await asyncio.wrap_future(batcher.call(lambda: live.words(request), live=True))
        asked = Asked(self.name, live.language, live.task)
        piece = as_piece(request, self.recogniser.sample_rate)
        return words_of(await asyncio.wrap_future(batcher.submit(piece, asked, live=True)))


def _started(content: bytes | str) -> dict[str, Any] | None:
    """The settings of a session, where its first message has some."""
    if isinstance(content, bytes):
        return None
    message = _message(content)
    if message.get("type") == "end":
        return None
    if message.get("type") != "start":
        raise Problem(400, 'the first message: expected {"type": "start", ...} or the sound')
    return message


def _message(content: str) -> dict[str, Any]:
    try:
        message = json.loads(content)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Problem(400, "a text message: expected a JSON object")
    return message


def _text(start: dict[str, Any], name: str) -> str | None:
    value = start.get(name)
    if value is not None and not isinstance(value, str):
        raise Problem(400, f"{name}: expected text")
    return value
