"""Where a pushed stream goes: to nobody but the modules that were asked, or onto the bus as a camera like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from haechi.base.errors import HaechiError, Invalid, Unavailable
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import Channel, GapCause, Run
from haechi.ingest.camera import CameraIngest, DialledIngest, Lane
from haechi.ingest.lines import Door
from haechi.ingest.probe import Note
from haechi.ingest.rtp_push.tally import Tally
from haechi.ingest.source import Sink, Track
from haechi.ingest.stamp import RunTime
from haechi.ingest.wish import CameraWish
from haechi.media.access_unit import AccessUnit, RawUnit

MOOR_S = 5.0
"""A camera whose stream before has just ended takes the next within a moment."""


class Berth(Protocol):
    """What makes access units of what a client sends."""

    @property
    def stream(self) -> StreamId: ...
    @property
    def run(self) -> Run: ...
    @property
    def is_over(self) -> bool: ...

    def take(self, raw: RawUnit, arrived_ns: int) -> AccessUnit | None:
        """Stamp and publish; None where the unit cannot be used (damaged, or before the first sync unit)."""

    def close(self, cause: GapCause, error: HaechiError | None, ended_ns: int) -> None:
        """Nothing more comes; ``error``: why it broke off."""


class OwnBerth:
    """A stream that is judged and forgotten."""

    def __init__(self, channel: Channel, number: int, rate_hz: int, time: RunTime) -> None:
        self._lane = Lane(channel, number, rate_hz, time)
        self.stream = channel.stream
        self.run = self._lane.run
        self.is_over = False

    def take(self, raw: RawUnit, arrived_ns: int) -> AccessUnit | None:
        """See `Berth`."""
        lane = self._lane
        if raw.damaged:
            lane.damaged()
            return None
        before = lane.channel.last
        lane.take(raw, arrived_ns)
        unit = lane.channel.last
        return None if unit is before else unit

    def close(self, cause: GapCause, error: HaechiError | None, ended_ns: int) -> None:
        """See `Berth`."""
        self.is_over = True
        self._lane.close(cause, error.message if error else "", ended_ns)


class CameraBerth:
    """A stream that is a camera's: its intake counts, stamps and publishes, and knows when it ends."""

    def __init__(self, intake: CameraIngest, lane: Lane, over: asyncio.Future[None]) -> None:
        self._intake = intake
        self._lane = lane
        self._over = over
        self.stream = lane.channel.stream
        self.run = lane.run

    @property
    def is_over(self) -> bool:
        """Whether the camera takes nothing more."""
        return self._over.done()

    def take(self, raw: RawUnit, arrived_ns: int) -> AccessUnit | None:
        """See `Berth`."""
        if self._over.done():
            return None
        before = self._lane.channel.last
        self._intake.unit(0, raw, arrived_ns)
        unit = self._lane.channel.last
        return None if unit is before else unit

    def close(self, cause: GapCause, error: HaechiError | None, ended_ns: int) -> None:
        """See `Berth`."""
        if self._over.done():
            return
        if error is None and cause is not GapCause.CAMERA_CLOSED:
            error = Unavailable("the client that pushes this camera is gone", code="push-client-gone")
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)


class _Visit:
    """A client's stream on its way to a camera."""

    def __init__(self, track: Track, gone: Callable[[HaechiError], None]) -> None:
        loop = asyncio.get_running_loop()
        self.track = track
        self.gone = gone
        self.moored: asyncio.Future[CameraBerth] = loop.create_future()
        self.over: asyncio.Future[None] = loop.create_future()
        self.over.add_done_callback(_look)
        self.moored.add_done_callback(_look)


def _finish(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


def _look(done: asyncio.Future[CameraBerth] | asyncio.Future[None]) -> None:
    """Nobody may be left to hear of it."""
    if not done.cancelled():
        done.exception()


class StreamReport(Struct, frozen=True):
    """One stream that is open.

    Attributes:
        camera: Id of the camera that it is; empty: of none.
        modules: Those that were asked for.
    """

    stream: StreamId
    camera: str
    codec: str
    transport: str
    source: str
    units: int
    lost_packets: int
    modules: tuple[str, ...]


class ClientReport(Struct, frozen=True):
    """One connection of a client that said who it is."""

    client: str
    peer: str
    software: str
    streams: tuple[StreamReport, ...]


class Report(Protocol):
    """What a server of pushed streams tells of itself (`haechi.ingest.rtp_push.server.PushServer` does)."""

    @property
    def tally(self) -> Tally: ...
    @property
    def clients(self) -> int: ...
    @property
    def streams(self) -> int: ...

    def report(self) -> list[ClientReport]:
        """Who is connected, with what."""

    def udp_dropped(self) -> int:
        """Datagrams that the kernel dropped as nobody read them in time, since the socket was opened."""


class Berths:
    """The cameras that wait for a client to push them.

    Args:
        moor_s: How long a client waits for its camera.

    Attributes:
        door: Where clients connect; None: nowhere at present.
        server: Who serves them there.
    """

    def __init__(self, moor_s: float = MOOR_S) -> None:
        self._moor_s = moor_s
        self._free: dict[CameraId, asyncio.Future[_Visit]] = {}
        self._freed = asyncio.Event()
        self.door: Door | None = None
        self.server: Report | None = None

    async def moor(self, camera: CameraId, track: Track, gone: Callable[[HaechiError], None]) -> CameraBerth:
        """Make a client's stream the camera's.

        Args:
            gone: Called when the camera takes nothing more: it was switched off, or removed.

        Raises:
            Unavailable: ``push-camera-off``: the camera waits for nobody.
            HaechiError: The camera cannot begin a run.
        """
        try:
            async with asyncio.timeout(self._moor_s):
                while (free := self._free.get(camera)) is None or free.done():
                    self._freed.clear()
                    await self._freed.wait()
        except TimeoutError:
            message = "the camera of this client is switched off, was removed, or is busy; look in the list of cameras"
            raise Unavailable(message, code="push-camera-off", camera=camera) from None
        visit = _Visit(track, gone)
        free.set_result(visit)
        try:
            return await visit.moored
        finally:
            if not visit.moored.done() or visit.moored.cancelled():  # who wanted it is gone
                _finish(visit.over)

    async def next(self, camera: CameraId) -> _Visit:
        """Wait for a client that brings this camera."""
        free: asyncio.Future[_Visit] = asyncio.get_running_loop().create_future()
        self._free[camera] = free
        self._freed.set()
        try:
            return await free
        finally:
            if self._free.get(camera) is free:
                del self._free[camera]


class PushedSource:
    """A `Source` for a camera that a client pushes: waits for its stream, and ends with it."""

    def __init__(self, camera: CameraId, berths: Berths) -> None:
        self._camera = camera
        self._berths = berths

    async def run(self, sink: Sink) -> None:
        """See `Source`.

        Raises:
            HaechiError: Why the stream broke off.
        """
        assert isinstance(sink, CameraIngest)
        visit = await self._berths.next(self._camera)
        try:
            await sink.opened([visit.track])
            lane = sink.main_lane()
            assert lane is not None
            if visit.over.done() or visit.moored.done():
                return
            visit.moored.set_result(CameraBerth(sink, lane, visit.over))
            await asyncio.wait({visit.over})  # unlike waiting for it as such, it stays as it is when we are cancelled
            visit.over.result()
        except HaechiError as error:
            if not visit.moored.done():
                visit.moored.set_exception(error)
            raise
        finally:
            self._leave(visit)

    def _leave(self, visit: _Visit) -> None:
        """The camera does not want it any more, where it was not the client who ended it."""
        off = Unavailable("the camera of this client was switched off, removed or changed", code="push-camera-off")
        if not visit.moored.done():
            visit.moored.set_exception(off)
        elif not visit.over.done():
            _finish(visit.over)
            visit.gone(off)


class PushOpener:
    """Cameras whose stream a client pushes over the result socket."""

    intake = DialledIngest

    def __init__(self, berths: Berths) -> None:
        self._berths = berths

    def open(self, wish: CameraWish, note: Note) -> PushedSource:
        """See `haechi.ingest.openers.Opener`."""
        return PushedSource(wish.id, self._berths)

    def trial(self, wish: CameraWish, note: Note) -> PushedSource:
        """See `haechi.ingest.openers.Opener`; there is nothing to connect to."""
        message = "a camera that a client pushes cannot be tried from here; start the client with its token"
        raise Invalid(message, code="camera-dials-out")
