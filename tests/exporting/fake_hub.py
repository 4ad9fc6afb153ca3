"""The Hugging Face Hub's HTTP interface, as far as an upload asks it, on this machine; it keeps what arrives."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN, READER = "hf_writer", "hf_reader"
"""Tokens that it knows: one that may write, and one that may not."""


class FakeHub:
    """What the server knows.

    Attributes:
        private: of each repository, whether it is private.
        files: contents by repository and path.
        blobs: large files by SHA-256, as they were put.
        commits: the headers of all commits.
        asked: every request's method and path, in order.
    """

    def __init__(self) -> None:
        self.private: dict[str, bool] = {}
        self.files: dict[tuple[str, str], bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.commits: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.address = ""

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, Any]:
        """Status and JSON of a request."""
        self.asked.append(f"{method} {path}")
        if blob := re.fullmatch(r"/put/(\w+)", path):
            self.blobs[blob[1]] = body
            return 200, {}
        if path == "/api/validate-yaml":
            return (200, {"errors": [], "warnings": []}) if "---\n" in json.loads(body)["content"] else (400, {})
        if token not in (TOKEN, READER):
            return 401, {"error": "Invalid username or password."}
        if path == "/api/whoami-v2":
            return 200, {"name": "ann", "type": "user", "auth": {"type": "access_token"}}
        if method != "GET" and token == READER:
            return 403, {"error": "You don't have the rights to create a model under the namespace ann"}
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else f"ann/{asked['name']}"
            self.private[repo] = asked.get("visibility") == "private" or bool(asked.get("private"))
            return 200, {"url": f"{self.address}/{repo}"}
        found = re.match(r"/(?:api/models/)?([\w.-]+/[\w-]+)(?:\.git)?(/.*)?$", path)
        repo, rest = found[1], found[2] or ""
        if repo not in self.private:
            return 404, {"error": "Repository not found"}
        return self._of_repository(repo, rest, body)

    def _of_repository(self, repo: str, rest: str, body: bytes) -> tuple[int, Any]:
        if rest.startswith("/preupload/"):
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = ["lfs" if name.endswith((".safetensors", ".bin")) else "regular" for name in names]
            known = zip(names, modes, strict=True)
            return 200, {"files": [{"path": n, "uploadMode": mode, "shouldIgnore": False} for n, mode in known]}
        if rest == "/info/lfs/objects/batch":
            objects = json.loads(body)["objects"]
            put = {o["oid"]: {"upload": {"href": f"{self.address}/put/{o['oid']}"}} for o in objects}
            return 200, {"transfer": "basic", "objects": [{**o, "actions": put[o["oid"]]} for o in objects]}
        if rest.startswith("/commit/"):
            return 200, self._commit(repo, body)
        return 200, {"id": repo, "modelId": repo, "private": self.private[repo], "siblings": [], "tags": []}

    def _commit(self, repo: str, body: bytes) -> dict[str, Any]:
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                self.commits.append(value)
            elif line["key"] == "file":
                self.files[repo, value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                content = self.blobs[value["oid"]]
                assert hashlib.sha256(content).hexdigest() == value["oid"] and len(content) == value["size"]
                self.files[repo, value["path"]] = content
        commit = f"{self.address}/{repo}/commit/{'0' * 40}"
        return {"success": True, "commitUrl": commit, "commitOid": "0" * 40, "hookOutput": ""}


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """A server on a free port, until the end."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(size)
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, answer = hub.answer(self.command, self.path.partition("?")[0], token, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PUT = do_GET

        def _chunks(self) -> bytes:
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
