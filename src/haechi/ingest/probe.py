"""Tries a camera address and says which hop works and which does not, with milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec import Struct

from haechi.base.clock import NS_PER_MS, Clock
from haechi.base.errors import Denied, HaechiError, Unavailable
from haechi.base.ids import StreamId
from haechi.ingest.source import Source, Track
from haechi.ingest.stamp import RunTime, Stamper
from haechi.media.access_unit import AccessUnit, AudioParams, RawUnit, UnitRef, VideoParams

PROBE_S = 12.0
SITE_S = 45.0
"""So much longer where a web site must be asked first where its picture is; see `haechi.ingest.sites`."""
HOPS = ("dns", "tcp", "tls", "rtsp", "http", "rtmp", "playlist", "segment", "describe", "auth", "setup", "picture")

Note = Callable[[str], None]
"""Called by a source when it begins a hop, with the hop's name."""


class Hop(Struct, frozen=True):
    """One step of the way to a picture."""

    hop: str
    ok: bool
    ms: float
    detail: str = ""


class ProbeReport(Struct, frozen=True):
    """What came of a try. ``gop`` holds units that decode to the first picture (the first is a sync unit)."""

    ok: bool
    hops: tuple[Hop, ...]
    error_code: str = ""
    error_message: str = ""
    params: VideoParams | None = None
    audio: AudioParams | None = None
    gop: tuple[AccessUnit, ...] = ()


class _Probe:
    """Notes hops; a `Sink` that is content with the first sync unit."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_ns = clock.monotonic_ns()
        self._hop = ""
        self.more_s = 0.0
        self.hops: list[Hop] = []
        self.params: VideoParams | None = None
        self.audio: AudioParams | None = None
        self.gop: list[AccessUnit] = []
        self.done = asyncio.Event()
        self._tracks: Sequence[Track] = ()
        self._stamper: Stamper | None = None

    def begin(self, hop: str) -> None:
        self.finish(ok=True)
        self._hop = hop
        self.more_s += SITE_S if hop == "site" else 0.0
        self._began_ns = self._clock.monotonic_ns()

    def rename(self, hop: str) -> None:
        self._hop = hop

    def finish(self, *, ok: bool, detail: str = "") -> None:
        if self._hop:
            ms = (self._clock.monotonic_ns() - self._began_ns) / NS_PER_MS
            self.hops.append(Hop(self._hop, ok, round(ms, 1), detail))
            self._hop = ""

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        self._tracks = tracks
        self.begin("picture")
        return [True] * len(tracks)

    def unit(self, track: int, raw: RawUnit, arrived_ns: int) -> None:
        if isinstance(raw.params, AudioParams):
            self.audio = raw.params
        if isinstance(raw.params, VideoParams):
            self.params = raw.params
        if not self._tracks[track].codec.is_video or raw.damaged or self.params is None or self.done.is_set():
            return
        if raw.is_sync:
            time = RunTime(self._clock.wall_ns(), self._clock.monotonic_ns())
            ref = UnitRef(StreamId("probe/main"), 0, 0)
            self._stamper = Stamper(ref, self._tracks[track].rate_hz, time)
            self.gop.append(self._stamper.stamp(raw, arrived_ns, 0))
            self.done.set()

    def report(self, track: int, camera_wall_ns: int, rtp_ticks: int) -> None:
        """Not needed for a first picture."""


async def probe_source(make: Callable[[Note], Source], clock: Clock) -> ProbeReport:
    """Run a source until its first picture, at most 12 s, and longer where a web site is asked."""
    probe = _Probe(clock)
    source = asyncio.create_task(_run(make(probe.begin), probe))
    waiter = asyncio.create_task(probe.done.wait())
    try:
        limit_s = PROBE_S
        while limit_s and not (source.done() or waiter.done()):
            await asyncio.wait({source, waiter}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            limit_s, probe.more_s = probe.more_s, 0.0
        if probe.done.is_set():
            probe.finish(ok=True)
            return _report(probe, None)
        if source.done():
            error = source.exception()
            failure = error if isinstance(error, HaechiError) else _ended(error)
        else:
            failure = Unavailable("no picture came in time", code="probe-timeout", seconds=PROBE_S)
        if isinstance(failure, Denied):
            probe.rename("auth")
        probe.finish(ok=False, detail=failure.message)
        return _report(probe, failure)
    finally:
        source.cancel()
        waiter.cancel()
        await asyncio.gather(source, waiter, return_exceptions=True)


async def _run(source: Source, probe: _Probe) -> None:
    await source.run(probe)


def _ended(error: BaseException | None) -> HaechiError:
    if error is None:
        return Unavailable("the camera ended the stream before a picture came", code="camera-closed")
    if isinstance(error, OSError):
        return Unavailable("the connection to the camera broke", code="connection-lost", reason=type(error).__name__)
    raise error


def _report(probe: _Probe, error: HaechiError | None) -> ProbeReport:
    return ProbeReport(
        ok=error is None,
        hops=tuple(probe.hops),
        error_code=error.code if error else "",
        error_message=error.message if error else "",
        params=probe.params,
        audio=probe.audio,
        gop=tuple(probe.gop),
    )
