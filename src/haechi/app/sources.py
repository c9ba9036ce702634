"""Which kinds of camera this server takes in, and who opens each."""

from __future__ import annotations

from haechi.app.settings import Settings, SourceSettings
from haechi.base.clock import Clock
from haechi.fleet.address import parse_address
from haechi.ingest.film import FilmOpener
from haechi.ingest.openers import Opener, Openers
from haechi.ingest.phone import PhoneOpener
from haechi.ingest.reach import Reach
from haechi.ingest.rtmp_pull import RtmpOpener, SrtOpener
from haechi.ingest.sites.opener import SiteOpener
from haechi.ingest.sites.site import Sites
from haechi.ingest.web.opener import WebOpener
from haechi.ingest.webcam.source import WebcamOpener
from haechi.ingest.whip.publishers import Publishers
from haechi.ingest.whip.source import WhipOpener
from haechi.ingest.wish import CameraPlace


def reach_of(settings: SourceSettings) -> Reach:
    """Where cameras may be."""
    return Reach(settings.allow, settings.deny)


def sites_of(settings: Settings) -> Sites:
    """The web sites that may be asked."""
    return Sites(settings.sites.hosts, settings.sources.allow, settings.sources.deny)


def openers_over(clock: Clock, reach: Reach, sites: Sites | None = None) -> Openers:
    """An opener for each kind of address that `haechi.fleet.address.parse_address` knows.

    What an opener needs beyond ourselves (libav, a browser's WebRTC) it imports when it opens its first camera: this is
    made before the first unit can be recorded.
    """

    def opener_of(place: CameraPlace) -> Opener:
        return openers.of(place)

    more: dict[str, Opener] = {
        "whip": WhipOpener(Publishers(clock), clock),
        "phone": PhoneOpener(),
        "webcam": WebcamOpener(clock),
        "http": WebOpener(clock, reach),
        "rtmp": RtmpOpener(clock, reach),
        "srt": SrtOpener(),
        "upload": FilmOpener(),
        "site": SiteOpener(sites or Sites(()), opener_of, parse_address),
    }
    openers = Openers(clock, more, reach=reach)
    return openers
