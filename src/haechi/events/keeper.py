"""What is done for an event besides storing it: its footage is pinned, its picture made."""

from __future__ import annotations

import asyncio
from collections import deque

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import DataLoss, Invalid, NotFound, Unavailable
from haechi.base.ids import EventId
from haechi.events.desk import AROUND_NS
from haechi.events.docket import Kind, Note
from haechi.events.event import Event
from haechi.events.footage import Footage
from haechi.events.rules import MOST_NS
from haechi.events.snapshots import Snapshots
from haechi.media.access_unit import UnitRef

log = structlog.get_logger(__name__)

FIRST_WAIT_S = 1.0
MOST_WAIT_S = 30.0
MOST_MISSES = 8
"""A frame that is neither in memory nor recorded after so many looks (two minutes) is not coming any more."""
LOOK_AGAIN_S = 0.25
"""While a picture is waited for, new ones are looked for this often."""
MOST_PICTURES = 2_000


def clip_range(event: Event) -> tuple[int, int]:
    """Where the clip of an event begins and ends: 3 s before its start, 3 s after its end (or its newest moment)."""
    end_ns = event.last_ns if event.end_ns is None else event.end_ns
    return event.start_ns - AROUND_NS, end_ns + AROUND_NS


class _Wanted(Struct):
    """A picture that is to be made. ``misses``: how often its frame was nowhere."""

    ref: UnitRef
    due_ns: int = 0
    wait_s: float = FIRST_WAIT_S
    misses: int = 0


class Keeper:
    """Works off notes in order: a pin is tried until it holds. Pictures are made beside that, and tried until they are
    there, or cannot be made: one when the event opens, and another at its end when a better view came."""

    def __init__(self, footage: Footage, snapshots: Snapshots, clock: Clock) -> None:
        self._footage = footage
        self._snapshots = snapshots
        self._clock = clock
        self._notes: deque[Note] = deque()
        self._wanted: dict[EventId, _Wanted] = {}
        self._pictured: dict[EventId, UnitRef] = {}
        self._wake = asyncio.Event()
        self._wake_pictures = asyncio.Event()

    def add(self, note: Note) -> None:
        """An event opened or closed."""
        self._notes.append(note)
        self._wake.set()
        event = note.event
        if self._pictured.get(event.id) != event.best_ref:
            self._wanted[event.id] = _Wanted(event.best_ref)
            while len(self._wanted) > MOST_PICTURES:
                del self._wanted[next(iter(self._wanted))]
            self._wake_pictures.set()
        if note.kind is Kind.CLOSED:
            self._pictured.pop(event.id, None)

    def pictures_wanted(self) -> int:
        """Pictures that are still to be made."""
        return len(self._wanted)

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            Unavailable: The database does not answer; call again, nothing is forgotten.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pin_all())
            group.create_task(self._picture_all())

    async def pin(self, event: Event) -> None:
        """Keep the footage of an event beyond its time: of one that goes on as far as it may go."""
        start_ns, end_ns = clip_range(event)
        if event.end_ns is None:
            await self._footage.pin(
                event.stream, start_ns, event.start_ns + MOST_NS + AROUND_NS, f"event:{event.id}:open"
            )
            return
        await self._footage.pin(event.stream, start_ns, end_ns, f"event:{event.id}")
        await self._footage.unpin(f"event:{event.id}:open")

    async def _pin_all(self) -> None:
        while True:
            while not self._notes:
                self._wake.clear()
                await self._wake.wait()
            await self.pin(self._notes[0].event)
            self._notes.popleft()

    async def _picture_all(self) -> None:
        while True:
            self._wake_pictures.clear()
            if not self._wanted:
                await self._wake_pictures.wait()
                continue
            number, wanted = min(self._wanted.items(), key=lambda item: item[1].due_ns)
            wait_ns = wanted.due_ns - self._clock.monotonic_ns()
            if wait_ns <= 0:
                await self._picture(number, wanted)
                continue
            await self._clock.sleep(min(wait_ns / NS_PER_S, LOOK_AGAIN_S))

    async def _picture(self, number: EventId, wanted: _Wanted) -> None:
        """Try once. A worker that is busy, and a recording that is not listed yet, are waited for."""
        try:
            await self._snapshots.make(number, wanted.ref)
        except (NotFound, Invalid, DataLoss, Unavailable) as error:
            wanted.misses += isinstance(error, NotFound)
            is_over = isinstance(error, Invalid | DataLoss) or wanted.misses >= MOST_MISSES
            if is_over or wanted.wait_s == FIRST_WAIT_S:
                log.warning(
                    "event stays without a picture" if is_over else "event has no picture yet",
                    event_id=number,
                    code=error.code,
                    reason=error.message,
                )
            wanted.due_ns = self._clock.monotonic_ns() + int(wanted.wait_s * NS_PER_S)
            wanted.wait_s = min(2 * wanted.wait_s, MOST_WAIT_S)
            if not is_over:
                return
        else:
            self._pictured[number] = wanted.ref
            while len(self._pictured) > MOST_PICTURES:
                del self._pictured[next(iter(self._pictured))]
        if self._wanted.get(number) is wanted:
            del self._wanted[number]
