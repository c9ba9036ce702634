"""The decode worker: a process of its own that is handed coded units and answers with detections.

It loads the detectors, locks itself in (`confine`), and then knows nothing but its one socket. Started as
``python -m haechi.vision.worker DESCRIPTOR``; the first message is a `Setup`.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import av
import cv2
from msgspec import Struct, field

from haechi.base.confine import confine, die_with_parent
from haechi.base.errors import HaechiError, NotFound, PeerError
from haechi.base.framing import Unpacker
from haechi.media.access_unit import Codec, VideoParams
from haechi.vision.decode import Decoded, Frame, GopDecoder
from haechi.vision.detectors import Detector, open_detector
from haechi.vision.gops import Gops, Taken, Tally
from haechi.vision.layout import laid_out
from haechi.vision.looker import Looker
from haechi.vision.messages import (
    Done,
    Failed,
    Forget,
    Layout,
    Picture,
    Progress,
    Ready,
    Reply,
    Request,
    Restore,
    Save,
    Saved,
    Setup,
    Still,
    Use,
    Work,
    added,
    pack,
    request_decoder,
)
from haechi.vision.motion import WIDTH_PX, MotionGate
from haechi.vision.programme import EMBEDDING, OBJECTS, PEOPLE, POSE, detectors_of
from haechi.vision.result import FrameResult, Moved, Step
from haechi.vision.steps.keyframe import KeyframeStep, open_keyframe
from haechi.vision.steps.sight import Looking, Sight

MOST_MESSAGES = 16
"""Requests that are taken together, so that the frames of several cameras go through the detector in one call."""
MOST_KEPT_BYTES = 64 * 1024 * 1024
"""Frames that wait for a module after the detectors; with more, what there is is looked at first."""
_READ_BYTES = 1 << 18


class Channel:
    """Whole messages over a descriptor, blocking. Only ``read`` and ``write``: a locked-in process may do no more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unpacker = Unpacker()
        self._bodies: list[bytes] = []
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def receive(self) -> Iterator[Request]:
        """At least one request, and more when they are there already; none at the end of the stream."""
        while not self._bodies:
            if not self._fill():
                return
        while len(self._bodies) < MOST_MESSAGES and self._poll.poll(0) and self._fill():
            continue
        taken, self._bodies = self._bodies[:MOST_MESSAGES], self._bodies[MOST_MESSAGES:]
        for body in taken:
            yield request_decoder.decode(body)

    def send(self, reply: Reply) -> None:
        """Write a reply whole."""
        data = memoryview(pack(reply))
        while data:
            data = data[os.write(self._descriptor, data) :]

    def _fill(self) -> bool:
        data = os.read(self._descriptor, _READ_BYTES)
        self._bodies += self._unpacker.feed(data)
        return bool(data)


class _Job(Struct):
    """A `Work` in progress."""

    work: Work
    tally: Tally = field(default_factory=Tally)
    sights: list[Sight] = field(default_factory=list)
    still: int = 0
    decode_ns: int = 0
    moved: list[Moved] = field(default_factory=list)

    def done(self) -> Done:
        """The answer."""
        return Done(
            self.work.job,
            tuple(sight.result for sight in self.sights),
            self.tally.decoded,
            self.tally.damaged,
            self.still,
            time.process_time_ns(),
            self.decode_ns + sum(sight.took_ns for sight in self.sights),
            tuple(self.moved),
            summed(use for sight in self.sights for use in sight.uses),
        )


class Worker:
    """Decodes and looks. ``send`` takes its replies."""

    def __init__(self, looker: Looker, send: Callable[[Reply], None]) -> None:
        self._looker = looker
        self._send = send
        self._gops = Gops(lambda job, index: send(Progress(job, index)))
        self._gates: dict[str, MotionGate] = {}
        self._unseen: list[Sight] = []
        self._kept_bytes = 0

    def take(self, requests: list[Request]) -> None:
        """Decode everything, then look at the frames of all jobs together, then answer in order."""
        jobs: list[_Job] = []
        saves: list[str] = []
        for request in requests:
            match request:
                case Work():
                    jobs.append(_Job(request))
                    self._decode(jobs[-1])
                case Still():
                    self._picture(request.job, partial(self._jpeg, request))
                case Layout():
                    self._picture(request.job, partial(laid_out, request))
                case Restore(key, module, state):
                    self._looker.restore(key, module, state)
                case Save(key):
                    saves.append(key)
                case Forget(key):
                    self._forget(key)
                case Setup():
                    raise PeerError("set up twice", offset=0, code="worker-message")
        if jobs:
            self._look(jobs[-1])
        for key in saves:
            self._looker.save(key)
        for job in jobs:
            self._send(job.done())

    def _forget(self, key: str) -> None:
        self._gops.forget(key)
        self._gates.pop(key, None)
        self._looker.forget(key)

    def _decode(self, job: _Job) -> None:
        began_ns, looked_ns = time.monotonic_ns(), 0
        for taken in self._gops.decode(job.work, job.tally):
            self._consider(job, taken)
            if self._kept_bytes > MOST_KEPT_BYTES:
                looking_ns = time.monotonic_ns()
                self._look(job)
                looked_ns += time.monotonic_ns() - looking_ns
        job.decode_ns = time.monotonic_ns() - began_ns - looked_ns

    def _consider(self, job: _Job, taken: Taken) -> None:
        unit, frame = taken.unit, taken.frame
        gate = self._gates.setdefault(job.work.key, MotionGate())
        motion = gate.share(frame.grey(WIDTH_PX))
        job.moved.append(Moved(unit.ref, unit.captured_ns, motion, gate.cells))
        if unit.analyse == "motion" and not gate.is_open:
            job.still += 1
            return
        together = self._looker.together(job.work.modules)
        result = FrameResult(
            ref=unit.ref,
            captured_ns=unit.captured_ns,
            detections=(),
            width_px=frame.width_px,
            height_px=frame.height_px,
            motion=motion,
            model_hash=together.spec.model_hash if together is not None else "",
            config_hash=together.spec.config_hash if together is not None else "",
            unit_sha256=taken.sha256,
            gop_sha256=taken.gop_sha256,
            frame_sha256=frame.sha256(),
            sync_seq=taken.sync_seq,
            steps=_told(job.work.modules),
        )
        sight = Sight(unit, job.work.modules, job.work.is_again, result)
        if together is not None:
            sight.views = together.views(frame.scaled, frame.width_px, frame.height_px)
        if self._looker.asks_for(sight):
            sight.frame = frame
            self._kept_bytes += frame.width_px * frame.height_px * 2
        job.sights.append(sight)
        self._unseen.append(sight)

    def _look(self, last: _Job) -> None:
        """Look at everything that was decoded and not looked at yet."""
        sights, self._unseen, self._kept_bytes = self._unseen, [], 0
        if sights:
            self._send(Progress(last.work.job, -1))
            self._looker.look(sights)

    def _picture(self, job: int, make: Callable[[], bytes]) -> None:
        try:
            self._send(Picture(job, make()))
        except HaechiError as error:
            self._send(Failed(job, error.code, error.message))

    def _jpeg(self, still: Still) -> bytes:
        decoder = GopDecoder(still.params)
        last: Decoded | None = None
        for index, unit in enumerate(still.units):
            self._send(Progress(still.job, index))
            for decoded in decoder.feed(index, unit.pts, unit.data):
                last = _nearer(last, decoded)
        for decoded in decoder.drain():
            last = _nearer(last, decoded)
        if last is None:
            raise NotFound("the units hold no picture that can be decoded", code="undecodable")
        return last.frame.jpeg(still.width_px, still.quality)


def _told(modules: Sequence[str]) -> tuple[Step, ...]:
    """Which detectors looked, where that is not the server's alone; the configuration's hash says how."""
    names = detectors_of(modules)
    return () if names == (OBJECTS,) else tuple(Step(name, "") for name in names)


def summed(uses: Iterable[Use]) -> tuple[Use, ...]:
    """One for each module."""
    found: dict[str, Use] = {}
    for use in uses:
        found[use.module] = added(found.get(use.module, Use(use.module)), use)
    return tuple(found.values())


def _nearer(last: Decoded | None, decoded: Decoded) -> Decoded:
    """The frame of the later unit: frames come in order of presentation, the last unit's is wanted."""
    return decoded if last is None or decoded.index > last.index else last


def load(setup: Setup, send: Callable[[Saved], None]) -> Looker:
    """Open everything and run everything once that opens files or compiles when first used."""
    detectors: dict[str, Sequence[Detector]] = {}
    if setup.detectors:
        detectors[OBJECTS] = tuple(open_detector(one) for one in setup.detectors)
    steps: list[Looking] = []
    for model in setup.models:
        match model.module:
            case "people":
                known = [one for one in detectors.get(OBJECTS, ()) if one.spec.name == model.weights.name]
                detectors[PEOPLE] = tuple(known) or (open_detector(model.weights),)
            case "pose":
                from haechi.vision.detectors.rtmpose import RtmPose
                from haechi.vision.steps.pose import PoseStep

                steps.append(PoseStep(RtmPose(model.weights)))
            case "embedding":
                from haechi.vision.detectors.mobilenet import MobileNet
                from haechi.vision.steps.embedding import EmbeddingStep

                steps.append(EmbeddingStep(MobileNet(model.weights)))
            case other:
                raise NotFound("the worker knows no such module", code="module-unknown", module=other)
    order = {POSE: 0, EMBEDDING: 1}
    steps.sort(key=lambda step: order.get(step.name, len(order)))
    modules = [module for name in setup.keyframes if (module := open_keyframe(name)) is not None]
    steps += [KeyframeStep(module, send) for module in modules]
    looker = Looker(detectors, steps)
    _warm(looker)
    return looker


def _warm(looker: Looker) -> None:
    """Once through everything, with a black frame; nothing of it stays."""
    frame = av.VideoFrame(width=64, height=64, format="yuv420p")
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    cv2.imencode(".jpg", Frame(frame).scaled(64, 64))
    MotionGate().share(Frame(frame).grey(WIDTH_PX))
    for codec in (Codec.H264, Codec.H265, Codec.VP8, Codec.MJPEG):
        GopDecoder(VideoParams(codec, 64, 64)).drain()
    looker.warm(Frame(frame))


def main(descriptor: int) -> int:
    """Serve until the other side closes the socket."""
    die_with_parent()
    cv2.setNumThreads(1)
    channel = Channel(descriptor)
    first = list(channel.receive())
    if len(first) != 1 or not isinstance(first[0], Setup):
        return 2
    setup = first[0]
    os.nice(max(0, setup.niceness))
    looker = load(setup, channel.send)
    held = confine(setup.memory_bytes) if setup.confine else ()
    objects = looker.objects()
    channel.send(Ready((objects.spec,) if objects is not None else (), held, looker.modules))
    worker = Worker(looker, channel.send)
    while requests := list(channel.receive()):
        worker.take(requests)
    return 0


if __name__ == "__main__":
    av.logging.set_level(None)
    raise SystemExit(main(int(sys.argv[1])))
