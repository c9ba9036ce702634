"""Which kinds of camera this server takes in, and who opens each."""

from __future__ import annotations

from haechi.app.settings import SourceSettings
from haechi.base.clock import Clock
from haechi.ingest.openers import Openers
from haechi.ingest.reach import Reach
from haechi.ingest.web.opener import WebOpener


def reach_of(settings: SourceSettings) -> Reach:
    """Where cameras may be."""
    return Reach(settings.allow, settings.deny)


def openers_over(clock: Clock, reach: Reach) -> Openers:
    """An opener for each kind of address that `haechi.fleet.address.parse_address` knows.

    What an opener needs beyond ourselves (libav, a browser's WebRTC) it imports when it opens its first camera: this is
    made before the first unit can be recorded.
    """
    return Openers(clock, {"http": WebOpener(clock, reach)}, reach=reach)
