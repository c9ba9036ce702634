"""Requests straight into an ASGI app: fast enough for thousands of cells, and free of any client's good manners."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from msgspec import Struct

from tests.api.world import HOST, ORIGIN


class Answer(Struct, frozen=True):
    """What came back. For a WebSocket that was let in, ``status`` is 101."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def knock(
    app: FastAPI,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    *,
    body: bytes = b"",
) -> Answer:
    """One request. ``method`` ``WEBSOCKET`` opens one and leaves at once."""
    is_socket = method == "WEBSOCKET"
    bare, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "websocket" if is_socket else "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": bare,
        "raw_path": quote(bare).encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (k.lower().encode(), v.encode("latin-1")) for k, v in ({"host": HOST} | dict(headers or {})).items()
        ],
        "client": ("192.0.2.9", 4711),
        "server": (HOST, 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
        "state": {},
    }
    incoming: list[dict[str, Any]] = (
        [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
        if is_socket
        else [{"type": "http.request", "body": body, "more_body": False}]
    )
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return _answer(sent)


def page_headers(token: str, csrf: str = "") -> dict[str, str]:
    """What a page of ours sends."""
    return {"cookie": f"haechi_session={token}", "origin": ORIGIN, "x-haechi-csrf": csrf}


def _answer(sent: list[dict[str, Any]]) -> Answer:
    head = sent[0]
    if head["type"] in {"websocket.accept", "websocket.close"}:
        return Answer(101 if head["type"] == "websocket.accept" else 403, {}, b"")
    headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in head["headers"]}
    return Answer(head["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))
