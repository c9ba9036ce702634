"""A camera's address: what a person types, what we connect to, and what may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from msgspec import Struct

from haechi.base.errors import Invalid
from haechi.base.ids import is_id
from haechi.media.url import HTTP_PORTS, RTMP_PORTS, RTSP_PORTS, SRT_PORTS, Url
from haechi.media.webcam import Webcam

LONGEST_URL = 2048
LONGEST_CREDENTIAL = 256
REVERSE = "reverse:"
"""The address of a camera that dials out to us: there is none to connect to."""
PUSHED = "push:"
"""The address of a camera whose stream a client pushes over the result socket."""
PUBLISHED = "whip:"
"""The address of a camera that a browser or an encoder publishes by WHIP."""
PHONE = "phone:"
"""The address of a phone that is watched peer to peer: nothing of it comes in here."""
PHONE_RECORDED = "phone:record"
"""The same where it also publishes to us by WHIP, to be recorded."""
UPLOAD = "upload:"
"""Begins the address of a film that was taken in; its id follows."""
SITE = "site:"
"""Begins the address of a live picture on a web site; that of the page follows."""
WEBCAM = "webcam:"
"""Begins the address of a camera in this machine; its number or its device follows."""
PORTS: Mapping[str, int] = {**RTSP_PORTS, **HTTP_PORTS, **RTMP_PORTS, **SRT_PORTS}
"""Addresses on the network: scheme, and the port that it has when none is named."""
KINDS: Mapping[str, str] = {
    "rtsp": "rtsp",
    "rtsps": "rtsp",
    "reverse": "reverse",
    "push": "push",
    "whip": "whip",
    "phone": "phone",
    "webcam": "webcam",
    "http": "http",
    "https": "http",
    "rtmp": "rtmp",
    "rtmps": "rtmp",
    "srt": "srt",
    "upload": "upload",
    "site": "site",
}
"""By scheme: who opens such a camera (`haechi.ingest.openers`)."""


class CameraAddress(Struct, frozen=True):
    """Where a camera is and who we are to it. ``url`` never holds the credentials."""

    url: str
    host: str
    port: int
    is_tls: bool
    username: str = ""
    password: str = ""

    @property
    def kind(self) -> str:
        """Which opener takes it: see `KINDS`. A phone that is recorded publishes as a browser does."""
        if self.url == PHONE_RECORDED:
            return "whip"
        return KINDS[self.url.partition(":")[0]]

    @property
    def is_reverse(self) -> bool:
        """Whether the camera connects to us."""
        return self.url == REVERSE

    @property
    def is_pushed(self) -> bool:
        """Whether a client pushes the stream to us."""
        return self.url == PUSHED

    @property
    def is_published(self) -> bool:
        """Whether a browser or an encoder publishes the stream to us."""
        return self.url == PUBLISHED

    @property
    def is_phone(self) -> bool:
        """Whether it is a paired phone, recorded or not."""
        return self.url in (PHONE, PHONE_RECORDED)

    def __repr__(self) -> str:
        return f"CameraAddress({self.url!r}, with_credentials={bool(self.username)})"

    def with_credentials(self, username: str, password: str) -> CameraAddress:
        """The same place, with other credentials."""
        if len(username) > LONGEST_CREDENTIAL or len(password) > LONGEST_CREDENTIAL:
            raise Invalid("user name or password is too long", code="bad-credentials", limit=LONGEST_CREDENTIAL)
        if self.kind in ("upload", "site", "webcam") and username:
            raise Invalid(
                "films, sites and webcams have no log-in; leave user name and password empty", code="bad-credentials"
            )
        if (self.is_reverse or self.is_pushed or self.is_published or self.is_phone) and username:
            message = "this camera proves who it is by a token; leave user name and password empty"
            raise Invalid(message, code="bad-credentials")
        return CameraAddress(self.url, self.host, self.port, self.is_tls, username, password)

    def secret_url(self) -> str:
        """The address with its credentials, for the database only."""
        if not self.username:
            return self.url
        scheme, rest = self.url.split("://", 1)
        return f"{scheme}://{quote(self.username, safe='')}:{quote(self.password, safe='')}@{rest}"


def parse_address(text: str) -> CameraAddress:
    """Read a camera URL, with or without user info; ``reverse:`` is a camera that dials out to us, ``push:``
    one whose stream a client pushes, ``whip:`` one that a browser publishes, ``phone:`` a paired phone, ``webcam:0``
    one in this machine.

    Raises:
        Invalid: ``bad-url``: not a camera's address; the message says what is wrong, never what the credentials were.
    """
    if len(text) > LONGEST_URL:
        raise Invalid("the address is too long", code="bad-url", limit=LONGEST_URL)
    if (plain := text.strip().lower()) in (REVERSE, PUSHED, PUBLISHED, PHONE, PHONE_RECORDED):
        return CameraAddress(plain, "", 0, is_tls=True)
    if plain.startswith(WEBCAM):
        return CameraAddress(Webcam.parse(text).address, "", 0, is_tls=True)
    if plain.startswith((UPLOAD, SITE)):
        return _made_of(text.strip())
    url = Url.parse(text, PORTS)
    address = CameraAddress(url.uri, url.host, url.port, url.is_tls)
    return address.with_credentials(url.username, url.password) if url.username else address


def _made_of(text: str) -> CameraAddress:
    """The address of a film, or of a page on a site; neither has a log-in.

    Raises:
        Invalid: ``bad-url``.
    """
    scheme, rest = text.split(":", 1)
    if f"{scheme.lower()}:" == UPLOAD:
        if not is_id(rest, "flm"):
            raise Invalid("the address of a film is upload: and its id; upload it first", code="bad-url")
        return CameraAddress(f"{UPLOAD}{rest}", "", 0, is_tls=True)
    page = Url.parse(rest, HTTP_PORTS)
    if page.username:
        raise Invalid("a site is asked without a log-in; leave user name and password out", code="bad-url")
    return CameraAddress(f"{SITE}{page.uri}", page.host, page.port, page.is_tls)
