"""A live picture of a site as a camera: the site is asked where its playlist is, and that is played like any other."""

from __future__ import annotations

from collections.abc import Callable

from haechi.base.errors import Invalid
from haechi.ingest.camera import CameraIngest
from haechi.ingest.openers import Opener
from haechi.ingest.probe import Note
from haechi.ingest.sites.site import PREFIX, Sites
from haechi.ingest.source import Sink, Source
from haechi.ingest.wish import CameraPlace, CameraWish, Trial


class SiteOpener:
    """Opens ``site:https://…``.

    Args:
        opener_of: Who opens the address that the site gives.
        place_of: Reads such an address.
    """

    intake = CameraIngest

    def __init__(
        self, sites: Sites, opener_of: Callable[[CameraPlace], Opener], place_of: Callable[[str], CameraPlace]
    ) -> None:
        self._sites = sites
        self._opener_of = opener_of
        self._place_of = place_of

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`."""
        return _SiteSource(self._sites, self._opener_of, self._place_of, wish, note)

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`."""
        return self.open(wish, note)


class _SiteSource:
    def __init__(
        self,
        sites: Sites,
        opener_of: Callable[[CameraPlace], Opener],
        place_of: Callable[[str], CameraPlace],
        wish: CameraWish,
        note: Note,
    ) -> None:
        self._sites = sites
        self._opener_of = opener_of
        self._place_of = place_of
        self._wish = wish
        self._note = note

    async def run(self, sink: Sink) -> None:
        """The address that the site gives is good for some hours: each connection asks again.

        Raises:
            Invalid: ``site-not-live``: this is a film, which is taken in once.
        """
        self._note("site")
        found = await self._sites.look(self._wish.address.url.removeprefix(PREFIX), sound=self._wish.audio)
        if not found.is_live:
            message = "this is a video and not live; take it in as a film"
            raise Invalid(message, code="site-not-live")
        place = self._place_of(found.url)
        wish = Trial(place, id=self._wish.id, audio=self._wish.audio)
        await self._opener_of(place).open(wish, self._note).run(sink)
