"""The process that makes renditions: it decodes what cameras sent, and codes it anew.

It runs everything once that loads or allocates, locks itself in (`confine`), and then knows nothing but its one socket.
Started as ``python -m haechi.live.renditions.worker DESCRIPTOR``; the first message is a `Setup`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from fractions import Fraction

import av
from av.error import FFmpegError

from haechi.base.confine import confine, die_with_parent
from haechi.base.framing import Unpacker
from haechi.live.renditions.messages import (
    Close,
    Done,
    Open,
    Ready,
    Reply,
    Request,
    Setup,
    Shape,
    Unit,
    pack,
    read_request,
)
from haechi.live.renditions.recode import Recoder, open_encoder, open_jpeg
from haechi.media.access_unit import TICKS_PER_S, Codec, VideoParams

NICENESS = 10
"""Intake and recording come first."""
_READ_BYTES = 1 << 18


class Worker:
    """All renditions of this process."""

    def __init__(self) -> None:
        self._recoders: dict[int, Recoder] = {}

    def take(self, request: Request) -> Reply | None:
        """Do what is asked; gives the answer to a `Unit`."""
        match request:
            case Open():
                self._recoders[request.key] = Recoder(request.params, request.shape)
            case Close():
                self._recoders.pop(request.key, None)
            case Unit():
                return self._feed(request)
            case Setup():
                pass
        return None

    def _feed(self, unit: Unit) -> Done:
        recoder = self._recoders.get(unit.key)
        if recoder is None:
            return Done(unit.key, unit.number, (), 0)
        began_ns, damaged = time.thread_time_ns(), recoder.damaged
        try:
            coded = recoder.feed(unit)
        except FFmpegError:
            del self._recoders[unit.key]
            return Done(unit.key, unit.number, (), time.thread_time_ns() - began_ns, is_damaged=True)
        return Done(unit.key, unit.number, coded, time.thread_time_ns() - began_ns, recoder.damaged > damaged)


def warm_up() -> None:
    """Run everything once that loads or allocates when first used."""
    shape = Shape(32, 32, 10)
    frame = av.VideoFrame(64, 64, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    picture = frame.reformat(width=32, height=32, format="yuv420p")
    picture.pts, picture.time_base = 0, Fraction(1, TICKS_PER_S)
    list(open_encoder(32, 32, shape).encode(picture))
    list(open_jpeg(32, 32, shape).encode(picture.reformat(format="yuvj420p")))
    for codec in (Codec.H264, Codec.H265, Codec.VP8, Codec.MJPEG):
        Recoder(VideoParams(codec, 64, 64), shape).feed(Unit(0, 0, 0, True, True, b"\x00\x00\x00\x01\x00"))


def receive(descriptor: int) -> Iterator[Request]:
    """Requests until the other side closes the socket."""
    unpacker = Unpacker()
    while data := os.read(descriptor, _READ_BYTES):
        for body in unpacker.feed(data):
            yield read_request(body)


def send(descriptor: int, reply: Reply) -> None:
    """Write a reply whole."""
    data = memoryview(pack(reply))
    while data:
        data = data[os.write(descriptor, data) :]


def main(descriptor: int) -> int:
    """Serve until the other side closes the socket."""
    die_with_parent()
    os.nice(NICENESS)
    requests = receive(descriptor)
    setup = next(requests, None)
    if not isinstance(setup, Setup):
        return 2
    warm_up()
    send(descriptor, Ready(confine(setup.memory_bytes)))
    worker = Worker()
    for request in requests:
        reply = worker.take(request)
        if reply is not None:
            send(descriptor, reply)
    return 0


if __name__ == "__main__":
    av.logging.set_level(None)
    raise SystemExit(main(int(sys.argv[1])))
