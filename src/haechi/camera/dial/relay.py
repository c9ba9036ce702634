"""What a camera that cannot dial shows, for one that can: its RTSP stream is pulled here and passed on as it is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

import structlog

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, Invalid, Unavailable
from haechi.base.supervise import Backoff
from haechi.camera.virtual.server import FeedUnit
from haechi.fleet.address import parse_address
from haechi.ingest.openers import target_of
from haechi.ingest.rtsp import RtspSource
from haechi.ingest.source import Track
from haechi.media.access_unit import AudioParams, CodecParams, RawUnit, VideoParams

log = structlog.get_logger(__name__)

OPEN_S = 20.0
MOST_UNITS = 512
"""Held between the camera and the connection; beyond it pictures up to the next sync unit are left out."""


class RelayFeed:
    """A `Feed` of another camera. `open` it, and keep `run` going."""

    def __init__(self, url: str, clock: Clock, *, transport: str = "auto") -> None:
        self._source = RtspSource(target_of(parse_address(url), transport), clock)
        self._clock = clock
        self._params: dict[int, CodecParams] = {}
        self._tracks: dict[int, int] = {}
        self._lanes: dict[int, _Lane] = {}
        self._queue: deque[FeedUnit] = deque()
        self._arrived = asyncio.Event()
        self._is_open = asyncio.Event()
        self._awaiting_sync = False
        self._began_ns = clock.monotonic_ns()
        self._broken: HaechiError | None = None

    async def open(self) -> None:
        """Wait for the first picture; `run` must be going.

        Raises:
            Unavailable: ``source-silent``.
        """
        try:
            await asyncio.wait_for(self._is_open.wait(), OPEN_S)
        except TimeoutError:
            message = "the camera behind --source sends no picture; try it with: haechi camera test"
            raise Unavailable(message, code="source-silent", seconds=OPEN_S) from None

    async def run(self) -> None:
        """Pull, again and again, until cancelled."""
        backoff = Backoff(0.5, 4.0)
        while True:
            try:
                await self._source.run(self)
                failure: HaechiError = Unavailable("the camera ended the stream", code="camera-closed")
            except (HaechiError, OSError) as error:
                failure = error if isinstance(error, HaechiError) else Unavailable("broken", code="connection-lost")
            log.warning("source lost", code=failure.code, error=failure.message)
            await self._clock.sleep(backoff.next_s())

    # -- `Feed` ------------------------------------------------------------------------------------------------------
    def tracks(self) -> tuple[CodecParams, ...]:
        """See `Feed`; after `open`."""
        return tuple(self._params[index] for index in sorted(self._params))

    async def units(self) -> AsyncIterator[FeedUnit]:
        """See `Feed`.

        Raises:
            Invalid: ``source-changed``: the camera changed to another codec; begin anew.
        """
        while True:
            while self._queue:
                yield self._queue.popleft()
            if self._broken is not None:
                raise self._broken
            self._arrived.clear()
            await self._arrived.wait()

    # -- `Sink` ------------------------------------------------------------------------------------------------------
    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        """See `Sink`: the first of video, and the first of audio."""
        self._tracks = {}
        for index, track in enumerate(tracks):
            place = 0 if track.codec.is_video else 1
            if place not in self._tracks.values():
                self._tracks[index] = place
                self._lanes.setdefault(place, _Lane()).rate_hz = track.rate_hz
                self._lanes[place].is_new = True
        return [index in self._tracks for index in range(len(tracks))]

    def unit(self, track: int, raw: RawUnit, arrived_ns: int) -> None:
        """See `Sink`."""
        place = self._tracks.get(track)
        if place is None or raw.damaged or (self._is_open.is_set() and place not in self._params):
            return
        if raw.params is not None and not self._take_params(place, raw.params):
            return
        if place not in self._params or (not self._is_open.is_set() and not (place == 0 and raw.is_sync)):
            return
        self._is_open.set()
        if len(self._queue) >= MOST_UNITS:
            self._awaiting_sync = True
            log.warning("the connection is too slow for this camera; pictures are left out")
        if self._awaiting_sync:
            if len(self._queue) >= MOST_UNITS // 2 or not (place == 0 and raw.is_sync):
                return
            self._awaiting_sync = False
        ticks = self._lanes[place].ticks(raw.rtp_ticks, arrived_ns)
        due_s = max(0.0, (arrived_ns - self._began_ns) / NS_PER_S)
        self._queue.append(FeedUnit(place, raw.data, ticks, due_s, raw.is_sync, raw.params))
        self._arrived.set()

    def report(self, track: int, camera_wall_ns: int, rtp_ticks: int) -> None:
        """See `Sink`. The relay's own clock is what the server is told of."""

    def _take_params(self, place: int, params: CodecParams) -> bool:
        known = self._params.get(place)
        if known is not None and known.codec != params.codec:
            message = "the camera behind --source changed to another codec"
            self._broken = Invalid(message, code="source-changed", codec=params.codec.value)
            self._arrived.set()
            return False
        if not isinstance(params, VideoParams if place == 0 else AudioParams):
            return False
        self._params[place] = params
        return True


class _Lane:
    """Media time of one track, going on across the source's own reconnects."""

    def __init__(self) -> None:
        self.rate_hz = 90_000
        self.is_new = True
        self._shift = 0
        self._last_ticks: int | None = None
        self._last_arrived_ns = 0

    def ticks(self, rtp_ticks: int, arrived_ns: int) -> int:
        """The ticks to send for a unit."""
        if self.is_new:
            self.is_new = False
            if self._last_ticks is None:
                self._shift = -rtp_ticks
            else:
                gone = (arrived_ns - self._last_arrived_ns) * self.rate_hz // NS_PER_S
                self._shift = self._last_ticks + max(1, gone) - rtp_ticks
        self._last_ticks, self._last_arrived_ns = rtp_ticks + self._shift, arrived_ns
        return self._last_ticks
