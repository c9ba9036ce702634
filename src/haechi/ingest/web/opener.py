"""Who opens cameras at HTTP addresses."""

from __future__ import annotations

from haechi.base.clock import Clock
from haechi.ingest.camera import CameraIngest
from haechi.ingest.probe import Note
from haechi.ingest.reach import Reach
from haechi.ingest.source import Source
from haechi.ingest.wish import CameraWish


class WebOpener:
    """Cameras that are asked by HTTP or HTTPS."""

    intake = CameraIngest

    def __init__(self, clock: Clock, reach: Reach) -> None:
        self._clock = clock
        self._reach = reach

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `haechi.ingest.openers.Opener`. HTTP is loaded with the first such camera, not as the server starts."""
        from haechi.ingest.web.source import WebSource

        return WebSource(wish.address, self._clock, reach=self._reach, note=note)

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `haechi.ingest.openers.Opener`."""
        return self.open(wish, note)
