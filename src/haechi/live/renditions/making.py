"""One rendition: units of its source in, units of its own onto the bus. It does not wait for anything.

What a viewer gets keeps the name and the stamps of the source's unit, so that what was seen in that is drawn on this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msgspec import structs

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import PeerError
from haechi.base.ids import StreamId, role_of
from haechi.bus.frames import Channel, GapCause, Run, RunEnded
from haechi.live.renditions.messages import Coded, Done, Shape, Unit, fit
from haechi.live.renditions.seat import Seat
from haechi.media.access_unit import AccessUnit, Codec, VideoParams
from haechi.media.annexb import UnitBuilder, dialect_for
from haechi.media.nal import split_annexb

SHAPES: dict[str, Shape] = {
    "tile": Shape(320, 180, 10),
    "h264": Shape(),
    "stills": Shape(320, 180, 1, is_stills=True),
}
SMALL_PIXELS = 640 * 480
"""A tile of an H.264 source that is no larger than this is the source itself: any browser decodes many of these, and
it costs nothing to make."""
MOST_BEHIND_S = 3.0
"""Units that would wait for longer than this are left out, up to the next sync unit: live is live, or nothing."""
MOST_PENDING = 64
"""A decoder holds back no more; see `recode`. What is older than that has given no picture."""
STILL_NS = NS_PER_S * 9 // 10
LARGEST_CODED_BYTES = 8 * 1024 * 1024
_SAMPLES = 11


def passes(params: VideoParams, shape: Shape) -> bool:
    """Whether a source that is coded like this is shown as it is."""
    if params.codec is not Codec.H264 or shape.is_stills:
        return False
    return not shape.width_px or params.width_px * params.height_px <= SMALL_PIXELS


class Making:
    """See the module.

    Attributes:
        params: Of what comes out; None while nothing does.
        source: Of what goes in.
        seat: Where it is made; None: what goes in comes out as it is.
        cpu_ns: Processor time that it took so far.
        pictures: Units that came out.
        shed: Units that were left out because the process was behind.
        damaged: Units that could not be decoded.
    """

    def __init__(self, key: int, channel: Channel, clock: Clock, holds: Callable[[bytes], bool]) -> None:
        self.key = key
        self.stream: StreamId = channel.stream
        self.shape = SHAPES[role_of(channel.stream)]
        self._channel = channel
        self._clock = clock
        self._holds = holds
        self._is_open = False
        self._run: Run | None = None
        self._source_run = -1
        self._still_ns = 0
        self._numbers = 0
        self._waiting: dict[int, AccessUnit] = {}
        self._builder = UnitBuilder(dialect_for(Codec.H264))
        self._coded_as: VideoParams | None = None
        self._samples: deque[tuple[int, int, int]] = deque(maxlen=_SAMPLES)
        self.source: VideoParams | None = None
        self.seat: Seat | None = None
        self.params: VideoParams | None = None
        self.cpu_ns = self.pictures = self.shed = self.damaged = 0

    def take(self, unit: AccessUnit, *, is_shown: bool = True) -> None:
        """A unit of the source. ``is_shown``: False for those before the newest one when a rendition begins."""
        if self.source is None:
            return
        seat = self.seat
        if self.shape.is_stills and not self._is_still(unit):
            return
        if seat is None:
            self._publish(unit, self.source)
            return
        if not self._may_feed(unit, seat):
            return
        if not self._is_open:
            seat.open(self.key, self.source, self.shape, self.done)
            self._is_open, self._builder, self._coded_as = True, UnitBuilder(dialect_for(Codec.H264)), None
        self._numbers += 1
        self._waiting[self._numbers] = unit
        seat.feed(Unit(self.key, self._numbers, unit.pts, unit.is_sync, is_shown, unit.data))

    def _is_still(self, unit: AccessUnit) -> bool:
        """Whether a unit becomes a still: it can be decoded by itself, and the last one is a second old."""
        if not unit.is_sync or unit.captured_ns - self._still_ns < STILL_NS:
            return False
        self._still_ns = unit.captured_ns
        return True

    def _may_feed(self, unit: AccessUnit, seat: Seat) -> bool:
        """Whether a unit goes to the process; once one was left out, those up to the next sync unit are, too."""
        if not seat.is_ready or self._holds(unit.data):
            self._is_open = False
            return False
        if seat.behind_s() > MOST_BEHIND_S:
            self.shed += 1
            self._is_open = False
            return False
        return self._is_open or unit.is_sync

    def done(self, done: Done) -> None:
        """An answer of the process.

        Raises:
            PeerError: It is no video.
        """
        self.cpu_ns += max(0, done.cpu_ns)
        self.damaged += done.is_damaged
        for coded in done.coded:
            self._coded(coded)
        now_ns = self._clock.monotonic_ns()
        if not self._samples or now_ns - self._samples[-1][0] >= NS_PER_S:
            self._samples.append((now_ns, self.cpu_ns, self.pictures))
        while self._waiting and (oldest := next(iter(self._waiting))) <= done.number - MOST_PENDING:
            del self._waiting[oldest]

    def _coded(self, coded: Coded) -> None:
        if len(coded.data) > LARGEST_CODED_BYTES:
            raise PeerError("a picture is too large", offset=0, code="worker-message")
        unit = self._waiting.pop(coded.number, None)
        if self.shape.is_stills and unit is not None and self.source is not None:
            size = fit(self.source.width_px, self.source.height_px, self.shape)
            self._publish(structs.replace(unit, dts=unit.pts, data=coded.data), VideoParams(Codec.MJPEG, *size))
            return
        found = self._builder.whole(split_annexb(coded.data)) if unit is not None else None
        if unit is None or found is None:
            return
        self._coded_as = found.params or self._coded_as
        if self._coded_as is not None:
            made = structs.replace(unit, dts=unit.pts, is_sync=found.is_sync, data=found.data)
            self._publish(made, self._coded_as)

    def _publish(self, unit: AccessUnit, params: VideoParams) -> None:
        run = self._run
        if run is None or self._source_run != unit.ref.run:
            if not unit.is_sync:
                return
            run = self._begin(unit, params)
        if params != run.params[-1]:
            run.params.append(params)
        self.params = params
        self.pictures += 1
        ref = unit.ref if unit.ref.run == run.number else structs.replace(unit.ref, run=run.number)
        self._channel.publish(structs.replace(unit, ref=ref, params=len(run.params) - 1))

    def _begin(self, unit: AccessUnit, params: VideoParams) -> Run:
        """A run with the number of the source's. One that was made before goes on; where the source is another stream
        than it was then, its numbers may be lower: then ours just count on."""
        self.end(GapCause.CAMERA_CLOSED)
        newest, self._source_run = self._channel.newest_run(), unit.ref.run
        if newest is not None and newest.number == unit.ref.run:
            self._channel.resume_run()
            self._run = newest
        else:
            number = unit.ref.run if newest is None else max(unit.ref.run, newest.number + 1)
            self._run = Run(self.stream, number, unit.captured_ns, [params])
            self._channel.open_run(self._run)
        return self._run

    def end_run(self, ended: RunEnded) -> None:
        """The source's run is over, and with it ours."""
        self.close_seat()
        self.end(ended.cause, ended.detail)

    def end(self, cause: GapCause, detail: str = "") -> None:
        """End the run, if one goes on."""
        if self._run is not None:
            ended = RunEnded(self.stream, self._run.number, cause, detail, self._clock.wall_ns())
            self._run = None
            self._channel.close_run(ended)

    def close_seat(self) -> None:
        """What comes next begins at a sync unit."""
        if self.seat is not None and self._is_open:
            self.seat.close(self.key)
        self._is_open = False
        self._waiting.clear()

    def lost(self) -> None:
        """The process died."""
        self._is_open = False
        self._waiting.clear()

    def cores(self) -> float:
        """Processor time of the last ten seconds, as a share of one core."""
        if len(self._samples) < 2:
            return 0.0
        (t0, cpu0, _), (t1, cpu1, _) = self._samples[0], self._samples[-1]
        return (cpu1 - cpu0) / max(1, t1 - t0)

    def fps(self) -> float:
        """Pictures a second that came out in the last ten."""
        if len(self._samples) < 2:
            return 0.0
        (t0, _, count0), (t1, _, count1) = self._samples[0], self._samples[-1]
        return (count1 - count0) * NS_PER_S / max(1, t1 - t0)
