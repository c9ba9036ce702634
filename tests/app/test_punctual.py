"""HTTP connections on which no request comes: real ones, to a real uvicorn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from haechi.app import punctual
from haechi.app.ports import listen

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
HEAD_S = 1.0


async def slow_app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answers when it has the whole body, after longer than a request may take to begin."""
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        size, more = size + len(message["body"]), message["more_body"]
    await asyncio.sleep(2 * HEAD_S)
    body = str(size).encode()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length], "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})


@asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(punctual, "HEAD_S", HEAD_S)
    config = uvicorn.Config(slow_app, http=punctual.PunctualProtocol, lifespan="off", log_config=None)
    server, bound = uvicorn.Server(config), listen("127.0.0.1", 0)
    bound.listen()
    task = asyncio.create_task(server.serve([bound]))
    try:
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        bound.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    size = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return await reader.readexactly(int(size.split(b":")[1]))


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nX-"], ids=["nothing", "half a head"])
def test_a_connection_on_which_no_request_comes_is_closed_though_it_drips(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    async def scenario() -> None:
        async with serving(monkeypatch) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            drip = asyncio.create_task(dripping(writer, said))
            assert await asyncio.wait_for(reader.read(), 30) == b""
            drip.cancel()
            writer.close()

    asyncio.run(scenario())


async def dripping(writer: asyncio.StreamWriter, said: bytes) -> None:
    while said.startswith(b"GET"):
        writer.write(b"x")
        await asyncio.sleep(HEAD_S / 5)


@pytest.mark.slow
def test_who_asks_in_time_is_served_however_long_it_takes_and_again_on_the_same_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with serving(monkeypatch) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            assert await answer(reader) == b"0"
            writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\nab")
            await asyncio.sleep(2 * HEAD_S)
            writer.write(b"cd")
            assert await answer(reader) == b"4"
            assert await asyncio.wait_for(reader.read(), 30) == b""
            writer.close()

    asyncio.run(scenario())
