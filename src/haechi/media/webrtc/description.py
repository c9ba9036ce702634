"""What a publisher offers and what we answer (RFC 3264, RFC 8829, RFC 9725 section 4.4): one video, one sound at most.

We take what we can carry as it is: H.264, else VP8, and Opus. Everything else in an offer is declined, not guessed at.
Where a publisher listens as well, it is spoken to in G.711, which all who speak WebRTC understand (RFC 7874 section 3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from haechi.base.errors import Invalid
from haechi.media.sdp import MediaTrack
from haechi.media.webrtc.ice import Address, Credentials
from haechi.media.webrtc.lines import (
    MAX_BYTES,
    MOST_LINES,
    PASSWORD,
    PROTOCOLS,
    TOKEN,
    TRANSPORT_CC,
    UFRAG,
    Lines,
    bad_offer,
    credentials_of,
    extension_of,
    feedback_of,
    fingerprints_of,
    formats_of,
    head_of,
    require_bundle,
    split,
    video_codecs,
)

__all__ = [
    "MAX_BYTES",
    "Fragment",
    "Offer",
    "Ours",
    "Section",
    "build_answer",
    "build_fragment",
    "parse_fragment",
    "parse_offer",
]

_SENDING = frozenset({"sendrecv", "sendonly"})
_LISTENING = frozenset({"sendrecv", "recvonly"})
_SPOKEN = ("PCMU", "PCMA")


class Section(Struct, frozen=True):
    """One media section of an offer, and what of it is taken.

    Attributes:
        track: What we take of it; None: nothing.
        talk: What we may say in it; None: the publisher does not listen there.
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
    talk: MediaTrack | None = None

    @property
    def is_open(self) -> bool:
        """Whether anything goes through it, either way."""
        return self.track is not None or self.talk is not None


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

    @property
    def talk(self) -> MediaTrack | None:
        """What the publisher wants to hear; None: nothing."""
        return next((section.talk for section in self.sections if section.talk is not None), None)


def parse_offer(data: bytes, *, audio: bool) -> Offer:
    """Read an offer and choose what to take of it.

    Args:
        audio: Whether sound is wanted.

    Raises:
        Invalid: ``bad-offer``: not an offer that WebRTC makes; ``offer-without-h264``: none of its video can be taken.
    """
    session, sections = split(data)
    if not sections:
        raise bad_offer("it has no media section")
    chosen: list[Section] = []
    taken: set[str] = set()
    for lines in sections:
        section = _section(lines, audio=audio, taken=taken)
        if section.track is not None:
            taken.add(section.kind)
        if section.talk is not None:
            taken.add("talk")
        chosen.append(section)
    if "video" not in taken:
        message = "neither H.264 nor VP8 is offered, and nothing else can be taken as it is; use another browser"
        raise Invalid(message, code="offer-without-h264", offered=video_codecs(sections))
    leader = sections[next(index for index, section in enumerate(chosen) if section.is_open)]
    offer = Offer(tuple(chosen), credentials_of(leader, session), fingerprints_of(leader, session))
    require_bundle(session, [section.mid for section in chosen if section.is_open], of=len(sections))
    numbers = [one.payload_type for section in chosen for one in (section.track, section.talk) if one is not None]
    if len(set(numbers)) != len(numbers):
        raise bad_offer("sound and video have the same payload type")
    return offer


def _section(lines: Lines, *, audio: bool, taken: set[str]) -> Section:
    kind, protocol, formats = head_of(lines.head)
    mid = lines.first("mid")
    if mid and not TOKEN.fullmatch(mid):
        raise bad_offer("a section has no name that can be repeated")
    direction = next((name for name in ("sendonly", "recvonly", "inactive") if lines.has(name)), "sendrecv")
    is_ours = kind in {"video", "audio"} and protocol in PROTOCOLS
    takes = is_ours and direction in _SENDING and kind not in taken and (kind == "video" or audio)
    speaks = is_ours and direction in _LISTENING and kind == "audio" and "talk" not in taken
    if not takes and not speaks:
        return Section(kind, mid, protocol, formats)
    if not lines.has("rtcp-mux"):
        raise bad_offer("it does not send RTP and RTCP over one port (rtcp-mux)")
    talk = _g711(lines, formats) if speaks else None
    track = (_picture(lines, formats) if kind == "video" else _opus(lines, formats)) if takes else None
    if track is None:
        return Section(kind, mid, protocol, formats, talk=talk)
    feedback = feedback_of(lines, track.payload_type)
    extensions = dict(filter(None, map(extension_of, lines.all("extmap"))))
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
        talk,
    )


def _picture(lines: Lines, formats: Sequence[str]) -> MediaTrack | None:
    """H.264, which more can play; VP8 of a device that has no encoder for that."""
    return _h264(lines, formats) or next(
        (
            MediaTrack("video", one.number, "VP8", one.rate_hz, 1, {})
            for one in formats_of(lines, formats)
            if one.codec == "VP8" and one.rate_hz == 90_000
        ),
        None,
    )


def _h264(lines: Lines, formats: Sequence[str]) -> MediaTrack | None:
    """The H.264 that the sender likes best, in non-interleaved mode where it is offered."""
    tracks = [
        MediaTrack("video", one.number, "H264", one.rate_hz, 1, one.fmtp)
        for one in formats_of(lines, formats)
        if one.codec == "H264" and one.rate_hz == 90_000 and one.fmtp.get("packetization-mode", "0") in {"0", "1"}
    ]
    return next((track for track in tracks if track.fmtp.get("packetization-mode") == "1"), next(iter(tracks), None))


def _opus(lines: Lines, formats: Sequence[str]) -> MediaTrack | None:
    for one in formats_of(lines, formats):
        if one.codec == "OPUS" and one.rate_hz == 48_000:
            return MediaTrack("audio", one.number, "OPUS", one.rate_hz, 2, one.fmtp)
    return None


def _g711(lines: Lines, formats: Sequence[str]) -> MediaTrack | None:
    """What we can say: the law that the publisher likes better."""
    offered = [
        MediaTrack("audio", one.number, one.codec, 8_000, 1)
        for one in formats_of(lines, formats)
        if one.codec in _SPOKEN and one.rate_hz == 8_000 and one.channels == 1
    ]
    return next(iter(offered), None)


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


def build_answer(offer: Offer, ours: Ours, *, voice: int = 0) -> bytes:
    """The answer, in the order of the offer's sections.

    Args:
        voice: The SSRC of what is said to the publisher, where it listens.
    """
    mids = " ".join(section.mid for section in offer.sections if section.is_open and section.mid)
    lines = ["v=0", f"o=- {ours.session} 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite"]
    if mids:
        lines.append(f"a=group:BUNDLE {mids}")
    lines.append("a=msid-semantic: WMS *")
    is_first = True
    for section in offer.sections:
        if not section.is_open:
            lines += [f"m={section.kind} 0 {section.protocol} {section.formats[0]}", "c=IN IP4 0.0.0.0", "a=inactive"]
            lines += [f"a=mid:{section.mid}"] if section.mid else []
            continue
        lines += _head(section, ours)
        lines += _taken(section, section.track) if section.track is not None else []
        lines += _said(section.talk, voice) if section.talk is not None else []
        lines += (candidate_lines(ours) if is_first else []) + transport_lines(ours)
        is_first = False
    return "".join(f"{line}\r\n" for line in lines).encode()


def _head(section: Section, ours: Ours) -> list[str]:
    numbers = " ".join(str(track.payload_type) for track in (section.track, section.talk) if track is not None)
    direction = "recvonly" if section.talk is None else "sendonly" if section.track is None else "sendrecv"
    host, port = ours.candidates[0]
    return [
        f"m={section.kind} {port} {section.protocol} {numbers}",
        f"c=IN {'IP6' if ':' in host else 'IP4'} {host}",
        *([f"a=mid:{section.mid}"] if section.mid else []),
        "a=rtcp-rsize",
        f"a={direction}",
    ]


def _taken(section: Section, track: MediaTrack) -> list[str]:
    number = track.payload_type
    channels = f"/{track.channels}" if track.channels > 1 else ""
    codec = track.codec if section.kind == "video" else "opus"
    lines = [f"a=rtpmap:{number} {codec}/{track.clock_rate_hz}{channels}"]
    if track.codec == "H264":
        profile = track.fmtp.get("profile-level-id", "42e01f")
        mode = track.fmtp.get("packetization-mode", "0")
        profile = profile if re.fullmatch("[0-9a-fA-F]{6}", profile) else "42e01f"
        lines.append(f"a=fmtp:{number} level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={profile}")
    elif section.kind == "audio":
        lines.append(f"a=fmtp:{number} minptime=10;useinbandfec=1")
    wishes = ((section.has_nack, "nack"), (section.has_pli, "nack pli"), (section.has_transport_cc, "transport-cc"))
    lines += [f"a=rtcp-fb:{number} {name}" for has, name in wishes if has]
    return lines + ([f"a=extmap:{section.transport_cc} {TRANSPORT_CC}"] if section.has_transport_cc else [])


def _said(track: MediaTrack, ssrc: int) -> list[str]:
    """What we say: one source for as long as the connection stands, so that its player is made once (RFC 5576)."""
    return [
        f"a=rtpmap:{track.payload_type} {track.codec}/{track.clock_rate_hz}",
        "a=msid:haechi talk",
        f"a=ssrc:{ssrc} cname:haechi",
        f"a=ssrc:{ssrc} msid:haechi talk",
    ]


def transport_lines(ours: Ours) -> list[str]:
    """What every section that is taken has in common."""
    digits = ":".join(f"{byte:02X}" for byte in ours.fingerprint)
    return ["a=rtcp-mux", *_names(ours), f"a=fingerprint:sha-256 {digits}", "a=setup:passive"]


def candidate_lines(ours: Ours) -> list[str]:
    """Where we can be reached."""
    lines: list[str] = []
    for index, (host, port) in enumerate(ours.candidates):
        priority = 126 << 24 | (0xFFFF - index) << 8 | 255
        lines.append(f"a=candidate:{index + 1} 1 udp {priority} {host} {port} typ host")
    return [*lines, "a=end-of-candidates"]


def _names(ours: Ours) -> list[str]:
    return [f"a=ice-ufrag:{ours.ice.ufrag}", f"a=ice-pwd:{ours.ice.password}"]


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
    found = Lines()
    for line in lines:
        key, _, value = line.strip("\x00 \t").partition("=")
        if key == "a":
            found.add(value)
    ufrag, password = found.first("ice-ufrag"), found.first("ice-pwd")
    if len(data) > MAX_BYTES or not UFRAG.fullmatch(ufrag) or not PASSWORD.fullmatch(password):
        raise Invalid("this is no SDP fragment with an ICE user name and password", code="bad-fragment")
    return Fragment(Credentials(ufrag, password), len(found.all("candidate")))


def build_fragment(ours: Ours) -> bytes:
    """Our side after a restart."""
    return "".join(f"{line}\r\n" for line in ["a=ice-lite", *_names(ours), *candidate_lines(ours)]).encode()
