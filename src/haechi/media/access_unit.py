"""The noun of the house: the access unit, its identity, and what a decoder must know to read it."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType, Self

from msgspec import Struct

from haechi.base.errors import Invalid
from haechi.base.ids import StreamId

TICKS_PER_S = 90_000
"""Resolution of ``pts`` and ``dts`` for video and audio alike."""


class Codec(StrEnum):
    """A coding that we carry. The value is the name in the API and the database."""

    H264 = "h264"
    H265 = "h265"
    VP8 = "vp8"
    MJPEG = "mjpeg"
    AAC = "aac"
    OPUS = "opus"
    PCMU = "pcmu"
    PCMA = "pcma"

    @property
    def is_video(self) -> bool:
        return self in (Codec.H264, Codec.H265, Codec.VP8, Codec.MJPEG)

    @property
    def has_nals(self) -> bool:
        """Whether units are made of NAL units, with parameter sets apart."""
        return self in (Codec.H264, Codec.H265)


class UnitRef(Struct, frozen=True, order=True, gc=False):
    """Which access unit. Everything derived from one (a box, a score, an event) carries this, not a time.

    The text form is ``stream:run:seq``, for example ``cam_k3/main:12:4711``.
    """

    stream: StreamId
    run: int
    seq: int

    def __str__(self) -> str:
        return f"{self.stream}:{self.run}:{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        Raises:
            Invalid: ``text`` is not a reference.
        """
        parts = text.rsplit(":", 2)
        if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()) or len(text) > 200:
            raise Invalid("not a unit reference (want stream:run:seq)", code="bad-unit-ref")
        return cls(StreamId(parts[0]), int(parts[1]), int(parts[2]))


EdgeRun = NewType("EdgeRun", int)
"""Drawn at random (1 to 2**63 - 1) by a camera that numbers its units itself, each time its stream begins."""


class EdgeId(Struct, frozen=True, order=True, gc=False):
    """Which unit of a track, by the camera's own count. ``seq`` counts from 0 without holes in a run of a track."""

    run: EdgeRun
    seq: int


class EdgeMark(Struct, frozen=True, gc=False):
    """What a camera that numbers its units says of one: its number, and the camera's wall clock when it was taken."""

    edge: EdgeId
    wall_ns: int


class VideoParams(Struct, frozen=True):
    """What a decoder must know before the first unit of a video stream.

    Attributes:
        sets: Parameter sets as NAL units without start codes or lengths. H.264: SPS then PPS, each in order of
            appearance; H.265: VPS, SPS, PPS. Others: empty.
        width_px, height_px: Size to display, after cropping.
        codec_string: RFC 6381 name for players, for example ``avc1.64001f``. Empty for MJPEG.
    """

    codec: Codec
    width_px: int
    height_px: int
    sets: tuple[bytes, ...] = ()
    codec_string: str = ""


class AudioParams(Struct, frozen=True):
    """What a decoder must know before the first unit of an audio stream.

    Attributes:
        rate_hz: Sampling rate. Opus: always 48,000.
        config: AAC: AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1). Others: empty.
        codec_string: RFC 6381 name, for example ``mp4a.40.2`` or ``opus``; ``ulaw``/``alaw`` for G.711.
    """

    codec: Codec
    rate_hz: int
    channels: int
    config: bytes = b""
    codec_string: str = ""


CodecParams = VideoParams | AudioParams


class RawUnit(Struct, frozen=True, gc=False):
    """A coded picture or audio frame as it came off the wire: complete, but not yet stamped.

    Attributes:
        rtp_ticks: Unwrapped RTP timestamp in the payload's own clock rate (video: 90 kHz).
        is_sync: Whether decoding can start here. Any audio frame is one.
        data: As in `AccessUnit`.
        params: The parameters in force from this unit on, when they differ from those before it (the first unit of
            a stream always carries some).
        lost_packets: RTP packets known to be missing since the previous unit was yielded.
        damaged: Part of this unit was lost; it must not be stored as good.
        mark: What the camera itself calls the unit, where it does.
    """

    rtp_ticks: int
    is_sync: bool
    data: bytes
    params: CodecParams | None = None
    lost_packets: int = 0
    damaged: bool = False
    mark: EdgeMark | None = None


class AccessUnit(Struct, frozen=True, gc=False):
    """One coded picture, or one audio frame, as the camera sent it.

    Made in exactly one place, `haechi.ingest.stamp`, and never altered: the recorder, the viewers and the
    detectors hold the same object.

    Attributes:
        ref: Identity. ``run`` grows by one on each (re)connection; ``seq`` counts from 0 without holes in a run.
        pts: Presentation time in 90 kHz ticks since the start of the run, from the camera's clock.
        dts: Decode time, same unit. Equal to ``pts`` when the encoder does not reorder pictures.
        captured_ns: Best estimate of when the picture was taken, ns since 1970-01-01T00:00Z, our clock.
            Strictly increasing with ``seq``.
        is_sync: Whether decoding can start here (IDR/CRA picture; any audio frame).
        params: Index into the run's codec parameters (`haechi.bus.frames.Run.params`).
        data: H.26x: NAL units, each after a 4-byte big-endian length, without parameter sets. VP8: a frame
            (RFC 6386). MJPEG: a JFIF file. Audio: raw frame.
    """

    ref: UnitRef
    pts: int
    dts: int
    captured_ns: int
    is_sync: bool
    params: int
    data: bytes
