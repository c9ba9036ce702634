"""Windows of Low-Latency HLS over the bus: begun by the first who asks, made of all viewers' chunks, ended in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import Invalid, NotFound, Unavailable
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import FrameBus, GapCause, Run, RunEnded
from haechi.live.llhls.room import IDLE_NS, HlsRoom
from haechi.live.mse import LiveHub
from haechi.media.access_unit import AccessUnit, AudioParams, Codec, CodecParams, VideoParams
from tests.cameras import until
from tests.streams import h264_stream, stamped

CAMERA = CameraId("cam_a")
STREAM = StreamId("cam_a/main")
SECONDS = 5.0


class Stage:
    """A bus with a camera, and the room over it."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.bus = FrameBus()
        self.hub = LiveHub(self.bus, self.clock)
        self.room = HlsRoom(self.hub, self.clock)
        self.params, coded = h264_stream(frames=120, fps=15, gop=15)
        self.units = stamped(coded, STREAM, run=1)

    def open(self, params: CodecParams | None = None, stream: StreamId = STREAM, run: int = 1) -> None:
        self.bus.channel(stream).open_run(Run(stream, run, 0, [params or self.params]))

    def send(self, units: list[AccessUnit]) -> None:
        for unit in units:
            self.bus.channel(STREAM).publish(unit)


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    stage = Stage()
    task = asyncio.create_task(stage.room.run())
    await asyncio.sleep(0)
    try:
        yield stage
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_window_begins_in_the_gop_cache_and_its_parts_are_the_chunks_of_all_viewers() -> None:
    async def play() -> None:
        async with staged() as stage:
            stage.open()
            stage.send(stage.units[:25])
            watched = await stage.room.watch(CAMERA, "main")
            track = watched.programme.pictures
            await until(lambda: stage.bus.channel(STREAM).subscribers() == 1)
            stage.send(stage.units[25:120])
            assert await watched.until(lambda: len(track.closed) >= 3, SECONDS)
            assert track.closed[0].captured_ns == stage.units[15].captured_ns
            live = stage.hub.stream(STREAM)
            made = live.made
            wanted = [data for unit in stage.units[15:30] for _, data in live.chunks(unit, stage.params)]
            served = [data for part in track.closed[0].parts for data in part.chunks]
            assert all(one is other for one, other in zip(served, wanted, strict=True))
            assert live.made == made
            assert await stage.room.watch(CAMERA, "main") is watched
            assert stage.room.streams == 1
            assert stage.room.bytes > 0

    asyncio.run(play())


def test_a_window_ends_half_a_minute_after_the_last_who_asked_and_no_number_is_used_again() -> None:
    async def play() -> None:
        async with staged() as stage:
            stage.open()
            stage.send(stage.units[:100])
            watched = await stage.room.watch(CAMERA, "main")
            track = watched.programme.pictures
            await until(lambda: stage.bus.channel(STREAM).subscribers() == 1)
            stage.send(stage.units[100:])
            assert await watched.until(lambda: len(track.closed) >= 1, SECONDS)
            stage.clock.advance(IDLE_NS - NS_PER_S)
            await stage.room.watch(CAMERA, "main")
            stage.clock.advance(2 * NS_PER_S)
            assert not await watched.until(lambda: watched.is_over, 0.05)
            stage.clock.advance(IDLE_NS)
            assert not await watched.until(lambda: False, SECONDS)
            assert watched.is_over
            assert stage.room.streams == 0
            assert stage.bus.channel(STREAM).subscribers() == 0
            stage.clock.step_wall(-3600 * NS_PER_S)
            again = await stage.room.watch(CAMERA, "main")
            assert again.programme.pictures.next_msn >= track.next_msn

    asyncio.run(play())


def test_what_cannot_be_shown_is_said_and_what_can_be_again_is_shown() -> None:
    async def play() -> None:
        async with staged() as stage:
            stage.open(VideoParams(Codec.MJPEG, 640, 480))
            stage.send(stage.units[:1])
            watched = await stage.room.watch(CAMERA, "main")
            with pytest.raises(Invalid, match=r"live\.mjpeg") as refused:
                await watched.until(lambda: False, SECONDS)
            assert refused.value.code == "codec-not-playable"
            stage.bus.channel(STREAM).close_run(RunEnded(STREAM, 1, GapCause.CAMERA_CLOSED, "", 0))
            stage.open(run=2)
            _, coded = h264_stream(frames=120, fps=15, gop=15)
            stage.send(stamped(coded, STREAM, run=2)[:60])
            await until(lambda: watched.error is None)
            assert await watched.until(lambda: len(watched.programme.pictures.closed) > 1, SECONDS)

    asyncio.run(play())


def test_a_stream_that_is_none_and_a_room_that_is_not_open_are_refused() -> None:
    async def play() -> None:
        async with staged() as stage:
            with pytest.raises(NotFound) as unknown:
                await stage.room.watch(CAMERA, "other")
            assert unknown.value.code == "stream-unknown"
        with pytest.raises(Unavailable) as full:
            await stage.room.watch(CAMERA, "main")
        assert full.value.code == "hls-full"

    asyncio.run(play())


def test_sound_is_what_players_play_and_only_where_there_is_some() -> None:
    stage = Stage()
    sound = StreamId("cam_a/audio")
    assert stage.room.sound_of(CAMERA) is None
    assert stage.bus.streams() == []
    stage.open(AudioParams(Codec.PCMA, 8_000, 1, b"", "alaw"), sound)
    heard = stage.room.sound_of(CAMERA)
    assert heard is not None
    assert heard.codec is Codec.OPUS
    stage.bus.channel(sound).close_run(RunEnded(sound, 1, GapCause.CAMERA_CLOSED, "", 0))
    stage.open(AudioParams(Codec.PCMA, 11_025, 1, b"", "alaw"), sound, run=2)
    assert stage.room.sound_of(CAMERA) is None
