"""The process that reads a webcam: ``python -m haechi.ingest.webcam.reader FD PLAN``.

What the camera codes itself goes on as it is. Only where it codes nothing (YUYV and the like) is anything encoded, and
this is the one place in ingest where it is.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from fractions import Fraction

import av
import msgspec
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from haechi.ingest.webcam.messages import Coded, Failed, Opened, Plan, Word, pack

TICKS = Fraction(1, 90_000)
OPEN_S, READ_S = 10.0, 10.0
_CODED = {"h264": "h264", "mjpeg": "mjpeg"}
_ENCODERS = ("libx264", "libopenh264")
_GOP_S = 2
_MOST_FPS = 120
_CODES = {
    errno.ENOENT: "webcam-missing",
    errno.ENXIO: "webcam-missing",
    errno.EACCES: "webcam-denied",
    errno.EPERM: "webcam-denied",
    errno.EBUSY: "webcam-busy",
    errno.ENODEV: "camera-closed",
}


def main(arguments: list[str]) -> int:
    """Read until the other side is gone, or the camera is."""
    plan = msgspec.json.decode(arguments[1], type=Plan)
    with socket.socket(fileno=int(arguments[0])) as line:
        line.setblocking(True)
        try:
            for word in words(plan):
                line.sendall(pack(word))
        except (BrokenPipeError, ConnectionResetError):
            return 0
        except (av.error.FFmpegError, OSError, ValueError) as error:
            line.sendall(pack(_failure(error)))
            return 1
        line.sendall(pack(Failed("camera-closed", "")))
    return 0


def words(plan: Plan) -> Iterator[Word]:
    """Everything that is to be said."""
    with av.open(plan.url, format=plan.format, options=plan.options, timeout=(OPEN_S, READ_S)) as container:
        if not container.streams.video:
            yield Failed("no-video-track", "")
            return
        stream = container.streams.video[0]
        name = stream.codec_context.name
        if name in _CODED:
            yield Opened(_CODED[name], encodes=False)
            yield from _passed(container, stream)
            return
        yield Opened("h264", encodes=True)
        yield from _encoded(container, stream, plan)


def _passed(container: InputContainer, stream: VideoStream) -> Iterator[Word]:
    """Packets as the camera made them."""
    last = -1
    for number, packet in enumerate(container.demux(stream)):
        if not packet.size:
            continue
        last = max(last + 1, _ticks(packet.pts, packet.time_base, number, stream))
        yield Coded(last, bytes(packet))


def _encoded(container: InputContainer, stream: VideoStream, plan: Plan) -> Iterator[Word]:
    """Pictures that nobody coded yet."""
    encoder: VideoCodecContext | None = None
    pause = 90_000 // plan.fps if plan.fps else 0
    last = -(1 << 62)
    for number, frame in enumerate(container.decode(stream)):
        ticks = _ticks(frame.pts, frame.time_base, number, stream)
        if ticks < last + pause * 9 // 10 or ticks <= last:
            continue
        last = ticks
        encoder = encoder or _encoder(plan, frame, stream)
        picture = frame.reformat(width=encoder.width, height=encoder.height, format="yuv420p")
        picture.pts, picture.time_base = ticks, TICKS
        picture.pict_type = (
            PictureType.NONE
        )  # a raw picture calls itself a sync picture; which are, our encoder decides
        yield from (Coded(int(packet.pts or 0), bytes(packet)) for packet in encoder.encode(picture))


def _encoder(plan: Plan, frame: VideoFrame, stream: VideoStream) -> VideoCodecContext:
    """An encoder for pictures like ``frame``: no reordering, a sync picture every two seconds."""
    fps = plan.fps or round(float(stream.average_rate or stream.guessed_rate or 30))
    for name in _ENCODERS:
        if name not in av.codecs_available:
            continue
        encoder = av.CodecContext.create(name, "w")
        if not isinstance(encoder, VideoCodecContext):
            continue
        encoder.width = (plan.width_px or frame.width) & ~1
        encoder.height = (plan.height_px or frame.height) & ~1
        encoder.pix_fmt = "yuv420p"
        encoder.time_base = TICKS
        encoder.framerate = Fraction(max(1, min(fps, _MOST_FPS)), 1)
        encoder.gop_size = encoder.framerate.numerator * _GOP_S
        encoder.max_b_frames = 0
        encoder.bit_rate = plan.kbps * 1000
        encoder.thread_count = 1
        if name == "libx264":
            encoder.options = {"preset": "veryfast", "tune": "zerolatency", "profile": "high"}
        return encoder
    raise ValueError("no encoder for H.264 is here")


def _ticks(pts: int | None, base: Fraction | None, number: int, stream: VideoStream) -> int:
    """When a picture was taken, in ticks; where the device says nothing, by counting."""
    if pts is not None and base is not None:
        return int(pts * base / TICKS)
    rate = stream.average_rate or stream.guessed_rate or 30
    return int(number / Fraction(rate) / TICKS)


def _failure(error: Exception) -> Failed:
    number = getattr(error, "errno", None) or 0
    return Failed(_CODES.get(number, "webcam-failed"), str(error)[:300])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
