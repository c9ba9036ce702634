"""Renditions by the real process, of streams that are published here as intake would publish them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import cycle

import pytest

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import Unavailable
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import Channel, FrameBus, GapCause, Run, RunEnded, Subscription
from haechi.live.mse import LiveHub
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, Codec, UnitRef, VideoParams
from tests.cameras import until
from tests.streams import START_NS, CodedUnit, h264_stream, h265_stream

CAMERA = CameraId("cam_a")
MAIN, TILE, H264, STILLS = (stream_of(CAMERA, role) for role in ("main", "tile", "h264", "stills"))
LARGE = h264_stream(30, 15, 15, (1280, 720))
H265 = h265_stream(30, 15, 15)
GOP = 15
ONE_GOP = h265_stream(GOP, 15, GOP)
FPS = 15
Stream = tuple[VideoParams, list[CodedUnit]]


class Playing:
    """A camera: publishes the units of a stream for ever, by hand or at its rate."""

    def __init__(self, channel: Channel, stream: Stream, run: int = 5) -> None:
        self._channel = channel
        self._params, units = stream
        self._units = cycle(units)
        self.seq = -1
        self.run = run
        channel.open_run(Run(channel.stream, run, START_NS, [self._params]))

    def publish(self) -> AccessUnit:
        self.seq += 1
        coded, ticks = next(self._units), self.seq * TICKS_PER_S // FPS
        ref = UnitRef(self._channel.stream, self.run, self.seq)
        captured_ns = START_NS + self.seq * NS_PER_S // FPS
        unit = AccessUnit(ref, ticks, ticks, captured_ns, coded.is_sync, 0, coded.data)
        self._channel.publish(unit)
        return unit

    async def keep_on(self) -> None:
        while True:
            self.publish()
            await asyncio.sleep(1 / (4 * FPS))

    def end(self) -> None:
        self._channel.close_run(RunEnded(self._channel.stream, self.run, GapCause.STALLED, "quiet", START_NS))


@asynccontextmanager
async def at_work(limit: int = 8) -> AsyncIterator[LiveHub]:
    hub = LiveHub(FrameBus(), SystemClock(), limit)
    task = asyncio.create_task(hub.run())
    try:
        yield hub
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert hub.renditions.pids() == (None,) * len(hub.renditions.pids())


@asynccontextmanager
async def playing(hub: LiveHub, stream: Stream, camera: CameraId = CAMERA) -> AsyncIterator[Playing]:
    made = Playing(hub.bus.channel(stream_of(camera)), stream)
    task = asyncio.create_task(made.keep_on())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def pictures(subscription: Subscription, count: int) -> list[AccessUnit]:
    """The next units."""
    found: list[AccessUnit] = []
    async with asyncio.timeout(60):
        async for item in subscription:
            if isinstance(item, AccessUnit):
                found.append(item)
            if len(found) == count:
                break
    return found


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 120))


def test_a_tile_carries_the_names_and_stamps_of_the_camera_s_units_however_many_watch_it() -> None:
    async def work() -> None:
        async with at_work() as hub, playing(hub, LARGE), hub.watching(TILE) as one, hub.watching(TILE) as other:
            units = await pictures(one, 12)
            assert await pictures(other, 12) == units
            assert units[0].is_sync
            for unit in units:
                assert unit.ref.run == 5
                assert unit.captured_ns == START_NS + unit.ref.seq * NS_PER_S // FPS
                assert unit.pts == unit.dts == unit.ref.seq * TICKS_PER_S // FPS
            params = one.params_of(units[0])
            assert isinstance(params, VideoParams)
            assert (params.width_px, params.height_px) == (320, 180)
            report = hub.renditions.report()
            (row,) = report.renditions
            assert (row.kind, row.codec, row.viewers, row.is_passed) == ("tile", "h264", 2, False)
            assert row.cpu_s > 0
            assert (report.used, report.processes, report.starts) == (1, 1, 1)
            assert hub.bus.ledger.all_totals().keys() == {MAIN}

    run(work)


def test_h265_is_shown_as_h264_in_full_size_and_ends_with_its_camera_s_run() -> None:
    async def work() -> None:
        async with at_work() as hub, playing(hub, H265) as camera, hub.watching(H264) as viewer:
            first = (await pictures(viewer, 3))[0]
            params = viewer.params_of(first)
            assert isinstance(params, VideoParams)
            assert (params.width_px, params.height_px) == (320, 240)
            assert params.codec_string.startswith("avc1.42")
            camera.end()
            async with asyncio.timeout(30):
                async for item in viewer:
                    if isinstance(item, RunEnded):
                        assert (item.stream, item.run, item.cause, item.detail) == (H264, 5, GapCause.STALLED, "quiet")
                        return

    run(work)


def test_what_browsers_play_already_goes_out_as_it_is_and_costs_nothing() -> None:
    async def work() -> None:
        async with at_work(limit=1) as hub, playing(hub, LARGE), hub.watching(H264) as viewer:
            units = await pictures(viewer, 5)
            assert units[0].is_sync
            sent = {unit.data for unit in LARGE[1]}
            assert all(unit.data in sent for unit in units)
            report = hub.renditions.report()
            assert report.renditions[0].is_passed
            assert (report.used, report.starts, report.cpu_s) == (0, 0, 0)

    run(work)


def test_stills_come_with_each_sync_unit_the_first_at_once_and_need_no_room() -> None:
    async def work() -> None:
        async with at_work(limit=1) as hub, playing(hub, LARGE), hub.watching(STILLS) as viewer:
            units = await pictures(viewer, 3)
            assert all(unit.ref.seq % 15 == 0 for unit in units)
            assert all(unit.data.startswith(b"\xff\xd8") for unit in units)
            params = viewer.params_of(units[0])
            assert params == VideoParams(Codec.MJPEG, 320, 180)
            assert hub.renditions.report().used == 0

    run(work)


def test_more_than_the_limit_is_refused_and_room_is_there_again_when_viewers_have_left() -> None:
    async def work() -> None:
        async with at_work(limit=5) as hub, playing(hub, H265), playing(hub, H265, CameraId("cam_b")):
            hub.renditions.linger_s = 0.0
            lease = await hub.demand.want(H264)
            await hub.demand.want(TILE)
            with pytest.raises(Unavailable) as refused:
                await hub.demand.want(StreamId("cam_b/tile"))
            assert refused.value.code == "renditions-full"
            lease.close()
            await until(lambda: hub.renditions.report().used == 1, 60)
            await hub.demand.want(StreamId("cam_b/tile"))

    run(work)


def test_a_process_that_is_killed_is_replaced_and_its_viewers_go_on_at_the_next_sync_unit() -> None:
    async def work() -> None:
        async with at_work() as hub, playing(hub, LARGE), hub.watching(TILE) as viewer:
            last = (await pictures(viewer, 3))[-1]
            pid = hub.renditions.pids()[0]
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: hub.renditions.pids()[0] not in {None, pid}, 60)
            while viewer.take() is not None:
                pass
            after = await pictures(viewer, 5)
            assert after[0].ref > last.ref
            assert any(unit.is_sync for unit in after)
            assert [unit.ref for unit in after] == sorted(unit.ref for unit in after)

    run(work)


def test_a_unit_that_a_process_died_of_twice_is_not_decoded_again() -> None:
    """The process is frozen before it gets the unit, so that it is known which one it has when it is ended."""

    async def work() -> None:
        async with at_work() as hub:
            camera, seat = Playing(hub.bus.channel(MAIN), ONE_GOP), hub.renditions._seats[0]
            async with hub.watching(H264):
                for _ in range(GOP):
                    camera.publish()
                await until(lambda: H264 in hub.renditions._makings, 60)
                making, _ = hub.renditions._makings[H264]
                await until(lambda: making._numbers == GOP and not seat._owed, 60)
                for strikes in (1, 2):
                    await until(lambda: seat.is_ready, 60)
                    pid = seat.pid
                    assert pid is not None
                    os.kill(pid, signal.SIGSTOP)
                    assert camera.publish().is_sync
                    await until(lambda: len(seat._owed) > 0, 60)
                    seat._kill()
                    await until(lambda: seat.pid != pid, 60)  # noqa: B023 (it is awaited here)
                    assert hub.renditions._quarantine.held() == (strikes == 2)
                    for _ in range(GOP - 1):
                        camera.publish()

    run(work)


def test_a_server_that_stops_suspects_no_unit() -> None:
    async def work() -> None:
        async with at_work() as hub, playing(hub, H265), hub.watching(H264) as viewer:
            await pictures(viewer, 2)
            pid = hub.renditions.pids()[0]
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            await until(lambda: len(hub.renditions._seats[0]._owed) > 2, 60)
        assert hub.renditions._quarantine._kills == {}

    run(work)
