"""What a publisher offers and what we answer (RFC 3264, RFC 8829, RFC 9725 section 4.4): one video, one sound at most.

We take what we can carry as it is: H.264 and Opus. Everything else in an offer is declined, not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from haechi.base.errors import Invalid
from haechi.media.sdp import MediaTrack
from haechi.media.webrtc.ice import Address, Credentials

MAX_BYTES = 64 * 1024
MOST_LINES = 2000
MOST_SECTIONS = 16
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
_TOKEN = re.compile(r"[!#-'*+.0-9A-Z^_`a-z{|}~-]{1,64}")
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){15,63}")
_HASHES = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
_PROTOCOLS = frozenset({"UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF"})
_SENDING = frozenset({"sendrecv", "sendonly"})


class Section(Struct, frozen=True):
    """One media section of an offer, and what of it is taken.

    Attributes:
        track: What we take of it; None: nothing.
        transport_cc: Number of the header extension with transport-wide numbers; 0: none.
        has_nack, has_pli, has_transport_cc: What the sender heeds of our feedback.
    """

    kind: str
    mid: str
    protocol: str
    formats: tuple[str, ...]
    track: MediaTrack | None = None
    transport_cc: int = 0
    has_nack: bool = False
    has_pli: bool = False
    has_transport_cc: bool = False


class Offer(Struct, frozen=True):
    """What a publisher offers.

    Attributes:
        fingerprints: Of its certificate: name of the hash as `hashlib` has it, and the digest.
    """

    sections: tuple[Section, ...]
    ice: Credentials
    fingerprints: tuple[tuple[str, bytes], ...]

    @property
    def taken(self) -> list[Section]:
        """The sections of which something is taken."""
        return [section for section in self.sections if section.track is not None]


class _Lines:
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


def parse_offer(data: bytes, *, audio: bool) -> Offer:
    """Read an offer and choose what to take of it.

    Args:
        audio: Whether sound is wanted.

    Raises:
        Invalid: ``bad-offer``: not an offer that WebRTC makes; ``offer-without-h264``: none of its video can be taken.
    """
    session, sections = _split(data)
    if not sections:
        raise _bad("it has no media section")
    chosen: list[Section] = []
    taken: set[str] = set()
    for lines in sections:
        section = _section(lines, audio=audio, taken=taken)
        if section.track is not None:
            taken.add(section.kind)
        chosen.append(section)
    if "video" not in taken:
        message = "no H.264 video is offered, and nothing else can be taken as it is; use a browser that encodes H.264"
        raise Invalid(message, code="offer-without-h264", offered=_video_codecs(sections))
    leader = sections[next(index for index, section in enumerate(chosen) if section.track is not None)]
    _require_bundle(session, sections, chosen)
    return Offer(tuple(chosen), _credentials(leader, session), _fingerprints(leader, session))


def _split(data: bytes) -> tuple[_Lines, list[_Lines]]:
    if len(data) > MAX_BYTES:
        raise _bad("it is too long")
    lines = data.decode("utf-8", "replace").replace("\r", "\n").split("\n", MOST_LINES)
    if len(lines) > MOST_LINES:
        raise _bad("it has too many lines")
    session, sections = _Lines(), list[_Lines]()
    for line in lines:
        key, _, value = line.strip("\x00 \t").partition("=")
        if key == "m":
            sections.append(_Lines(value.split()))
        elif key == "a":
            (sections[-1] if sections else session).add(value)
    if len(sections) > MOST_SECTIONS or not data.lstrip().startswith(b"v="):
        raise _bad("it is no session description, or has too many sections")
    return session, sections


def _section(lines: _Lines, *, audio: bool, taken: set[str]) -> Section:
    kind, protocol, formats = _head(lines.head)
    mid = lines.first("mid")
    if mid and not _TOKEN.fullmatch(mid):
        raise _bad("a section has no name that can be repeated")
    refused = Section(kind, mid, protocol, formats)
    is_wanted = kind == "video" or (kind == "audio" and audio)
    direction = next((name for name in ("sendonly", "recvonly", "inactive") if lines.has(name)), "sendrecv")
    if not is_wanted or kind in taken or direction not in _SENDING or protocol not in _PROTOCOLS:
        return refused
    if not lines.has("rtcp-mux"):
        raise _bad("it does not send RTP and RTCP over one port (rtcp-mux)")
    track = _h264(lines, formats) if kind == "video" else _opus(lines, formats)
    if track is None:
        return refused
    feedback = {
        rest
        for number, _, rest in (value.partition(" ") for value in lines.all("rtcp-fb"))
        if number in {"*", str(track.payload_type)}
    }
    extensions = dict(filter(None, map(_extension, lines.all("extmap"))))
    return Section(
        kind,
        mid,
        protocol,
        formats,
        track,
        extensions.get(TRANSPORT_CC, 0),
        "nack" in feedback,
        "nack pli" in feedback,
        "transport-cc" in feedback and TRANSPORT_CC in extensions,
    )


def _head(head: Sequence[str]) -> tuple[str, str, tuple[str, ...]]:
    if len(head) < 4 or not all(_TOKEN.fullmatch(part) or part in _PROTOCOLS or "/" in part for part in head[:4]):
        raise _bad("a media line is cut off")
    protocol = head[2]
    if not re.fullmatch(r"[A-Z0-9/]{1,40}", protocol) or not _TOKEN.fullmatch(head[0]):
        raise _bad("a media line is no such line")
    formats = tuple(part for part in head[3:] if _TOKEN.fullmatch(part))
    return head[0].lower(), protocol, formats[:64] or ("0",)


def _h264(lines: _Lines, formats: Sequence[str]) -> MediaTrack | None:
    """The H.264 that the sender likes best, in non-interleaved mode where it is offered."""
    tracks = [
        MediaTrack("video", number, "H264", rate, 1, fmtp)
        for number, codec, rate, fmtp in _codecs(lines, formats)
        if codec == "H264" and rate == 90_000 and fmtp.get("packetization-mode", "0") in {"0", "1"}
    ]
    return next((track for track in tracks if track.fmtp.get("packetization-mode") == "1"), next(iter(tracks), None))


def _opus(lines: _Lines, formats: Sequence[str]) -> MediaTrack | None:
    for number, codec, rate, fmtp in _codecs(lines, formats):
        if codec == "OPUS" and rate == 48_000:
            return MediaTrack("audio", number, "OPUS", rate, 2, fmtp)
    return None


def _codecs(lines: _Lines, formats: Sequence[str]) -> Iterable[tuple[int, str, int, dict[str, str]]]:
    """Number, name, clock rate and parameters of each dynamic format, in the order of preference."""
    maps = dict(value.partition(" ")[::2] for value in lines.all("rtpmap"))
    parameters = dict(value.partition(" ")[::2] for value in lines.all("fmtp"))
    for number in formats:
        name, _, rest = maps.get(number, "").strip().partition("/")
        rate = rest.partition("/")[0]
        if not number.isdecimal() or len(number) > 3 or not rate.isdecimal() or len(rate) > 6:
            continue
        pairs = (item.partition("=") for item in parameters.get(number, "").split(";"))
        fmtp = {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}
        if 0 < int(number) < 128:
            yield int(number), name.upper(), int(rate), fmtp


def _extension(value: str) -> tuple[str, int] | None:
    number, _, name = value.partition(" ")
    number = number.partition("/")[0]
    name = name.strip().partition(" ")[0]
    if not number.isdecimal() or len(number) > 2 or not 1 <= int(number) <= 14:
        return None
    return name, int(number)


def _require_bundle(session: _Lines, sections: Sequence[_Lines], chosen: Sequence[Section]) -> None:
    """All that we take goes over one port (RFC 9725 section 4.4.1)."""
    taken = [section for section in chosen if section.track is not None]
    groups = [set(value.split()[1:]) for value in session.all("group") if value.upper().startswith("BUNDLE")]
    if len(taken) > 1 and not any({section.mid for section in taken} <= group for group in groups):
        raise _bad("it does not send sound and video over one port (BUNDLE)")
    if any(not section.mid for section in taken) and len(sections) > 1:
        raise _bad("its sections have no names (mid)")
    numbers = [section.track.payload_type for section in taken if section.track is not None]
    if len(set(numbers)) != len(numbers):
        raise _bad("sound and video have the same payload type")


def _credentials(section: _Lines, session: _Lines) -> Credentials:
    ufrag = section.first("ice-ufrag") or session.first("ice-ufrag")
    password = section.first("ice-pwd") or session.first("ice-pwd")
    if not _UFRAG.fullmatch(ufrag) or not _PASSWORD.fullmatch(password):
        raise _bad("it has no ICE user name and password")
    return Credentials(ufrag, password)


def _fingerprints(section: _Lines, session: _Lines) -> tuple[tuple[str, bytes], ...]:
    setup = section.first("setup") or session.first("setup") or "actpass"
    if setup.lower() not in {"actpass", "active"}:
        raise _bad("it does not begin DTLS itself (setup:actpass)")
    found: list[tuple[str, bytes]] = []
    for value in section.all("fingerprint") or session.all("fingerprint"):
        name, _, digits = value.partition(" ")
        if name.lower() in _HASHES and _FINGERPRINT.fullmatch(digits.strip()):
            found.append((_HASHES[name.lower()], bytes.fromhex(digits.strip().replace(":", ""))))
    if not found:
        raise _bad("it has no fingerprint of a certificate that we can compare (sha-256)")
    return tuple(found[:4])


def _video_codecs(sections: Sequence[_Lines]) -> str:
    names = {
        value.partition(" ")[2].partition("/")[0].upper()
        for lines in sections
        if lines.head and lines.head[0].lower() == "video"
        for value in lines.all("rtpmap")
    }
    plain = sorted(name for name in names if _TOKEN.fullmatch(name) and name not in {"RTX", "RED", "ULPFEC"})
    return " ".join(plain)[:120]


def _bad(why: str) -> Invalid:
    return Invalid(f"this offer cannot be answered: {why}", code="bad-offer")


class Ours(Struct, frozen=True):
    """Our side of an answer.

    Attributes:
        fingerprint: SHA-256 of our certificate.
        candidates: Where we can be reached, the likeliest first.
        session: A number for the o= line.
    """

    ice: Credentials
    fingerprint: bytes
    candidates: tuple[Address, ...]
    session: int


def build_answer(offer: Offer, ours: Ours) -> bytes:
    """The answer, in the order of the offer's sections."""
    taken = " ".join(section.mid for section in offer.taken if section.mid)
    lines = ["v=0", f"o=- {ours.session} 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite"]
    if taken:
        lines.append(f"a=group:BUNDLE {taken}")
    lines.append("a=msid-semantic: WMS *")
    is_first = True
    for section in offer.sections:
        if section.track is None:
            lines += [f"m={section.kind} 0 {section.protocol} {section.formats[0]}", "c=IN IP4 0.0.0.0", "a=inactive"]
            lines += [f"a=mid:{section.mid}"] if section.mid else []
            continue
        lines += _taken(section, section.track, ours, is_first=is_first)
        is_first = False
    return "".join(f"{line}\r\n" for line in lines).encode()


def _taken(section: Section, track: MediaTrack, ours: Ours, *, is_first: bool) -> list[str]:
    number = track.payload_type
    channels = f"/{track.channels}" if track.channels > 1 else ""
    host, port = ours.candidates[0]
    lines = [
        f"m={section.kind} {port} {section.protocol} {number}",
        f"c=IN {'IP6' if ':' in host else 'IP4'} {host}",
        "a=rtcp-rsize",
        "a=recvonly",
        f"a=rtpmap:{number} {track.codec if section.kind == 'video' else 'opus'}/{track.clock_rate_hz}{channels}",
    ]
    if section.mid:
        lines.insert(2, f"a=mid:{section.mid}")
    if section.kind == "video":
        profile = track.fmtp.get("profile-level-id", "42e01f")
        mode = track.fmtp.get("packetization-mode", "0")
        profile = profile if re.fullmatch("[0-9a-fA-F]{6}", profile) else "42e01f"
        lines.append(f"a=fmtp:{number} level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={profile}")
    else:
        lines.append(f"a=fmtp:{number} minptime=10;useinbandfec=1")
    wishes = ((section.has_nack, "nack"), (section.has_pli, "nack pli"), (section.has_transport_cc, "transport-cc"))
    lines += [f"a=rtcp-fb:{number} {name}" for has, name in wishes if has]
    lines += [f"a=extmap:{section.transport_cc} {TRANSPORT_CC}"] if section.has_transport_cc else []
    return lines + (_ice(ours)[2:] if is_first else []) + _transport(ours)


def _transport(ours: Ours) -> list[str]:
    """What every section that is taken has in common."""
    digits = ":".join(f"{byte:02X}" for byte in ours.fingerprint)
    names = [f"a=ice-ufrag:{ours.ice.ufrag}", f"a=ice-pwd:{ours.ice.password}"]
    return ["a=rtcp-mux", *names, f"a=fingerprint:sha-256 {digits}", "a=setup:passive"]


def _ice(ours: Ours) -> list[str]:
    lines = [f"a=ice-ufrag:{ours.ice.ufrag}", f"a=ice-pwd:{ours.ice.password}"]
    for index, (host, port) in enumerate(ours.candidates):
        priority = 126 << 24 | (0xFFFF - index) << 8 | 255
        lines.append(f"a=candidate:{index + 1} 1 udp {priority} {host} {port} typ host")
    return [*lines, "a=end-of-candidates"]


class Fragment(Struct, frozen=True):
    """What a PATCH brings (RFC 8840 section 9): the other side's credentials, and how many candidates."""

    ice: Credentials
    candidates: int = 0


def parse_fragment(data: bytes) -> Fragment:
    """Read a fragment (``application/trickle-ice-sdpfrag``).

    Raises:
        Invalid: ``bad-fragment``.
    """
    lines = data.decode("utf-8", "replace").replace("\r", "\n").split("\n", MOST_LINES)
    found = _Lines()
    for line in lines:
        key, _, value = line.strip("\x00 \t").partition("=")
        if key == "a":
            found.add(value)
    ufrag, password = found.first("ice-ufrag"), found.first("ice-pwd")
    if len(data) > MAX_BYTES or not _UFRAG.fullmatch(ufrag) or not _PASSWORD.fullmatch(password):
        raise Invalid("this is no SDP fragment with an ICE user name and password", code="bad-fragment")
    return Fragment(Credentials(ufrag, password), len(found.all("candidate")))


def build_fragment(ours: Ours) -> bytes:
    """Our side after a restart."""
    return "".join(f"{line}\r\n" for line in ["a=ice-lite", *_ice(ours)]).encode()
