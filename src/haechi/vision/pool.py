"""All decode workers: feeds them the streams of the bus, hands their results on, and survives their deaths."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import Callable, Collection, Sequence
from functools import partial

import structlog
from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import DataLoss, HaechiError, Invalid, NotFound, Unavailable
from haechi.base.ids import StreamId
from haechi.base.supervise import Backoff, supervise
from haechi.bus.frames import FrameBus, RunEnded, Subscription
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.vision.feed import Demand, Plan, StreamFeed
from haechi.vision.lane import Lane
from haechi.vision.link import WorkerLink
from haechi.vision.messages import (
    Analyse,
    Done,
    Failed,
    Forget,
    Picture,
    Progress,
    Ready,
    Reply,
    Setup,
    Still,
    UnitIn,
    Work,
)
from haechi.vision.models import ModelStore
from haechi.vision.quarantine import Quarantine
from haechi.vision.result import FrameResult
from haechi.vision.settings import DEFAULTS, VisionSettings, VisionStatus, detector_setup
from haechi.vision.track import TrackerState

log = structlog.get_logger(__name__)

QUEUE_UNITS = 512
ASK_S = 20.0
CHECK_S = 1.0


class _Ask(Struct):
    """A question of somebody, outside the streams: a still, or a look again."""

    units: tuple[UnitIn, ...]
    make: Callable[[int], Work | Still]
    answer: asyncio.Future[Done | Picture]
    attempts: int = 0


class _Job(Struct):
    link: WorkerLink
    units: tuple[UnitIn, ...]
    lane: Lane | None = None
    ask: _Ask | None = None


class VisionPool:
    """Decodes and looks at all video streams of the bus, and answers single questions."""

    def __init__(self, bus: FrameBus, models: ModelStore, clock: Clock, settings: VisionSettings = DEFAULTS) -> None:
        self._bus = bus
        self._models = models
        self._clock = clock
        self._settings = settings
        self._numbers = itertools.count(1)
        self._quarantine = Quarantine()
        self._lanes: dict[StreamId, Lane] = {}
        self._jobs: dict[int, _Job] = {}
        self._waiting: list[_Ask] = []
        self._demands: dict[StreamId, Demand] = {}
        self._on_result: list[Callable[[FrameResult], None]] = []
        self._on_tracked: list[Callable[[FrameResult, TrackerState], None]] = []
        self._on_run_ended: list[Callable[[RunEnded], None]] = []
        self._links = [WorkerLink(clock, partial(self._heard, index)) for index in range(settings.workers)]
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
                found.put_nowait(stream)
        async with asyncio.TaskGroup() as group:
            for link in self._links:
                serve = partial(self._serve, link)
                group.create_task(
                    supervise("decode worker", serve, clock=self._clock, backoff=Backoff(first_s=0.1, most_s=3.0))
                )
            group.create_task(self._watch())
            while True:
                group.create_task(self._follow(await found.get()))

    def on_result(self, callback: Callable[[FrameResult], None]) -> None:
        """Call ``callback`` with every result, its detections tracked, in order for each stream."""
        self._on_result.append(callback)

    def on_tracked(self, callback: Callable[[FrameResult, TrackerState], None]) -> None:
        """Like `on_result`, with the state that the tracker was in before the frame."""
        self._on_tracked.append(callback)

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
        ready = [link.ready for link in self._links if link.ready is not None]
        feeds = [lane.feed for lane in self._lanes.values()]
        return VisionStatus(
            ready_workers=len(ready),
            detectors=ready[0].detectors if ready else (),
            confined=ready[0].confined if ready else (),
            starts=sum(link.starts for link in self._links),
            streams=len(feeds),
            decoded_frames=self._decoded,
            looked_frames=self._looked,
            damaged_units=self._damaged,
            shed_units=sum(feed.shed_units for feed in feeds),
            dropped_units=self._dropped,
            quarantined_units=self._quarantine.held(),
            error=self._error,
        )

    def worker_pids(self) -> tuple[int | None, ...]:
        """The process id of each worker; None where there is none at the moment."""
        return tuple(link.pid for link in self._links)

    def units_in_flight(self) -> int:
        """Units that workers were given and have not answered yet."""
        return sum(len(job.units) for job in self._jobs.values())

    async def still(
        self, units: Sequence[AccessUnit], params: VideoParams, width_px: int | None = None, quality: int = 80
    ) -> bytes:
        """JPEG of the last of ``units``; the first is a sync unit of the same GOP.

        Raises:
            Invalid: ``undecodable``: the units hold no picture; or they killed decoders before.
            Unavailable: ``vision-busy``: no worker answered in time.
        """
        if not units or not 1 <= quality <= 100 or (width_px is not None and not 16 <= width_px <= 4096):
            raise Invalid("a still needs units, a width of 16 to 4096 and a quality of 1 to 100", code="bad-still")
        wires = tuple(_wire(unit, looked_at=False) for unit in units)
        answer = await self._ask(wires, lambda job: Still(job, wires, params, width_px, quality))
        if not isinstance(answer, Picture):
            raise Unavailable("the decode worker answered something else", code="vision-busy")
        return answer.jpeg

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
            Unavailable: No worker answered in time.
        """
        results: list[FrameResult] = []
        for gop in _gops(units):
            wires = tuple(_wire(unit, looked_at=looks is None or unit.ref in looks) for unit in gop)
            answer = await self._ask(wires, partial(self._again, wires, params))
            if isinstance(answer, Done):
                results.extend(answer.results)
        return results

    def _again(self, units: tuple[UnitIn, ...], params: VideoParams, job: int) -> Work:
        return Work(job, f"again:{job}", units, params, drain=True, detector=self._settings.detector)

    async def _ask(self, units: tuple[UnitIn, ...], make: Callable[[int], Work | Still]) -> Done | Picture:
        if any(self._quarantine.holds(unit.data) for unit in units):
            raise Invalid("these units ended decoders before and are not decoded again", code="quarantined")
        ask = _Ask(units, make, asyncio.get_running_loop().create_future())
        link = next((link for link in self._links if link.is_ready), None)
        if link is None:
            self._waiting.append(ask)
        else:
            self._send_ask(link, ask)
        try:
            async with asyncio.timeout(ASK_S):
                return await ask.answer
        except TimeoutError as error:
            raise Unavailable(
                "no decode worker answered in time", code="vision-busy", limit_s=ASK_S, reason=self._error
            ) from error

    async def _serve(self, link: WorkerLink) -> None:
        """One life of a worker."""
        try:
            setup = await asyncio.to_thread(self._setup)
            await link.run(setup)
        except Unavailable as error:
            self._error = str(error)
            self._strike(link)
            raise
        finally:
            self._mourn(link)

    def _setup(self) -> Setup:
        settings = self._settings
        try:
            if settings.fetch_models:
                self._models.pull(settings.detector)
            detector = detector_setup(self._models, settings)
        except (NotFound, DataLoss) as error:
            raise Unavailable(error.message, code=error.code, **error.context) from error
        return Setup((detector,), settings.memory_bytes)

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(CHECK_S)
            for link in self._links:
                link.check()

    async def _follow(self, stream: StreamId) -> None:
        """Everything of one stream, until it is removed from the bus."""
        link = self._links[zlib.crc32(stream.encode()) % len(self._links)]
        feed = StreamFeed(self._settings.feed, self._quarantine.holds)
        feed.demand = self._demands.get(stream, Demand.MOTION)
        lane = self._lanes[stream] = Lane(stream, link, feed, self._lanes.get(stream))
        subscription = self._bus.channel(stream).subscribe(limit_units=QUEUE_UNITS, from_gop=True)
        try:
            await self._pass_on(lane, subscription)
        finally:
            subscription.close()
        del self._lanes[stream]
        link.send(Forget(stream), owes_answer=False)

    async def _pass_on(self, lane: Lane, subscription: Subscription) -> None:
        dropped = 0
        async for item in subscription:
            self._dropped += subscription.dropped - dropped
            dropped = subscription.dropped
            if isinstance(item, RunEnded):
                self._end_run(lane, item)
                continue
            params = subscription.params_of(item)
            if not isinstance(params, VideoParams):
                return
            plan = lane.feed.take(item, params, is_ready=lane.link.is_ready)
            if plan is not None:
                self._send_plan(lane, plan)

    def _end_run(self, lane: Lane, ended: RunEnded) -> None:
        lane.feed.reset()
        for callback in self._on_run_ended:
            callback(ended)

    def _find(self, stream: StreamId) -> None:
        self._found.put_nowait(stream)

    def _send_plan(self, lane: Lane, plan: Plan) -> None:
        job = next(self._numbers)
        self._jobs[job] = _Job(lane.link, plan.units, lane=lane)
        lane.ask(plan)
        lane.link.send(Work(job, lane.stream, plan.units, plan.params, plan.drain, self._settings.detector))

    def _send_ask(self, link: WorkerLink, ask: _Ask) -> None:
        job = next(self._numbers)
        self._jobs[job] = _Job(link, ask.units, ask=ask)
        link.send(ask.make(job))

    def _heard(self, index: int, reply: Reply) -> None:
        match reply:
            case Ready():
                self._revive(self._links[index])
            case Done():
                self._done(reply)
            case Picture():
                self._answer(reply)
            case Failed():
                job = self._jobs.pop(reply.job, None)
                if job is not None and job.ask is not None and not job.ask.answer.done():
                    job.ask.answer.set_exception(Invalid(reply.message, code=reply.code))
            case Progress():
                return

    def _done(self, done: Done) -> None:
        job = self._jobs.get(done.job)
        if job is None:
            return
        if job.ask is not None:
            self._answer(done)
            job.link.send(Forget(f"again:{done.job}"), owes_answer=False)
            return
        del self._jobs[done.job]
        self._decoded += done.decoded
        self._damaged += done.damaged
        if job.lane is not None:
            lane = job.lane
            results = [self._report(lane, result) for result in done.results if lane.takes(result)]
            lane.feed.answered(len(job.units), results)

    def _answer(self, reply: Done | Picture) -> None:
        job = self._jobs.pop(reply.job, None)
        if job is not None and job.ask is not None and not job.ask.answer.done():
            job.ask.answer.set_result(reply)

    def _report(self, lane: Lane, result: FrameResult) -> FrameResult:
        """Hand a result to everybody."""
        tracked, before = lane.follow(result)
        self._looked += 1
        for callback in self._on_result:
            callback(tracked)
        for with_state in self._on_tracked:
            with_state(tracked, before)
        return tracked

    def _revive(self, link: WorkerLink) -> None:
        """A new worker is there: give it what its predecessor did not finish."""
        self._error = ""
        log.info("decode worker ready", pid=link.pid, confined=link.ready.confined if link.ready else ())
        for lane in self._lanes.values():
            plan = lane.feed.retry() if lane.link is link else None
            if plan is not None:
                self._send_plan(lane, plan)
        waiting, self._waiting = self._waiting, []
        for ask in waiting:
            if not ask.answer.done():
                self._send_ask(link, ask)

    def _strike(self, link: WorkerLink) -> None:
        """A worker died by itself: the unit that it was decoding is a suspect."""
        progress = link.last_progress
        suspect = self._jobs.get(progress.job) if progress is not None else None
        if progress is not None and suspect is not None and 0 <= progress.index < len(suspect.units):
            unit = suspect.units[progress.index]
            is_held = self._quarantine.strike(unit.data)
            log.warning("decode worker died on a unit", ref=str(unit.ref), quarantined=is_held)

    def _mourn(self, link: WorkerLink) -> None:
        """A worker is gone: what it owed to streams is theirs to send again, what it owed to people waits."""
        link.last_progress = None
        lost = {number: job for number, job in self._jobs.items() if job.link is link}
        for number, job in lost.items():
            del self._jobs[number]
            if job.ask is not None and not job.ask.answer.done():
                self._ask_again(job.ask)

    def _ask_again(self, ask: _Ask) -> None:
        ask.attempts += 1
        if ask.attempts < 2:
            self._waiting.append(ask)
            return
        error: HaechiError = Unavailable("decoding this ended the decode worker twice", code="decoder-died")
        ask.answer.set_exception(error)


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
