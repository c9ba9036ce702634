"""Real cameras on loopback for tests: virtual ones that speak RTSP, and servers that answer with nonsense."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import FrameBus, Subscription
from haechi.camera.virtual.server import FeedUnit
from haechi.fleet.address import parse_address
from haechi.ingest.camera import CameraIngest, Numbers
from haechi.ingest.openers import target_of
from haechi.ingest.rtsp import RtspSource
from haechi.ingest.runs import RunNumbers
from haechi.media.access_unit import AccessUnit, CodecParams, VideoParams
from haechi.store.database import Database
from tests.streams import CodedUnit


class FastClock(SystemClock):
    """The machine's clock, some times faster: waits of seconds are over in a blink, on real sockets."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._wall_ns = super().wall_ns()
        self._monotonic_ns = super().monotonic_ns()

    def wall_ns(self) -> int:
        return self._wall_ns + self.monotonic_ns() - self._monotonic_ns

    def monotonic_ns(self) -> int:
        return self._monotonic_ns + (super().monotonic_ns() - self._monotonic_ns) * self._factor

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / self._factor)


class StreamFeed:
    """Plays coded units at ``fps`` for ever, timestamps continuing; optionally changes to other units half-way."""

    def __init__(
        self,
        stream: tuple[VideoParams, list[CodedUnit]],
        fps: float,
        then: tuple[VideoParams, list[CodedUnit]] | None = None,
    ) -> None:
        self._streams = [stream, *([then] if then else [])]
        self._fps = fps

    def tracks(self) -> tuple[CodecParams, ...]:
        return (self._streams[0][0],)

    async def units(self) -> AsyncIterator[FeedUnit]:
        number = 0
        while True:
            for params, units in self._streams:
                for index, unit in enumerate(units):
                    changed = params if index == 0 else None
                    ticks = round(number * 90_000 / self._fps)
                    yield FeedUnit(0, unit.data, ticks, number / self._fps, unit.is_sync, changed)
                    number += 1


async def no_floor(_stream: StreamId) -> int:
    return 0


class Intake:
    """One camera's intake on a bus of its own, over a real database."""

    def __init__(
        self,
        url: str,
        database: Database,
        *,
        transport: str = "auto",
        clock: SystemClock | None = None,
        audio: bool = False,
    ) -> None:
        self.clock = clock or SystemClock()
        self.bus = FrameBus()
        self.camera = CameraId("cam_test")
        self.stream = StreamId("cam_test/main")
        target = target_of(parse_address(url), transport)
        numbers = Numbers(RunNumbers(database), no_floor)
        self.ingest = CameraIngest(
            self.camera, lambda: RtspSource(target, self.clock), self.bus, self.clock, numbers=numbers, audio=audio
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Intake"]:
        task = asyncio.create_task(self.ingest.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def watch(self) -> Subscription:
        return self.bus.record(self.stream)


async def units_of(subscription: Subscription, count: int, seconds: float = 10) -> list[AccessUnit]:
    """The next ``count`` units."""

    async def take() -> list[AccessUnit]:
        units: list[AccessUnit] = []
        async for item in subscription:
            if isinstance(item, AccessUnit):
                units.append(item)
                if len(units) == count:
                    break
        return units

    return await asyncio.wait_for(take(), seconds)


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return when ``condition`` holds; fail the test when it does not in time."""
    deadline_ns = SystemClock().monotonic_ns() + int(seconds * NS_PER_S)
    while not condition():
        assert SystemClock().monotonic_ns() < deadline_ns, "it did not come about in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def scripted_server(
    answers: Sequence[bytes], *, then: bytes = b"", forever: bytes = b"", heard: list[bytes] | None = None
) -> AsyncIterator[int]:
    """A server that gives the n-th answer to the n-th thing it reads, then ``then``; yields its port.

    ``{cseq}`` in an answer is replaced by the request's.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answer in answers:
                request = await reader.readuntil(b"\r\n\r\n")
                if heard is not None:
                    heard.append(request)
                cseq = next((line[5:].strip() for line in request.split(b"\r\n") if line.startswith(b"CSeq:")), b"0")
                writer.write(answer.replace(b"{cseq}", cseq))
            writer.write(then)
            while forever:
                writer.write(forever)
                await writer.drain()
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
