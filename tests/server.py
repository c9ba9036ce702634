"""The whole server in this process, on a free port, over a folder of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from haechi.app.embedded import Rooms, open_rooms, serve
from haechi.app.settings import (
    HttpSettings,
    RecordSettings,
    RtspSettings,
    Settings,
    SourceSettings,
    VisionSettings,
)
from haechi.ingest.reach import LOOPBACK
from haechi.vision.models import default_cache_dir

PASSWORD = "correct horse battery staple"


@dataclass
class House:
    """A running server, and an administrator's session with it."""

    rooms: Rooms
    address: str
    http: httpx2.AsyncClient

    @property
    def cookie(self) -> str:
        return f"haechi_session={self.http.cookies['haechi_session']}"


def settings_for(folder: Path, *, vision: bool = True) -> Settings:
    """Settings of a server in ``folder`` that shares the machine's cache of model weights."""
    return Settings(
        data_dir=folder / "data",
        cache_dir=default_cache_dir().parent,
        http=HttpSettings(port=0),
        record=RecordSettings(min_free_bytes=0),
        vision=VisionSettings(enabled=vision),
        sources=SourceSettings(allow=LOOPBACK),
        rtsp=RtspSettings(port=0, rtp_port=0),
    )


@asynccontextmanager
async def running(settings: Settings, *, log_in: bool = True) -> AsyncIterator[House]:
    """Run a server; log in as its first administrator, unless a test wants to do that itself."""
    rooms = open_rooms(settings)
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    task = asyncio.create_task(serve(rooms, address.set_result, stop))
    try:
        task.add_done_callback(lambda done: None if address.done() else address.set_exception(_early(done)))
        base = await asyncio.wait_for(asyncio.shield(address), 30)
        async with httpx2.AsyncClient(base_url=base, headers={"Origin": base}, timeout=60) as http:
            if log_in:
                await _log_in(rooms, http)
            yield House(rooms, base, http)
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)
        rooms.services.database.close()


def _early(task: asyncio.Task[None]) -> BaseException:
    """Why a server ended before it was ready."""
    if task.cancelled():
        return asyncio.CancelledError()
    return task.exception() or AssertionError("the server ended before it was ready")


async def _log_in(rooms: Rooms, http: httpx2.AsyncClient) -> None:
    session = {"name": "admin", "password": PASSWORD}
    if (await http.get("/api/setup")).json()["needed"]:
        token = await rooms.services.auth.setup.issue()
        answer = await http.post("/api/setup", json={"token": token, **session})
    else:
        answer = await http.post("/api/session", json=session)
    answer.raise_for_status()
    http.headers["X-Haechi-CSRF"] = answer.json()["csrf"]
