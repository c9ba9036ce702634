"""The decode worker: a process of its own that is handed coded units and answers with detections.

It loads the detectors, locks itself in (`confine`), and then knows nothing but its one socket. Started as
``python -m haechi.vision.worker DESCRIPTOR``; the first message is a `Setup`.
"""

from __future__ import annotations

import hashlib
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import av
import cv2
import msgspec
import numpy as np
from msgspec import Struct, structs

from haechi.base.confine import confine, die_with_parent
from haechi.base.errors import HaechiError, NotFound, PeerError
from haechi.base.framing import Unpacker
from haechi.media.access_unit import Codec, VideoParams
from haechi.vision.decode import Decoded, Frame, GopDecoder
from haechi.vision.detectors import Detector, DetectorSetup, open_detector
from haechi.vision.layout import laid_out
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
    Setup,
    Still,
    UnitIn,
    Work,
    pack,
    request_decoder,
)
from haechi.vision.motion import WIDTH_PX, MotionGate
from haechi.vision.result import FrameResult, Moved
from haechi.vision.runtime import Pixels

MOST_MESSAGES = 16
"""Requests that are taken together, so that the frames of several cameras go through the detector in one call."""
_READ_BYTES = 1 << 18


class Digest(Protocol):
    """A running hash."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """The hash of everything so far."""


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


class _Entered(Struct):
    """What is kept of a unit while its frame is in the decoder: not its bytes, but their hash and the GOP's so far."""

    unit: UnitIn
    sha256: str
    gop_sha256: str


class _Gop(Struct):
    """A GOP that is being decoded: its decoder, and the units to be looked at that went in, by index."""

    decoder: GopDecoder
    entered: dict[int, _Entered]
    sync_seq: int
    digest: Digest = msgspec.field(default_factory=hashlib.sha256)
    next_index: int = 0


class _Look(Struct):
    """A frame that the detector shall look at: what is known of it so far, and its picture in the input's size."""

    result: FrameResult
    picture: Pixels


class _Job(Struct):
    """A `Work` in progress."""

    work: Work
    looks: list[_Look]
    decoded: int = 0
    damaged: int = 0
    still: int = 0
    took_ns: int = 0
    moved: list[Moved] = msgspec.field(default_factory=list)


class Worker:
    """Decodes and looks. ``send`` takes its replies."""

    def __init__(self, detectors: dict[str, Detector], send: Callable[[Reply], None]) -> None:
        self._detectors = detectors
        self._send = send
        self._gops: dict[str, _Gop] = {}
        self._gates: dict[str, MotionGate] = {}

    def take(self, requests: list[Request]) -> None:
        """Decode everything, then look at the frames of all jobs together, then answer in order."""
        jobs: list[_Job] = []
        for request in requests:
            match request:
                case Work():
                    jobs.append(self._guarded(request))
                case Still():
                    self._picture(request.job, partial(self._jpeg, request))
                case Layout():
                    self._picture(request.job, partial(laid_out, request))
                case Forget():
                    self._gops.pop(request.key, None)
                    self._gates.pop(request.key, None)
                case Setup():
                    raise PeerError("set up twice", offset=0, code="worker-message")
        for job, results in zip(jobs, self._look(jobs), strict=True):
            used_ns = time.process_time_ns()
            counts = (job.decoded, job.damaged, job.still, used_ns, job.took_ns)
            self._send(Done(job.work.job, results, *counts, tuple(job.moved)))

    def _guarded(self, work: Work) -> _Job:
        """Decode; a unit that is no unit spoils its GOP and nothing else."""
        job = _Job(work, [])
        began_ns = time.monotonic_ns()
        try:
            self._decode(job)
        except PeerError:
            job.damaged += 1
            self._gops.pop(work.key, None)
        job.took_ns = time.monotonic_ns() - began_ns
        return job

    def _decode(self, job: _Job) -> None:
        work = job.work
        if work.params is not None:
            self._finish(job)
            self._gops[work.key] = _Gop(GopDecoder(work.params), {}, work.units[0].ref.seq if work.units else 0)
        gop = self._gops.get(work.key)
        if gop is None:
            return
        for index, unit in enumerate(work.units):
            self._send(Progress(work.job, index))
            gop.digest.update(unit.data)
            if unit.analyse != "no":
                gop.entered[gop.next_index] = _enter(unit, gop.digest)
            decoded = gop.decoder.feed(gop.next_index, unit.pts, unit.data)
            gop.next_index += 1
            self._collect(job, gop, decoded)
        if work.drain:
            self._finish(job)

    def _finish(self, job: _Job) -> None:
        gop = self._gops.pop(job.work.key, None)
        if gop is not None:
            self._collect(job, gop, gop.decoder.drain())
            job.damaged += gop.decoder.damaged

    def _collect(self, job: _Job, gop: _Gop, decoded: list[Decoded]) -> None:
        for one in decoded:
            job.decoded += 1
            entered = gop.entered.pop(one.index, None)
            if entered is not None and not one.frame.is_damaged:
                self._consider(job, entered, one.frame, gop.sync_seq)

    def _consider(self, job: _Job, entered: _Entered, frame: Frame, sync_seq: int) -> None:
        unit = entered.unit
        gate = self._gates.setdefault(job.work.key, MotionGate())
        motion = gate.share(frame.grey(WIDTH_PX))
        job.moved.append(Moved(unit.ref, unit.captured_ns, motion, gate.cells))
        if unit.analyse == "motion" and not gate.is_open:
            job.still += 1
            return
        detector = self._detector(job.work.detector)
        result = FrameResult(
            ref=unit.ref,
            captured_ns=unit.captured_ns,
            detections=(),
            width_px=frame.width_px,
            height_px=frame.height_px,
            motion=motion,
            model_hash=detector.spec.model_hash,
            config_hash=detector.spec.config_hash,
            unit_sha256=entered.sha256,
            gop_sha256=entered.gop_sha256,
            frame_sha256=frame.sha256(),
            sync_seq=sync_seq,
        )
        job.looks.append(_Look(result, frame.scaled(*detector.input_size(frame.width_px, frame.height_px))))

    def _look(self, jobs: list[_Job]) -> list[tuple[FrameResult, ...]]:
        """Detections for every frame of every job, each detector called once."""
        found: dict[int, FrameResult] = {}
        for name in {job.work.detector for job in jobs if job.looks}:
            mine = [job for job in jobs if job.work.detector == name]
            looks = [look for job in mine for look in job.looks]
            self._send(Progress(mine[-1].work.job, -1))
            began_ns = time.monotonic_ns()
            answers = self._detector(name).detect([look.picture for look in looks])
            each_ns = (time.monotonic_ns() - began_ns) // len(looks)
            for job in mine:
                job.took_ns += each_ns * len(job.looks)
            for look, detections in zip(looks, answers, strict=True):
                found[id(look)] = structs.replace(look.result, detections=detections)
        return [tuple(found[id(look)] for look in job.looks) for job in jobs]

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

    def _detector(self, name: str) -> Detector:
        detector = self._detectors.get(name)
        if detector is None:
            raise NotFound("the worker did not load this detector", code="detector-unknown", detector=name)
        return detector


def _enter(unit: UnitIn, gop: Digest) -> _Entered:
    return _Entered(structs.replace(unit, data=b""), hashlib.sha256(unit.data).hexdigest(), gop.hexdigest())


def _nearer(last: Decoded | None, decoded: Decoded) -> Decoded:
    """The frame of the later unit: frames come in order of presentation, the last unit's is wanted."""
    return decoded if last is None or decoded.index > last.index else last


def load(setups: tuple[DetectorSetup, ...]) -> dict[str, Detector]:
    """Open the detectors and run everything once that opens files or compiles when first used."""
    detectors = {setup.name: open_detector(setup) for setup in setups}
    frame = av.VideoFrame(width=64, height=64, format="yuv420p")
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    for detector in detectors.values():
        width, height = detector.input_size(64, 64)
        detector.detect([np.asarray(frame.to_ndarray(width=width, height=height, format="bgr24"), np.uint8)])
    cv2.imencode(".jpg", Frame(frame).scaled(64, 64))
    MotionGate().share(Frame(frame).grey(WIDTH_PX))
    for codec in (Codec.H264, Codec.H265, Codec.MJPEG):
        GopDecoder(VideoParams(codec, 64, 64)).drain()
    return detectors


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
    detectors = load(setup.detectors)
    held = confine(setup.memory_bytes) if setup.confine else ()
    channel.send(Ready(tuple(detector.spec for detector in detectors.values()), held))
    worker = Worker(detectors, channel.send)
    while requests := list(channel.receive()):
        worker.take(requests)
    return 0


if __name__ == "__main__":
    av.logging.set_level(None)
    raise SystemExit(main(int(sys.argv[1])))
