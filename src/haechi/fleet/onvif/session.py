"""A conversation with one device: its address checked once, its clock read first, its log-in answered as it asks.

The user is shown by a UsernameToken stamped with the *device's* time, or by HTTP Digest when it demands that.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, Invalid, PeerError
from haechi.fleet.onvif.http import ANSWER_S, Note, Resolve, Response, no_note, post
from haechi.fleet.onvif.place import Place
from haechi.fleet.onvif.soap import Answer, envelope, parse_answer, refused, security_header, unsupported
from haechi.fleet.onvif.xml import Node, escape
from haechi.media.rtsp.auth import Challenge, Credentials, authorization, client_nonce, parse_challenges

SERVICES = {
    "http://www.onvif.org/ver10/device/wsdl": "device",
    "http://www.onvif.org/ver10/media/wsdl": "media",
    "http://www.onvif.org/ver20/media/wsdl": "media2",
    "http://www.onvif.org/ver20/ptz/wsdl": "ptz",
    "http://www.onvif.org/ver10/events/wsdl": "events",
}
_CAPABILITIES = {"Device": "device", "Media": "media", "PTZ": "ptz", "Events": "events"}
_REFUSED_STATUS = (401, 403)


class Session:
    """Ask a device. Nothing is kept open between questions.

    Args:
        note: Told the name of each hop when it begins.

    Attributes:
        clock_difference_s: Device's time less ours, from a question answered between two looks at our clock; None as
            long as it is not known. ONVIF tells whole seconds: it is off by up to one.
        services: Where each service is (``media``, ``media2``, ``ptz``, ``events``); filled by `open`.
    """

    def __init__(self, place: Place, who: Credentials, resolve: Resolve, clock: Clock, *, note: Note = no_note) -> None:
        self.place = place
        self.clock_difference_s: float | None = None
        self.services: Mapping[str, Place] = {}
        self._who = who
        self._resolve = resolve
        self._clock = clock
        self._note = note
        self._numeric = ""
        self._challenge: Challenge | None = None
        self._count = 0

    async def reach(self) -> None:
        """Find the address, and read the device's clock, which needs no log-in.

        Raises:
            HaechiError: What `post` and the resolver raise; ``onvif-nothing`` when something else answers there.
        """
        self._note("dns")
        _, self._numeric, _ = await self._resolve(self.place.host, self.place.port)
        before_ns = self._clock.wall_ns()
        response = await self._post(self.place, envelope("<tds:GetSystemDateAndTime/>"))
        middle_ns = (before_ns + self._clock.wall_ns()) // 2
        if response.status in _REFUSED_STATUS:
            self._take_challenge(response)
            return
        try:
            answer = parse_answer(response.body)
        except PeerError as error:
            if error.code in ("onvif-fault", "onvif-unsupported"):
                return
            message = "something answers there, but it is not ONVIF; is it switched on in the camera?"
            raise PeerError(message, offset=error.offset, code="onvif-nothing", status=response.status) from error
        except HaechiError:
            return
        told_ns = device_time_ns(answer.body)
        self.clock_difference_s = (told_ns - middle_ns) / NS_PER_S if told_ns is not None else None

    async def open(self) -> None:
        """Learn where the services are.

        Raises:
            Denied: ``onvif-unauthorized``.
            HaechiError: What `call` raises.
        """
        try:
            answer = await self.call(
                "device", "<tds:GetServices><tds:IncludeCapability>false</tds:IncludeCapability></tds:GetServices>"
            )
            found = [
                (SERVICES.get(one.text_at("Namespace"), ""), one.text_at("XAddr")) for one in answer.all("Service")
            ]
        except PeerError:
            answer = await self.call(
                "device", "<tds:GetCapabilities><tds:Category>All</tds:Category></tds:GetCapabilities>"
            )
            told = answer.find("Capabilities")
            found = [(_CAPABILITIES.get(one.name, ""), one.text_at("XAddr")) for one in (told.children if told else ())]
        services: dict[str, Place] = {}
        for name, address in found:
            try:
                services.setdefault(name, self.place.told(address))
            except Invalid:
                continue
        services.pop("", None)
        self.services = services

    @property
    def device_now_ns(self) -> int:
        """The device's time, as far as it is known."""
        return self._clock.wall_ns() + round((self.clock_difference_s or 0.0) * NS_PER_S)

    async def call(
        self, service: str | Place, body: str, *, action: str = "", header: str = "", seconds: float = ANSWER_S
    ) -> Node:
        """Ask a service; the answer's first element.

        Args:
            service: Its name, or where it is.
            action: WS-Addressing action; the event service wants one, and the address with it.
            header: XML that goes into the header beside.

        Raises:
            Denied: ``onvif-unauthorized``.
            PeerError: ``onvif-unsupported``, ``onvif-fault``, ``onvif-status``, ``bad-xml``, ``bad-soap``.
            HaechiError: What `post` raises.
        """
        place = self._where(service)
        header += _addressing(place, action) if action else ""
        response = await self._try(place, body, header, seconds)
        if response.status == 401 and self._take_challenge(response):
            response = await self._try(place, body, header, seconds)
        if response.status in _REFUSED_STATUS:
            raise refused()
        return self._answer(response).body

    def _answer(self, response: Response) -> Answer:
        if not response.body.strip() and response.status != 200:
            if response.status in (404, 405, 501):
                raise unsupported()
            message = "the camera answered with an error and nothing else"
            raise PeerError(message, offset=0, code="onvif-status", status=response.status)
        try:
            return parse_answer(response.body)
        except PeerError as error:
            if response.status in (400, 404, 405, 501) and error.code in ("bad-xml", "bad-soap"):
                raise unsupported() from error
            raise

    def _where(self, service: str | Place) -> Place:
        if isinstance(service, Place):
            return service
        if service == "device":
            return self.place
        place = self.services.get(service)
        if place is None:
            raise unsupported(f"it has no {service} service")
        return place

    async def _try(self, place: Place, body: str, header: str, seconds: float) -> Response:
        if self._who.username and self._challenge is None:
            header += security_header(self._who, secrets.token_bytes(16), self.device_now_ns)
        return await self._post(place, envelope(body, header), seconds)

    async def _post(self, place: Place, message: bytes, seconds: float = ANSWER_S) -> Response:
        credential = ""
        if self._challenge is not None and self._who.username:
            self._count += 1
            cnonce = client_nonce(self._challenge, self._who, self._count)
            credential = authorization(self._challenge, self._who, "POST", place.path, cnonce=cnonce, count=self._count)
        return await post(place, self._numeric, message, authorization=credential, seconds=seconds, note=self._note)

    def _take_challenge(self, response: Response) -> bool:
        """Whether there is a Digest challenge that we have not answered yet. Basic would show the password."""
        found = next((one for one in parse_challenges(response.challenges) if one.scheme == "digest"), None)
        if found is None or not self._who.username:
            return False
        if self._challenge is not None and not found.stale and found.nonce == self._challenge.nonce:
            return False
        self._challenge, self._count = found, 0
        return True


def device_time_ns(answer: Node) -> int | None:
    """The UTC time in an answer to GetSystemDateAndTime; None when it has none that could be one."""
    told = answer.find("SystemDateAndTime", "UTCDateTime")
    if told is None:
        return None
    names = (
        ("Date", "Year"),
        ("Date", "Month"),
        ("Date", "Day"),
        ("Time", "Hour"),
        ("Time", "Minute"),
        ("Time", "Second"),
    )
    parts = [told.text_at(*name) for name in names]
    if not all(part.isascii() and part.isdecimal() and len(part) < 5 for part in parts):
        return None
    year, month, day, hour, minute, second = (int(part) for part in parts)
    try:
        when = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    return round(when.timestamp()) * NS_PER_S


def _addressing(place: Place, action: str) -> str:
    return (
        f"<wsa:MessageID>urn:uuid:{secrets.token_hex(16)}</wsa:MessageID>"
        f'<wsa:To s:mustUnderstand="1">{escape(place.url)}</wsa:To>'
        f'<wsa:Action s:mustUnderstand="1">{escape(action)}</wsa:Action>'
    )
