"""One camera's intake: its source is kept connected, its units are stamped and put on the bus."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Literal, Protocol

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Denied, HaechiError, Invalid, PeerError, Unavailable
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.base.supervise import Backoff
from haechi.bus.frames import Channel, FrameBus, GapCause, Run, RunEnded
from haechi.ingest.pace import Pace
from haechi.ingest.runs import RunNumbers
from haechi.ingest.source import Source, Track
from haechi.ingest.stamp import RunTime, Stamper
from haechi.media.access_unit import AudioParams, EdgeMark, RawUnit, UnitRef, VideoParams

log = structlog.get_logger(__name__)

State = Literal["live", "connecting", "offline", "waiting", "peer", "disabled"]
"""``waiting``: for the camera to dial; ``offline``: we dial, and it does not answer; ``peer``: a phone that is watched
peer to peer, and not taken in.
"""
StampFloor = Callable[[StreamId], Awaitable[int]]
DENIED_WAIT_S = 30.0
"""Wait after a refused password: trying faster locks accounts on many cameras and helps nobody."""


class EdgeNotes(Protocol):
    """Who wants to know what cameras call their own units (`haechi.ingest.memory.Memories` does)."""

    def live(self, ref: UnitRef, captured_ns: int, mark: EdgeMark) -> None:
        """A unit that its camera numbered is about to be published."""


class Numbers(Struct, frozen=True):
    """What a new run needs from elsewhere: its number, and the newest stamp that its stream has.

    Attributes:
        edges: Told what cameras call their own units.
    """

    runs: RunNumbers
    floor: StampFloor
    edges: EdgeNotes | None = None


class IngestStatus(Struct, frozen=True):
    """What a camera's intake does at the moment.

    Attributes:
        since_ns: Wall time at which ``state`` began.
        attempt: Tries since it was last live; 0 when live.
        fps, bitrate_bps: Over the last seconds, of the main stream.
        lost_packets: RTP packets known to be lost since the process started.
        damaged_units: Units that were dropped because part of them was lost.
    """

    state: State
    since_ns: int
    attempt: int = 0
    error_code: str = ""
    error_message: str = ""
    codec: str = ""
    width_px: int = 0
    height_px: int = 0
    fps: float = 0.0
    bitrate_bps: int = 0
    audio_codec: str = ""
    run: int = 0
    units: int = 0
    lost_packets: int = 0
    damaged_units: int = 0


class Lane:
    """One stream of the present connection: from raw units to the bus, and to the account of those that are missing."""

    def __init__(
        self, channel: Channel, number: int, rate_hz: int, time: RunTime, edges: EdgeNotes | None = None
    ) -> None:
        self.channel = channel
        self._edges = edges
        self._pace = Pace()
        self._damaged = 0
        self.run = Run(channel.stream, number, time.start_ns, [])
        self.stamper = Stamper(UnitRef(channel.stream, number, 0), rate_hz, time)
        self.units = 0
        self.bytes = 0
        self._is_open = False

    def take(self, raw: RawUnit, arrived_ns: int) -> None:
        """Stamp and publish. Units before the first sync unit cannot be decoded and are not taken."""
        params = self.run.params
        if raw.params is not None and (not params or raw.params != params[-1]):
            if not raw.is_sync and params:
                log.info("parameters change between sync units", stream=self.channel.stream)
            params.append(raw.params)
        if not self._is_open:
            if not raw.is_sync or not params:
                return
            self.channel.open_run(self.run)
            self._is_open = True
        unit = self.stamper.stamp(raw, arrived_ns, len(params) - 1)
        has_loss = self._damaged > 0 or raw.lost_packets > 0
        lost, silent = self._pace.before(unit.dts, damaged=self._damaged, has_loss=has_loss)
        if lost:
            self._miss(lost, unit.captured_ns, GapCause.PACKET_LOSS)
        if silent:
            self._miss(silent, unit.captured_ns, GapCause.STALLED)
        self._damaged = 0
        self.units += 1
        self.bytes += len(raw.data)
        if raw.mark is not None and self._edges is not None:
            self._edges.live(unit.ref, unit.captured_ns, raw.mark)
        self.channel.publish(unit)

    def damaged(self) -> None:
        """A unit came that must not be used."""
        self._damaged += self._is_open

    def _miss(self, count: int, captured_ns: int, cause: GapCause) -> None:
        self.channel.ledger.missing(self.channel.stream, captured_ns, count, cause)

    def close(self, cause: GapCause, detail: str, ended_ns: int) -> None:
        """End the run, if it ever began."""
        if self._damaged:
            self._miss(self._damaged, self.stamper.captured_ns, GapCause.PACKET_LOSS)
            self._damaged = 0
        if self._is_open:
            self._is_open = False
            self.channel.close_run(RunEnded(self.channel.stream, self.run.number, cause, detail, ended_ns))


class CameraIngest:
    """Keeps one camera connected. It is the `Sink` of its source."""

    away: ClassVar[State] = "offline"
    role: ClassVar[str] = "main"
    """Of the stream that the pictures become."""
    pauses_s: ClassVar[tuple[float, float]] = (0.5, 2.5)
    """The longest leaves a camera that is back another 2 s to its next sync unit, and is within 5 s all the same."""
    takes_in: ClassVar[bool] = True
    """Whether anything is to come in at all."""

    def __init__(
        self,
        camera: CameraId,
        source: Callable[[], Source],
        bus: FrameBus,
        clock: Clock,
        *,
        numbers: Numbers,
        audio: bool = False,
    ) -> None:
        self._camera = camera
        self._source = source
        self._bus = bus
        self._numbers = numbers
        self._clock = clock
        self._audio = audio
        self._lanes: dict[int, Lane] = {}
        self._state: State = "connecting" if self.away == "offline" else self.away
        self._since_ns = clock.wall_ns()
        self._attempt = 0
        self._error: HaechiError | None = None
        self._lost = 0
        self._damaged = 0
        self._units = 0
        self._rates: deque[tuple[int, int, int]] = deque(maxlen=4)
        self.stop_cause = GapCause.NOT_RUNNING

    async def run(self) -> None:
        """Connect, deliver, reconnect, until cancelled."""
        backoff = Backoff(*self.pauses_s)
        try:
            while True:
                self._attempt += 1
                try:
                    await self._source().run(self)
                    raise Unavailable("the camera ended the stream", code="camera-closed")
                except (HaechiError, OSError) as error:
                    failure = error if isinstance(error, HaechiError) else _wrapped(error)
                if self._state == "live":
                    backoff.reset()
                self._failed(failure)
                self._close(cause_of(failure), failure.message)
                await self._clock.sleep(DENIED_WAIT_S if isinstance(failure, Denied) else backoff.next_s())
        finally:
            self._close(self.stop_cause, "")

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        """See `Sink`. Takes the first video track, and the first audio track where audio is wanted."""
        chosen = _choose(tracks, self.role, audio=self._audio)
        streams = [stream_of(self._camera, role) for role in chosen.values()]
        floor_ns = max([await self._numbers.floor(stream) for stream in streams])
        time = RunTime(self._clock.wall_ns(), self._clock.monotonic_ns(), floor_ns)
        numbers = await self._numbers.runs.next(streams, time.start_ns)
        self._lanes = {
            index: Lane(self._bus.channel(stream), number, tracks[index].rate_hz, time, self._numbers.edges)
            for index, stream, number in zip(chosen, streams, numbers, strict=True)
        }
        return [index in chosen for index in range(len(tracks))]

    def unit(self, track: int, raw: RawUnit, arrived_ns: int) -> None:
        """See `Sink`. What a camera sends of a track that was not taken (its microphone, mostly) is left out."""
        lane = self._lanes.get(track)
        if lane is None:
            return
        self._lost += raw.lost_packets
        if raw.damaged:
            self._damaged += 1
            lane.damaged()
            return
        self._units += 1
        lane.take(raw, arrived_ns)
        if self._state != "live" and lane.units and lane is self.main_lane():
            self._now_live()

    def report(self, track: int, camera_wall_ns: int, rtp_ticks: int) -> None:
        """See `Sink`."""
        lane = self._lanes.get(track)
        if lane is not None:
            lane.stamper.sender_report(camera_wall_ns, rtp_ticks)

    def sample_rates(self) -> None:
        """Note the counters; called every second or two by the manager."""
        lane = self.main_lane()
        if lane is not None:
            self._rates.append((self._clock.monotonic_ns(), lane.units, lane.bytes))

    def status(self) -> IngestStatus:
        """The present state, for people."""
        lane = self.main_lane()
        video = lane.run.params[-1] if lane is not None and lane.run.params else None
        fps, bitrate_bps = self._measured()
        return IngestStatus(
            state=self._state,
            since_ns=self._since_ns,
            attempt=0 if self._state == "live" else self._attempt,
            error_code=self._error.code if self._error else "",
            error_message=self._error.message if self._error else "",
            codec=video.codec.value if video else "",
            width_px=video.width_px if isinstance(video, VideoParams) else 0,
            height_px=video.height_px if isinstance(video, VideoParams) else 0,
            fps=fps,
            bitrate_bps=bitrate_bps,
            audio_codec=self._audio_codec(),
            run=lane.run.number if lane else 0,
            units=self._units,
            lost_packets=self._lost,
            damaged_units=self._damaged,
        )

    def _audio_codec(self) -> str:
        for lane in self._lanes.values():
            if lane.run.params and isinstance(lane.run.params[-1], AudioParams):
                return lane.run.params[-1].codec.value
        return ""

    def main_lane(self) -> Lane | None:
        """The main stream of the present connection."""
        main = stream_of(self._camera, self.role)
        return next((lane for lane in self._lanes.values() if lane.channel.stream == main), None)

    def _measured(self) -> tuple[float, int]:
        if len(self._rates) < 2 or self._state != "live":
            return 0.0, 0
        (t0, units0, bytes0), (t1, units1, bytes1) = self._rates[0], self._rates[-1]
        seconds = max((t1 - t0) / NS_PER_S, 0.001)
        return round((units1 - units0) / seconds, 1), int((bytes1 - bytes0) * 8 / seconds)

    def _now_live(self) -> None:
        log.info("camera live", camera=self._camera, attempt=self._attempt)
        self._state, self._since_ns, self._error = "live", self._clock.wall_ns(), None
        self._attempt = 0
        self._rates.clear()

    def _failed(self, error: HaechiError) -> None:
        if self._state != self.away:
            log.warning("camera offline", camera=self._camera, code=error.code, error=error.message)
            self._state, self._since_ns = self.away, self._clock.wall_ns()
        self._error = _bare(error)

    def _close(self, cause: GapCause, detail: str) -> None:
        lanes, self._lanes = self._lanes, {}
        for lane in lanes.values():
            lane.close(cause, detail, self._clock.wall_ns())


class DialledIngest(CameraIngest):
    """The same for a camera that connects to us: its source waits, so our own pauses are short."""

    away: ClassVar[State] = "waiting"
    pauses_s: ClassVar[tuple[float, float]] = (0.1, 1.0)


class SubIngest(CameraIngest):
    """The same for the smaller stream of a camera that we connect to."""

    role: ClassVar[str] = "sub"


def _choose(tracks: Sequence[Track], picture: str, *, audio: bool) -> dict[int, str]:
    chosen: dict[int, str] = {}
    for index, track in enumerate(tracks):
        role = picture if track.codec.is_video else "audio"
        if role not in chosen.values() and (track.codec.is_video or audio):
            chosen[index] = role
    if picture not in chosen.values():
        raise Invalid("the camera offers no video that we can take", code="no-video-track")
    return chosen


def _bare(error: HaechiError) -> HaechiError:
    """An error that is kept, without the frames in which it came about: they hold the whole connection."""
    one: BaseException | None = error
    while one is not None:
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
    return error


def _wrapped(error: OSError) -> HaechiError:
    return Unavailable("the connection to the camera broke", code="connection-lost", reason=type(error).__name__)


def cause_of(error: HaechiError) -> GapCause:
    """Why there is no footage, as it is stored."""
    if isinstance(error, Denied):
        return GapCause.UNAUTHORIZED
    if error.code == "camera-stalled":
        return GapCause.STALLED
    if error.code == "camera-closed":
        return GapCause.CAMERA_CLOSED
    if isinstance(error, PeerError | Invalid):
        return GapCause.PEER_ERROR
    return GapCause.UNREACHABLE
