"""The process that a module runs in: decodes the streams that it is fed, and shows it the newest picture of each.

Started as ``python -m haechi.vision.modules.host DESCRIPTOR``; the first message is a `HostSetup`. What the module does
to this process (hang, leak, crash) happens to no other.
"""

from __future__ import annotations

import os
import select
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from msgspec import Struct, field

from haechi.base.confine import confine, die_with_parent
from haechi.base.errors import HaechiError, PeerError
from haechi.base.framing import Unpacker
from haechi.media.access_unit import Codec, VideoParams
from haechi.vision.decode import Decoded, Frame, GopDecoder
from haechi.vision.modules.contract import About, Look, factory_of, read_findings
from haechi.vision.modules.messages import (
    Broken,
    Close,
    Erred,
    Feed,
    HostReply,
    HostRequest,
    HostSetup,
    Loaded,
    Looking,
    Over,
    Saw,
    Taken,
    pack,
    request_decoder,
)

_READ_BYTES = 1 << 18
_WARM_PX = 64


class _Fresh(Struct):
    """A picture that was not looked at."""

    feed: Feed
    frame: Frame


class _Lane(Struct):
    """One run of one stream."""

    decoder: GopDecoder | None = None
    entered: dict[int, Feed] = field(default_factory=dict)
    next_index: int = 0
    fresh: _Fresh | None = None
    is_closing: bool = False


class Host:
    """Decodes and looks. ``send`` takes its replies."""

    def __init__(self, look: Look, send: Callable[[HostReply], None]) -> None:
        self._look = look
        self._send = send
        self._lanes: dict[str, _Lane] = {}

    @property
    def has_work(self) -> bool:
        """Whether there is a picture to look at, or an end to tell."""
        return any(lane.fresh is not None or lane.is_closing for lane in self._lanes.values())

    def take(self, request: HostRequest) -> None:
        """Decode a unit, or note the end of a stream."""
        match request:
            case Feed():
                self._feed(request)
            case Close(key, True):
                self._lanes.pop(key, None)
            case Close(key):
                lane = self._lanes.setdefault(key, _Lane())
                self._finish(lane)
                lane.is_closing = True
            case HostSetup():
                raise PeerError("set up twice", offset=0, code="worker-message")

    def look(self) -> None:
        """Show the module the newest picture of each stream once."""
        for key, lane in list(self._lanes.items()):
            fresh, lane.fresh = lane.fresh, None
            if fresh is not None:
                self._show(key, fresh)
            if lane.is_closing:
                del self._lanes[key]
                self._send(Over(key))

    def _feed(self, feed: Feed) -> None:
        lane = self._lanes.setdefault(feed.key, _Lane())
        try:
            if feed.params is not None:
                self._finish(lane)
                lane.decoder, lane.entered, lane.next_index = GopDecoder(feed.params), {}, 0
            if lane.decoder is not None:
                lane.entered[lane.next_index] = Feed(
                    feed.key, feed.stream, feed.run, feed.seq, feed.pts, feed.captured_ns, b""
                )
                lane.next_index += 1
                self._collect(lane, lane.decoder.feed(lane.next_index - 1, feed.pts, feed.data))
        except HaechiError:
            lane.decoder = None
        self._send(Taken(feed.key, 1))

    def _finish(self, lane: _Lane) -> None:
        if lane.decoder is not None:
            self._collect(lane, lane.decoder.drain())
            lane.decoder = None

    def _collect(self, lane: _Lane, decoded: list[Decoded]) -> None:
        for one in decoded:
            feed = lane.entered.pop(one.index, None)
            if feed is not None and not one.frame.is_damaged:
                lane.fresh = _Fresh(feed, one.frame)

    def _show(self, key: str, fresh: _Fresh) -> None:
        feed, frame = fresh.feed, fresh.frame
        width, height = frame.width_px, frame.height_px
        about = About(feed.stream, feed.run, feed.seq, feed.pts, feed.captured_ns, width, height)
        picture = frame.scaled(width, height)
        self._send(Looking(key))
        try:
            boxes = read_findings(list(self._look(picture, about)))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - it is the module's, whatever it is, and it is told
            self._send(Erred(key, feed.seq, told(error)))
            return
        self._send(Saw(key, feed.seq, feed.captured_ns, boxes, width, height))


def told(error: BaseException) -> str:
    """An error in a line: what it is, and where it was raised."""
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({Path(where[0].filename).name}:{where[0].lineno})" if where else ""
    return f"{type(error).__name__}: {error}{place}"[:400]


def open_module(setup: HostSetup) -> Look:
    """Load it, and call it once with a black picture: what it opens when it is first used it opens now.

    Raises:
        HaechiError: It cannot be loaded.
    """
    if setup.entry:
        look: Look = factory_of(setup.name, setup.entry)()
    else:
        from haechi.vision.modules.pose import Pose

        look = Pose(setup.models)
    black = np.zeros((_WARM_PX, _WARM_PX, 3), np.uint8)
    read_findings(list(look(black, About("", 0, 0, 0, 0, _WARM_PX, _WARM_PX))))
    for codec in (Codec.H264, Codec.H265, Codec.MJPEG):
        GopDecoder(VideoParams(codec, _WARM_PX, _WARM_PX)).drain()
    Frame(av.VideoFrame(_WARM_PX, _WARM_PX, "yuv420p")).scaled(_WARM_PX, _WARM_PX)
    return look


class _Pipe:
    """Whole messages over a descriptor; only ``read``, ``write`` and ``poll``: a locked-in process may do no more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unpacker = Unpacker()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self.is_over = False

    def receive(self, *, wait: bool) -> list[HostRequest]:
        """What is there; with ``wait`` at least one, unless the other side is gone."""
        bodies: list[bytes] = []
        while not self.is_over and ((wait and not bodies) or self._poll.poll(0)):
            data = os.read(self._descriptor, _READ_BYTES)
            self.is_over = not data
            bodies += self._unpacker.feed(data)
        return [request_decoder.decode(body) for body in bodies]

    def send(self, reply: HostReply) -> None:
        """Write a reply whole."""
        data = memoryview(pack(reply))
        while data:
            data = data[os.write(self._descriptor, data) :]


def main(descriptor: int) -> int:
    """Serve until the other side closes the socket."""
    die_with_parent()
    cv2.setNumThreads(1)
    pipe = _Pipe(descriptor)
    first = pipe.receive(wait=True)
    if len(first) != 1 or not isinstance(first[0], HostSetup):
        return 2
    setup = first[0]
    os.nice(max(0, setup.niceness))
    try:
        look = open_module(setup)
    except Exception as error:  # noqa: BLE001 - it is the module's, and it is told
        pipe.send(Broken(told(error)))
        return 3
    pipe.send(Loaded(confine(setup.memory_bytes) if setup.confine else ()))
    host = Host(look, pipe.send)
    while not pipe.is_over:
        for request in pipe.receive(wait=not host.has_work):
            host.take(request)
        host.look()
    return 0


if __name__ == "__main__":
    av.logging.set_level(None)
    raise SystemExit(main(int(sys.argv[1])))
