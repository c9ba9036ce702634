"""Films that were taken in, as cameras: they are in the timeline; live there is nothing."""

from __future__ import annotations

from haechi.base.errors import Invalid
from haechi.ingest.camera import CameraIngest
from haechi.ingest.probe import Note
from haechi.ingest.source import Sink, Source
from haechi.ingest.wish import CameraWish


class FilmOpener:
    """Opens ``upload:`` and the id of a film."""

    intake = CameraIngest

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `haechi.ingest.openers.Opener`."""
        return _Film()

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `haechi.ingest.openers.Opener`."""
        raise not_live()


class _Film:
    async def run(self, sink: Sink) -> None:
        raise not_live()


def not_live() -> Invalid:
    """What there is to say."""
    return Invalid("this is a film; watch it in the playback, there is nothing live", code="film-not-live")
