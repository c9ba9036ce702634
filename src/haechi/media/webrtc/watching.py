"""What a viewer offers to receive, what of it our stream is, and what we answer (RFC 3264, RFC 6184, RFC 7798).

Nothing is coded anew for a viewer, so the question is only under which of the offered numbers the stream can go.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from haechi.base.errors import Invalid
from haechi.media.access_unit import AudioParams, Codec, CodecParams, VideoParams
from haechi.media.webrtc.description import Ours, candidate_lines, transport_lines
from haechi.media.webrtc.ice import Credentials
from haechi.media.webrtc.lines import (
    PROTOCOLS,
    TOKEN,
    Format,
    Lines,
    bad_offer,
    credentials_of,
    feedback_of,
    fingerprints_of,
    formats_of,
    head_of,
    require_bundle,
    split,
)

_RECEIVING = frozenset({"sendrecv", "recvonly"})
_FEEDBACK = ("nack", "nack pli", "ccm fir")
"""What we heed. Not transport-cc and not REMB: a stream that is passed on as it is cannot be made smaller."""
_NAMES = {
    Codec.H264: "H264",
    Codec.H265: "H265",
    Codec.VP8: "VP8",
    Codec.OPUS: "opus",
    Codec.PCMU: "PCMU",
    Codec.PCMA: "PCMA",
}
_DEFAULT_PROFILE = "420010"
"""RFC 6184 section 8.1: Baseline, level 1, where nothing is said."""
_OWN_ONLY = -1


class Option(Struct, frozen=True):
    """One way of coding that a viewer takes in a section."""

    format: Format
    feedback: frozenset[str]


class WatchSection(Struct, frozen=True):
    """One media section of an offer. ``options`` is empty where nothing can be sent in it."""

    kind: str
    mid: str
    protocol: str
    formats: tuple[str, ...]
    options: tuple[Option, ...] = ()


class WatchOffer(Struct, frozen=True):
    """What a viewer offers; see `haechi.media.webrtc.description.Offer`."""

    sections: tuple[WatchSection, ...]
    ice: Credentials
    fingerprints: tuple[tuple[str, bytes], ...]


class Lane(Struct, frozen=True):
    """One stream of ours in one section of an offer.

    Attributes:
        section: Its index in the offer.
    """

    section: int
    codec: Codec
    option: Option

    @property
    def payload_type(self) -> int:
        return self.option.format.number


def parse_watch_offer(data: bytes) -> WatchOffer:
    """Read an offer to receive.

    Raises:
        Invalid: ``bad-offer``: not an offer that WebRTC makes, or one to receive nothing.
    """
    session, parts = split(data)
    sections: list[WatchSection] = []
    for lines in parts:
        taken = {section.kind for section in sections if section.options}
        sections.append(_section(lines, taken))
    open_ones = [index for index, section in enumerate(sections) if section.options]
    if not any(sections[index].kind == "video" for index in open_ones):
        raise bad_offer("it does not ask for video (recvonly)")
    require_bundle(session, [sections[index].mid for index in open_ones], of=len(sections))
    leader = parts[open_ones[0]]
    return WatchOffer(tuple(sections), credentials_of(leader, session), fingerprints_of(leader, session))


def _section(lines: Lines, taken: set[str]) -> WatchSection:
    kind, protocol, formats = head_of(lines.head)
    mid = lines.first("mid")
    if mid and not TOKEN.fullmatch(mid):
        raise bad_offer("a section has no name that can be repeated")
    direction = next((name for name in ("sendonly", "recvonly", "inactive") if lines.has(name)), "sendrecv")
    is_wanted = kind in {"video", "audio"} and kind not in taken
    if not is_wanted or direction not in _RECEIVING or protocol not in PROTOCOLS:
        return WatchSection(kind, mid, protocol, formats)
    if not lines.has("rtcp-mux"):
        raise bad_offer("it does not take RTP and RTCP over one port (rtcp-mux)")
    options = (Option(one, feedback_of(lines, one.number)) for one in formats_of(lines, formats))
    return WatchSection(kind, mid, protocol, formats, tuple(options))


def lanes_for(offer: WatchOffer, video: VideoParams, audio: AudioParams | None) -> tuple[Lane, ...]:
    """Where in the offer these streams go. Sound that cannot be sent is left out: pictures without it are some, too.

    Raises:
        Invalid: ``viewer-lacks-codec``: it does not decode what the camera sends.
    """
    lanes: list[Lane] = []
    for index, section in enumerate(offer.sections):
        params: CodecParams | None = video if section.kind == "video" else audio
        if params is None or not section.options:
            continue
        option = _option(section.options, params)
        if option is None and section.kind == "video":
            message = f"this viewer takes no {video.codec_string or video.codec.value} by WebRTC; watch in another way"
            raise Invalid(message, code="viewer-lacks-codec", codec=video.codec_string or video.codec.value)
        if option is not None and option.format.number not in {lane.payload_type for lane in lanes}:
            lanes.append(Lane(index, params.codec, option))
    return tuple(lanes)


def _option(options: Sequence[Option], params: CodecParams) -> Option | None:
    if isinstance(params, VideoParams):
        if params.codec is Codec.H264:
            return _h264(options, params)
        if params.codec is Codec.VP8:
            return next((one for one in options if one.format.codec == "VP8"), None)
        return next((one for one in options if params.codec is Codec.H265 and _is_h265(one.format, params)), None)
    name, rate_hz, channels = _NAMES.get(params.codec, "").upper(), params.rate_hz, params.channels
    if params.codec is not Codec.OPUS and (rate_hz, channels) != (8_000, 1):
        return None
    fitting = (one for one in options if name and one.format.codec == name and one.format.rate_hz == rate_hz)
    return next(fitting, None)


def _h264(options: Sequence[Option], params: VideoParams) -> Option | None:
    """The offered profile that is the stream's; else the least that holds it."""
    wanted = params.codec_string.partition(".")[2]
    ranked: list[tuple[int, int, Option]] = []
    for index, one in enumerate(options):
        fmtp = one.format.fmtp
        if one.format.codec != "H264" or fmtp.get("packetization-mode", "0") != "1":
            continue
        distance = _distance(wanted, fmtp.get("profile-level-id", _DEFAULT_PROFILE))
        if distance is not None:
            ranked.append((distance, index, one))
    return min(ranked, key=lambda row: row[:2])[2] if ranked else None


def _distance(wanted: str, offered: str) -> int | None:
    """How much more than ``wanted`` the profile ``offered`` is (profile-level-id); None: not enough, or another."""
    if not re.fullmatch("[0-9a-fA-F]{6}", offered) or not re.fullmatch("[0-9a-fA-F]{6}", wanted):
        return None
    if wanted[:4].lower() == offered[:4].lower():
        return 0
    has, needs = _rank(offered), _rank(wanted)
    if _OWN_ONLY in {has, needs}:
        return 1 if wanted[:2].lower() == offered[:2].lower() else None
    return 1 + has - needs if has >= needs else None


def _rank(profile: str) -> int:
    """How much a decoder of this profile takes: each takes what those before it take (ITU-T H.264 A.2). Chromium offers
    High 4:4:4 Predictive where it has no hardware decoder, and not High, which is part of it.
    """
    number, constraints = int(profile[:2], 16), int(profile[2:4], 16)
    if number == 66:
        return 0 if constraints & 0x40 else 1
    return {77: 2, 100: 3, 110: 4, 122: 5, 244: 6}.get(number, _OWN_ONLY)


def _is_h265(one: Format, params: VideoParams) -> bool:
    match = re.match(r"h[ve][vc]1\.[ABC]?(\d{1,2})\.", params.codec_string)
    single = one.fmtp.get("tx-mode", "SRST").upper() == "SRST"
    return one.codec == "H265" and single and match is not None and one.fmtp.get("profile-id", "1") == match.group(1)


def build_watch_answer(offer: WatchOffer, lanes: Sequence[tuple[Lane, int]], ours: Ours, name: str) -> bytes:
    """The answer, in the order of the offer's sections.

    Args:
        lanes: What is sent where, each with its SSRC.
        name: The CNAME that all lanes share: what has one name is played in step.
    """
    by_section = {lane.section: (lane, ssrc) for lane, ssrc in lanes}
    mids = " ".join(offer.sections[index].mid for index in sorted(by_section) if offer.sections[index].mid)
    lines = ["v=0", f"o=- {ours.session} 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite"]
    lines += [f"a=group:BUNDLE {mids}"] if mids else []
    lines.append("a=msid-semantic: WMS *")
    first = min(by_section)
    for index, section in enumerate(offer.sections):
        if index not in by_section:
            lines += [f"m={section.kind} 0 {section.protocol} {section.formats[0]}", "c=IN IP4 0.0.0.0", "a=inactive"]
            lines += [f"a=mid:{section.mid}"] if section.mid else []
            continue
        lines += _sent(section, *by_section[index], ours, name)
        lines += (candidate_lines(ours) if index == first else []) + transport_lines(ours)
    return "".join(f"{line}\r\n" for line in lines).encode()


def _sent(section: WatchSection, lane: Lane, ssrc: int, ours: Ours, name: str) -> list[str]:
    one, number = lane.option.format, lane.payload_type
    channels = "/2" if lane.codec is Codec.OPUS else ""
    host, port = ours.candidates[0]
    lines = [
        f"m={section.kind} {port} {section.protocol} {number}",
        f"c=IN {'IP6' if ':' in host else 'IP4'} {host}",
        *([f"a=mid:{section.mid}"] if section.mid else []),
        "a=sendonly",
        f"a=msid:{name} {section.kind}",
        f"a=rtpmap:{number} {_NAMES[lane.codec]}/{one.rate_hz}{channels}",
    ]
    if lane.codec is Codec.H264:
        profile = one.fmtp.get("profile-level-id", _DEFAULT_PROFILE)
        lines.append(f"a=fmtp:{number} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}")
    lines += [f"a=rtcp-fb:{number} {kind}" for kind in _FEEDBACK if kind in lane.option.feedback]
    return [*lines, f"a=ssrc:{ssrc} cname:{name}", f"a=ssrc:{ssrc} msid:{name} {section.kind}"]
