"""The streams that a device offers: of its newer media service (Media2, ver20), which alone tells of H.265, or of the
older one (Media, ver10).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from haechi.base.errors import Invalid, PeerError
from haechi.fleet.onvif.place import stream_uri
from haechi.fleet.onvif.session import Session
from haechi.fleet.onvif.xml import Node, escape, inert

MOST_PROFILES = 16
LONGEST_TOKEN = 64
"""ONVIF Core: tt:ReferenceToken."""
_UNICAST = (
    "<trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream>"
    "<tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></trt:StreamSetup>"
)
_OVER = ("RTSP", "RtspUnicast")
"""Media2, section 5.15.1: over the RTSP connection itself, or beside it. Some devices know only one of the words, and
give the same address for both.
"""


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


async def profiles_of(session: Session) -> Sequence[Profile]:
    """The profiles with video. Media2 is asked where the device has it; one that then has nothing to say, or fails, is
    asked the old way.

    Raises:
        PeerError: ``onvif-no-video``.
        HaechiError: What `Session.call` raises.
    """
    found: Sequence[Profile] = ()
    if "media2" in session.services:
        try:
            found = parse_profiles(
                await session.call("media2", "<tr2:GetProfiles><tr2:Type>All</tr2:Type></tr2:GetProfiles>")
            )
        except PeerError:
            found = ()
    if not found:
        session.services = {name: place for name, place in session.services.items() if name != "media2"}
        found = parse_profiles(await session.call("media", "<trt:GetProfiles/>"))
    if not found:
        raise PeerError("the camera has no video stream set up", offset=0, code="onvif-no-video")
    return found


async def with_addresses(session: Session, profiles: Sequence[Profile]) -> Sequence[Profile]:
    """The same with their RTSP addresses, as far as the device tells any that can be used.

    Raises:
        PeerError: ``onvif-no-stream``: of none.
        HaechiError: What `Session.call` raises, but for `PeerError`.
    """
    reachable = [replace(one, uri=await _address(session, one.token)) for one in profiles]
    if not any(one.uri for one in reachable):
        raise PeerError("the camera told no RTSP address that can be used", offset=0, code="onvif-no-stream")
    return reachable


async def _address(session: Session, token: str) -> str:
    """Where a profile is served; empty when the device does not tell, or tells nonsense."""
    profile = f"ProfileToken>{escape(token)}</"
    if "media2" in session.services:
        for protocol in _OVER:
            body = (
                f"<tr2:GetStreamUri><tr2:Protocol>{protocol}</tr2:Protocol>"
                f"<tr2:{profile}tr2:ProfileToken></tr2:GetStreamUri>"
            )
            uri = await _told(session, "media2", body, "Uri")
            if uri:
                return uri
    if "media" not in session.services:
        return ""
    body = f"<trt:GetStreamUri>{_UNICAST}<trt:{profile}trt:ProfileToken></trt:GetStreamUri>"
    return await _told(session, "media", body, "MediaUri", "Uri")


async def _told(session: Session, service: str, body: str, *path: str) -> str:
    try:
        answer = await session.call(service, body)
        return stream_uri(answer.text_at(*path), session.place.host)
    except (PeerError, Invalid):
        return ""


def parse_profiles(answer: Node) -> list[Profile]:
    """The profiles with video in an answer to GetProfiles of either service, at most `MOST_PROFILES`; those without a
    token are none.
    """
    found = []
    for node in answer.all("Profiles"):
        parts = node.find("Configurations")  # Media2; in Media they stand in the profile itself
        coding = parts.find("VideoEncoder") if parts is not None else node.find("VideoEncoderConfiguration")
        token = node.attributes.get("token", "")
        if coding is None or not is_token(token):
            continue
        moved = parts.find("PTZ") if parts is not None else node.find("PTZConfiguration")
        found.append(
            Profile(
                token=token,
                name=inert(node.text_at("Name"), 80) or inert(token),
                codec=_codec(coding.text_at("Encoding")),
                width_px=round(number(coding.text_at("Resolution", "Width"), 16_384)),
                height_px=round(number(coding.text_at("Resolution", "Height"), 16_384)),
                fps=number(coding.text_at("RateControl", "FrameRateLimit"), 1000),
                bitrate_bps=round(number(coding.text_at("RateControl", "BitrateLimit"), 10_000_000)) * 1000,
                is_movable=moved is not None,
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
