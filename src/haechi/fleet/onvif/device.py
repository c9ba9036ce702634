"""What a device is: maker, streams, abilities, and whether its clock is right; learnt hop by hop."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from haechi.base.clock import NS_PER_MS, Clock
from haechi.base.errors import Denied, HaechiError, Invalid, PeerError
from haechi.fleet.onvif.http import Resolve
from haechi.fleet.onvif.place import Place, stream_uri
from haechi.fleet.onvif.session import Session
from haechi.fleet.onvif.xml import Node, escape, inert
from haechi.media.rtsp.auth import Credentials

HOPS = ("dns", "tcp", "tls", "onvif", "auth", "profiles", "stream")
MOST_PROFILES = 16
LONGEST_TOKEN = 64
"""ONVIF Core: tt:ReferenceToken."""


class Profile(Struct, frozen=True):
    """One stream that a device offers.

    Attributes:
        codec: ``h264``, ``h265``, ``mjpeg``, else what the device called it.
        fps: The limit that is set in the device; 0: it does not say.
        bitrate_bps: As set; 0: it does not say.
        uri: RTSP address at the host that we reached, without user info; empty when it told none that can be used.
        is_movable: A PTZ configuration belongs to it.
    """

    token: str
    name: str
    codec: str = ""
    width_px: int = 0
    height_px: int = 0
    fps: float = 0.0
    bitrate_bps: int = 0
    uri: str = ""
    is_movable: bool = False


class Device(Struct, frozen=True):
    """What a device says of itself, made inert. Larger pictures come first in ``profiles``."""

    place: Place
    manufacturer: str
    model: str
    firmware: str
    serial: str
    profiles: tuple[Profile, ...]
    has_ptz: bool
    has_events: bool
    clock_difference_s: float | None


class Step(Struct, frozen=True):
    """One hop of the way: see `HOPS`."""

    hop: str
    ok: bool
    ms: float
    detail: str = ""


class Description(Struct, frozen=True):
    """What came of asking. ``device`` is None when a hop failed; then ``error`` says why."""

    steps: tuple[Step, ...]
    device: Device | None = None
    error: HaechiError | None = None


class Steps:
    """Notes hops with their times. A hop that begins again is the same one: its times add up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spent_ns: dict[str, int] = {}
        self._hop, self._since_ns = "", 0
        self._pinned = False

    def begin(self, hop: str) -> None:
        """A hop of the network, as `post` tells it; while a later one is pinned its time is that one's."""
        if not self._pinned:
            self._turn(hop)

    def pin(self, hop: str) -> None:
        """From now on everything is part of this hop."""
        self._pinned = True
        self._turn(hop)

    def done(self, failure: HaechiError | None = None) -> tuple[Step, ...]:
        """All hops; the last one failed when there is a failure."""
        self._turn("")
        steps = [Step(hop, True, round(spent / NS_PER_MS, 1)) for hop, spent in self._spent_ns.items()]
        if failure is not None and steps:
            hop = "auth" if isinstance(failure, Denied) else steps[-1].hop
            steps = [step for step in steps[:-1] if step.hop != hop] + [
                replace(steps[-1], hop=hop, ok=False, detail=failure.message)
            ]
        return tuple(steps)

    def _turn(self, hop: str) -> None:
        now_ns = self._clock.monotonic_ns()
        if self._hop:
            self._spent_ns[self._hop] = self._spent_ns.get(self._hop, 0) + now_ns - self._since_ns
        self._hop, self._since_ns = hop, now_ns


async def describe(place: Place, who: Credentials, resolve: Resolve, clock: Clock) -> Description:
    """Ask a device for everything that is needed to add it. A failure is told with its hop and does not raise."""
    steps = Steps(clock)
    session = Session(place, who, resolve, clock, note=steps.begin)
    try:
        await session.reach()
        steps.pin("auth")
        info = await session.call("device", "<tds:GetDeviceInformation/>")
        await session.open()
        steps.pin("profiles")
        profiles = parse_profiles(await session.call("media", "<trt:GetProfiles/>"))
        if not profiles:
            raise PeerError("the camera has no video stream set up", offset=0, code="onvif-no-video")
        steps.pin("stream")
        reachable = [await _with_uri(session, profile) for profile in profiles]
        if not any(profile.uri for profile in reachable):
            raise PeerError("the camera told no RTSP address that can be used", offset=0, code="onvif-no-stream")
    except HaechiError as error:
        return Description(steps.done(error), error=error)
    return Description(steps.done(), _device(session, info, reachable))


def _device(session: Session, info: Node, profiles: Sequence[Profile]) -> Device:
    return Device(
        place=session.place,
        manufacturer=inert(info.text_at("Manufacturer"), 80),
        model=inert(info.text_at("Model"), 80),
        firmware=inert(info.text_at("FirmwareVersion"), 80),
        serial=inert(info.text_at("SerialNumber"), 80),
        profiles=tuple(sorted(profiles, key=lambda one: -one.width_px * one.height_px)),
        has_ptz="ptz" in session.services and any(one.is_movable for one in profiles),
        has_events="events" in session.services,
        clock_difference_s=session.clock_difference_s,
    )


async def _with_uri(session: Session, profile: Profile) -> Profile:
    """``profile`` with its address, when the device gives one that can be used."""
    question = (
        "<trt:GetStreamUri><trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream>"
        "<tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></trt:StreamSetup>"
        f"<trt:ProfileToken>{escape(profile.token)}</trt:ProfileToken></trt:GetStreamUri>"
    )
    try:
        answer = await session.call("media", question)
        return replace(profile, uri=stream_uri(answer.text_at("MediaUri", "Uri"), session.place.host))
    except (PeerError, Invalid):
        return profile


def parse_profiles(answer: Node) -> list[Profile]:
    """The profiles with video in an answer to GetProfiles, at most `MOST_PROFILES`; those without a token are none."""
    found = []
    for node in answer.all("Profiles"):
        token, coding = node.attributes.get("token", ""), node.find("VideoEncoderConfiguration")
        if coding is None or not is_token(token):
            continue
        found.append(
            Profile(
                token=token,
                name=inert(node.text_at("Name"), 80) or inert(token),
                codec=_codec(coding.text_at("Encoding")),
                width_px=round(number(coding.text_at("Resolution", "Width"), 16_384)),
                height_px=round(number(coding.text_at("Resolution", "Height"), 16_384)),
                fps=number(coding.text_at("RateControl", "FrameRateLimit"), 1000),
                bitrate_bps=round(number(coding.text_at("RateControl", "BitrateLimit"), 10_000_000)) * 1000,
                is_movable=node.find("PTZConfiguration") is not None,
            )
        )
    return found[:MOST_PROFILES]


def is_token(text: str) -> bool:
    """Whether ``text`` can be a device's name for one of its things."""
    return 0 < len(text) <= LONGEST_TOKEN and text.isprintable()


def number(text: str, most: float, least: float = 0.0) -> float:
    """``text`` as a number between ``least`` and ``most``; 0 when it is none or beyond."""
    try:
        value = float(text[:32])
    except ValueError:
        return 0.0
    return value if least <= value <= most else 0.0


def _codec(told: str) -> str:
    plain = inert(told, 16).lower().replace(".", "")
    return {"jpeg": "mjpeg", "hevc": "h265"}.get(plain, plain)
