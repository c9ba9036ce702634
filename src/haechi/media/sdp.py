"""Session descriptions (RFC 8866) as cameras write them: missing lines, odd control addresses, bad base64."""

from __future__ import annotations

import base64
import binascii

from msgspec import Struct

from haechi.base.errors import PeerError

MAX_BYTES = 64 * 1024
MAX_TRACKS = 16
MOST_EXTENSIONS = 14
"""The one-byte form knows no more (RFC 8285 section 4.2)."""
_MAX_LINES = 2000
_DIRECTIONS = frozenset({"sendonly", "recvonly", "sendrecv", "inactive"})
_G711 = (0, 8)
_STATIC = {
    0: ("PCMU", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    14: ("MPA", 90000, 1),
    26: ("JPEG", 90000, 1),
    32: ("MPV", 90000, 1),
    33: ("MP2T", 90000, 1),
}
"""Payload types that need no rtpmap (RFC 3551 tables 4 and 5), as far as cameras use them."""


class MediaTrack(Struct, frozen=True):
    """One media section.

    Attributes:
        kind: ``video``, ``audio``, ``application``...
        codec: Encoding name in upper case, such as ``H264``; empty when the camera does not say.
        channels: Audio channels as the rtpmap gives them; 1 where it does not.
        fmtp: Format parameters, names in lower case.
        control: As written; see `resolve_control`. Empty when there is none.
        extensions: Numbers of RTP header extensions by their name (RFC 8285 section 5).
        direction: ``sendonly``, ``recvonly``, ``sendrecv``, ``inactive``; empty when the camera does not say.
    """

    kind: str
    payload_type: int
    codec: str
    clock_rate_hz: int
    channels: int = 1
    fmtp: dict[str, str] = {}
    control: str = ""
    extensions: dict[str, int] = {}
    direction: str = ""

    def parameter_sets(self) -> list[bytes]:
        """The NAL units in ``sprop-*``, in the order in which a decoder wants them. Unreadable ones are left out."""
        names = ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets")
        texts = [text for name in names for text in self.fmtp.get(name, "").split(",")]
        return [nal for nal in map(_decode_base64, texts) if nal]


class SessionDescription(Struct, frozen=True):
    """A session: its name, its own control address, its tracks."""

    tracks: tuple[MediaTrack, ...]
    name: str = "-"
    control: str = ""


def _decode_base64(text: str) -> bytes:
    """Base64 with missing, surplus or misplaced padding; b"" for what is no base64 at all."""
    bare = text.strip().replace("=", "")
    try:
        nal = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
    for prefix in (b"\x00\x00\x00\x01", b"\x00\x00\x01"):
        nal = nal.removeprefix(prefix)
    return nal


class _Section:
    """The lines of one media section, while they are read."""

    def __init__(self, kind: str, formats: list[str]) -> None:
        self.kind = kind
        self.payload_types = [int(one) for one in formats[:32] if one.isdecimal() and len(one) < 4] or [-1]
        self.direction = ""
        self.rtpmaps: dict[int, str] = {}
        self.fmtps: dict[int, str] = {}
        self.control = ""
        self.extensions: dict[str, int] = {}

    def attribute(self, name: str, value: str) -> None:
        number, _, rest = value.strip().partition(" ")
        if name == "control":
            self.control = value.strip()
        elif name in _DIRECTIONS:
            self.direction = name
        elif name == "extmap":
            self._extension(number.partition("/")[0], rest.strip().partition(" ")[0])
        elif name in ("rtpmap", "fmtp") and number.isdecimal() and len(number) < 4:
            (self.rtpmaps if name == "rtpmap" else self.fmtps)[int(number)] = rest.strip()

    def _extension(self, number: str, name: str) -> None:
        if name and number.isdecimal() and len(number) < 3 and len(self.extensions) < MOST_EXTENSIONS:
            self.extensions[name] = int(number)

    def track(self) -> MediaTrack:
        number = self._payload_type()
        codec, rate, channels = _STATIC.get(number, ("", 90000, 1))
        if number in self.rtpmaps:
            codec, rate, channels = _read_rtpmap(self.rtpmaps[number], codec, rate)
        return MediaTrack(
            kind=self.kind,
            payload_type=number,
            codec=codec,
            clock_rate_hz=rate,
            channels=channels,
            fmtp=_read_fmtp(self.fmtps.get(number, "")),
            control=self.control,
            extensions=self.extensions,
            direction=self.direction,
        )

    def _payload_type(self) -> int:
        """The first that is offered; where we are the one that sends, G.711 if it is among them (ONVIF's way back)."""
        speaks = self.kind == "audio" and self.direction == "sendonly"
        return next((one for one in self.payload_types if speaks and one in _G711), self.payload_types[0])


def _read_rtpmap(text: str, codec: str, rate: int) -> tuple[str, int, int]:
    name, *numbers = text.split("/")
    values = [int(number) for number in (n.strip() for n in numbers) if number.isdecimal() and len(number) < 10]
    rate = values[0] if values and values[0] else rate
    channels = values[1] if len(values) > 1 and 0 < values[1] <= 64 else 1
    return name.strip().upper() or codec, rate, channels


def _read_fmtp(text: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def parse(data: bytes) -> SessionDescription:
    """Read a session description. Unknown lines are passed over, as RFC 8866 asks.

    Raises:
        PeerError: It is longer than any real one, or no session description at all (``sdp-malformed``).
    """
    if len(data) > MAX_BYTES:
        raise PeerError("the session description is too long", offset=MAX_BYTES, code="sdp-malformed")
    lines = data.decode("utf-8", "replace").replace("\r", "\n").split("\n", _MAX_LINES)
    if len(lines) > _MAX_LINES:
        raise PeerError("the session description has too many lines", offset=len(data), code="sdp-malformed")
    name, control, sections, seen = "-", "", list[_Section](), False
    for line in lines:
        key, _, value = line.strip("\x00 \t").partition("=")
        seen = seen or key in ("v", "m")
        if key == "m":
            fields = value.split()
            sections.append(_Section(fields[0].lower() if fields else "", fields[3:]))
        elif key == "s" and not sections:
            name = value.strip() or "-"
        elif key == "a":
            attribute, _, rest = value.partition(":")
            if sections:
                sections[-1].attribute(attribute.strip().lower(), rest)
            elif attribute.strip().lower() == "control":
                control = rest.strip()
    if not seen or len(sections) > MAX_TRACKS:
        raise PeerError("not a session description, or one with too many tracks", offset=0, code="sdp-malformed")
    return SessionDescription(tuple(section.track() for section in sections), name, control)


def build(session: SessionDescription, address: str = "0.0.0.0") -> bytes:  # noqa: S104 - what SDP writes for "any"
    """A session description to serve; ``address`` is only a placeholder, RTSP negotiates the real one."""
    family = "IP6" if ":" in address else "IP4"
    lines = ["v=0", f"o=- 0 0 IN {family} {address}", f"s={_one_line(session.name) or '-'}"]
    lines += [f"c=IN {family} {address}", "t=0 0", f"a=control:{session.control or '*'}"]
    for track in session.tracks:
        lines.append(f"m={track.kind} 0 RTP/AVP {track.payload_type}")
        channels = f"/{track.channels}" if track.channels > 1 else ""
        lines.append(f"a=rtpmap:{track.payload_type} {track.codec}/{track.clock_rate_hz}{channels}")
        if track.fmtp:
            pairs = ";".join(f"{name}={value}" for name, value in track.fmtp.items())
            lines.append(f"a=fmtp:{track.payload_type} {pairs}")
        lines += [f"a=extmap:{number} {name}" for name, number in track.extensions.items()]
        lines += [f"a={track.direction}"] if track.direction else []
        lines.append(f"a=control:{track.control}")
    return "".join(f"{_one_line(line)}\r\n" for line in lines).encode()


def _one_line(text: str) -> str:
    return "".join(char for char in text if char >= " ")


def resolve_control(base: str, control: str) -> str:
    """The address that a control attribute means (RFC 2326 appendix C.1.1), joined as cameras expect it.

    ``*`` and nothing mean ``base``; an absolute one stands for itself; anything else is appended to ``base``, also
    when that ends in a query (then a slash and the control follow the query, which is what cameras send out).
    """
    if control in ("", "*"):
        return base
    if control.lower().startswith(("rtsp://", "rtsps://", "rtspu://")):
        return control
    return base + control.removeprefix("/") if base.endswith("/") else f"{base}/{control.removeprefix('/')}"
