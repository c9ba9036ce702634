"""Results drawn on the very pictures that they belong to, in order; and the annotated video as a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from haechi.base.errors import Invalid
from haechi.client.sending import Seen
from haechi.media.access_unit import TICKS_PER_S, Codec, RawUnit, VideoParams
from haechi.media.nal import join_annexb, lengths_to_annexb
from haechi.media.push.words import Box

LEAST_POINT_SCORE = 0.3
"""Points that the module is less sure of are not drawn."""
MOST_WAITING = 300
"""Pictures that wait for a result; beyond it they are drawn without one."""
_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}
_COLOURS = ((80, 220, 80), (80, 160, 255), (255, 160, 60), (220, 90, 220), (60, 220, 220), (90, 90, 255))
"""BGR."""

Picture = NDArray[np.uint8]
"""Height x width x 3, 0-255, blue, green, red."""


class _Waiting(Struct, frozen=True):
    ticks: int
    frame: av.VideoFrame


class Annotator:
    """Decodes what is sent and gives out pictures with their boxes. Blocking: one thread calls it.

    Pictures that the server did not look at carry the boxes of the last one that it did, drawn thin.

    Args:
        give: Takes each picture with its time (90 kHz).
    """

    def __init__(self, give: Callable[[Picture, int], None]) -> None:
        self._give = give
        self._decoder: av.VideoCodecContext | None = None
        self._waiting: deque[_Waiting] = deque()
        self._last: tuple[Box, ...] = ()

    def sent(self, unit: RawUnit) -> None:
        """A unit was sent."""
        data = lengths_to_annexb(unit.data)
        if isinstance(unit.params, VideoParams):
            if self._decoder is not None:
                self._drain()
            self._decoder = _decoder(unit.params)
            data = join_annexb(unit.params.sets) + data
        if self._decoder is None:
            return
        packet = av.Packet(data)
        packet.pts, packet.time_base = unit.rtp_ticks, Fraction(1, TICKS_PER_S)
        try:
            self._take(self._decoder.decode(packet))
        except av.error.InvalidDataError:
            return  # one picture of many; the server will say the same of it
        while len(self._waiting) > MOST_WAITING:
            self._show(self._waiting.popleft(), self._last, is_own=False)

    def judged(self, seen: Seen) -> None:
        """A result came: its picture, and those before it, are complete."""
        while self._waiting and self._waiting[0].ticks < seen.ticks:
            self._show(self._waiting.popleft(), self._last, is_own=False)
        self._last = seen.boxes
        if self._waiting and self._waiting[0].ticks == seen.ticks:
            self._show(self._waiting.popleft(), seen.boxes, is_own=True)

    def finish(self) -> None:
        """No result follows."""
        if self._decoder is not None:
            self._drain()
        while self._waiting:
            self._show(self._waiting.popleft(), self._last, is_own=False)

    def _drain(self) -> None:
        assert self._decoder is not None
        self._take(self._decoder.decode(None))

    def _take(self, frames: list[av.VideoFrame]) -> None:
        self._waiting += (_Waiting(frame.pts or 0, frame) for frame in frames)

    def _show(self, waiting: _Waiting, boxes: tuple[Box, ...], *, is_own: bool) -> None:
        picture = cast(Picture, waiting.frame.to_ndarray(format="bgr24"))
        draw(picture, boxes, is_own=is_own)
        self._give(picture, waiting.ticks)


def _decoder(params: VideoParams) -> av.VideoCodecContext:
    codec = av.CodecContext.create(_DECODERS[params.codec], "r")
    assert isinstance(codec, av.VideoCodecContext)
    codec.thread_count = 1
    return codec


def draw(picture: Picture, boxes: tuple[Box, ...], *, is_own: bool = True) -> None:
    """Draw boxes into a picture; thin where they belong to an earlier one."""
    height, width = picture.shape[:2]
    size, dot = max(0.4, height / 900), max(3, height // 180)
    for box in boxes:
        colour = _COLOURS[sum(box.label.encode()) % len(_COLOURS)]
        left, top = int(box.x * width), int(box.y * height)
        right, bottom = int((box.x + box.w) * width), int((box.y + box.h) * height)
        thick = max(2, height // 270) if is_own else 1
        cv2.rectangle(picture, (left, top), (right, bottom), colour, thick)
        text = _plain(f"{box.label} {box.score:.2f}" + (f" #{box.track}" if box.track is not None else ""))
        (text_width, text_height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
        for point in box.points:
            if point.score >= LEAST_POINT_SCORE:
                cv2.circle(picture, (int(point.x * width), int(point.y * height)), dot, colour, cv2.FILLED)
        floor = max(top, text_height + base)
        cv2.rectangle(picture, (left, floor - text_height - base), (left + text_width, floor), colour, cv2.FILLED)
        cv2.putText(picture, text, (left, floor - base // 2), cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 1, cv2.LINE_AA)


def _plain(text: str) -> str:
    """What OpenCV's font has."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)


class VideoFile:
    """An H.264 file of pictures as they come."""

    def __init__(self, path: Path, fps: float) -> None:
        if path.suffix.lower() not in (".mp4", ".mkv", ".mov"):
            raise Invalid("the annotated video is written as .mp4, .mkv or .mov", code="bad-out-file")
        try:
            path.open("wb").close()
            self._container = av.open(str(path), "w")
        except (av.error.FFmpegError, OSError) as error:
            message = "the annotated video cannot be written there"
            raise Invalid(message, code="bad-out-file", file=str(path), reason=type(error).__name__) from error
        self._fps = Fraction(fps or 25.0).limit_denominator(1001)
        self._stream: av.VideoStream | None = None
        self._last = -1

    def add(self, picture: Picture, ticks: int) -> None:
        """Add a picture; all have the size of the first."""
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", rate=self._fps, options={"preset": "veryfast"})
            self._stream.height, self._stream.width = (side & ~1 for side in picture.shape[:2])
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame = frame.reformat(width=self._stream.width, height=self._stream.height, format="yuv420p")
        self._last = max(ticks, self._last + 1)
        frame.pts, frame.time_base = self._last, Fraction(1, TICKS_PER_S)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
