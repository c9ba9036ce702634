"""All decode workers: feeds them the streams of the bus, hands their results on, and survives their deaths.

Live workers look at the streams, each stream with one of them (`crew` says which); one more worker, the desk, answers
people's questions (`asking`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

import structlog

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import NotFound, Unavailable
from haechi.base.ids import StreamId, is_for_viewers
from haechi.base.quarantine import Quarantine
from haechi.base.supervise import Backoff, supervise
from haechi.bus.frames import FrameBus, GapCause, RunEnded, Subscription
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.vision.asking import Asking
from haechi.vision.capacity import Capacity, capacity_of, high
from haechi.vision.crew import Crew
from haechi.vision.desk import AskDesk
from haechi.vision.feed import Demand, StreamFeed
from haechi.vision.lane import Lane
from haechi.vision.live import Answered, LiveWorker, Seat
from haechi.vision.messages import Setup, UnitIn, Use
from haechi.vision.models import ModelStore
from haechi.vision.motion import told_share
from haechi.vision.programme import DEFAULT
from haechi.vision.programmes import Programmes
from haechi.vision.result import FrameResult, Moved, Score
from haechi.vision.settings import DEFAULTS, VisionSettings, VisionStatus
from haechi.vision.strain import Level
from haechi.vision.track import TrackerState

log = structlog.get_logger(__name__)

QUEUE_UNITS = 512
CHECK_S = 1.0
LIVE_NICENESS = 5


class VisionPool:
    """Decodes and looks at all streams of the bus, and answers questions. ``others`` adds to results what they saw."""

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
        self._numbers = itertools.count(1)
        self._crew = Crew(clock)
        self._live = self._crew.workers = [self._worker(number) for number in range(settings.workers)]
        self._desk = AskDesk(clock, self._numbers)
        self._programmes = Programmes(models, settings)
        self._asking = Asking(self._desk, self._quarantine, self._programmes.check)
        self._on_scored: list[Callable[[StreamId, str, Score], None]] = []
        self.others: Callable[[FrameResult], FrameResult] = lambda result: result
        self._on_saved: list[Callable[[StreamId, str, bytes], None]] = []
        self._states: dict[StreamId, dict[str, bytes]] = {}
        self._decoded = self._looked = self._damaged = self._dropped = 0
        self._error = ""
        self._found: asyncio.Queue[StreamId] = asyncio.Queue()
        self._is_listening = False
        self._followed: dict[StreamId, Subscription] = {}
        self._stopped: set[StreamId] = set()
        self._paused: set[StreamId] = set()

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
            group.create_task(self._programmes.run(self._clock))
            while True:
                stream = await found.get()
                if self._live and stream not in self._stopped:
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

    def on_scored(self, callback: Callable[[StreamId, str, Score], None]) -> None:
        """Call ``callback`` with every score that a module gives a stream, and the module's name."""
        self._on_scored.append(callback)

    def on_saved(self, callback: Callable[[StreamId, str, bytes], None]) -> None:
        """Call ``callback`` with what a module knows of a stream, now and then: `restore` takes it after a start."""
        self._on_saved.append(callback)

    def restore(self, stream: StreamId, module: str, state: bytes) -> None:
        """What a module knew of a stream before, or what it shall go on from at its next look."""
        self._states.setdefault(stream, {})[module] = state
        for worker in self._crew.workers:
            worker.recall(stream)

    def programme(self, stream: StreamId, modules: Iterable[str]) -> None:
        """Which modules look at a stream; ``objects`` unless said otherwise.

        Raises:
            Invalid: ``module-unknown``.
        """
        self._programmes.set(stream, modules)
        if stream in self._lanes:
            self._lanes[stream].modules = self._programmes.of(stream)

    def module_failures(self) -> Mapping[str, str]:
        """Modules that are asked for and do not look, and why."""
        return self._programmes.failures

    def uses(self) -> Mapping[str, Use]:
        """What each module did in live workers since start."""
        return self._programmes.uses

    def demand(self, stream: StreamId, demand: Demand) -> None:
        """Say how much of a stream is to be looked at; `Demand.MOTION` unless said otherwise."""
        self._demands[stream] = demand
        if stream in self._lanes:
            self._lanes[stream].feed.demand = demand

    def inspect(self, stream: StreamId, *, on: bool) -> None:
        """Look at a stream, or do not: then nothing of it goes to a worker, and its run ends for who hears of results.
        All streams are looked at unless said otherwise.
        """
        if on and stream in self._stopped:
            self._stopped.discard(stream)
            if stream not in self._followed and stream in self._bus.streams():
                self._find(stream)
        elif not on:
            self._stopped.add(stream)
            if stream in self._followed:
                self._followed[stream].close()

    def capacity(self) -> Capacity:
        """What each stream costs, and what each worker has to do. Cheap, but for the memory: that is not read here."""
        return capacity_of(self._live, self._lanes.values(), self._crew.worker_of, frozenset(self._stopped))

    def idle_cores(self) -> float | None:
        """How many processors had nothing to do of late; None: not known (yet)."""
        return self._crew.idle.cores()

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
            late_s=high([late_ns for live in self._live for late_ns in live.late_ns()]) / NS_PER_S,
            error=self._error if len(ready) < len(self._live) else "",
            modules=tuple(sorted(set.intersection(*(set(one.modules) for one in ready)))) if ready else (),
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
        """See `Asking.still`."""
        return await self._asking.still(units, params, width_px, quality)

    async def laid_out(
        self, pictures: Sequence[bytes], columns: int, cell_px: tuple[int, int], quality: int = 80
    ) -> bytes:
        """See `Asking.laid_out`."""
        return await self._asking.laid_out(pictures, columns, cell_px, quality)

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
        self,
        units: Sequence[AccessUnit],
        params: VideoParams,
        looks: Collection[UnitRef] | None = None,
        modules: Collection[str] = DEFAULT,
    ) -> list[FrameResult]:
        """See `Asking.infer`."""
        return await self._asking.infer(units, params, looks, modules)

    async def _serve(self, seat: Seat, setup: Callable[[], Setup]) -> None:
        """The workers in one seat, until one dies."""
        try:
            while True:
                await seat.link.run(await asyncio.to_thread(setup))
                self._mourn(seat)
        except Unavailable as error:
            self._error = str(error)
            suspect = seat.suspect()
            self._strike(suspect)
            self._mourn(seat)
            if isinstance(seat, LiveWorker):
                self._crew.lost(seat.number, suspect.ref.stream if suspect is not None else None)
            raise
        finally:
            self._mourn(seat)

    def _mourn(self, seat: Seat) -> None:
        seat.mourn()
        for lane in self._lanes.values():
            self._tell_ended(lane)

    def _desk_setup(self) -> Setup:
        """The desk begins without any module: it needs neither their memory nor weights for a still."""
        return self._programmes.desk(self._desk.wants)

    def _live_setup(self) -> Setup:
        return self._programmes.live(LIVE_NICENESS)

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(CHECK_S)
            for link in (self._desk.link, *(live.link for live in self._live)):
                link.check()
            self._crew.watch()
            self._programmes.refit([live.link for live in self._live])

    async def _follow(self, stream: StreamId) -> None:
        """Everything of one stream, until it is removed from the bus, or is not to be looked at any more."""
        feed = StreamFeed(self._settings.feed, self._quarantine.holds)
        feed.demand = self._demands.get(stream, Demand.MOTION)
        lane = self._lanes[stream] = Lane(stream, feed, self._lanes.get(stream))
        lane.modules = self._programmes.of(stream)
        lane.states = self._states.setdefault(stream, {})
        self._crew.join(lane)
        was_looked_at = stream in self._paused
        self._paused.discard(stream)
        subscription = self._bus.channel(stream).subscribe(limit_units=QUEUE_UNITS, from_gop=not was_looked_at)
        self._followed[stream] = subscription
        try:
            await self._pass_on(lane, subscription)
        finally:
            subscription.close()
            del self._followed[stream]
        self._part(lane)
        if stream not in self._stopped and stream in self._bus.streams():
            self._find(stream)

    def _part(self, lane: Lane) -> None:
        """A stream is not followed any more. If its run goes on, it is over for who hears of results."""
        del self._lanes[lane.stream]
        self._crew.leave(lane)
        lane.clear()
        run = self._bus.channel(lane.stream).current if lane.stream in self._bus.streams() else None
        if lane.stream in self._stopped and run is not None:
            self._paused.add(lane.stream)
            detail = "inspection was stopped"
            lane.end(RunEnded(lane.stream, run.number, GapCause.DISABLED, detail, self._clock.wall_ns()))
        self._tell_ended(lane)

    async def _pass_on(self, lane: Lane, subscription: Subscription) -> None:
        dropped = 0
        async for item in subscription:
            if lane.stream in self._stopped:
                return
            self._dropped += subscription.dropped - dropped
            dropped = subscription.dropped
            if isinstance(item, RunEnded):
                lane.end(item)
                self._tell_ended(lane)
                continue
            params = subscription.params_of(item)
            if not isinstance(params, VideoParams):
                return
            self._crew.take(lane, item, params)

    def _worker(self, number: int) -> LiveWorker:
        settled = self._crew.settle
        worker = LiveWorker(number, self._clock, self._numbers, self._done, settled)
        worker.on_saved = self._saved
        return worker

    def _saved(self, stream: StreamId, module: str, state: bytes) -> None:
        for callback in self._on_saved:
            callback(stream, module, state)

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
        self._programmes.note(done.uses)
        tracked = [self._report(lane, result) for result in answered.results]
        self._tell_ended(lane)
        return tracked

    def _report(self, lane: Lane, result: FrameResult) -> FrameResult:
        """Hand a result to everybody."""
        self._tell_ended(lane, result.ref.run)
        tracked, before = lane.follow(self.others(result))
        self._looked += 1
        for callback in self._on_result:
            callback(tracked)
        for with_state in self._on_tracked:
            with_state(tracked, before)
        for score in tracked.scores:
            for scored in self._on_scored:
                scored(lane.stream, score.module, score)
        return tracked

    def _strike(self, unit: UnitIn | None) -> None:
        """A worker died by itself: the unit that it was decoding is a suspect."""
        if unit is not None:
            is_held = self._quarantine.strike(unit.data)
            log.warning("decode worker died on a unit", ref=str(unit.ref), quarantined=is_held)
