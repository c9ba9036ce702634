"""Decodes units and codes their pictures anew, as H.264 that everything plays. Runs in the worker only.

libav is given single access units of a known codec: no container, no probing, no threads (CONTRACT S7).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation

from haechi.base.errors import Invalid, PeerError
from haechi.live.renditions.messages import Coded, Shape, Unit, fit
from haechi.media.access_unit import TICKS_PER_S, Codec, VideoParams
from haechi.media.nal import join_annexb, lengths_to_annexb

MOST_PIXELS = 4096 * 4096
"""Largest picture that is decoded (CONTRACT S12); libav refuses beyond it before it allocates."""
MOST_PENDING = 64
"""Units that a decoder may hold back; H.264 and H.265 reorder 16 at most."""
SYNC_TICKS = 2 * TICKS_PER_S
_BASE = Fraction(1, TICKS_PER_S)
_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc", Codec.VP8: "vp8", Codec.MJPEG: "mjpeg"}
_QUALITY = {True: "27", False: "23"}
"""Constant rate factor of x264, of small pictures and of those in full size."""
_BITS_PER_PIXEL = 4
"""kbit/s at most, as pixels times this over 1000: 230 for a tile, 8300 for 1080p."""


class Recoder:
    """One rendition: a decoder and an encoder, which are opened when they are needed.

    Attributes:
        damaged: Units that could not be decoded.
    """

    def __init__(self, params: VideoParams, shape: Shape) -> None:
        self._params = params
        self._shape = shape
        self._decoder = _open_decoder(params.codec, is_small=shape.width_px > 0)
        self._encoder: VideoCodecContext | None = None
        self._pending: dict[int, Unit] = {}
        self._last_pts: int | None = None
        self._sync_pts: int | None = None
        self.damaged = 0

    def feed(self, unit: Unit) -> tuple[Coded, ...]:
        """Take a unit; gives the pictures that are ready now, in the order of presentation."""
        try:
            packet: av.Packet[Any] = av.Packet(self._coded(unit))
        except PeerError:
            self.damaged += 1
            return ()
        packet.pts, packet.time_base = unit.pts, _BASE
        self._pending[unit.pts] = unit
        if len(self._pending) > MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        try:
            frames = self._decoder.decode(packet)
            if self._shape.is_stills:
                frames += self._decoder.decode(None)
                self._decoder.flush_buffers()
        except FFmpegError:
            self.damaged += 1
            return ()
        return tuple(coded for frame in frames for coded in self._picture(frame))

    def _coded(self, unit: Unit) -> bytes:
        if not self._params.codec.has_nals:
            return unit.data
        sets = join_annexb(self._params.sets) if unit.is_sync else b""
        return sets + lengths_to_annexb(unit.data)

    def _picture(self, frame: VideoFrame) -> list[Coded]:
        unit = self._pending.pop(frame.pts, None) if frame.pts is not None else None
        if unit is None or not unit.is_shown or not self._is_due(unit.pts):
            return []
        width, height = fit(frame.width, frame.height, self._shape)
        encoder = self._encoder
        if encoder is None or (encoder.width, encoder.height) != (width, height):
            opened = open_jpeg if self._shape.is_stills else open_encoder
            encoder = self._encoder = opened(width, height, self._shape)
            self._sync_pts = None
        form = "yuvj420p" if self._shape.is_stills else "yuv420p"
        picture = frame.reformat(width=width, height=height, format=form, interpolation=Interpolation.BILINEAR)
        picture.pts, picture.time_base = unit.pts, _BASE
        picture.pict_type = PictureType.NONE
        if self._sync_pts is None or unit.pts - self._sync_pts >= SYNC_TICKS:
            picture.pict_type, self._sync_pts = PictureType.I, unit.pts
        self._last_pts = unit.pts
        return [Coded(unit.number, bytes(packet)) for packet in encoder.encode(picture)]

    def _is_due(self, pts: int) -> bool:
        """Whether a picture is not too soon after the last one. A tenth early is no matter: clocks are not exact."""
        if self._last_pts is None:
            return True
        pause = TICKS_PER_S * 9 // (10 * self._shape.fps) if self._shape.fps else 1
        return pts >= self._last_pts + pause


def _open_decoder(codec: Codec, *, is_small: bool) -> VideoCodecContext:
    """A decoder of this codec. For a picture that is made small, what smooths the edges of blocks is left out."""
    context = av.CodecContext.create(_DECODERS.get(codec, ""), "r") if codec in _DECODERS else None
    if not isinstance(context, VideoCodecContext):
        raise Invalid("no video codec", code="unsupported-codec", codec=str(codec))
    context.thread_count = 1
    context.options = {"max_pixels": str(MOST_PIXELS)} | ({"skip_loop_filter": "all"} if is_small else {})
    return context


def open_encoder(width_px: int, height_px: int, shape: Shape) -> VideoCodecContext:
    """Constrained baseline without delay: a picture in, a picture out, a sync unit when we say so."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width_px, height_px, "yuv420p"
    encoder.time_base, encoder.framerate = _BASE, Fraction(shape.fps or 25)
    encoder.thread_count, encoder.max_b_frames = 1, 0
    encoder.gop_size = 4 * encoder.framerate.numerator
    most_kbps = max(200, width_px * height_px * _BITS_PER_PIXEL // 1000)
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "crf": _QUALITY[bool(shape.width_px)],
        "maxrate": f"{most_kbps}k",
        "bufsize": f"{most_kbps}k",
        "forced-idr": "1",
    }
    encoder.open()
    return encoder


def open_jpeg(width_px: int, height_px: int, shape: Shape) -> VideoCodecContext:
    """Each picture by itself."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width_px, height_px, "yuvj420p"
    encoder.time_base, encoder.framerate = _BASE, Fraction(shape.fps or 25)
    encoder.thread_count = 1
    encoder.options = {"qmin": "5", "qmax": "5"}
    encoder.open()
    return encoder
