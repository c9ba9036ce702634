"""Cameras that dial, on loopback: a server's intake with its listener, and cameras made of software."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from haechi.app.ports import listen
from haechi.base.clock import SystemClock
from haechi.base.ids import CameraId
from haechi.bus.frames import FrameBus
from haechi.camera.dial.dialler import Dialler
from haechi.camera.dial.line import Identity, Server
from haechi.camera.virtual.ears import Ears
from haechi.camera.virtual.server import VirtualCamera
from haechi.fleet.cameras import CameraRegistry
from haechi.fleet.certificate import load_identity, own_certificate
from haechi.fleet.dialling import DialKeys, signer
from haechi.ingest.manager import IngestManager
from haechi.ingest.openers import Openers
from haechi.ingest.reverse_rtsp import Placement, ReverseListener
from haechi.store.database import Database
from tests.cameras import StreamFeed
from tests.streams import h264_stream


class Port:
    """A server's intake of cameras that dial, over a database in ``folder``. It may be closed and opened again."""

    def __init__(self, folder: Path, clock: SystemClock | None = None, placement: Placement | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.clock = clock or SystemClock()
        self.database = Database.at(folder / "haechi.db")
        self.database.migrate()
        self.bus = FrameBus()
        self.registry = CameraRegistry(self.database, self.clock)
        self.keys = DialKeys(self.database, self.clock)
        self.openers = Openers(self.clock)
        self.lines = self.openers.lines
        self.manager = IngestManager(self.registry, self.bus, self.clock, self.database, openers=self.openers)
        own_certificate(folder / "reverse.pem", dt.datetime.now(dt.UTC))
        self.identity = load_identity(folder / "reverse.pem")
        self.listener = ReverseListener(self.keys, self.lines, self.clock, placement)
        self.number = 0

    @property
    def server(self) -> Server:
        """How cameras find it."""
        return Server("127.0.0.1", self.number, self.identity.fingerprint)

    async def camera(self, name: str = "Door") -> tuple[CameraId, str]:
        """A new camera that dials, and its token."""
        camera = await self.registry.add(name, "reverse:")
        return camera.id, await self.keys.issue(camera.id)

    def state(self, camera: CameraId) -> str:
        """What its intake does."""
        return self.manager.status(camera).state

    @asynccontextmanager
    async def open(self, host: str = "127.0.0.1") -> AsyncIterator["Port"]:
        """Listen, always on the same port, and take cameras in."""
        bound = listen(host, self.number)
        bound.listen(256)
        self.number = bound.getsockname()[1]
        tasks = [
            asyncio.create_task(self.manager.run()),
            asyncio.create_task(self.listener.serve(bound, self.identity.context, self.identity.fingerprint)),
        ]
        try:
            yield self
        finally:
            await end(*tasks)
            bound.close()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


async def end(*tasks: asyncio.Task[None]) -> None:
    """Stop tasks; one that failed by itself fails the test."""
    failed = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not [one for one in failed if one is not None], failed


@asynccontextmanager
async def dialling(
    server: Server, camera: CameraId, token: str, *, clock: SystemClock | None = None, ears: Ears | None = None
) -> AsyncIterator[tuple[VirtualCamera, Dialler]]:
    """A camera that dials ``server`` for as long as the block lasts."""
    device = VirtualCamera({"/main": StreamFeed(h264_stream(frames=30, fps=15, gop=10), 30)}, port=None)
    if ears is not None:
        device.listen(ears)
    dialler = Dialler(server, Identity(camera, signer(token)), device, clock or SystemClock())
    tasks = [asyncio.create_task(device.run()), asyncio.create_task(dialler.run())]
    try:
        yield device, dialler
    finally:
        await end(*tasks)


class Way:
    """A way for connections that can be closed without telling anybody, or cut."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.is_open = True
        self.is_whole = True
        self.port = 0
        self._ends: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        """End all connections, and take no more."""
        self.is_whole = False
        for one in self._ends:
            one.transport.abort()
        self._ends.clear()

    def mend(self) -> None:
        """Take connections again."""
        self.is_whole = True

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.append(writer)
        if not self.is_whole:
            self.cut()
            return
        try:
            inner = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._ends.append(inner[1])
        ways = [asyncio.create_task(self._pump(*ends)) for ends in ((reader, inner[1]), (inner[0], writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if self.is_open:  # otherwise the other side is not told
            for one in (writer, inner[1]):
                one.transport.abort()
        await asyncio.gather(*ways, return_exceptions=True)
        for one in (writer, inner[1]):
            one.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        forgotten = False
        while data := await source.read(65_536):
            forgotten = forgotten or not self.is_open
            if not forgotten:
                target.write(data)


@asynccontextmanager
async def a_way_to(target: int) -> AsyncIterator[Way]:
    way = Way(target)
    server = await asyncio.start_server(way.carry, "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()
