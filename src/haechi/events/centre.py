"""The event centre: runs the rules over what the vision stage sees, stores what happened, and tells who listens.

Decisions are made at once, in memory; storing them follows in order, again and again until the database has them. An
event is known to others only when it is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path

import structlog
from msgspec import Struct, structs

from haechi.base.clock import Clock
from haechi.base.errors import Invalid, NotFound, Unavailable
from haechi.base.ids import EventId, StreamId, stream_of
from haechi.base.supervise import Backoff, supervise
from haechi.bus.frames import RunEnded
from haechi.events.archive import Change, EventArchive
from haechi.events.counts.store import CountStore
from haechi.events.desk import AROUND_NS, Desk, Ruling
from haechi.events.docket import Docket, Kind, Note
from haechi.events.event import Event, EventFilter, EventPage, ReplayReport, Report
from haechi.events.footage import Footage
from haechi.events.keeper import Keeper, clip_range
from haechi.events.replay import replay
from haechi.events.rulebook import RuleStore
from haechi.events.rules import Watch
from haechi.events.snapshots import Snapshots
from haechi.store.database import Database
from haechi.vision.feed import Demand
from haechi.vision.lines import Line, LineStore
from haechi.vision.pool import VisionPool
from haechi.vision.result import FrameResult
from haechi.vision.track import TrackerState
from haechi.vision.view.book import ViewBook
from haechi.vision.view.placing import placed_in
from haechi.vision.zones import ZoneStore

log = structlog.get_logger(__name__)

MOST_UNSTORED_LOOKS = 20_000
LISTENER_EVENTS = 256


class Stores(Struct, frozen=True):
    """Where the centre finds zones, rules, footage, lines and views, and keeps pictures and counts."""

    database: Database
    zones: ZoneStore
    rules: RuleStore
    footage: Footage
    pictures: Path
    lines: LineStore
    counts: CountStore
    views: ViewBook


class EventCentre:
    """One for the whole server.

    Attributes:
        dropped_looks: Results around events that were given up because the database was away for too long. Events
            never are.
        is_tidy: Whether what a crash left open has been closed.
    """

    def __init__(self, stores: Stores, pool: VisionPool, clock: Clock) -> None:
        self._stores = stores
        self._pool = pool
        self._clock = clock
        self._archive = EventArchive(stores.database)
        self._snapshots = Snapshots(stores.pictures, pool, stores.footage)
        self._docket = Docket()
        self._desks: dict[StreamId, Desk] = {}
        self._changed: dict[EventId, Note] = {}
        self._looks: list[FrameResult] = []
        self._keeper = Keeper(stores.footage, self._snapshots, clock)
        self.is_tidy = False
        self._to_store = asyncio.Event()
        self._to_reload = asyncio.Event()
        self._listeners: list[asyncio.Queue[Event]] = []
        self._is_listening = False
        self.dropped_looks = 0
        self._time_zone = "UTC"

    def set_time_zone(self, name: str) -> None:
        """By which clock rules have their hours."""
        if name != self._time_zone:
            self._time_zone = name
            self._to_reload.set()

    async def run(self) -> None:
        """Serve until cancelled; may be called again after that."""
        if not self._is_listening:
            self._is_listening = True
            self._pool.on_tracked(self._seen)
            self._pool.on_run_ended(self._run_ended)
            self._stores.rules.on_change(self._to_reload.set)
            self._stores.zones.on_change(self._to_reload.set)
            self._stores.lines.on_change(self._to_reload.set)
            self._stores.views.on_change(self._to_reload.set)
        async with asyncio.TaskGroup() as group:
            works = {"store": self._store, "keeper": self._keeper.run, "rules": self._follow_rules}
            for name, work in {**works, "counts": self._stores.counts.run}.items():
                backoff = Backoff(first_s=0.2, most_s=5.0)
                group.create_task(supervise(f"events {name}", work, clock=self._clock, backoff=backoff))

    def watched(self) -> frozenset[StreamId]:
        """Streams that have rules, or lines that count."""
        return frozenset(self._desks)

    async def list(self, wanted: EventFilter) -> EventPage:
        """Events, newest first; see `EventArchive.list`."""
        return await self._archive.list(wanted)

    async def get(self, event: EventId) -> Event:
        """One event.

        Raises:
            NotFound: ``event-not-found``.
        """
        return await self._archive.get(event)

    async def set_reviewed(self, events: Sequence[EventId], *, reviewed: bool) -> None:
        """Mark events as seen by a person, or as not seen.

        Raises:
            NotFound: ``event-not-found``; none was marked.
        """
        await self._archive.set_reviewed(events, reviewed=reviewed)
        for event in events:
            self._tell(await self._archive.get(event))

    async def subscribe(self) -> AsyncIterator[Event]:
        """New events, and their newest state when they change. A slow listener misses the oldest changes."""
        queue: asyncio.Queue[Event] = asyncio.Queue(LISTENER_EVENTS)
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    async def snapshot(self, event_id: EventId) -> bytes:
        """JPEG of the best frame of an event.

        Raises:
            NotFound: ``event-not-found``, or neither the picture nor its footage is there.
        """
        event = await self._archive.get(event_id)
        try:
            return await self._snapshots.read(event.id)
        except NotFound:
            await self._snapshots.make(event.id, event.best_ref)
            return await self._snapshots.read(event.id)

    async def clip(self, event_id: EventId) -> Path:
        """MP4 of an event and 3 s around it, exactly; the caller deletes it.

        Raises:
            NotFound: ``event-not-found``, or nothing is recorded.
        """
        event = await self._archive.get(event_id)
        start_ns, end_ns = clip_range(event)
        return await self._stores.footage.clip(event.stream, start_ns, end_ns + 1)

    async def detections(self, event_id: EventId) -> Sequence[FrameResult]:
        """All results around an event, in order.

        Raises:
            NotFound: ``event-not-found``.
        """
        return await self._archive.looks(await self._archive.get(event_id), AROUND_NS)

    async def report_of(self, event: Event) -> Report | None:
        """What the camera said of an event that it reported; None of the others.

        Raises:
            NotFound: ``event-not-found``.
        """
        return await self._archive.report(event.id) if event.is_reported else None

    def take_report(self, note: Note) -> None:
        """Something that a camera reported by itself began, goes on, or ended: kept and told as all others are."""
        self._file(note)

    async def replay(self, event_id: EventId) -> ReplayReport:
        """Make the decision again from the recording.

        Raises:
            NotFound: ``event-not-found``.
            Invalid: ``event-reported``.
            Unavailable: No decode worker answered.
        """
        event = await self._archive.get(event_id)
        if event.is_reported:
            message = "the camera decided this by itself; there is nothing that could be decided again"
            raise Invalid(message, code="event-reported")
        basis = await self._archive.basis(event_id)
        looks = await self._archive.looks(event, AROUND_NS)
        return await replay(event, basis, looks, footage=self._stores.footage, pool=self._pool)

    def _seen(self, result: FrameResult, tracker: TrackerState) -> None:
        desk = self._desks.get(result.ref.stream)
        if desk is None:
            return
        outcome = desk.take(result, tracker)
        self._note(result.ref.stream, outcome.rulings, result)
        self._stores.counts.add(outcome.counted)
        if outcome.looks:
            self._looks.extend(outcome.looks)
            too_many = len(self._looks) - MOST_UNSTORED_LOOKS
            if too_many > 0:
                del self._looks[:too_many]
                self.dropped_looks += too_many
            self._to_store.set()

    def _run_ended(self, ended: RunEnded) -> None:
        desk = self._desks.get(ended.stream)
        if desk is not None:
            self._note(ended.stream, desk.end(), None)

    def _note(self, stream: StreamId, rulings: Iterable[Ruling], result: FrameResult | None) -> None:
        for ruling in rulings:
            note = self._docket.take(stream, ruling, result, self._model_name(result))
            if note is not None:
                self._file(note)

    def _file(self, note: Note) -> None:
        waiting = self._changed.get(note.event.id)
        if waiting is not None and waiting.basis is not None:
            note = structs.replace(note, basis=waiting.basis)
        self._changed[note.event.id] = note
        if note.kind is not Kind.WENT:
            self._keeper.add(note)
        self._to_store.set()

    def _model_name(self, result: FrameResult | None) -> str:
        specs = self._pool.status().detectors if result is not None else ()
        return next((spec.name for spec in specs if result is not None and spec.model_hash == result.model_hash), "")

    async def _store(self) -> None:
        """Write what waits; first of all, close what a crash left open."""
        await self._close_leftovers()
        while True:
            while not self._changed and not self._looks:
                self._to_store.clear()
                await self._to_store.wait()
            await self._store_some()

    async def _store_some(self) -> None:
        notes = dict(self._changed)
        looks, self._looks = self._looks, []
        try:
            await self._archive.write(Change(tuple((n.event, n.basis) for n in notes.values()), tuple(looks)))
        except Unavailable:
            self._looks[:0] = looks
            raise
        for number, note in notes.items():
            newest = self._changed.pop(number)
            if newest is not note:
                self._changed[number] = structs.replace(newest, basis=None)
            self._tell(note.event)

    async def _close_leftovers(self) -> None:
        if self.is_tidy:
            return
        mine = set(self._changed)
        for event in await self._archive.open_events():
            if event.id not in mine:
                closed = structs.replace(event, end_ns=max(event.last_ns, event.start_ns), is_cut=True)
                await self._archive.write(Change(((closed, None),), ()))
                await self._keeper.pin(closed)
                log.info("event closed after a restart", event_id=event.id)
        self.is_tidy = True

    async def _follow_rules(self) -> None:
        """Give each stream its rules, and again after each change."""
        while True:
            self._to_reload.clear()
            courses = await self._stores.views.courses()
            zones = {zone.id: placed_in(courses.get(zone.camera), zone) for zone in await self._stores.zones.list()}
            lines = {line.id: placed_in(courses.get(line.camera), line) for line in await self._stores.lines.list()}
            watches: dict[StreamId, list[Watch]] = {}
            for rule in await self._stores.rules.list():
                if (
                    rule.enabled
                    and (rule.zone is None or rule.zone in zones)
                    and (rule.line is None or rule.line in lines)
                ):
                    zone = zones[rule.zone] if rule.zone is not None else None
                    line = lines[rule.line] if rule.line is not None else None
                    watches.setdefault(stream_of(rule.camera), []).append(Watch(rule, zone, line, self._time_zone))
            counting: dict[StreamId, list[Line]] = {}
            for line in lines.values():
                if line.labels:
                    counting.setdefault(stream_of(line.camera), []).append(line)
            self._set_watches(watches, counting)
            await self._stores.counts.forget_gone()
            await self._to_reload.wait()

    def _set_watches(
        self, watches: Mapping[StreamId, Sequence[Watch]], counting: Mapping[StreamId, Sequence[Line]]
    ) -> None:
        for stream in {*self._desks, *watches, *counting}:
            desk = self._desks.setdefault(stream, Desk())
            self._note(stream, desk.watch(watches.get(stream, ())), None)
            desk.count(counting.get(stream, ()))
            is_wanted = stream in watches or stream in counting
            if not is_wanted:
                del self._desks[stream]
            self._pool.demand(stream, Demand.FULL if is_wanted else Demand.MOTION)

    def _tell(self, event: Event) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)
