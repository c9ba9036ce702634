"""A bug in what serves one viewer ends that viewer, is counted, and ends nothing else (CONTRACT D4)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator

import pytest
import structlog
import uvloop

from haechi.base.clock import NS_PER_S, SimulatedClock, SystemClock
from haechi.base.faults import Faults
from haechi.base.ids import StreamId
from haechi.live.demand import Demand
from tests.cameras import until
from tests.live.llhls.test_room import CAMERA, STREAM, staged
from tests.live.rtsp.stage import MAIN, serving
from tests.streams import h264_stream
from tests.whep import VIDEO, Feed, Hall, Watcher, shown, watcher
from tests.whip import film

PATIENCE_S = 60


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def test_by_rtsp() -> None:
    params, coded = h264_stream(frames=12, gop=60)

    async def run() -> None:
        async with serving() as yard:
            run = yard.open_run(MAIN, params)
            yard.publish(run, coded[:1])
            async with yard.hello() as other, yard.hello() as unlucky:
                await other.play()
                yard.door.breaks_next = True
                await unlucky.play()
                assert await unlucky.is_closed()
                yard.publish(run, coded[1:4], first=1)
                await other.packets_until(lambda one: one.pictures >= 4)
            await until(lambda: yard.faults.counts == {"rtsp player": 1}, PATIENCE_S)

    asyncio.run(run())


def test_players_that_break_off_in_the_middle_are_no_bug_on_the_loop_that_the_server_runs_on() -> None:
    params, coded = h264_stream(frames=60, gop=60)

    async def run() -> None:
        async with serving() as yard:
            run = yard.open_run(MAIN, params)
            yard.publish(run, coded[:1])
            for number in range(4):
                async with yard.hello() as player:
                    await player.play()
                    linger = struct.pack("ii", 1, 0)
                    player.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    player.writer.transport.abort()
                for step in range(10):
                    yard.publish(run, coded[1 + 10 * number + step :][:1], first=1 + 10 * number + step)
                    await asyncio.sleep(0)
            await until(lambda: yard.counts.connections == 0, PATIENCE_S)
            assert yard.faults.counts == {}

    uvloop.run(run())


def test_by_webrtc() -> None:
    async def run() -> None:
        async with Hall(SystemClock()).open() as hall, watcher() as other:
            params, units = shown(film())
            video = Feed(hall.bus, VIDEO, params, 3_000)
            video.open()
            video.put(*units[0])
            unlucky, _ = await hall.offered(await Watcher().offer(audio=False))

            def broken() -> None:
                raise ZeroDivisionError("a bug")

            unlucky.peer.tick = broken  # type: ignore[method-assign]
            await until(lambda: hall.over == 1, PATIENCE_S)
            await until(lambda: hall.hub.faults.counts == {"webrtc viewer": 1}, PATIENCE_S)
            await other.watch(hall, audio=False)
            await until(lambda: bool(other.packets["video"]), PATIENCE_S)
            assert hall.viewers.count == 1

    asyncio.run(run())


def test_by_hls(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with staged() as stage:
            stage.open()
            stage.send(stage.units[:16])
            with monkeypatch.context() as patched:
                patched.setattr(stage.hub.stream(STREAM), "chunks", lambda unit, params: 1 // 0)
                window = await stage.room.watch(CAMERA, "main")
                assert not await window.until(lambda: False, PATIENCE_S)
            assert window.is_over
            await until(lambda: stage.hub.faults.counts == {"hls window": 1}, PATIENCE_S)
            again = await stage.room.watch(CAMERA, "main")
            assert again is not window
            await until(lambda: stage.bus.channel(STREAM).subscribers() == 1)
            stage.send(stage.units[16:])
            assert await again.until(lambda: bool(again.programme.pictures.closed), PATIENCE_S)

    asyncio.run(run())


class BrokenWorkshop:
    """A supplier that has a bug, the first time."""

    linger_s = 10.0
    begun = 0

    async def admit(self, stream: StreamId) -> None:
        return

    async def supply(self, stream: StreamId) -> None:
        self.begun += 1
        if self.begun == 1:
            raise ZeroDivisionError("a bug")
        await asyncio.get_running_loop().create_future()


def test_in_a_stream_that_is_made_for_its_viewers() -> None:
    async def run() -> None:
        clock, faults, workshop = SimulatedClock(), Faults(), BrokenWorkshop()
        demand = Demand(clock, faults)
        demand.supply("tile", workshop)
        task = asyncio.create_task(demand.run())
        lease = await demand.want(StreamId("cam_a/tile"))
        await until(lambda: lease.error is not None)
        assert lease.error is not None
        assert lease.error.code == "stream-failed"
        while workshop.begun == 1:
            clock.advance(NS_PER_S)
            await asyncio.sleep(0)
        await until(lambda: faults.counts == {"stream for viewers": 1}, PATIENCE_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
