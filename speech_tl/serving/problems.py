"""What goes wrong with a request, in the shape of OpenAI's errors: clients read the message from there."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import Response

SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
"""Of every answer that is no success."""


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Those answers, for the OpenAPI description of a route."""
    content = {"application/json": {"schema": SCHEMA}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


class Problem(Exception):
    """A request that is refused: an HTTP status and one line.

    Attributes:
        status: HTTP's.
        message: what was expected and what to do.
        retry_after_s: seconds after which it may be tried again, with 429.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        """`kind`, `param` and `code` are OpenAI's: what sort of error, which field, a name for programs."""
        super().__init__(message)
        self.status, self.message, self.retry_after_s = status, message, retry_after_s
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}

    def response(self) -> Response:
        """As HTTP has it."""
        headers = {"Retry-After": str(self.retry_after_s)} if self.retry_after_s is not None else {}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self.status in (408, 413):
            headers["Connection"] = "close"
        return Response(json.dumps(self.body), self.status, headers, "application/json")
