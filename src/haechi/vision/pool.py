"""All decode workers: feeds them the streams of the bus, hands their results on, and survives their deaths.

Live workers look at the streams, each stream with one of them; one more worker, the desk, answers people's questions.
"""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import Callable, Collection, Sequence
from functools import partial

import structlog

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import DataLoss, Invalid, NotFound, Unavailable
from haechi.base.ids import StreamId, is_for_viewers
from haechi.base.quarantine import Quarantine
from haechi.base.supervise import Backoff, supervise
from haechi.bus.frames import FrameBus, RunEnded, Subscription
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.vision.desk import AskDesk, again
from haechi.vision.detectors import DetectorSetup
from haechi.vision.feed import Demand, StreamFeed
from haechi.vision.lane import Lane
from haechi.vision.live import Answered, LiveWorker, Seat
from haechi.vision.messages import Analyse, Layout, Setup, Still, UnitIn, Work
from haechi.vision.models import ModelStore
from haechi.vision.motion import told_share
from haechi.vision.result import FrameResult, Moved
from haechi.vision.schedule import Schedule
from haechi.vision.settings import DEFAULTS, VisionSettings, VisionStatus, detector_setup
from haechi.vision.strain import Level
from haechi.vision.track import TrackerState

log = structlog.get_logger(__name__)

QUEUE_UNITS = 512
CHECK_S = 1.0
LATE_SHARE = 0.95
LIVE_NICENESS = 5


class VisionPool:
    """Decodes and looks at all video streams of the bus, and answers single questions."""

    def __init__(self, bus: FrameBus, models: ModelStore, clock: Clock, settings: VisionSettings = DEFAULTS) -> None:
        self._bus = bus
        self._models = models
        self._clock = clock
        self._settings = settings
        self._quarantine = Quarantine()
        self._lanes: dict[StreamId, Lane] = {}
        self._demands: dict[StreamId, Demand] = {}
        self._on_result: list[Callable[[FrameResult], None]] = []
        self._on_tracked: list[Callable[[FrameResult, TrackerState], None]] = []
        self._on_moved: list[Callable[[Moved], None]] = []
        self._on_run_ended: list[Callable[[RunEnded], None]] = []
        numbers = itertools.count(1)
        self._live = [
            LiveWorker(clock, numbers, Schedule(), settings.detector, self._done) for _ in range(settings.workers)
        ]
        self._desk = AskDesk(clock, numbers)
        self._decoded = self._looked = self._damaged = self._dropped = 0
        self._error = ""
        self._found: asyncio.Queue[StreamId] = asyncio.Queue()
        self._is_listening = False

    async def run(self) -> None:
        """Serve until cancelled; may be called again after that."""
        found = self._found = asyncio.Queue()
        if not self._is_listening:
            self._is_listening = True
            self._bus.on_new_stream(self._find)
        else:
            for stream in self._bus.streams():
                self._find(stream)
        async with asyncio.TaskGroup() as group:
            seats: list[tuple[Seat, Callable[[], Setup]]] = [(self._desk, self._desk_setup)]
            seats += [(live, self._live_setup) for live in self._live]
            for seat, setup in seats:
                serve = partial(self._serve, seat, setup)
                group.create_task(
                    supervise(seat.name, serve, clock=self._clock, backoff=Backoff(first_s=0.1, most_s=3.0))
                )
            group.create_task(self._watch())
            while True:
                stream = await found.get()
                if self._live:
                    group.create_task(self._follow(stream))

    def on_result(self, callback: Callable[[FrameResult], None]) -> None:
        """Call ``callback`` with every result, its detections tracked, in order for each stream."""
        self._on_result.append(callback)

    def on_tracked(self, callback: Callable[[FrameResult, TrackerState], None]) -> None:
        """Like `on_result`, with the state that the tracker was in before the frame."""
        self._on_tracked.append(callback)

    def on_moved(self, callback: Callable[[Moved], None]) -> None:
        """Call ``callback`` for every frame that was judged: how much of it moved, and where."""
        self._on_moved.append(callback)

    def on_run_ended(self, callback: Callable[[RunEnded], None]) -> None:
        """Call ``callback`` when a run of a stream ended: no result of it follows."""
        self._on_run_ended.append(callback)

    def demand(self, stream: StreamId, demand: Demand) -> None:
        """Say how much of a stream is to be looked at; `Demand.MOTION` unless said otherwise."""
        self._demands[stream] = demand
        if stream in self._lanes:
            self._lanes[stream].feed.demand = demand

    def status(self) -> VisionStatus:
        """What the pool is doing."""
        ready = [live.link.ready for live in self._live if live.link.ready is not None]
        feeds = [lane.feed for lane in self._lanes.values()]
        return VisionStatus(
            ready_workers=len(ready),
            detectors=ready[0].detectors if ready else (),
            confined=ready[0].confined if ready else (),
            starts=sum(live.link.starts for live in self._live),
            streams=len(feeds),
            decoded_frames=self._decoded,
            looked_frames=self._looked,
            damaged_units=self._damaged,
            shed_units=sum(feed.shed_units for feed in feeds),
            thinned_looks=sum(feed.thinned_looks for feed in feeds),
            dropped_units=self._dropped,
            quarantined_units=self._quarantine.held(),
            strained_streams=sum(feed.level > Level.NOTHING for feed in feeds),
            late_s=_high([late_ns for live in self._live for late_ns in live.late_ns()]) / NS_PER_S,
            error=self._error if len(ready) < len(self._live) else "",
        )

    def worker_pids(self) -> tuple[int | None, ...]:
        """The process id of each live worker; None where there is none at the moment."""
        return tuple(live.link.pid for live in self._live)

    def desk_pid(self) -> int | None:
        """The process id of the worker that answers questions."""
        return self._desk.link.pid

    def units_in_flight(self) -> int:
        """Units of streams that wait for a live worker, or that one was given and has not answered yet."""
        return sum(live.schedule.units() for live in self._live)

    async def still(
        self, units: Sequence[AccessUnit], params: VideoParams, width_px: int | None = None, quality: int = 80
    ) -> bytes:
        """JPEG of the last of ``units``; the first is a sync unit of the same GOP.

        Raises:
            Invalid: ``undecodable``: the units hold no picture; or they killed decoders before.
            Unavailable: ``vision-busy``: the desk worker did not answer in time.
        """
        if not units or not 1 <= quality <= 100 or (width_px is not None and not 16 <= width_px <= 4096):
            raise Invalid("a still needs units, a width of 16 to 4096 and a quality of 1 to 100", code="bad-still")
        wires = tuple(_wire(unit, looked_at=False) for unit in units)
        self._refuse_poison(wires)
        return await self._desk.still(wires, lambda job: Still(job, wires, params, width_px, quality))

    async def laid_out(
        self, pictures: Sequence[bytes], columns: int, cell_px: tuple[int, int], quality: int = 80
    ) -> bytes:
        """One JPEG of several, side by side in rows; an empty one leaves its cell black. One alone is made smaller.

        Args:
            pictures: JPEGs that this pool made.
            cell_px: Width and height of each; height 0: as the first picture needs.

        Raises:
            Invalid: ``undecodable``: one is no picture.
            Unavailable: ``vision-busy``: the desk worker did not answer in time.
        """
        width_px, height_px = cell_px
        rows = -(-len(pictures) // max(1, columns))
        if not pictures or not 1 <= quality <= 100 or not 16 <= columns * width_px <= 4096 or rows * height_px > 4096:
            raise Invalid("a sheet is 16 to 4096 pixels wide, and 4096 high at most", code="bad-still")
        held = tuple(pictures)
        return await self._desk.still((), lambda job: Layout(job, held, columns, width_px, height_px, quality))

    async def picture(self, ref: UnitRef, width_px: int | None = None, quality: int = 80) -> bytes:
        """JPEG of a unit of the last seconds.

        Raises:
            NotFound: ``frame-gone``: it is older than the last two GOPs; look in the recording.
        """
        lane = self._lanes.get(ref.stream)
        held = lane.feed.units_until(ref) if lane is not None else None
        if held is None:
            raise NotFound("the frame is no longer held in memory", code="frame-gone", ref=str(ref))
        return await self.still(*held, width_px, quality)

    async def infer(
        self, units: Sequence[AccessUnit], params: VideoParams, looks: Collection[UnitRef] | None = None
    ) -> list[FrameResult]:
        """Decode units again, GOP by GOP as they were decoded live, and look at those in ``looks`` (all when None).

        Results come in order of presentation, without tracks.

        Raises:
            Invalid: The units killed decoders before.
            Unavailable: The desk worker did not answer in time; or the model is missing.
        """
        if not self._desk.wants_detector:
            await asyncio.to_thread(self._detector)
        results: list[FrameResult] = []
        for gop in _gops(units):
            wires = tuple(_wire(unit, looked_at=looks is None or unit.ref in looks) for unit in gop)
            self._refuse_poison(wires)
            results.extend((await self._desk.look(wires, partial(self._again, wires, params))).results)
        return results

    def _again(self, units: tuple[UnitIn, ...], params: VideoParams, job: int) -> Work:
        return Work(job, again(job), units, params, drain=True, detector=self._settings.detector)

    def _refuse_poison(self, units: tuple[UnitIn, ...]) -> None:
        if any(self._quarantine.holds(unit.data) for unit in units):
            raise Invalid("these units ended decoders before and are not decoded again", code="quarantined")

    async def _serve(self, seat: Seat, setup: Callable[[], Setup]) -> None:
        """The workers in one seat, until one dies."""
        try:
            while True:
                await seat.link.run(await asyncio.to_thread(setup))
        except Unavailable as error:
            self._error = str(error)
            self._strike(seat.suspect())
            raise
        finally:
            seat.mourn()
            for lane in self._lanes.values():
                self._tell_ended(lane)

    def _desk_setup(self) -> Setup:
        """The desk begins without a detector: it needs neither its memory nor weights for a still."""
        detectors = (self._detector(),) if self._desk.wants_detector else ()
        return Setup(detectors, self._settings.memory_bytes)

    def _live_setup(self) -> Setup:
        return Setup((self._detector(),), self._settings.memory_bytes, niceness=LIVE_NICENESS)

    def _detector(self) -> DetectorSetup:
        settings = self._settings
        try:
            if settings.fetch_models:
                self._models.pull(settings.detector)
            return detector_setup(self._models, settings)
        except (NotFound, DataLoss) as error:
            raise Unavailable(error.message, code=error.code, **error.context) from error

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(CHECK_S)
            for link in (self._desk.link, *(live.link for live in self._live)):
                link.check()

    async def _follow(self, stream: StreamId) -> None:
        """Everything of one stream, until it is removed from the bus."""
        live = self._live[zlib.crc32(stream.encode()) % len(self._live)]
        feed = StreamFeed(self._settings.feed, self._quarantine.holds)
        feed.demand = self._demands.get(stream, Demand.MOTION)
        lane = self._lanes[stream] = Lane(stream, feed, self._lanes.get(stream))
        live.schedule.join(lane)
        subscription = self._bus.channel(stream).subscribe(limit_units=QUEUE_UNITS, from_gop=True)
        try:
            await self._pass_on(live, lane, subscription)
        finally:
            subscription.close()
        del self._lanes[stream]
        live.forget(lane)
        lane.clear()
        self._tell_ended(lane)

    async def _pass_on(self, live: LiveWorker, lane: Lane, subscription: Subscription) -> None:
        dropped = 0
        async for item in subscription:
            self._dropped += subscription.dropped - dropped
            dropped = subscription.dropped
            if isinstance(item, RunEnded):
                lane.end(item)
                self._tell_ended(lane)
                continue
            params = subscription.params_of(item)
            if not isinstance(params, VideoParams):
                return
            live.take(lane, item, params)

    def _tell_ended(self, lane: Lane, before_run: int | None = None) -> None:
        for ended in lane.ended(before_run):
            for callback in self._on_run_ended:
                callback(ended)

    def _find(self, stream: StreamId) -> None:
        if not is_for_viewers(stream):
            self._found.put_nowait(stream)

    def _done(self, answered: Answered) -> list[FrameResult]:
        """A job of a stream is finished; gives its results with their tracks."""
        lane, done, ledger = answered.lane, answered.done, self._bus.ledger
        self._decoded += done.decoded
        self._damaged += done.damaged
        if done.decoded:
            ledger.decoded(lane.stream, answered.captured_ns, done.decoded)
        for moved in done.moved:
            ledger.moved(lane.stream, moved.captured_ns, told_share(moved.share, moved.cells))
            for callback in self._on_moved:
                callback(moved)
        for result in answered.results:
            best = max((found.score for found in result.detections), default=0.0)
            if best:
                ledger.scored(lane.stream, result.captured_ns, best)
        tracked = [self._report(lane, result) for result in answered.results]
        self._tell_ended(lane)
        return tracked

    def _report(self, lane: Lane, result: FrameResult) -> FrameResult:
        """Hand a result to everybody."""
        self._tell_ended(lane, result.ref.run)
        tracked, before = lane.follow(result)
        self._looked += 1
        for callback in self._on_result:
            callback(tracked)
        for with_state in self._on_tracked:
            with_state(tracked, before)
        return tracked

    def _strike(self, unit: UnitIn | None) -> None:
        """A worker died by itself: the unit that it was decoding is a suspect."""
        if unit is not None:
            is_held = self._quarantine.strike(unit.data)
            log.warning("decode worker died on a unit", ref=str(unit.ref), quarantined=is_held)


def _wire(unit: AccessUnit, *, looked_at: bool) -> UnitIn:
    analyse: Analyse = "always" if looked_at else "no"
    return UnitIn(unit.ref, unit.pts, unit.captured_ns, unit.is_sync, unit.data, analyse)


def _gops(units: Sequence[AccessUnit]) -> list[list[AccessUnit]]:
    """Units cut before each sync unit; those before the first one cannot be decoded and are left out."""
    gops: list[list[AccessUnit]] = []
    for unit in units:
        if unit.is_sync:
            gops.append([unit])
        elif gops:
            gops[-1].append(unit)
    return gops


def _high(late_ns: list[int]) -> int:
    """The `LATE_SHARE` quantile; 0 of nothing."""
    return sorted(late_ns)[int(len(late_ns) * LATE_SHARE)] if late_ns else 0
