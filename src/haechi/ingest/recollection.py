"""One connection with a camera that has a memory: says what is on disk, asks for what is missing, has it kept.

Live goes first: nothing is asked for before it has begun, the camera gives no more than a part of its link, and
whatever goes wrong here ends here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog
from msgspec import Struct
from msgspec.structs import replace

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError
from haechi.ingest.edge import EdgeStore
from haechi.ingest.memory import CameraMemory, Memories, stream_for
from haechi.ingest.session import MemoryChannel
from haechi.media.access_unit import TICKS_PER_S
from haechi.media.reverse.acknowledge import Acknowledged, acknowledgement
from haechi.media.reverse.edge import EdgeRun, EdgeUnit, Role
from haechi.media.reverse.recall import Answered, Kept, Recall, Told
from haechi.media.reverse.spans import Spans, covers, holds, size, union, within, without
from haechi.media.reverse.words import MOST_RANGES, Held, Range, Stock

log = structlog.get_logger(__name__)

ACKNOWLEDGE_S = 1.0
LOOK_S = 1.0
SILENT_S = 60.0
"""A camera that answers a want with nothing for so long is asked again later."""
AGAIN_S = 5.0

BATCH_BYTES = 4 * 1024 * 1024
BATCH_TICKS = 30 * TICKS_PER_S
"""So much is kept at once: each time is an fsync and a transaction."""

Key = tuple[Role, EdgeRun]


class Plan(Struct, frozen=True):
    """What to ask for next: of one run, the oldest that is missing."""

    run: EdgeRun
    ranges: tuple[Range, ...]


class _Batch:
    """Units of a want that wait to be kept, by track."""

    def __init__(self) -> None:
        self.units: dict[Role, list[EdgeUnit]] = {}
        self.bytes = 0

    def add(self, group: Kept) -> None:
        """A whole group came."""
        self.units.setdefault(group.role, []).extend(group.units)
        self.bytes += sum(len(unit.data) for unit in group.units)

    @property
    def is_due(self) -> bool:
        """Whether it is enough."""
        long = any(units[-1].dts - units[0].dts >= BATCH_TICKS for units in self.units.values() if units)
        return long or self.bytes >= BATCH_BYTES


class Recollection:
    """See the module; `haechi.ingest.session.MemoryPort`. `run` it beside the session.

    Args:
        roles: The tracks that we take of this camera.
    """

    def __init__(self, memories: Memories, store: EdgeStore, memory: CameraMemory, roles: Sequence[Role]) -> None:
        self._memories = memories
        self._store = store
        self._memory = memory
        self._roles = roles
        self._recall = Recall()
        self._channel: MemoryChannel | None = None
        self._stock: Stock | None = None
        self._held: dict[Key, Spans] = {}
        self._told: dict[Key, Spans] = {}
        self._brought: dict[Key, Spans] = {}
        self._groups: deque[Kept] = deque()
        self._is_answered = False
        self._is_over = False
        self._trouble = ""
        self._arrived = asyncio.Event()

    # -- `MemoryPort` ------------------------------------------------------------------------------------------------
    def opened(self, session: MemoryChannel) -> None:
        """See `MemoryPort`."""
        self._channel = session

    def word(self, packet: bytes) -> None:
        """See `MemoryPort`."""
        if self._is_over:
            return
        try:
            events = self._recall.feed(packet)
        except HaechiError as error:
            self._give_up(error)
            return
        for event in events:
            match event:
                case Told(stock):
                    self._told_of(stock)
                case Kept():
                    self._groups.append(event)
                case Answered():
                    self._is_answered = True
        self._say()
        self._arrived.set()

    def _say(self) -> None:
        for word in self._recall.to_send():
            if self._channel is not None:
                self._channel.say(word)

    def _told_of(self, stock: Stock) -> None:
        self._stock = stock
        memory = self._memory
        memory.status = replace(memory.status, bytes=stock.bytes, limit_bytes=stock.limit_bytes, lost_units=stock.lost)

    def _give_up(self, error: HaechiError) -> None:
        """The memory said what it must not: it is not listened to any more on this connection."""
        memory = self._memory
        log.warning("a camera's memory is refused", camera=memory.camera, code=error.code, error=error.message)
        memory.status = replace(memory.status, refused=memory.status.refused + 1, waiting_ns=0)
        self._is_over = True
        self._groups.clear()

    # -- the driver --------------------------------------------------------------------------------------------------
    async def run(self, clock: Clock) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._acknowledge(clock))
            group.create_task(self._bring_in(clock))

    def ended(self) -> None:
        """The connection is over."""
        self._memory.ended()
        self._memory.status = replace(self._memory.status, waiting_ns=0)

    async def _acknowledge(self, clock: Clock) -> None:
        """Tell the camera what it need not keep, at most once a second."""
        while True:
            await self._look()
            lines = [
                Acknowledged(role, run, spans)
                for (role, run), spans in self._held.items()
                if spans and spans != self._told.get((role, run))
            ]
            if lines and self._channel is not None and self._memory.is_trusted and not self._is_over:
                self._channel.set_parameter(acknowledgement(lines))
                self._told = dict(self._held)
            await clock.sleep(ACKNOWLEDGE_S)

    async def _look(self) -> None:
        """Ask what is on disk of all that the camera has. While that cannot be told, nothing is acknowledged."""
        stock = self._stock
        held: dict[Key, Spans] = {}
        try:
            for entry in stock.held if stock is not None else ():
                key: Key = (entry.role, EdgeRun(entry.run))
                if entry.role in self._roles and key not in held:
                    stream = stream_for(self._memory.camera, entry.role)
                    held[key] = union(await self._store.held(stream, key[1]))
        except HaechiError as error:
            self._tell_trouble("what is on disk of a camera's memory cannot be told", error)
            return
        self._held = held

    def _tell_trouble(self, text: str, error: HaechiError) -> None:
        """Once, until something is kept again: it is tried every few seconds."""
        if self._trouble != error.code:
            log.warning(text, camera=self._memory.camera, code=error.code, error=error.message)
            self._trouble = error.code

    async def _bring_in(self, clock: Clock) -> None:
        while True:
            plan = self._plan()
            if plan is None:
                await clock.sleep(LOOK_S)
                continue
            async with self._memories.slots:
                is_done = await self._bring(plan)
            await self._look()
            if not is_done:
                await clock.sleep(AGAIN_S)

    def _plan(self) -> Plan | None:
        """What to ask for now; None: nothing, or not yet."""
        memory, stock = self._memory, self._stock
        if stock is None or self._is_over or memory.offset_ns is None or not memory.has_begun("main"):
            return None
        if not memory.is_trusted:
            return None
        missing = [(entry, self._missing(entry)) for entry in stock.held]
        waiting_ns = sum(_length_ns(entry, spans) for entry, spans in missing if entry.role == "main")
        memory.status = replace(memory.status, waiting_ns=waiting_ns)
        oldest = next((entry for entry, spans in missing if spans), None)
        if oldest is None:
            return None
        same = [(entry.role, spans) for entry, spans in missing if entry.run == oldest.run]
        if any(self._is_unsettled(entry) for entry in stock.held if entry.run == oldest.run):
            return None
        ranges = [Range(role, *span) for role, spans in same for span in spans]
        return Plan(EdgeRun(oldest.run), tuple(ranges[:MOST_RANGES]))

    def _missing(self, entry: Held) -> Spans:
        """What the camera has of it and we neither have nor get; each is asked for once on a connection."""
        key: Key = (entry.role, EdgeRun(entry.run))
        if key not in self._held or not self._memory.has_begun(entry.role) or entry.first >= entry.end:
            return ()
        taken = union(self._held[key], self._brought.get(key, ()), self._memory.under_way(*key))
        return without([(entry.first, entry.end)], taken)

    def _is_unsettled(self, entry: Held) -> bool:
        key: Key = (entry.role, EdgeRun(entry.run))
        recent = within(self._memory.unsettled(*key), entry.first, entry.end)
        return any(not covers(self._held.get(key, ()), *span) for span in recent)

    async def _bring(self, plan: Plan) -> bool:
        """Ask, and have kept what comes. False: it did not work now."""
        self._groups.clear()
        self._is_answered = False
        self._recall.want(plan.run, plan.ranges, self._memories.bytes_per_s)
        self._say()
        batch = _Batch()
        while not self._is_over:
            while self._groups:
                batch.add(self._groups.popleft())
            if batch.is_due or self._is_answered:
                if not await self._keep(batch):
                    return False
                self._recall.grant(batch.bytes)
                self._say()
                batch = _Batch()
            if self._is_answered and not self._groups:
                break
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), SILENT_S)
            except TimeoutError:
                log.warning("a camera's memory does not answer", camera=self._memory.camera)
                return False
        for one in plan.ranges:
            key: Key = (one.role, plan.run)
            self._brought[key] = union(self._brought.get(key, ()), [(one.first, one.end)])
        return True

    async def _keep(self, batch: _Batch) -> bool:
        """Have it kept. False: that did not work now."""
        for role, units in batch.units.items():
            try:
                await self._keep_track(role, units)
            except HaechiError as error:
                memory = self._memory
                memory.status = replace(memory.status, failures=memory.status.failures + 1)
                self._tell_trouble("what a camera kept is not stored", error)
                return False
        self._trouble = ""
        return True

    async def _keep_track(self, role: Role, units: Sequence[EdgeUnit]) -> None:
        """Without what comes live, which is the recorder's."""
        memory, run = self._memory, units[0].edge.run
        under_way, held = memory.under_way(role, run), self._held.get((role, run), ())
        ours = [unit for unit in units if not holds(under_way, unit.edge.seq)]
        if not ours or role not in self._roles or memory.offset_ns is None:
            return
        await self._store.store(stream_for(memory.camera, role), ours, memory.offset_ns)
        fresh = [len(unit.data) for unit in ours if not holds(held, unit.edge.seq)]
        status = memory.status
        memory.status = replace(
            status, kept_units=status.kept_units + len(fresh), kept_bytes=status.kept_bytes + sum(fresh)
        )


def _length_ns(entry: Held, spans: Spans) -> int:
    """How long a part of what a camera has lasts."""
    length_ns = min(max(entry.until_ns - entry.since_ns, 0), _LONGEST_NS)
    return length_ns * size(spans) // max(entry.end - entry.first, 1)


_LONGEST_NS = 400 * 24 * 3600 * 1_000_000_000
