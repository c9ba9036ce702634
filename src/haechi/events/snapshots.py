"""The picture of an event: its best frame as JPEG, kept as a file so that it outlives the footage."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path

from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import EventId
from haechi.events.footage import Footage
from haechi.media.access_unit import UnitRef, VideoParams
from haechi.vision.pool import VisionPool

WIDTH_PX = 1280
QUALITY = 85
_SAFE = re.compile(r"[a-z]{2,4}_[a-z0-9]{3,32}")


class Snapshots:
    """Makes and keeps them in one folder."""

    def __init__(self, folder: Path, pool: VisionPool, footage: Footage) -> None:
        self._folder = folder
        self._pool = pool
        self._footage = footage

    async def make(self, event: EventId, ref: UnitRef) -> None:
        """Store the picture of ``ref`` for ``event``: from memory while it is there, else from the recording.

        Raises:
            NotFound: The frame is neither in memory nor recorded.
            Invalid: It cannot be decoded.
            Unavailable: No decode worker answered.
        """
        try:
            jpeg = await self._pool.picture(ref, WIDTH_PX, QUALITY)
        except NotFound:
            jpeg = await self.recorded(ref, WIDTH_PX)
        await asyncio.to_thread(self._store, self._path(event), jpeg)

    async def read(self, event: EventId) -> bytes:
        """The picture of an event.

        Raises:
            NotFound: ``snapshot-missing``: it was not made.
        """
        path = self._path(event)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError as error:
            raise NotFound("the event has no picture", code="snapshot-missing", event=event) from error

    async def recorded(self, ref: UnitRef, width_px: int) -> bytes:
        """JPEG of a recorded unit.

        Raises:
            NotFound: It is not recorded, or not listed yet.
            Invalid: It cannot be decoded.
            Unavailable: No decode worker answered.
        """
        found = await self._footage.units(ref.stream, ref.run, ref.seq, ref.seq)
        if not isinstance(found.params, VideoParams):
            raise Invalid("the unit is not a picture", code="undecodable", ref=str(ref))
        return await self._pool.still(found.units, found.params, width_px, QUALITY)

    def _path(self, event: EventId) -> Path:
        if _SAFE.fullmatch(event) is None:
            raise NotFound("no such event", code="event-not-found")
        return self._folder / f"{event}.jpg"

    def _store(self, path: Path, jpeg: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        with os.fdopen(handle, "wb") as out:
            out.write(jpeg)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
