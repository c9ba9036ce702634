"""Which depacketiser a track of a session description needs, and whether we carry its codec at all."""

from __future__ import annotations

import binascii
from collections.abc import Callable

from haechi.base.errors import Invalid, PeerError
from haechi.media import aac
from haechi.media.access_unit import AudioParams, Codec
from haechi.media.h264 import NalType
from haechi.media.payload.aac import AacDepacketiser
from haechi.media.payload.base import Depacketiser
from haechi.media.payload.frames import FrameDepacketiser
from haechi.media.payload.h264 import H264Depacketiser, H264Dialect
from haechi.media.payload.h265 import H265Depacketiser, H265Dialect
from haechi.media.payload.mjpeg import MjpegDepacketiser
from haechi.media.payload.vp8 import Vp8Depacketiser
from haechi.media.sdp import MediaTrack

_CODECS = {
    "H264": Codec.H264,
    "H265": Codec.H265,
    "HEVC": Codec.H265,
    "VP8": Codec.VP8,
    "JPEG": Codec.MJPEG,
    "MPEG4-GENERIC": Codec.AAC,
    "OPUS": Codec.OPUS,
    "PCMU": Codec.PCMU,
    "PCMA": Codec.PCMA,
}


def codec_of(track: MediaTrack) -> Codec:
    """The codec of a track that we can take.

    Raises:
        Invalid: We do not carry it (``unsupported-codec``); the message names it.
    """
    codec = _CODECS.get(track.codec)
    name = track.codec or f"payload type {track.payload_type}"
    if codec is None or codec.is_video != (track.kind == "video"):
        advice = "set the camera to H.264 or H.265" if track.kind == "video" else "set it to AAC, G.711 or Opus"
        raise Invalid(
            f"the camera's {track.kind} is {name}, which is not supported; {advice}", code="unsupported-codec"
        )
    if codec is Codec.AAC and track.fmtp.get("mode", "AAC-hbr").lower() not in ("aac-hbr", "aac-lbr"):
        raise Invalid(f"AAC in mode {track.fmtp['mode']} is not supported", code="unsupported-codec")
    donl = track.fmtp.get("sprop-max-don-diff", "0"), track.fmtp.get("sprop-depack-buf-nalus", "0")
    if codec is Codec.H265 and donl != ("0", "0"):
        raise Invalid("H.265 sent out of decoding order (DONL) is not supported", code="unsupported-codec")
    if codec is Codec.H264 and track.fmtp.get("packetization-mode") == "2":
        raise Invalid("H.264 in interleaved packetization mode is not supported", code="unsupported-codec")
    return codec


def depacketiser_for(track: MediaTrack) -> Depacketiser:
    """A fresh depacketiser for a track.

    Raises:
        Invalid: We do not carry its codec (``unsupported-codec``).
    """
    number = track.payload_type
    codec = codec_of(track)
    match codec:
        case Codec.H264:
            return H264Depacketiser(number, _sets(track, _good_h264))
        case Codec.H265:
            return H265Depacketiser(number, _sets(track, _good_h265))
        case Codec.VP8:
            return Vp8Depacketiser(number)
        case Codec.MJPEG:
            return MjpegDepacketiser(number)
        case Codec.AAC:
            return _aac(track)
        case Codec.OPUS | Codec.PCMU | Codec.PCMA:
            names = {Codec.OPUS: "opus", Codec.PCMU: "ulaw", Codec.PCMA: "alaw"}
            rate = 48_000 if codec is Codec.OPUS else track.clock_rate_hz
            return FrameDepacketiser(number, AudioParams(codec, rate, track.channels, b"", names[codec]))


def _sets(track: MediaTrack, check: Callable[[bytes], object]) -> list[bytes]:
    """The parameter sets of the description that can be read; others are left out, for most come in-band too."""
    good: list[bytes] = []
    for nal in track.parameter_sets():
        try:
            check(nal)
        except PeerError:
            continue
        good.append(nal)
    return good


def _good_h264(nal: bytes) -> None:
    if nal[0] & 0x1F not in (NalType.SPS, NalType.PPS):
        raise PeerError("not a parameter set", offset=0)
    H264Dialect([nal])


def _good_h265(nal: bytes) -> None:
    if not 32 <= (nal[0] >> 1) & 0x3F <= 34:
        raise PeerError("not a parameter set", offset=0)
    H265Dialect([nal])


def _aac(track: MediaTrack) -> AacDepacketiser:
    try:
        config = binascii.unhexlify(track.fmtp.get("config", "").strip('"'))
    except (binascii.Error, ValueError) as error:
        raise Invalid("the camera's AAC configuration is not hexadecimal", code="unsupported-codec") from error
    config = config or aac.build_config(track.clock_rate_hz, track.channels)
    parsed = aac.parse_config(config)
    short = track.fmtp.get("mode", "").lower() == "aac-lbr"
    return AacDepacketiser(
        track.payload_type,
        aac.audio_params(config, track.channels),
        ticks_per_frame=parsed.samples_per_frame * track.clock_rate_hz // parsed.rate_hz,
        size_bits=_small(track, "sizelength", 6 if short else 13),
        index_bits=_small(track, "indexlength", 2 if short else 3),
    )


def _small(track: MediaTrack, name: str, default: int) -> int:
    text = track.fmtp.get(name, "")
    return int(text) if text.isdecimal() and len(text) <= 2 and 0 < int(text) <= 16 else default
