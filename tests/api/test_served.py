"""The same over a real server on loopback, with real clients: what only the wire can show."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from haechi.api.policy import COOKIE
from tests.api.world import PASSWORD, World

pytestmark = pytest.mark.slow


@asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """Serve as the app does, on any free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        world.app(), ws="websockets-sansio", ws_max_size=64 * 1024, log_config=None, server_header=False
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def test_log_in_ranges_and_both_sockets_over_the_wire(world: World) -> None:
    camera = world.camera()
    world.user("Vera", cameras=(camera,))

    async def check() -> None:
        async with served(world) as place, httpx2.AsyncClient(base_url=f"http://{place}") as http:
            origin = f"http://{place}"
            body = {"name": "vera", "password": PASSWORD}
            begun = await http.post("/api/session", json=body, headers={"Origin": origin})
            assert begun.status_code == 200
            part = await http.get(f"/api/cameras/{camera}/recordings/7.mp4", headers={"Range": "bytes=5-9"})
            assert (part.status_code, part.content) == (206, bytes([5, 6, 7, 8, 9]))
            assert "server" not in part.headers
            head = await http.head(f"/api/cameras/{camera}/recordings/7.mp4")
            assert (head.headers["content-length"], head.content) == ("10000", b"")
            cookie = f"{COOKIE}={http.cookies[COOKIE]}"
            await see_live(place, origin, cookie, camera)
            await refused(place, cookie, camera)
            left = await http.delete("/api/session", headers={"Origin": origin, "X-Haechi-CSRF": begun.json()["csrf"]})
            assert left.status_code == 204

    asyncio.run(check())


async def see_live(place: str, origin: str, cookie: str, camera: str) -> None:
    headers = {"Cookie": cookie}
    async with connect(f"ws://{place}/api/live", additional_headers=headers, origin=origin) as live:  # type: ignore[arg-type]
        await live.send(f'{{"type":"subscribe","id":3,"camera":"{camera}"}}')
        assert '"subscribed"' in str(await live.recv())
        picture = await live.recv()
        assert isinstance(picture, bytes)
        assert picture[28:32] == b"ftyp"
    async with connect(f"ws://{place}/api/ws", additional_headers=headers, origin=origin) as news:  # type: ignore[arg-type]
        await news.send("x" * 100_000)
        with pytest.raises(ConnectionClosedError):
            await news.recv()


async def refused(place: str, cookie: str, camera: str) -> None:
    """Refusals are ordinary answers to the handshake, before any upgrade."""
    evil, own = "https://evil.example", f"http://{place}"
    for origin, header, status in ((evil, cookie, 403), (None, cookie, 403), (own, "", 401), (own, f"{COOKIE}=x", 401)):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://{place}/api/live", additional_headers={"Cookie": header}, origin=origin)  # type: ignore[arg-type]
        assert caught.value.response.status_code == status
        assert b"application/problem+json" in caught.value.response.headers["Content-Type"].encode()
        assert camera.encode() not in (caught.value.response.body or b"")


def test_who_leaves_in_the_middle_of_a_file_leaves_nothing_open(world: World) -> None:
    camera = world.camera()
    token = world.token(world.user("Vera", cameras=(camera,)))
    path = world.record_path / f"{camera}.mp4"
    path.write_bytes(bytes(64 * 1024 * 1024))
    stream, number = next(iter(world.playback.files))
    world.playback.files[stream, number] = type(world.playback.files[stream, number])(path, path.stat().st_size)

    async def check() -> None:
        async with served(world) as place:
            host, port = place.split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                lines = f"GET /api/cameras/{camera}/recordings/7.mp4 HTTP/1.1|Host: {place}|Cookie: {COOKIE}={token}||"
                writer.write(lines.replace("|", "\r\n").encode())
                assert (await reader.readexactly(15)) == b"HTTP/1.1 200 OK"
                assert answers_under_way() == 1
            finally:
                writer.transport.abort()
            for _ in range(500):
                await asyncio.sleep(0.02 if answers_under_way() else 0)
            assert (answers_under_way(), open_files(str(path))) == (0, 0)

    asyncio.run(check())


def open_files(name: str) -> int:
    """How many descriptors of this process are open on a file."""
    return sum(entry.is_symlink() and str(entry.readlink()) == name for entry in Path("/proc/self/fd").iterdir())


def answers_under_way() -> int:
    """Requests that uvicorn is answering just now."""
    return sum("run_asgi" in repr(task.get_coro()) for task in asyncio.all_tasks())
