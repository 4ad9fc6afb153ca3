"""POST /v1/audio/transcriptions and /v1/audio/translations, as OpenAI's clients ask and expect it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData, UploadFile

from speech_tl.errors import BadInput
from speech_tl.serving.batching import Asked
from speech_tl.serving.formats import FORMATS, GRANULARITIES, rendered
from speech_tl.serving.problems import Problem, documented
from speech_tl.serving.service import Service
from speech_tl.serving.sound import DecodedUpload, decoded, shown_name
from speech_tl.serving.transcription import Transcription

router = APIRouter(tags=["audio"])
STREAMED = ("json", "text")
MOST_FIELDS = 40
CLIENT_LEFT = 499
"""Status of an answer that nobody waits for, as nginx logs it."""


@dataclass(frozen=True)
class Order:
    """One request, its fields checked.

    Attributes:
        file: what was uploaded.
        asked: model, language, task.
        format: one of `FORMATS`.
        granularities: of verbose_json.
        stream: whether segments are sent as events.
    """

    file: UploadFile
    asked: Asked
    format: str
    granularities: tuple[str, ...]
    stream: bool


def _described(more: dict[str, Any]) -> dict[str, Any]:
    """The form, for the OpenAPI description."""
    fields = {
        "file": {"type": "string", "format": "binary", "description": "Audio or video in any common format."},
        "model": {"type": "string", "description": "A name from /v1/models; whisper-1 is the first one."},
        "prompt": {
            "type": "string",
            "description": "Text that a Whisper is shown as if it stood before: names and terms, as they are to be "
            "written. Of a longer one the end is taken that half of its decoder has room for.",
        },
        "response_format": {"type": "string", "enum": list(FORMATS), "default": "json"},
        "temperature": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "default": 0,
            "description": "0 writes the most probable words; above, a Whisper draws them. Other models draw nothing.",
        },
    }
    schema = {"type": "object", "required": ["file"], "properties": fields | more}
    content = {kind.partition(";")[0]: {} for kind in (*FORMATS.values(), "text/event-stream")}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
        "responses": {"200": {"description": "The text", "content": content}},
    }


TRANSCRIBING = {
    "language": {"type": "string", "description": "Of the speech, e.g. en; by default it is heard."},
    "timestamp_granularities[]": {
        "type": "array",
        "items": {"type": "string", "enum": list(GRANULARITIES)},
        "description": "Of verbose_json; by default segment.",
    },
    "stream": {"type": "boolean", "default": False, "description": "Segments as server-sent events (json, text)."},
}
ERRORS = documented(400, 401, 403, 404, 408, 413, 429)


@router.post(
    "/v1/audio/transcriptions",
    openapi_extra=_described(TRANSCRIBING),
    responses=ERRORS,
    response_class=Response,
)
async def transcriptions(request: Request) -> Response:
    """What is said in a recording, in its own language."""
    return await _answer(request, None)


@router.post("/v1/audio/translations", openapi_extra=_described({}), responses=ERRORS, response_class=Response)
async def translations(request: Request) -> Response:
    """What is said in a recording, in English; for multilingual Whispers."""
    return await _answer(request, "translate")


async def _answer(request: Request, task: str | None) -> Response:
    service: Service = request.app.state.service
    async with AsyncExitStack() as held:
        held.enter_context(service.admitted())
        form = await held.enter_async_context(request.form(max_files=1, max_fields=MOST_FIELDS))
        order = _order(service, form, task)
        work = _transcription(service, order, held)
        transcription, upload = await _unless_left(request, work)
        if order.stream:
            return _Events(transcription, held.pop_all())
        body = await _unless_left(request, _whole(transcription, order, upload))
        return Response(body, media_type=FORMATS[order.format])


async def _transcription(service: Service, order: Order, held: AsyncExitStack) -> tuple[Transcription, DecodedUpload]:
    """The recording, decoded and ready to be recognised; `held` lets go of it."""
    recogniser = service.recognisers[order.asked.model]
    name = shown_name(order.file.filename)
    async with service.decoding:
        try:
            upload = await _in_thread(decoded, service.decoder, order.file.file, recogniser.sample_rate, name)
        except BadInput as error:
            raise Problem(400, str(error), param="file") from error
    held.callback(upload.close)
    return Transcription(service.batcher, upload, order.asked), upload


async def _in_thread(decode: Any, *given: Any) -> DecodedUpload:
    """`decode` in a thread that is told when nobody waits any more, and waited for: it reads the client's file."""
    stop = threading.Event()
    thread = asyncio.ensure_future(asyncio.to_thread(decode, *given, stop))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        stop.set()
        with contextlib.suppress(Exception):
            (await thread).close()
        raise


async def _whole(transcription: Transcription, order: Order, upload: DecodedUpload) -> str:
    """The body of an answer that comes in one."""
    segments = [segment async for segment in transcription.segments()]
    return rendered(
        segments,
        order.format,
        task=order.asked.task or "transcribe",
        language=transcription.language,
        duration_s=upload.duration_s,
        granularities=order.granularities,
        temperature=order.asked.temperature,
    )


async def _unless_left(request: Request, work: Coroutine[Any, Any, Any]) -> Any:
    """The result of `work`, which is cancelled when the client leaves.

    Raises:
        Problem: the client left.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Problem(CLIENT_LEFT, "the client left")
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class _Events(Response):
    """Segments as server-sent events while they come, in OpenAI's names."""

    media_type = "text/event-stream"

    def __init__(self, transcription: Transcription, held: AsyncExitStack) -> None:
        """`held` is let go of at the end, however that comes."""
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._transcription, self._held = transcription, held

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send until the end, or until the client leaves."""
        async with self._held:
            with contextlib.suppress(Problem):
                await _unless_left(Request(scope, receive), self._send(send))

    async def _send(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for event in self._events():
            data = f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _events(self) -> AsyncIterator[dict[str, Any]]:
        written: list[str] = []
        async with _closing(self._transcription.segments()) as segments:
            async for segment in segments:
                yield {"type": "transcript.text.delta", "delta": f" {segment.text}" if written else segment.text}
                written.append(segment.text)
        yield {"type": "transcript.text.done", "text": " ".join(written)}


@asynccontextmanager
async def _closing(generator: Any) -> AsyncIterator[Any]:
    try:
        yield generator
    finally:
        await generator.aclose()


def _order(service: Service, form: FormData, task: str | None) -> Order:
    """The fields of a form.

    Raises:
        Problem: one that cannot be used.
    """
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Problem(400, "no file: send the recording as a file in the form's field 'file'", param="file")
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    model = service.named(fields.get("model"))
    format = fields.get("response_format") or "json"
    if format not in FORMATS:
        raise _wrong("response_format", format, f"one of {', '.join(FORMATS)}")
    granularities = tuple(
        value for name in ("timestamp_granularities[]", "timestamp_granularities") for value in form.getlist(name)
    )
    for granularity in granularities:
        if granularity not in GRANULARITIES:
            raise _wrong("timestamp_granularities", granularity, " or ".join(GRANULARITIES))
    if granularities and format != "verbose_json":
        raise Problem(400, "timestamp_granularities need response_format=verbose_json", param="timestamp_granularities")
    temperature = _temperature(fields.get("temperature"))
    stream = _flag("stream", fields.get("stream"))
    if stream and format not in STREAMED:
        raise Problem(400, f"stream=true is for response_format {' or '.join(STREAMED)}", param="stream")
    recogniser, prompt = service.recognisers[model], " ".join(fields.get("prompt", "").split()) or None
    try:
        language = recogniser.require(fields.get("language"), task)
    except BadInput as error:
        raise Problem(400, str(error), param="language" if fields.get("language") else "model") from error
    try:
        if prompt is not None:
            recogniser.require_prompts()
    except BadInput as error:
        raise Problem(400, str(error), param="prompt") from error
    return Order(file, Asked(model, language, task, temperature, prompt), format, granularities, stream)


def _temperature(value: str | None) -> float:
    try:
        temperature = float(value or 0)
    except ValueError:
        temperature = math.nan
    if not 0 <= temperature <= 1:
        raise _wrong("temperature", value, "a number from 0 to 1")
    return temperature


def _flag(name: str, value: str | None) -> bool:
    known = {"": False, "false": False, "0": False, "true": True, "1": True}
    if (value or "").lower() not in known:
        raise _wrong(name, value, "true or false")
    return known[(value or "").lower()]


def _wrong(name: str, value: Any, expected: str) -> Problem:
    return Problem(400, f"{name} {str(value)[:80]!r}: expected {expected}", param=name)
