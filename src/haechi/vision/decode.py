"""From one GOP's units to frames, through PyAV with the codec pinned. Runs in the worker only.

Every GOP gets a decoder of its own: what a frame looks like then depends on its GOP alone, never on how long the
decoder has been running, so that a frame decoded again from the recording is the same (opening one takes 0.03 ms).
No container, no probing, no threads: libav is given single access units of a known codec.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from msgspec import Struct
from numpy.typing import NDArray

from haechi.base.errors import Invalid, PeerError
from haechi.media.access_unit import Codec, VideoParams
from haechi.vision.runtime import Pixels

MOST_PIXELS = 4096 * 4096
"""Largest picture that is decoded (CONTRACT S12); libav refuses beyond it before it allocates."""
MOST_PENDING = 64
"""Units that a decoder may hold back; H.264 and H.265 reorder 16 at most."""
STILL_WIDTHS_PX = range(16, 4097)

_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc", Codec.VP8: "vp8", Codec.MJPEG: "mjpeg"}
_START_CODE = b"\x00\x00\x00\x01"
Grey = NDArray[np.uint8]
"""A grey picture: shape (height, width), 0-255."""


class Frame:
    """One decoded picture, valid in this process only."""

    __slots__ = ("_frame",)

    def __init__(self, frame: VideoFrame) -> None:
        self._frame = frame

    @property
    def width_px(self) -> int:
        return self._frame.width

    @property
    def height_px(self) -> int:
        return self._frame.height

    @property
    def is_damaged(self) -> bool:
        """Whether the decoder had to invent a part of it."""
        return bool(self._frame.is_corrupt)

    def scaled(self, width_px: int, height_px: int) -> Pixels:
        """The picture in another size."""
        return np.asarray(self._frame.to_ndarray(width=width_px, height=height_px, format="bgr24"), np.uint8)

    def grey(self, width_px: int) -> Grey:
        """The luma plane reduced to ``width_px`` by averaging."""
        height_px = max(1, round(self.height_px * width_px / self.width_px))
        small = cv2.resize(self._luma(), (width_px, height_px), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    def sha256(self) -> str:
        """SHA-256 of the decoded luma plane, row by row without padding (hex)."""
        return hashlib.sha256(np.ascontiguousarray(self._luma()).data).hexdigest()

    def jpeg(self, width_px: int | None, quality: int) -> bytes:
        """The picture as JPEG, reduced to ``width_px`` when it is wider."""
        width = min(self.width_px, width_px or self.width_px)
        height = max(1, round(self.height_px * width / self.width_px))
        encoded, data = cv2.imencode(".jpg", self.scaled(width, height), [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not encoded:
            raise Invalid("the picture cannot be coded as JPEG", code="still-failed")
        return data.tobytes()

    def _luma(self) -> Grey:
        """The first plane of 8-bit planar formats as it lies in memory; others are converted."""
        component = self._frame.format.components[0]
        if not self._frame.format.is_planar or component.bits != 8 or self._frame.format.is_rgb:
            return np.asarray(self._frame.to_ndarray(format="gray8"), np.uint8)
        plane = self._frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: plane.height, : plane.width]


class Decoded(Struct):
    """A frame, and the index (as handed to `GopDecoder.feed`) of the unit that it came from."""

    index: int
    frame: Frame


class GopDecoder:
    """Decodes the units of one GOP, the sync unit first.

    Attributes:
        damaged: Units that gave an error or a frame with invented parts.
    """

    def __init__(self, params: VideoParams) -> None:
        self._params = params
        self._context = _open(params.codec)
        self._is_first = True
        self._pending: dict[int, deque[int]] = {}
        self.damaged = 0

    def feed(self, index: int, pts: int, data: bytes) -> list[Decoded]:
        """Decode a unit; gives the frames that became complete, in the order of presentation.

        Raises:
            PeerError: The unit is not a sequence of NAL units.
        """
        packet: av.Packet[Any] = av.Packet(self._coded(data))
        packet.pts = pts
        self._pending.setdefault(pts, deque()).append(index)
        if len(self._pending) > MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        return self._decode(packet)

    def drain(self) -> list[Decoded]:
        """The frames that the decoder still holds back. The decoder is of no further use."""
        return self._decode(None)

    def _coded(self, data: bytes) -> bytes:
        if not self._params.codec.has_nals:
            return data
        coded = annex_b(data)
        if self._is_first:
            self._is_first = False
            coded = b"".join(_START_CODE + nal for nal in self._params.sets) + coded
        return coded

    def _decode(self, packet: av.Packet[Any] | None) -> list[Decoded]:
        try:
            frames = self._context.decode(packet)
        except FFmpegError:
            self.damaged += 1
            return []
        return [decoded for frame in frames if (decoded := self._match(frame)) is not None]

    def _match(self, frame: VideoFrame) -> Decoded | None:
        waiting = self._pending.get(frame.pts) if frame.pts is not None else None
        if frame.pts is None or not waiting:
            return None
        index = waiting.popleft()
        if not waiting:
            del self._pending[frame.pts]
        if frame.is_corrupt:
            self.damaged += 1
        return Decoded(index, Frame(frame))


def annex_b(data: bytes) -> bytes:
    """NAL units after 4-byte lengths to NAL units after start codes (ITU-T H.264 Annex B); the size is the same.

    Raises:
        PeerError: A length points beyond the end.
    """
    coded = bytearray(data)
    offset = 0
    while offset < len(coded):
        end = offset + 4 + int.from_bytes(coded[offset : offset + 4], "big")
        if end > len(coded) or end < offset + 5:
            raise PeerError("a NAL unit is longer than its access unit", offset=offset, code="bad-unit")
        coded[offset : offset + 4] = _START_CODE
        offset = end
    return bytes(coded)


def _open(codec: Codec) -> VideoCodecContext:
    name = _DECODERS.get(codec)
    if name is None:
        raise Invalid("no video codec", code="unsupported-codec", codec=str(codec))
    context = av.CodecContext.create(name, "r")
    if not isinstance(context, VideoCodecContext):
        raise Invalid("no video codec", code="unsupported-codec", codec=str(codec))
    context.thread_count = 1
    context.options = {"max_pixels": str(MOST_PIXELS)}
    return context
