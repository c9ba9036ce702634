"""The lines of a session description (RFC 8866) as WebRTC uses them (RFC 8829): what every offer has, limits first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from haechi.base.errors import Invalid
from haechi.media.webrtc.ice import Credentials

MAX_BYTES = 64 * 1024
MOST_LINES = 2000
MOST_SECTIONS = 16
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
TOKEN = re.compile(r"[!#-'*+.0-9A-Z^_`a-z{|}~-]{1,64}")
UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){15,63}")
_HASHES = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
PROTOCOLS = frozenset({"UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF"})


class Format(Struct, frozen=True):
    """One way of coding that a section offers.

    Attributes:
        number: Payload type.
        codec: Its name, in capitals.
        channels: As the rtpmap says; 1 where it says nothing.
    """

    number: int
    codec: str
    rate_hz: int
    fmtp: dict[str, str]
    channels: int = 1


class Lines:
    """Attributes of the session, or of one section."""

    def __init__(self, head: Sequence[str] = ()) -> None:
        self.head = head
        self._attributes: dict[str, list[str]] = {}

    def add(self, text: str) -> None:
        name, _, value = text.partition(":")
        self._attributes.setdefault(name.strip().lower(), []).append(value.strip())

    def all(self, name: str) -> list[str]:
        return self._attributes.get(name, [])

    def first(self, name: str, default: str = "") -> str:
        values = self._attributes.get(name)
        return values[0] if values else default

    def has(self, name: str) -> bool:
        return name in self._attributes


def split(data: bytes) -> tuple[Lines, list[Lines]]:
    """The session's lines, and those of each section.

    Raises:
        Invalid: ``bad-offer``.
    """
    if len(data) > MAX_BYTES:
        raise bad_offer("it is too long")
    lines = data.decode("utf-8", "replace").replace("\r", "\n").split("\n", MOST_LINES)
    if len(lines) > MOST_LINES:
        raise bad_offer("it has too many lines")
    session, sections = Lines(), list[Lines]()
    for line in lines:
        key, _, value = line.strip("\x00 \t").partition("=")
        if key == "m":
            sections.append(Lines(value.split()))
        elif key == "a":
            (sections[-1] if sections else session).add(value)
    if len(sections) > MOST_SECTIONS or not data.lstrip().startswith(b"v="):
        raise bad_offer("it is no session description, or has too many sections")
    return session, sections


def head_of(head: Sequence[str]) -> tuple[str, str, tuple[str, ...]]:
    """Kind, protocol and formats of a media line."""
    if len(head) < 4 or not all(TOKEN.fullmatch(part) or part in PROTOCOLS or "/" in part for part in head[:4]):
        raise bad_offer("a media line is cut off")
    protocol = head[2]
    if not re.fullmatch(r"[A-Z0-9/]{1,40}", protocol) or not TOKEN.fullmatch(head[0]):
        raise bad_offer("a media line is no such line")
    formats = tuple(part for part in head[3:] if TOKEN.fullmatch(part))
    return head[0].lower(), protocol, formats[:64] or ("0",)


def formats_of(lines: Lines, formats: Sequence[str]) -> Iterable[Format]:
    """Each format that is described by an rtpmap, in the order of preference. 0 is PCMU (RFC 3551) and nothing else."""
    maps = dict(value.partition(" ")[::2] for value in lines.all("rtpmap"))
    parameters = dict(value.partition(" ")[::2] for value in lines.all("fmtp"))
    for number in formats:
        name, _, rest = maps.get(number, "").strip().partition("/")
        rate, _, channels = rest.partition("/")
        if not number.isdecimal() or len(number) > 3 or not rate.isdecimal() or len(rate) > 6:
            continue
        pairs = (item.partition("=") for item in parameters.get(number, "").split(";"))
        fmtp = {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}
        if int(number) < 128 and (int(number) or name.upper() == "PCMU"):
            yield Format(int(number), name.upper(), int(rate), fmtp, 2 if channels == "2" else 1)


def feedback_of(lines: Lines, number: int) -> frozenset[str]:
    """What feedback (RFC 4585 section 4.2) a section allows for the format ``number``."""
    found = (value.partition(" ") for value in lines.all("rtcp-fb"))
    return frozenset(rest.strip() for name, _, rest in found if name in {"*", str(number)})


def extension_of(value: str) -> tuple[str, int] | None:
    """Name and number of a header extension (RFC 8285); None: not one that fits into one byte."""
    number, _, name = value.partition(" ")
    number = number.partition("/")[0]
    name = name.strip().partition(" ")[0]
    if not number.isdecimal() or len(number) > 2 or not 1 <= int(number) <= 14:
        return None
    return name, int(number)


def require_bundle(session: Lines, taken: Sequence[str], *, of: int) -> None:
    """All that we take goes over one port (RFC 9725 section 4.4.1). ``taken``: the mids; ``of``: all sections."""
    groups = [set(value.split()[1:]) for value in session.all("group") if value.upper().startswith("BUNDLE")]
    if len(taken) > 1 and not any(set(taken) <= group for group in groups):
        raise bad_offer("it does not send sound and video over one port (BUNDLE)")
    if not all(taken) and of > 1:
        raise bad_offer("its sections have no names (mid)")


def credentials_of(section: Lines, session: Lines) -> Credentials:
    """Name and password of the other side."""
    ufrag = section.first("ice-ufrag") or session.first("ice-ufrag")
    password = section.first("ice-pwd") or session.first("ice-pwd")
    if not UFRAG.fullmatch(ufrag) or not PASSWORD.fullmatch(password):
        raise bad_offer("it has no ICE user name and password")
    return Credentials(ufrag, password)


def fingerprints_of(section: Lines, session: Lines) -> tuple[tuple[str, bytes], ...]:
    """Of the other side's certificate: names of hashes as `hashlib` has them, and digests."""
    setup = section.first("setup") or session.first("setup") or "actpass"
    if setup.lower() not in {"actpass", "active"}:
        raise bad_offer("it does not begin DTLS itself (setup:actpass)")
    found: list[tuple[str, bytes]] = []
    for value in section.all("fingerprint") or session.all("fingerprint"):
        name, _, digits = value.partition(" ")
        if name.lower() in _HASHES and _FINGERPRINT.fullmatch(digits.strip()):
            found.append((_HASHES[name.lower()], bytes.fromhex(digits.strip().replace(":", ""))))
    if not found:
        raise bad_offer("it has no fingerprint of a certificate that we can compare (sha-256)")
    return tuple(found[:4])


def video_codecs(sections: Sequence[Lines]) -> str:
    """Names of what is offered, to be told in a refusal."""
    names = {
        value.partition(" ")[2].partition("/")[0].upper()
        for lines in sections
        if lines.head and lines.head[0].lower() == "video"
        for value in lines.all("rtpmap")
    }
    plain = sorted(name for name in names if TOKEN.fullmatch(name) and name not in {"RTX", "RED", "ULPFEC"})
    return " ".join(plain)[:120]


def bad_offer(why: str) -> Invalid:
    """The refusal of what is no offer that can be answered."""
    return Invalid(f"this offer cannot be answered: {why}", code="bad-offer")
