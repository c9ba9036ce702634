"""Where units go that a camera kept while it could not reach us: what ingest needs of the recording side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from haechi.base.ids import StreamId
from haechi.media.reverse.edge import EdgeId, EdgeRun, EdgeUnit


class EdgeStore(Protocol):
    """Keeps back-filled units, and knows which edge numbers are on disk (`haechi.record.backfill` does)."""

    async def held(self, stream: StreamId, edge_run: EdgeRun) -> Sequence[tuple[int, int]]:
        """Half-open ranges of ``seq`` that are durable, whether they came live or later; ascending, apart."""

    def note_live(self, stream: StreamId, run: int, unit_seq: int, edge: EdgeId) -> None:
        """From unit ``unit_seq`` of our ``run`` on, our numbers and the camera's run in parallel, from ``edge`` on.

        Called when a run begins, before its first unit is published, and again whenever the two shift, as units were
        damaged or dropped on the way.
        """

    async def store(self, stream: StreamId, units: Sequence[EdgeUnit], offset_ns: int) -> None:
        """Keep whole GOPs of one edge run, in order; durable when it returns. What is held already is skipped.

        Args:
            offset_ns: Our wall clock minus the camera's, as measured.

        Raises:
            HaechiError: It cannot be kept; nothing of it is to be acknowledged.
        """
