"""The windows that somebody watches: begun with the first request, ended half a minute after the last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, Invalid, Unavailable
from haechi.base.faults import Apart
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import RunEnded, Subscription
from haechi.live.demand import Lease
from haechi.live.llhls.programme import Coding, Programme
from haechi.live.mse import LiveHub, plays_in_browsers, shown_as
from haechi.live.streams import stream_named
from haechi.media.access_unit import AccessUnit, AudioParams, Codec

log = structlog.get_logger(__name__)

IDLE_NS = 30 * NS_PER_S
MOST_WATCHED = 256
MOST_BYTES = 1024 * 1024 * 1024
"""Of all windows together. One holds 16 s of its camera: 4 MB at 2 Mbit/s."""
MSN_EPOCH_S = 1_735_689_600
"""2025-01-01. A window's numbers begin with the seconds since then, so that none is used again after a restart; and
they stay within 31 bits for as long as players that count so are around."""


class Watched:
    """One stream that somebody watches by HLS.

    Attributes:
        error: Why nothing can be shown of what comes.
    """

    def __init__(self, camera: CameraId, stream: StreamId, first_msn: int, now_ns: int) -> None:
        self.camera = camera
        self.stream = stream
        self.programme = Programme(first_msn)
        self.error: HaechiError | None = None
        self.touched_ns = now_ns
        self.wants_sound = asyncio.Event()
        self.is_over = False
        self._changed = asyncio.Event()

    @property
    def state(self) -> tuple[int, HaechiError | None]:
        """Changes when somebody who waits may get something."""
        return self.programme.version, self.error

    def tell(self) -> None:
        """Something came, or ended: who waits looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, is_so: Callable[[], bool], seconds: float) -> bool:
        """Wait for ``is_so``, at most so long; whether it is.

        Raises:
            HaechiError: What comes cannot be shown.
        """
        try:
            async with asyncio.timeout(seconds):
                while not is_so() and not self.is_over:
                    if self.error is not None:
                        raise self.error
                    await self._changed.wait()
        except TimeoutError:
            return False
        return is_so()


class HlsRoom:
    """All windows of this server."""

    def __init__(self, hub: LiveHub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._watched: dict[StreamId, Watched] = {}
        self._next_msn: dict[StreamId, int] = {}
        self._group: Apart | None = None

    @property
    def streams(self) -> int:
        """Windows that are made at present."""
        return len(self._watched)

    @property
    def bytes(self) -> int:
        """All that they hold."""
        return sum(one.programme.bytes for one in self._watched.values())

    async def run(self) -> None:
        """Make windows until cancelled."""
        async with Apart("hls window", self._hub.faults) as group:
            self._group = group
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None

    async def watch(self, camera: CameraId, name: str) -> Watched:
        """The window of a stream, begun if nobody watches it yet. Called with every request for it.

        Raises:
            NotFound: ``stream-unknown``.
            Unavailable: ``hls-full``; the stream cannot be had.
        """
        stream = stream_named(camera, name)
        watched = self._watched.get(stream)
        if watched is None:
            lease = await self._hub.demand.want(stream)
            watched = self._watched.get(stream)
            if watched is not None:
                lease.close()
            else:
                watched = self._begin(camera, stream, lease)
        watched.touched_ns = self._clock.monotonic_ns()
        return watched

    def sound_of(self, camera: CameraId) -> AudioParams | None:
        """What a viewer would hear, where the camera sends sound at present that can be shown."""
        stream = stream_of(camera, "audio")
        if stream not in self._hub.bus.streams():  # asking the bus for it would make it
            return None
        run = self._hub.bus.channel(stream).current
        shown = shown_as(run.params[-1]) if run is not None and run.params else None
        return shown if isinstance(shown, AudioParams) and plays_in_browsers(shown) else None

    def _begin(self, camera: CameraId, stream: StreamId, lease: Lease) -> Watched:
        if self._group is None or len(self._watched) >= MOST_WATCHED or self.bytes >= MOST_BYTES:
            lease.close()
            raise Unavailable("no room for another stream by HLS; try again", code="hls-full", retry_after_s=5)
        now_s = self._clock.wall_ns() // NS_PER_S
        first_msn = max(now_s - MSN_EPOCH_S, self._next_msn.get(stream, 0))
        watched = self._watched[stream] = Watched(camera, stream, first_msn, self._clock.monotonic_ns())
        self._group.create_task(self._serve(watched, lease))
        return watched

    async def _serve(self, watched: Watched, lease: Lease) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                pumps = [group.create_task(self._pictures(watched)), group.create_task(self._sound(watched))]
                await self._idle(watched)
                for pump in pumps:
                    pump.cancel()
        finally:
            lease.close()
            del self._watched[watched.stream]
            tracks = [track for track in (watched.programme.pictures, watched.programme.sound) if track is not None]
            self._next_msn[watched.stream] = max(track.next_msn for track in tracks)
            watched.is_over = True
            watched.tell()
        log.debug("hls window ended", stream=watched.stream)

    async def _idle(self, watched: Watched) -> None:
        """Return when nobody has asked for anything for half a minute."""
        while True:
            idle_ns = self._clock.monotonic_ns() - watched.touched_ns
            if idle_ns >= IDLE_NS:
                return
            await self._clock.sleep((IDLE_NS - idle_ns) / NS_PER_S)

    async def _pictures(self, watched: Watched) -> None:
        programme, live = watched.programme, self._hub.stream(watched.stream)

        def take(unit: AccessUnit, subscription: Subscription) -> None:
            params = subscription.params_of(unit)
            if params.codec in (Codec.MJPEG, Codec.VP8):
                raise _not_for_hls(params.codec)
            coding = Coding(unit.ref.run, unit.params, params, live.init(params))
            for shown, data in live.chunks(unit, params):
                programme.add_picture(shown, data, coding)

        await self._pump(watched, watched.stream, take, programme.end_run)

    async def _sound(self, watched: Watched) -> None:
        await watched.wants_sound.wait()
        stream = stream_of(watched.camera, "audio")
        programme, live = watched.programme, self._hub.stream(stream)
        programme.with_sound()

        def take(unit: AccessUnit, subscription: Subscription) -> None:
            params = subscription.params_of(unit)
            shown = shown_as(params)
            coding = Coding(unit.ref.run, unit.params, shown, live.init(shown))
            programme.add_sound(unit, live.chunks(unit, params), coding)

        await self._pump(watched, stream, take, lambda: None)

    async def _pump(
        self,
        watched: Watched,
        stream: StreamId,
        take: Callable[[AccessUnit, Subscription], None],
        end_run: Callable[[], None],
    ) -> None:
        """Hand on what comes, until the camera is deleted."""
        subscription = self._hub.bus.watch(stream)
        try:
            async for item in subscription:
                before = watched.state
                if isinstance(item, RunEnded):
                    end_run()
                else:
                    self._try(watched, item, subscription, take)
                if watched.state != before:  # most units only make a part grow that nobody can have yet
                    watched.tell()
        finally:
            subscription.close()

    def _try(
        self,
        watched: Watched,
        unit: AccessUnit,
        subscription: Subscription,
        take: Callable[[AccessUnit, Subscription], None],
    ) -> None:
        try:
            take(unit, subscription)
        except HaechiError as error:
            if unit.ref.stream == watched.stream:
                if watched.error is None:
                    log.warning("cannot be shown by hls", stream=watched.stream, code=error.code, error=error.message)
                watched.error = error
        else:
            if unit.ref.stream == watched.stream:
                watched.error = None


def _not_for_hls(codec: Codec) -> Invalid:
    other = "its live.mjpeg" if codec is Codec.MJPEG else "it by WebRTC"
    return Invalid(
        f"this camera sends {codec.value.upper()}, which HLS does not carry: watch {other}, or its stream h264",
        code="codec-not-playable",
    )
