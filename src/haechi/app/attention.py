"""The vision stage as a module of the result socket: workers of its own, so that no client takes time from cameras.

They are started when somebody asks for results first.
"""

from __future__ import annotations

import asyncio

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Unavailable
from haechi.base.ids import StreamId
from haechi.bus.frames import Channel, FrameBus, GapCause, Run, RunEnded
from haechi.ingest.rtp_push.modules import Attention, Listener, Verdict
from haechi.media.access_unit import AccessUnit
from haechi.media.push.words import Box
from haechi.vision.feed import Demand
from haechi.vision.models import ModelStore
from haechi.vision.pool import VisionPool
from haechi.vision.result import Detection, FrameResult
from haechi.vision.settings import VisionSettings

LOAD_S = 60.0
"""For the workers to start, and for weights to be fetched the first time."""


class DetectModule:
    """Object detection: see `haechi.ingest.rtp_push.modules.Module`."""

    def __init__(self, models: ModelStore, clock: Clock, settings: VisionSettings) -> None:
        self._bus = FrameBus()
        self._pool = VisionPool(self._bus, models, clock, settings)
        self._clock = clock
        self._wanted = asyncio.Event()
        self._attentions: dict[StreamId, _Attention] = {}
        self._pool.on_result(self._judged)
        self._pool.on_run_ended(self._run_ended)

    async def run(self) -> None:
        """Until cancelled."""
        await self._wanted.wait()
        await self._pool.run()

    async def prepare(self) -> None:
        """See `Module`."""
        self._wanted.set()
        until_ns = self._clock.monotonic_ns() + int(LOAD_S * NS_PER_S)
        while not (status := self._pool.status()).ready_workers:
            if self._clock.monotonic_ns() > until_ns:
                message = "the detector does not start; see the log of the server"
                raise Unavailable(message, code="module-not-ready", reason=status.error)
            await self._clock.sleep(0.05)

    def attend(self, run: Run, listener: Listener) -> Attention:
        """See `Module`."""
        before = self._attentions.get(run.stream)
        if before is not None:
            before.drop()
        self._pool.demand(run.stream, Demand.FULL)
        attention = _Attention(self, self._bus.channel(run.stream), run, listener)
        self._attentions[run.stream] = attention
        return attention

    def forget(self, attention: _Attention) -> None:
        """Nothing more is to be said of a run."""
        if self._attentions.get(attention.run.stream) is attention:
            del self._attentions[attention.run.stream]
            self._bus.remove(attention.run.stream)

    def now_ns(self) -> int:
        """Wall time."""
        return self._clock.wall_ns()

    def _judged(self, result: FrameResult) -> None:
        attention = self._attentions.get(result.ref.stream)
        if attention is not None and attention.run.number == result.ref.run:
            attention.judged(result)

    def _run_ended(self, ended: RunEnded) -> None:
        attention = self._attentions.get(ended.stream)
        if attention is not None and attention.run.number == ended.run:
            attention.ended()


class _Attention:
    def __init__(self, module: DetectModule, channel: Channel, run: Run, listener: Listener) -> None:
        self._module = module
        self._channel = channel
        self._listener = listener
        self._is_open = False
        self.run = run

    def unit(self, unit: AccessUnit) -> None:
        """See `Attention`."""
        if not self._is_open:
            self._is_open = True
            self._channel.open_run(self.run)
        self._channel.publish(unit)

    def end(self) -> None:
        """See `Attention`."""
        if self._is_open:
            self._close()
        else:
            self.ended()

    def drop(self) -> None:
        """See `Attention`."""
        if self._is_open:
            self._close()
        self._module.forget(self)

    def judged(self, result: FrameResult) -> None:
        """The pool has a result."""
        boxes = tuple(_box(found) for found in result.detections)
        self._listener.judged(Verdict(result.ref, result.captured_ns, boxes, result.width_px, result.height_px))

    def ended(self) -> None:
        """The pool has nothing more of the run."""
        self._module.forget(self)
        self._listener.ended()

    def _close(self) -> None:
        self._is_open = False
        run = self.run
        self._channel.close_run(RunEnded(run.stream, run.number, GapCause.CAMERA_CLOSED, "", self._module.now_ns()))


def _box(found: Detection) -> Box:
    return Box(found.label, found.score, found.x, found.y, found.w, found.h, found.track)
