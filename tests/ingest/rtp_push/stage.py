"""A server for clients that push, on loopback over a real database, and what a test needs to be such a client."""

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from haechi.app.ports import listen
from haechi.base.clock import SystemClock
from haechi.base.errors import HaechiError, PeerError
from haechi.client.line import Place
from haechi.client.playing import Link, Wish, playing
from haechi.client.sending import Seen
from haechi.client.sources import Playable, Timed
from haechi.fleet.certificate import load_identity, own_certificate
from haechi.fleet.push_clients import PushClient, PushClients
from haechi.ingest.rtp_push.berths import Berths
from haechi.ingest.rtp_push.harbour import Harbour
from haechi.ingest.rtp_push.modules import Echo, Module
from haechi.ingest.rtp_push.server import PushLimits, PushServer
from haechi.ingest.runs import RunNumbers
from haechi.media.access_unit import RawUnit, VideoParams
from haechi.media.push.wire import CLIENT_LIMITS, Deframer, Frame, Kind
from haechi.media.push.words import Fault, Hello, read, say
from haechi.store.database import Database
from tests.streams import CodedUnit, h264_stream

DEFAULT_LIMITS = PushLimits()
FAST_ECHO = Wish(module="echo", fast=True)


@dataclass
class Stage:
    """A server that runs."""

    server: PushServer
    clients: PushClients
    client: PushClient
    token: str
    port: int
    pin: str
    clock: SystemClock
    database: Database

    @property
    def place(self) -> Place:
        return Place("127.0.0.1", self.port, self.token)

    def playing(
        self, source: Playable, wish: Wish = FAST_ECHO, place: Place | None = None
    ) -> AbstractAsyncContextManager[Link]:
        """A client that plays ``source``."""
        return playing(place or self.place, source, wish, self.clock, "test")


@asynccontextmanager
async def push_server(
    folder: Path,
    modules: Mapping[str, Module] | None = None,
    limits: PushLimits = DEFAULT_LIMITS,
    port: int = 0,
    berths: Berths | None = None,
) -> AsyncIterator[Stage]:
    """Serve until the block ends."""
    clock = SystemClock()
    database = Database.at(folder / "haechi.db")
    database.migrate()
    own_certificate(folder / "server.pem", dt.datetime.now(dt.UTC))
    identity = load_identity(folder / "server.pem")
    context: ssl.SSLContext = identity.context
    clients = PushClients(database, clock)
    client, token = await clients.add("test")
    offered = {"echo": Echo()} if modules is None else modules
    harbour = Harbour(RunNumbers(database), clock, berths)
    server = PushServer(clients, offered, harbour, clock, limits, lambda: context)
    bound = listen("127.0.0.1", port)
    bound.listen()
    task = asyncio.create_task(server.serve(bound, udp=True))
    try:
        yield Stage(server, clients, client, token, bound.getsockname()[1], identity.pin, clock, database)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        bound.close()
        database.close()


class Coded:
    """Units of a test's own as something to play."""

    is_live = False
    duration_s = 0.0

    def __init__(self, params: VideoParams, units: list[CodedUnit], fps: float = 15.0) -> None:
        self._params = params
        self._units = units
        self.fps = fps

    def units(self) -> Iterator[Timed]:
        for number, unit in enumerate(self._units):
            params = self._params if number == 0 else None
            yield Timed(RawUnit(unit.pts, unit.is_sync, unit.data, params), unit.dts)

    def close(self) -> None:
        return


class Raw:
    """A client that says what a test wants it to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._deframer = Deframer(CLIENT_LIMITS)
        self._frames: list[Frame] = []

    @classmethod
    async def connect(cls, port: int, token: str | None = None, room_bytes: int = 0) -> "Raw":
        """A connection; with ``token`` one that is known; with ``room_bytes`` one with a small buffer."""
        kernel = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if room_bytes:
            kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room_bytes)
        kernel.setblocking(False)
        await asyncio.get_running_loop().sock_connect(kernel, ("127.0.0.1", port))
        raw = cls(*await asyncio.open_connection(sock=kernel))
        if token is not None:
            raw.say(say(Hello(token)))
            assert (await raw.next()).kind is Kind.WELCOME
        return raw

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def next(self, seconds: float = 20) -> Frame:
        """The next message; `EOFError` when the server has closed."""
        while not self._frames:
            data = await asyncio.wait_for(self.reader.read(65_536), seconds)
            if not data:
                raise EOFError
            self._frames += self._deframer.feed(data)
        return self._frames.pop(0)

    async def until(self, kind: Kind) -> Frame:
        """The next message of a type; others are passed over."""
        while (frame := await self.next()).kind is not kind:
            pass
        return frame

    async def fault(self) -> Fault:
        """The next error."""
        return read(await self.until(Kind.ERROR), Fault)

    async def is_closed(self) -> bool:
        """Whether the server closes (whatever it says before)."""
        with suppress(EOFError, ConnectionError, PeerError):
            while True:
                await self.next()
        return True

    def close(self) -> None:
        self.writer.close()


async def refusal(link: Link) -> HaechiError:
    """Why a link cannot play."""
    try:
        async for _ in link.results():
            pass
    except HaechiError as error:
        return error
    raise AssertionError("it played")


def clip(frames: int = 40, bframes: int = 0) -> Coded:
    return Coded(*h264_stream(frames, bframes=bframes))


async def all_of(stage: Stage, source: Coded, wish: Wish = FAST_ECHO) -> list[Seen]:
    async with stage.playing(source, wish) as link:
        return [seen async for seen in link.results()]
