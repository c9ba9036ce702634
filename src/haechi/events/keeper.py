"""What is done for an event besides storing it: its footage is pinned, its picture made."""

from __future__ import annotations

import asyncio
from collections import deque

import structlog

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


def clip_range(event: Event) -> tuple[int, int]:
    """Where the clip of an event begins and ends: 3 s before its start, 3 s after its end (or its newest moment)."""
    end_ns = event.last_ns if event.end_ns is None else event.end_ns
    return event.start_ns - AROUND_NS, end_ns + AROUND_NS


class Keeper:
    """Works off notes in order. A pin is tried until it holds; a picture can be made later from the recording."""

    def __init__(self, footage: Footage, snapshots: Snapshots) -> None:
        self._footage = footage
        self._snapshots = snapshots
        self._notes: deque[Note] = deque()
        self._wake = asyncio.Event()
        self._pictured: dict[EventId, UnitRef] = {}

    def add(self, note: Note) -> None:
        """An event opened or closed."""
        self._notes.append(note)
        self._wake.set()

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            Unavailable: The database does not answer; call again, nothing is forgotten.
        """
        while True:
            while not self._notes:
                self._wake.clear()
                await self._wake.wait()
            note = self._notes[0]
            await self._picture(note)
            await self.pin(note.event)
            self._notes.popleft()

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

    async def _picture(self, note: Note) -> None:
        """A picture when it opens, and another at the end when a better view came."""
        event = note.event
        if self._pictured.get(event.id) != event.best_ref:
            try:
                await self._snapshots.make(event.id, event.best_ref)
                self._pictured[event.id] = event.best_ref
            except (NotFound, Invalid, DataLoss, Unavailable) as error:
                log.warning("event has no picture yet", event_id=event.id, code=error.code, reason=error.message)
        if note.kind is Kind.CLOSED:
            self._pictured.pop(event.id, None)
