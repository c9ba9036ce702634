"""Who opens cameras at HTTP addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haechi.base.clock import Clock
from haechi.base.ids import CameraId
from haechi.ingest.camera import CameraIngest
from haechi.ingest.probe import Note
from haechi.ingest.reach import Reach
from haechi.ingest.source import Source
from haechi.ingest.wish import CameraWish

if TYPE_CHECKING:
    from haechi.ingest.web.hls import Bookmark


class WebOpener:
    """Cameras that are asked by HTTP or HTTPS."""

    intake = CameraIngest

    def __init__(self, clock: Clock, reach: Reach) -> None:
        self._clock = clock
        self._reach = reach
        self._bookmarks: dict[CameraId, Bookmark] = {}

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `haechi.ingest.openers.Opener`. HTTP is loaded with the first such camera, not as the server starts."""
        from haechi.ingest.web.hls import Bookmark
        from haechi.ingest.web.source import WebSource

        bookmark = self._bookmarks.setdefault(wish.id, Bookmark())
        return WebSource(wish.address, self._clock, reach=self._reach, note=note, bookmark=bookmark)

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `haechi.ingest.openers.Opener`."""
        from haechi.ingest.web.source import WebSource

        return WebSource(wish.address, self._clock, reach=self._reach, note=note)
