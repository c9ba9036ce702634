"""Serving a stream over RTP: the session description of its parameters, and its units as packets."""

from __future__ import annotations

import base64

from haechi.base.errors import Invalid
from haechi.media import rtcp
from haechi.media.access_unit import AudioParams, Codec, CodecParams, VideoParams
from haechi.media.h264 import NalType as H264Type
from haechi.media.h265 import NalType as H265Type
from haechi.media.h265 import nal_type
from haechi.media.payload.aac import AacPacketiser
from haechi.media.payload.base import MAX_PAYLOAD_BYTES, Packetiser
from haechi.media.payload.frames import FramePacketiser
from haechi.media.payload.h264 import H264Packetiser
from haechi.media.payload.h265 import H265Packetiser
from haechi.media.payload.mjpeg import MjpegPacketiser
from haechi.media.payload.vp8 import Vp8Packetiser
from haechi.media.rtp import pack_header
from haechi.media.sdp import MediaTrack

_STATIC_TYPES = {Codec.PCMU: 0, Codec.PCMA: 8, Codec.MJPEG: 26}
_NAMES = {
    Codec.H264: "H264",
    Codec.H265: "H265",
    Codec.VP8: "VP8",
    Codec.MJPEG: "JPEG",
    Codec.AAC: "MPEG4-GENERIC",
    Codec.OPUS: "OPUS",
    Codec.PCMU: "PCMU",
    Codec.PCMA: "PCMA",
}


def track_for(params: CodecParams, payload_type: int = 96, control: str = "trackID=0") -> MediaTrack:
    """The track that describes a stream with these parameters. G.711 at 8 kHz and JPEG take their static types."""
    kind, clock, channels = "video", 90_000, 1
    if isinstance(params, AudioParams):
        kind, clock, channels = "audio", params.rate_hz, params.channels
    if params.codec in _STATIC_TYPES and (clock, channels) in ((90_000, 1), (8_000, 1)):
        payload_type = _STATIC_TYPES[params.codec]
    if params.codec is Codec.OPUS:
        channels = 2  # RFC 7587 section 7: always 2 in the rtpmap, whatever is sent
    return MediaTrack(kind, payload_type, _NAMES[params.codec], clock, channels, _fmtp(params), control)


def _fmtp(params: CodecParams) -> dict[str, str]:
    if isinstance(params, AudioParams):
        if params.codec is not Codec.AAC:
            return {}
        sizes = {"sizelength": "13", "indexlength": "3", "indexdeltalength": "3"}
        return {"streamtype": "5", "profile-level-id": "1", "mode": "AAC-hbr", **sizes, "config": params.config.hex()}
    if params.codec is Codec.H264:
        sps = next((nal for nal in params.sets if nal[0] & 0x1F == H264Type.SPS), b"")
        sets = ",".join(map(_base64, params.sets))
        return {"packetization-mode": "1", "profile-level-id": sps[1:4].hex(), "sprop-parameter-sets": sets}
    kinds = (("vps", H265Type.VPS), ("sps", H265Type.SPS), ("pps", H265Type.PPS))
    if params.codec is not Codec.H265:
        return {}
    return {f"sprop-{name}": ",".join(_base64(n) for n in params.sets if nal_type(n) == kind) for name, kind in kinds}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def packetiser_for(codec: Codec, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> Packetiser:
    """A packetiser for a codec."""
    match codec:
        case Codec.H264:
            return H264Packetiser(max_payload_bytes)
        case Codec.H265:
            return H265Packetiser(max_payload_bytes)
        case Codec.VP8:
            return Vp8Packetiser(max_payload_bytes)
        case Codec.MJPEG:
            return MjpegPacketiser(max_payload_bytes)
        case Codec.AAC:
            return AacPacketiser(max_payload_bytes)
        case Codec.OPUS | Codec.PCMU | Codec.PCMA:
            return FramePacketiser()


class RtpSender:
    """Units of one track as RTP packets, parameter sets before each sync unit; counts for sender reports.

    Attributes:
        ssrc: Our identity in the stream.
        packets, octets: Sent so far, the payload only, as sender reports count them.
    """

    def __init__(
        self,
        track: MediaTrack,
        codec: Codec,
        *,
        ssrc: int,
        first_sequence: int = 0,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
    ) -> None:
        if not 0 <= track.payload_type < 128:
            raise Invalid("an RTP payload type is a number below 128", code="bad-track")
        self._payload_type = track.payload_type
        self._packetiser = packetiser_for(codec, max_payload_bytes)
        self._sets: tuple[bytes, ...] = ()
        self._sequence = first_sequence
        self.ssrc = ssrc
        self.packets = 0
        self.octets = 0

    def packetise(
        self, data: bytes, rtp_ticks: int, *, is_sync: bool = False, params: CodecParams | None = None
    ) -> list[bytes]:
        """One unit as packets. ``params``: the parameters from this unit on, when they change."""
        payloads: list[tuple[bytes, bool]] = []
        if isinstance(params, VideoParams):
            self._sets = params.sets
        if (is_sync or params is not None) and isinstance(self._packetiser, H264Packetiser | H265Packetiser):
            payloads += (
                [(payload, False) for payload in self._packetiser.parameter_sets(self._sets)] if self._sets else []
            )
        payloads += self._packetiser.packetise(data)
        return [self._packet(payload, rtp_ticks & 0xFFFFFFFF, marker) for payload, marker in payloads]

    def _packet(self, payload: bytes, timestamp: int, marker: bool) -> bytes:
        second = self._payload_type | (0x80 if marker else 0)
        head = pack_header(0x80, second, self._sequence, timestamp, self.ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        return head + payload

    def sender_report(self, rtp_ticks: int, wall_ns: int, name: str = "haechi") -> bytes:
        """A compound packet that says: ``rtp_ticks`` is ``wall_ns`` (ns since 1970)."""
        ntp = rtcp.ns_to_ntp(wall_ns)
        report = rtcp.SenderReport(self.ssrc, ntp, rtp_ticks & 0xFFFFFFFF, self.packets, self.octets)
        return rtcp.build(report, rtcp.SourceDescription(((self.ssrc, name),)))

    def goodbye(self) -> bytes:
        """A compound packet that says that the stream is over."""
        return rtcp.build(rtcp.ReceiverReport(self.ssrc), rtcp.Goodbye((self.ssrc,)))
