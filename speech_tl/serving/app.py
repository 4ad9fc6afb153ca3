"""The web application: OpenAI's endpoints for audio, what watches a server, live sessions and pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from speech_tl import __version__
from speech_tl.serving import audio_routes
from speech_tl.serving.limits import COOKIE, Access, Guard
from speech_tl.serving.live_socket import serve_live
from speech_tl.serving.metrics import CONTENT_TYPE
from speech_tl.serving.problems import Problem, documented
from speech_tl.serving.service import Service

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline' blob:; "
    "connect-src 'self'; media-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def create_app(service: Service, access: Access) -> Any:
    """The ASGI application; closes the service when the server stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="speech_tl",
        version=__version__,
        description="Speech into text, as OpenAI's endpoints for audio have it.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(audio_routes.router)
    _add_watching(app, service)
    _add_pages(app, service, access)
    app.add_exception_handler(Problem, lambda request, problem: problem.response())
    app.add_exception_handler(HTTPException, _as_problem)
    if access.address.other_origins:
        from starlette.middleware.cors import CORSMiddleware

        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(access.address.other_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization"],
        )
    return Guard(app, access, service)


def _add_watching(app: FastAPI, service: Service) -> None:
    @app.get("/v1/models", tags=["models"], responses=documented(401))
    async def models() -> dict[str, Any]:
        """The models that are served, as OpenAI lists its own."""
        return {"object": "list", "data": [_card(service, name) for name in service.recognisers]}

    @app.get("/v1/models/{model}", tags=["models"], responses=documented(401, 404))
    async def model(model: str) -> dict[str, Any]:
        """One of them."""
        return _card(service, service.named(model))

    @app.get("/healthz", tags=["watching"])
    async def healthz() -> dict[str, str]:
        """Answers as long as the process does."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["watching"], responses={503: {"description": "The server is stopping"}})
    async def readyz(response: Response) -> dict[str, str]:
        """Whether requests are welcome: not while the server stops."""
        response.status_code = 503 if service.stopping else 200
        return {"status": "stopping" if service.stopping else "ready"}

    @app.get("/metrics", tags=["watching"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Counters and gauges for Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


def _card(service: Service, name: str) -> dict[str, Any]:
    model = service.recognisers[name].model
    return {"id": name, "object": "model", "created": service.started, "owned_by": "speech_tl"} | {
        "language": model.language,
        "sample_rate": model.sample_rate,
    }


def _add_pages(app: FastAPI, service: Service, access: Access) -> None:
    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        if "token" in request.query_params:
            kept = RedirectResponse("/", 303)
            kept.set_cookie(COOKIE, request.query_params["token"], httponly=True, samesite="strict")
            return kept
        if service.compared is None:
            return RedirectResponse("/docs", 303)
        return _html("demo.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return _html("docs.html")

    @app.get("/demo.json", include_in_schema=False)
    async def demo() -> dict[str, Any]:
        if service.compared is None:
            raise Problem(404, "no demo: start one with speech-tl demo --before M1 --after M2")
        named = dict(zip(("before", "after"), service.compared, strict=True))
        return {which: {"source": service.recognisers[name].model.source} for which, name in named.items()}

    @app.websocket("/v1/live")
    async def live(socket: WebSocket) -> None:
        await serve_live(socket, service)


def _html(name: str) -> Response:
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return Response(files("speech_tl.serving").joinpath(name).read_bytes(), 200, headers, "text/html; charset=utf-8")


async def _as_problem(request: Request, error: HTTPException) -> Response:
    """What the framework refuses, in the shape that all refusals have."""
    answer = Problem(error.status_code, str(error.detail)).response()
    for name, value in (error.headers or {}).items():
        answer.headers.setdefault(name, value)
    return answer
