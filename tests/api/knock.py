"""Requests straight into an ASGI app: fast enough for thousands of cells, and free of any client's good manners."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
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

    def cookies(self) -> dict[str, set[str]]:
        """The attributes of each cookie that is set, in lower case."""
        lines = [line.split("; ") for line in self.headers["set-cookie"].split("\n")]
        return {line[0].partition("=")[0]: {part.lower() for part in line[1:]} for line in lines}


async def knock(
    app: FastAPI,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    *,
    body: bytes = b"",
    peer: str = "192.0.2.9",
) -> Answer:
    """One request; whoever makes it is gone when it is sent. ``method`` ``WEBSOCKET`` opens one and leaves at once."""
    is_socket = method == "WEBSOCKET"
    incoming: list[dict[str, Any]] = (
        [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
        if is_socket
        else [{"type": "http.request", "body": body, "more_body": False}]
    )
    return await _exchange(app, scope_of(method, path, headers, peer), incoming)


async def knock_and_wait(
    app: FastAPI, method: str, path: str, headers: Mapping[str, str], *, body: bytes = b"", is_whole: bool = True
) -> Answer:
    """One request, by somebody who waits for the answer; or who goes in the middle of it, where it is not whole."""
    incoming: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": not is_whole}]
    return await _exchange(app, scope_of(method, path, headers, "192.0.2.9"), incoming, stays=is_whole)


async def _exchange(
    app: FastAPI, scope: dict[str, Any], incoming: list[dict[str, Any]], *, stays: bool = False
) -> Answer:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if stays and not incoming:
            await asyncio.get_running_loop().create_future()
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return _answer(sent)


def scope_of(method: str, path: str, headers: Mapping[str, str] | None, peer: str) -> dict[str, Any]:
    """What a server would hand to the app."""
    bare, _, query = path.partition("?")
    sent = {"host": HOST} | dict(headers or {})
    return {
        "type": "websocket" if method == "WEBSOCKET" else "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": bare,
        "raw_path": quote(bare).encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": (peer, 4711),
        "server": (HOST, 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
        "state": {},
    }


class Socket:
    """Our end of a WebSocket into an app, on the same loop."""

    def __init__(self) -> None:
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._task: asyncio.Future[None] | None = None
        self.close_code = 0
        self.close_reason = ""

    @classmethod
    @asynccontextmanager
    async def opened(cls, app: FastAPI, path: str, token: str) -> AsyncIterator[Socket]:
        """Open one as a page of ours would, and leave at the end."""
        socket = cls()
        scope = scope_of("WEBSOCKET", path, page_headers(token), "192.0.2.9")
        socket._to_app.put_nowait({"type": "websocket.connect"})
        task = socket._task = asyncio.ensure_future(app(scope, socket._to_app.get, socket._from_app.put))
        try:
            assert (await socket._next())["type"] == "websocket.accept"
            yield socket
            socket._to_app.put_nowait({"type": "websocket.disconnect", "code": 1000})
            async with asyncio.timeout(5):
                await task
        finally:
            task.cancel()

    def say(self, **message: object) -> None:
        """Send a message."""
        self._to_app.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def say_raw(self, **message: str | bytes) -> None:
        """Send anything."""
        self._to_app.put_nowait({"type": "websocket.receive", **message})

    async def hear(self) -> Any:
        """The next text message; None when the app closed the connection instead."""
        message = await self._next()
        if message["type"] == "websocket.close":
            self.close_code, self.close_reason = message["code"], message.get("reason", "")
            return None
        return json.loads(message["text"]) if "text" in message else message["bytes"]

    def has_news(self) -> bool:
        """Whether something waits to be heard."""
        return not self._from_app.empty()

    async def _next(self) -> MutableMapping[str, Any]:
        waiting = asyncio.ensure_future(self._from_app.get())
        both: set[asyncio.Future[Any]] = {waiting, *([self._task] if self._task is not None else [])}
        await asyncio.wait(both, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            assert self._task is not None
            assert self._task.done(), "nothing came"
            self._task.result()
        return waiting.result()


def page_headers(token: str, csrf: str = "") -> dict[str, str]:
    """What a page of ours sends."""
    return {"cookie": f"haechi_session={token}", "origin": ORIGIN, "x-haechi-csrf": csrf}


def _answer(sent: list[dict[str, Any]]) -> Answer:
    head = sent[0]
    if head["type"] in {"websocket.accept", "websocket.close"}:
        return Answer(101 if head["type"] == "websocket.accept" else 403, {}, b"")
    headers: dict[str, str] = {}
    for key, value in head["headers"]:
        name = key.decode("latin-1").lower()
        headers[name] = "\n".join([*([headers[name]] if name in headers else []), value.decode("latin-1")])
    return Answer(head["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))
