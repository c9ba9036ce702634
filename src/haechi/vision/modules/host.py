"""The process that a module runs in: decodes the streams that it is fed, and shows it the newest pictures of each.

Started as ``python -m haechi.vision.modules.host DESCRIPTOR``; the first message is a `HostSetup`. What the module does
to this process (hang, leak, crash) happens to no other.
"""

from __future__ import annotations

import os
import select
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import av
import cv2

from haechi.base.clock import NS_PER_S
from haechi.base.confine import confine, die_with_parent
from haechi.base.errors import PeerError
from haechi.base.framing import Unpacker
from haechi.media.access_unit import Codec, VideoParams
from haechi.vision.decode import Frame, GopDecoder
from haechi.vision.modules.contract import Answer, Glimpse, Opened, box_of, factory_of, opened
from haechi.vision.modules.lanes import Lane, blank
from haechi.vision.modules.messages import (
    MOST_BATCH,
    Broken,
    Close,
    Erred,
    Feed,
    Followed,
    Forget,
    HostReply,
    HostRequest,
    HostSetup,
    Loaded,
    Looking,
    Over,
    Restore,
    Saved,
    Saw,
    Shown,
    Taken,
    pack,
    request_decoder,
)

_READ_BYTES = 1 << 18
_WARM_PX = 64
Shows = tuple[str, Glimpse]
"""Whose glimpse it is."""


class Host:
    """Decodes and looks. ``send`` takes its replies.

    Args:
        save_s: How often what the module knows of a camera is saved; 0: never.
    """

    def __init__(self, module: Opened, send: Callable[[HostReply], None], save_s: float = 0.0) -> None:
        self._module = module
        self._send = send
        self._save_ns = int(save_s * NS_PER_S) if module.has_state else 0
        self._saved_ns: dict[str, int] = {}
        self._lanes: dict[str, Lane] = {}

    @property
    def has_work(self) -> bool:
        """Whether there is a picture to look at, or an end to tell."""
        return any(lane.has_work for lane in self._lanes.values())

    def take(self, request: HostRequest) -> None:
        """Decode a unit, or note what is said of a stream."""
        match request:
            case Feed():
                self._lane(request.key).feed(request)
                self._send(Taken(request.key, 1))
            case Followed():
                self._lane(request.key).follow(request)
            case Restore(stream, state):
                self._guarded("", lambda: self._module.restore(stream, state))
            case Forget(stream):
                self._saved_ns.pop(stream, None)
                self._guarded("", lambda: self._module.forget(stream))
            case Close(key, True):
                self._lanes.pop(key, None)
            case Close(key):
                lane = self._lane(key)
                lane.finish()
                lane.is_closing = True
            case HostSetup():
                raise PeerError("set up twice", offset=0, code="worker-message")

    def look(self) -> None:
        """Show the module once what is new of each stream."""
        batch: list[Shows] = []
        for key, lane in list(self._lanes.items()):
            glimpse = lane.take()
            if glimpse is not None:
                batch.append((key, glimpse))
        for first in range(0, len(batch), MOST_BATCH):
            self._show(batch[first : first + MOST_BATCH])
        for key, lane in list(self._lanes.items()):
            if lane.is_closing:
                self._end(key)

    def _lane(self, key: str) -> Lane:
        if key not in self._lanes:
            self._lanes[key] = Lane(self._module.spec)
        return self._lanes[key]

    def _end(self, key: str) -> None:
        if self._save_ns and key in self._saved_ns:
            self._save(key, time.monotonic_ns())
        del self._lanes[key]
        self._send(Over(key))

    def _show(self, batch: list[Shows]) -> None:
        """One look. Where it fails, each camera is shown by itself: only what is not liked is lost."""
        self._send(Looking(tuple(Shown(key, one.about.run, one.about.seq) for key, one in batch)))
        began_ns, cpu_ns = time.monotonic_ns(), time.process_time_ns()
        try:
            answers = self._module.look([one for _, one in batch])
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - it is the module's, whatever it is, and it is told
            if len(batch) > 1:
                for one in batch:
                    self._show([one])
                return
            self._send(Erred(batch[0][0], batch[0][1].about.seq, told(error)))
            return
        now_ns, cpu_ns = time.monotonic_ns(), time.process_time_ns() - cpu_ns
        for (key, glimpse), answer in zip(batch, answers, strict=True):
            self._lanes[key].cpu_ns += cpu_ns // len(batch)
            self._tell(key, glimpse, answer, (now_ns - began_ns) // len(batch))
            self._save_now_and_then(glimpse.about.stream, now_ns)

    def _tell(self, key: str, glimpse: Glimpse, answer: Answer, took_ns: int) -> None:
        lane, about = self._lanes[key], glimpse.about
        boxes = tuple(box_of(one) for one in answer.things)
        self._send(
            Saw(
                key,
                about.run,
                about.seq,
                about.captured_ns,
                boxes,
                about.width_px,
                about.height_px,
                answer.scores,
                took_ns,
                lane.cpu_ns,
                lane.missed,
            )
        )
        lane.cpu_ns = lane.missed = 0

    def _save_now_and_then(self, stream: str, now_ns: int) -> None:
        if not self._save_ns:
            return
        if now_ns - self._saved_ns.setdefault(stream, now_ns) >= self._save_ns:
            self._save(stream, now_ns)

    def _save(self, stream: str, now_ns: int) -> None:
        self._saved_ns[stream] = now_ns
        self._guarded(stream, lambda: self._send(Saved(stream, self._module.save(stream))))

    def _guarded(self, key: str, work: Callable[[], None]) -> None:
        try:
            work()
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            self._send(Erred(key, 0, told(error)))


def told(error: BaseException) -> str:
    """An error in a line: what it is, and where it was raised."""
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({Path(where[0].filename).name}:{where[0].lineno})" if where else ""
    return f"{type(error).__name__}: {error}{place}"[:400]


def open_module(setup: HostSetup) -> Opened:
    """Load it, and call it once with a black picture: what it opens when it is first used it opens now.

    Raises:
        HaechiError: It cannot be loaded.
    """
    if setup.entry:
        module = opened(factory_of(setup.name, setup.entry)(), setup.name)
    else:
        from haechi.vision.modules.pose import Pose

        module = opened(Pose(setup.models), setup.name)
    module.look([blank(module.spec, _WARM_PX)])
    module.forget("")
    for codec in (Codec.H264, Codec.H265, Codec.VP8, Codec.MJPEG):
        GopDecoder(VideoParams(codec, _WARM_PX, _WARM_PX)).drain()
    Frame(av.VideoFrame(_WARM_PX, _WARM_PX, "yuv420p")).scaled(_WARM_PX, _WARM_PX)
    return module


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
        module = open_module(setup)
    except Exception as error:  # noqa: BLE001 - it is the module's, and it is told
        pipe.send(Broken(told(error)))
        return 3
    confined = confine(setup.memory_bytes) if setup.confine else ()
    pipe.send(Loaded(confined, module.spec, module.has_state))
    host = Host(module, pipe.send, setup.save_s)
    while not pipe.is_over:
        for request in pipe.receive(wait=not host.has_work):
            host.take(request)
        host.look()
    return 0


if __name__ == "__main__":
    av.logging.set_level(None)
    raise SystemExit(main(int(sys.argv[1])))
