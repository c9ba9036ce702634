"""An RTSP server of ours in this process, over a bus that the test fills, with a door of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from haechi.base.clock import NS_PER_S, Clock, SystemClock
from haechi.base.errors import Denied, Unavailable
from haechi.base.faults import Faults
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import FrameBus, GapCause, Run, RunEnded
from haechi.live.demand import Demand
from haechi.live.packets import PacketStreams
from haechi.live.rtsp.connection import House
from haechi.live.rtsp.counts import Counts
from haechi.live.rtsp.door import Guest
from haechi.live.rtsp.server import RtspListener
from haechi.live.rtsp.ways import Datagrams
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, CodecParams, UnitRef
from haechi.media.rtsp import auth
from haechi.media.rtsp.auth import Ha1
from haechi.media.rtsp.client import ClientEvent, Playing, RtcpReceived, RtpReceived, RtspClient, Wishes
from haechi.media.rtsp.deframer import Deframer
from haechi.media.rtsp.message import Headers, Request, Response
from tests.streams import CodedUnit

CAMERA = CameraId("cam_k3v9p2mw8tq4hx7n")
OTHER = CameraId("cam_aaaaaaaaaaaaaaaa")
NAME, TOKEN = "rdt_k3v9p2mw8tq4hx7n", "hrt_" + "a" * 43
MAIN, SOUND = stream_of(CAMERA), stream_of(CAMERA, "audio")


class Kept:
    """H(A1) of the one token."""

    md5 = auth._hash("MD5", f"{NAME}:Haechi:{TOKEN}")
    sha256 = auth._hash("SHA-256", f"{NAME}:Haechi:{TOKEN}")


class TestDoor:
    """One token, good for `CAMERA` while ``is_open``. ``breaks_next``: the next who watches runs into a bug."""

    __test__ = False
    realm = "Haechi"

    def __init__(self) -> None:
        self.is_open = True
        self.is_down = False
        self.breaks_next = False
        self.asked = 0
        self.watches: list[CameraId] = []

    async def by_token(self, token: str, address: str) -> Guest:
        return self._found(token == TOKEN)

    async def by_digest(self, name: str, proves: Callable[[Ha1], bool], address: str) -> Guest:
        return self._found(name == NAME and proves(Kept()))

    def _found(self, is_right: bool) -> Guest:
        self.asked += 1
        if self.is_down:
            raise Unavailable("the database does not answer", code="database-down", retry_after_s=3)
        if not is_right:
            raise Denied("no", code="wrong-read-token")
        return self

    async def may_still(self, camera: CameraId) -> bool:
        return self.is_open and camera == CAMERA

    def watched(self, guest: Guest, camera: CameraId) -> None:
        if self.breaks_next:
            self.breaks_next = False
            raise ZeroDivisionError("a bug")
        self.watches.append(camera)


class Yard:
    """The bus, and the server's address."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.bus = FrameBus()
        self.door = TestDoor()
        self.counts = Counts()
        self.faults = Faults()
        self.demand = Demand(clock)
        self.packets = PacketStreams()
        self.port = 0
        self._run = 0

    def url(self, path: str = f"/{CAMERA}", who: str = f"{NAME}:{TOKEN}@") -> str:
        return f"rtsp://{who}127.0.0.1:{self.port}{path}"

    def open_run(self, stream: StreamId, *params: CodecParams) -> Run:
        """A camera is connected to."""
        self._run += 1
        run = Run(stream, self._run, self.clock.wall_ns(), list(params))
        self.bus.channel(stream).open_run(run)
        return run

    def close_run(self, stream: StreamId) -> None:
        """The connection to a camera broke."""
        run = self.bus.channel(stream).current
        assert run is not None
        ended = RunEnded(stream, run.number, GapCause.CAMERA_CLOSED, "it went", self.clock.wall_ns())
        self.bus.channel(stream).close_run(ended)

    def publish(self, run: Run, units: Sequence[CodedUnit], *, first: int = 0, params: int = 0) -> list[AccessUnit]:
        """Units come, in the times that they tell, the first at ``first``."""
        made = []
        for number, unit in enumerate(units):
            captured_ns = run.started_ns + unit.dts * NS_PER_S // TICKS_PER_S
            one = AccessUnit(
                UnitRef(run.stream, run.number, first + number), unit.pts, unit.dts, captured_ns, unit.is_sync, params,
                unit.data,
            )  # fmt: skip
            self.bus.channel(run.stream).publish(one)
            made.append(one)
        return made

    def hello(self, uri: str = "") -> Talker:
        """A player that comes."""
        return Talker(self.port, uri or self.url(), Wishes())


@asynccontextmanager
async def serving(*, clock: Clock | None = None, udp: bool = True) -> AsyncIterator[Yard]:
    """Run the server."""
    yard = Yard(clock or SystemClock())
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    bound.listen(256)
    yard.port = bound.getsockname()[1]
    datagrams = await Datagrams.bind("127.0.0.1", 0) if udp else None
    want = yard.demand.want
    house = House(yard.bus, yard.packets, want, yard.door, yard.clock, yard.counts, datagrams, yard.faults)
    serving = asyncio.create_task(RtspListener(house).serve(bound))
    try:
        yield yard
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        bound.close()
        if datagrams is not None:
            datagrams.close()


class Talker:
    """Our own client machine on a socket; or bare requests, where a test wants to misbehave."""

    def __init__(self, port: int, uri: str, wishes: Wishes) -> None:
        user, _, rest = uri.removeprefix("rtsp://").rpartition("@")
        name, _, password = user.partition(":")
        self._port = port
        self.client = RtspClient(f"rtsp://{rest}", name, password, wishes=wishes)
        self._deframer = Deframer()
        self.packets: list[tuple[int, bytes]] = []
        self.reports: list[bytes] = []
        self.pictures = 0
        self.said = b""

    async def __aenter__(self) -> Talker:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def play(self) -> None:
        """Talk until media may come."""
        self.writer.write(self.client.start())
        async with asyncio.timeout(20):
            while not any(isinstance(event, Playing) for event in await self.hear()):
                continue

    async def hear(self) -> list[ClientEvent]:
        """What comes next."""
        data = await self.reader.read(65_536)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        self.said += b"" if self.packets else data
        events = self.client.feed(data)
        self.pictures += sum(
            event.data[1] >> 7 for event in events if isinstance(event, RtpReceived) and event.track_index == 0
        )
        self.reports += [event.data for event in events if isinstance(event, RtcpReceived)]
        self.packets += [(event.track_index, event.data) for event in events if isinstance(event, RtpReceived)]
        self.writer.write(self.client.to_send())
        return events

    def of_track(self, track: int) -> list[bytes]:
        """The packets of one track."""
        return [data for index, data in self.packets if index == track]

    async def packets_until(self, condition: Callable[[Talker], bool], seconds: float = 20) -> None:
        """Read until something holds."""
        async with asyncio.timeout(seconds):
            while not condition(self):
                await self.hear()

    async def ask(self, method: str, uri: str = "", **fields: str) -> Response:
        """A bare request, and its answer."""
        pairs = tuple((name.replace("_", "-"), value) for name, value in fields.items())
        uri = uri or f"rtsp://127.0.0.1:{self._port}/{CAMERA}"
        self.writer.write(Request(method, uri, Headers((("CSeq", "1"), *pairs))).serialise())
        async with asyncio.timeout(20):
            while True:
                data = await self.reader.read(65_536)
                if not data:
                    raise ConnectionResetError("the server closed the connection")
                for one in self._deframer.feed(data):
                    if isinstance(one, Response):
                        return one

    async def is_closed(self, seconds: float = 20) -> bool:
        """Whether the server ends the connection, whatever it says before."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(seconds):
                while await self.reader.read(65_536):
                    continue
        return self.reader.at_eof() or self.reader.exception() is not None
