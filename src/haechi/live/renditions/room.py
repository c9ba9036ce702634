"""All renditions of this server: which are made, where, and at what cost. See docs/design/renditions.md."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, Unavailable
from haechi.base.ids import CameraId, StreamId, camera_of, role_of, stream_of
from haechi.base.quarantine import Quarantine
from haechi.base.supervise import Backoff, supervise
from haechi.bus.frames import FrameBus, GapCause, RunEnded, Subscription
from haechi.live.demand import Demand, Lease
from haechi.live.renditions.making import SHAPES, Making, passes
from haechi.live.renditions.messages import Unit
from haechi.live.renditions.seat import CHECK_S, Seat
from haechi.media.access_unit import VideoParams

log = structlog.get_logger(__name__)

LINGER_S = 10.0
WEIGHTS = {"tile": 1, "h264": 4, "stills": 0}
"""What a rendition counts for: one in full size takes about as much as four small ones; stills next to nothing."""
PER_CORE = 4
SEAT_WEIGHT = 8
"""So much is given to one process before another is started; see docs/adr/0018-renditions-share-a-process.md."""
SOURCE_UNITS = 256
READY_S = 60.0
SUB_S = 4.0
"""A camera whose smaller stream does not come within this gets its tile out of the main one."""

Smaller = Callable[[CameraId], Awaitable[bool]]
"""Whether a camera has a smaller stream that is small enough for a tile."""


async def _none_smaller(_camera: CameraId) -> bool:
    return False


def default_limit() -> int:
    """How much is made at once where nobody says otherwise."""
    return PER_CORE * max(1, os.cpu_count() or 1)


class Rendition(Struct, frozen=True):
    """One that is made at present, and what it costs.

    Attributes:
        source: Which stream it is made of.
        codec: Of the source; empty while nothing came.
        is_passed: The source's units go out as they are: it costs nothing.
        viewers: Who watches at the moment.
        cores: Processor time of the last ten seconds, as a share of one core.
        cpu_s: Since it was begun.
        shed: Units left out because there was no time for them.
    """

    camera: CameraId
    kind: str
    source: str
    codec: str
    is_passed: bool
    width_px: int
    height_px: int
    viewers: int
    fps: float
    cores: float
    cpu_s: float
    shed: int
    damaged: int


class Report(Struct, frozen=True):
    """Everything that is made, and what may be.

    Attributes:
        used, limit: In weights: see `WEIGHTS`.
        processes: That run at present.
        cpu_s: Of all renditions since the server started.
        quarantined: Units that ended processes twice and are not decoded again.
    """

    renditions: tuple[Rendition, ...]
    used: int
    limit: int
    processes: int
    starts: int
    cpu_s: float
    shed: int
    quarantined: int


class Renditions:
    """Supplies the roles ``tile`` and ``h264``.

    Args:
        forget: Told of a stream that is over for good: what others keep of it is stale.
    """

    linger_s = LINGER_S

    def __init__(
        self, bus: FrameBus, demand: Demand, clock: Clock, forget: Callable[[StreamId], None], limit: int = 0
    ) -> None:
        self._bus = bus
        self._demand = demand
        self._clock = clock
        self._forget = forget
        self.limit = limit or default_limit()
        self.smaller: Smaller = _none_smaller
        self._quarantine = Quarantine()
        self._weights: dict[StreamId, int] = {}
        self._makings: dict[StreamId, tuple[Making, StreamId]] = {}
        self._seats: list[Seat] = []
        for number in range(-(-self.limit // SEAT_WEIGHT)):
            self._seats.append(Seat(clock, partial(self._lost, number)))
        self._keys = 0
        self._past_cpu_ns = self._past_shed = 0
        for role in SHAPES:
            demand.supply(role, self)

    async def admit(self, stream: StreamId) -> None:
        """See `Supplier`.

        Raises:
            Unavailable: ``renditions-full``.
        """
        self._weigh(stream, 0 if self._is_free(stream) else WEIGHTS[role_of(stream)])

    async def supply(self, stream: StreamId) -> None:
        """See `Supplier`."""
        source, lease = await self._source(stream)
        subscription = self._bus.channel(source).subscribe(limit_units=SOURCE_UNITS, from_gop=True)
        self._keys += 1
        making = Making(self._keys, self._bus.channel(stream), self._clock, self._quarantine.holds)
        self._makings[stream] = (making, source)
        try:
            await self._make(making, subscription)
        finally:
            subscription.close()
            lease.close()
            making.close_seat()
            self._leave(making)
            del self._makings[stream]
            self._past_cpu_ns += making.cpu_ns
            self._past_shed += making.shed
            making.end(GapCause.NOT_RUNNING)
            self._forget(stream)

    async def run(self) -> None:
        """Serve until cancelled; may be called again after that."""
        async with asyncio.TaskGroup() as group:
            for number, seat in enumerate(self._seats):
                backoff = Backoff(0.1, 3.0)
                group.create_task(supervise(f"renditions {number}", seat.run, clock=self._clock, backoff=backoff))
            while True:
                await self._clock.sleep(CHECK_S)
                for seat in self._seats:
                    seat.check()

    def report(self) -> Report:
        """What is made, and what it costs."""
        viewers = {one.stream: one.viewers for one in self._demand.supplied()}
        rows = [
            _row(making, source, viewers.get(stream, 0)) for stream, (making, source) in sorted(self._makings.items())
        ]
        makings = [making for making, _ in self._makings.values()]
        return Report(
            renditions=tuple(rows),
            used=sum(self._weight(stream) for stream in viewers),
            limit=self.limit,
            processes=sum(seat.pid is not None for seat in self._seats),
            starts=sum(seat.starts for seat in self._seats),
            cpu_s=(self._past_cpu_ns + sum(making.cpu_ns for making in makings)) / 1e9,
            shed=self._past_shed + sum(making.shed for making in makings),
            quarantined=self._quarantine.held(),
        )

    def pids(self) -> tuple[int | None, ...]:
        """The process ids of the present processes."""
        return tuple(seat.pid for seat in self._seats)

    def _is_free(self, stream: StreamId) -> bool:
        """Whether it is known that the camera's own stream can be shown as it is."""
        channel = self._bus.channel(stream_of(camera_of(stream)))
        params = channel.current.params[-1] if channel.current is not None else None
        return isinstance(params, VideoParams) and passes(params, SHAPES[role_of(stream)])

    def _weigh(self, stream: StreamId, weight: int) -> None:
        """Note what a stream counts for, if there is room for it beside the others that are wanted."""
        wanted = {one.stream for one in self._demand.supplied()} - {stream}
        if weight and sum(map(self._weight, wanted)) + weight > self.limit:
            message = "this server makes no more pictures at once; close some, or raise live.renditions"
            raise Unavailable(message, code="renditions-full", limit=self.limit)
        self._weights[stream] = weight

    def _weight(self, stream: StreamId) -> int:
        return self._weights.get(stream, 0) if role_of(stream) in SHAPES else 0

    async def _source(self, stream: StreamId) -> tuple[StreamId, Lease]:
        """What a rendition is made of: a tile of the camera's smaller stream, where it has one."""
        camera = camera_of(stream)
        if role_of(stream) == "tile" and await self.smaller(camera):
            smaller = stream_of(camera, "sub")
            try:
                return smaller, await self._lease_of(smaller)
            except HaechiError as error:
                log.info("the smaller stream cannot be had", camera=camera, code=error.code)
        return stream_of(camera), Lease()

    async def _lease_of(self, stream: StreamId) -> Lease:
        """A lease of a stream that comes soon.

        Raises:
            Unavailable: ``sub-stream-late``: it does not.
        """
        lease, is_there = await self._demand.want(stream), False
        try:
            await self._until_back(stream)
            is_there = True
        finally:
            if not is_there:
                lease.close()
        return lease

    async def _until_back(self, stream: StreamId) -> None:
        """Wait for a smaller stream: where it does not come soon, a tile is made of the main one."""
        since_ns = self._clock.monotonic_ns()
        while role_of(stream) == "sub" and self._bus.channel(stream).current is None:
            if self._clock.monotonic_ns() - since_ns > SUB_S * NS_PER_S:
                raise Unavailable("the smaller stream does not come", code="sub-stream-late")
            await self._clock.sleep(0.1)

    async def _make(self, making: Making, subscription: Subscription) -> None:
        dropped, backlog = 0, subscription.pending()
        async for item in subscription:
            backlog -= 1
            if isinstance(item, RunEnded):
                making.end_run(item)
                await self._until_back(item.stream)
                continue
            params = subscription.params_of(item)
            if not isinstance(params, VideoParams):
                continue
            if params != making.source:
                self._prepare(making, params)
            if making.seat is not None and not making.seat.is_ready:
                await self._until_ready(making.seat)
                backlog = subscription.pending()
            making.shed += subscription.dropped - dropped
            dropped = subscription.dropped
            making.take(item, is_shown=backlog <= 0 or making.shape.is_stills)

    def _prepare(self, making: Making, params: VideoParams) -> None:
        """The source is coded like this from now on."""
        making.close_seat()
        if passes(params, making.shape):
            self._weigh(making.stream, 0)
            self._leave(making)
        else:
            weight = WEIGHTS[role_of(making.stream)]
            self._weigh(making.stream, weight)
            if making.seat is None:
                making.seat = min(self._seats, key=lambda one: (one.weight >= SEAT_WEIGHT, not one.weight, one.weight))
                making.seat.join(making.stream, weight)
        making.source = params

    def _leave(self, making: Making) -> None:
        seat, making.seat = making.seat, None
        if seat is not None:
            seat.leave(making.stream)

    async def _until_ready(self, seat: Seat) -> None:
        """A process that is just being started takes a second."""
        since_ns = self._clock.monotonic_ns()
        while not seat.is_ready:
            if self._clock.monotonic_ns() - since_ns > READY_S * NS_PER_S:
                message = "the process that makes pictures does not start; the server's log says why"
                raise Unavailable(message, code="rendition-failed")
            await self._clock.sleep(0.05)

    def _lost(self, number: int, unit: Unit | None) -> None:
        for making, _ in self._makings.values():
            if making.seat is self._seats[number]:
                making.lost()
        if unit is not None:
            is_held = self._quarantine.strike(unit.data)
            log.warning("a process that makes renditions died on a unit", key=unit.key, quarantined=is_held)


def _row(making: Making, source: StreamId, viewers: int) -> Rendition:
    params, coded = making.params, making.source
    return Rendition(
        camera=camera_of(making.stream),
        kind=role_of(making.stream),
        source=role_of(source),
        codec=coded.codec.value if coded is not None else "",
        is_passed=making.source is not None and making.seat is None,
        width_px=params.width_px if params is not None else 0,
        height_px=params.height_px if params is not None else 0,
        viewers=viewers,
        fps=round(making.fps(), 1),
        cores=round(making.cores(), 3),
        cpu_s=round(making.cpu_ns / 1e9, 2),
        shed=making.shed,
        damaged=making.damaged,
    )
