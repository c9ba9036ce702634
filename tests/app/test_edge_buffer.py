"""D9: after an outage shorter than the camera's edge buffer, back-fill loses nothing, oldest first, live first.

The whole server in this process with its recorder and its disk, a camera of software with a memory, TLS between them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from haechi.api.settings import SettingsChange
from haechi.app.reverse_settings import ReverseSettings
from haechi.base.clock import SystemClock
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import GapCause
from haechi.camera.dial.line import Server
from haechi.fleet.dialling import DialKeys
from haechi.media.access_unit import AccessUnit
from haechi.media.reverse.edge import EdgeId, Role
from haechi.media.reverse.spans import covers
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex, recordings_between
from haechi.record.playback.footage import Playback
from tests.cameras import StreamFeed, until
from tests.dialling import Way, a_way_to
from tests.memories import Device, Talking, recorded, remembering
from tests.server import House, running, settings_for
from tests.streams import h264_stream

PATIENCE_S = 120.0
FPS = 50
LARGE = 4 << 20
"""More than a minute of this camera."""
SMALL = 200 << 10
"""A few seconds of this camera."""


class Stage:
    """A server, a way to it that can be cut, and a camera behind it."""

    def __init__(self, house: House, way: Way, device: Device, camera: CameraId) -> None:
        self.house = house
        self.way = way
        self.device = device
        self.camera = camera

    @property
    def stream(self) -> StreamId:
        return stream_of(self.camera)

    def taken(self) -> int:
        return len(self.device.taken[0])

    @property
    def is_live(self) -> bool:
        return self.house.rooms.services.ingest.status(self.camera).state == "live"

    async def cut_until(self, taken: int) -> None:
        """Nobody reaches the server until the camera has taken so much."""
        self.way.cut()
        await until(lambda: not self.is_live and self.taken() > taken, PATIENCE_S)
        self.way.mend()

    async def is_whole_again(self) -> int:
        """Wait until it is live, and all before that is on disk; up to which number."""
        await until(lambda: self.is_live, PATIENCE_S)
        target = self.taken() + FPS
        await self.has_recorded(target)
        return target

    async def has_recorded(self, seq: int) -> None:
        """Wait until what the camera took up to picture ``seq`` is on disk, but for what it has given up itself."""
        await self._has("main", seq)
        await self._has("audio", len(self.device.taken[1]))

    async def _has(self, role: Role, seq: int) -> None:
        backfill, spool = self.house.rooms.ground.backfill, self.device.spool
        run = self.device.keeper.run_number
        deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            held = await backfill.held(stream_of(self.camera, role), run)
            oldest = min((part.spans[role][0] for part in list(spool._segments) if role in part.spans), default=0)
            if covers(held, min(oldest, seq), seq):
                return
            assert asyncio.get_running_loop().time() < deadline_s, (role, held, oldest, seq)
            await asyncio.sleep(0.1)

    async def on_disk(self) -> dict[EdgeId, AccessUnit]:
        rooms = self.house.rooms
        return await recorded(rooms.services.database, rooms.settings.record_dir, self.stream)


@asynccontextmanager
async def on_stage(folder: Path, limit_bytes: int) -> AsyncIterator[Stage]:
    settings = settings_for(folder, vision=False).model_copy(update={"reverse": ReverseSettings(port=0)})
    clock = SystemClock()
    async with running(settings) as house:
        services = house.rooms.services
        await house.rooms.ground.live.change(SettingsChange(record_audio=True))
        await until(lambda: house.rooms.recorder.defaults.audio is True, PATIENCE_S)
        camera = await services.registry.add("Yard", "reverse:", audio=True)
        token = await DialKeys(services.database, clock).issue(camera.id)
        await until(lambda: services.ingest.lines.door is not None, PATIENCE_S)
        door = services.ingest.lines.door
        assert door is not None
        feed = Talking(StreamFeed(h264_stream(frames=300, fps=FPS, gop=25), FPS))
        device = Device(feed, folder / "spool", limit_bytes, clock)
        async with a_way_to(door.port) as way:
            server = Server("127.0.0.1", way.port, bytes.fromhex(door.pin))
            async with remembering(device, server, camera.id, token, clock):
                yield Stage(house, way, device, camera.id)


@pytest.mark.slow
def test_d9_an_outage_shorter_than_the_buffer_loses_nothing_oldest_first_live_first(tmp_path: Path) -> None:
    async def run() -> None:
        async with on_stage(tmp_path, LARGE) as stage:
            await stage.has_recorded(2 * FPS)
            await stage.cut_until(stage.taken() + 3 * FPS)
            last = await stage.is_whole_again()
            found = await stage.on_disk()
            assert {edge.run for edge in found} == {stage.device.keeper.run_number}
            numbers = sorted(edge.seq for edge in found)
            assert numbers == list(range(numbers[0], numbers[-1] + 1)), "not one is missing"
            assert numbers[-1] >= last - 1
            for edge, unit in found.items():
                assert unit.data == stage.device.taken[0][edge.seq]
            await _nor_is_any_sound_missing(stage)
            await _live_came_first_then_the_oldest(stage)
            await _a_picture_out_of_the_memory_can_be_decoded(stage, found)
            await _is_acknowledged(stage)
            gaps = await stage.house.rooms.services.index.gaps(stage.stream, 0, 1 << 62)
            assert [gap for gap in gaps if gap.end_ns] == []

    asyncio.run(run())


async def _nor_is_any_sound_missing(stage: Stage) -> None:
    rooms = stage.house.rooms
    found = await recorded(rooms.services.database, rooms.settings.record_dir, stream_of(stage.camera, "audio"))
    numbers = sorted(edge.seq for edge in found)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert len(numbers) > 4 * FPS
    for edge, unit in found.items():
        assert unit.data == stage.device.taken[1][edge.seq]


async def _live_came_first_then_the_oldest(stage: Stage) -> None:
    """Recordings are numbered as they were listed: first, live again, then what was missing, in order."""
    database = stage.house.rooms.services.database
    found = await database.read(lambda c: recordings_between(c, stage.stream, 0, 1 << 62))
    starts = [one.edge_seq or 0 for one in sorted(found, key=lambda one: one.id)]
    first, live, *late = starts
    assert first < late[0] < live
    assert late == sorted(late)


async def _a_picture_out_of_the_memory_can_be_decoded(stage: Stage, found: dict[EdgeId, AccessUnit]) -> None:
    """Its group began in what came live before the link was cut."""
    first_run = min(unit.ref.run for unit in found.values())
    cut = max(edge for edge, unit in found.items() if unit.ref.run == first_run)
    wanted = found[EdgeId(cut.run, cut.seq + 1)]
    rooms = stage.house.rooms
    playback = Playback(RecordIndex(rooms.services.database), Volume(rooms.settings.record_dir))
    units = (await playback.unit_at(stage.stream, wanted.captured_ns)).units
    assert units[-1].data == wanted.data
    assert units[0].is_sync
    start = cut.seq + 2 - len(units)
    assert [unit.data for unit in units] == [found[EdgeId(cut.run, start + n)].data for n in range(len(units))]


async def _is_acknowledged(stage: Stage) -> None:
    """The camera keeps only what is not on our disk yet."""
    spool = stage.device.spool
    await until(lambda: spool.size < LARGE // 8, PATIENCE_S)
    assert spool.lost == 0


@pytest.mark.slow
def test_d9_what_the_buffer_could_not_hold_is_a_gap_with_its_cause(tmp_path: Path) -> None:
    async def run() -> None:
        async with on_stage(tmp_path, SMALL) as stage:
            await stage.has_recorded(2 * FPS)
            stage.way.cut()
            await until(lambda: not stage.is_live and stage.device.spool.lost > 2 * FPS, PATIENCE_S)
            stage.way.mend()
            await stage.is_whole_again()
            found = await stage.on_disk()
            numbers = sorted(edge.seq for edge in found)
            missing = sorted(set(range(numbers[0], numbers[-1])) - set(numbers))
            assert missing == list(range(missing[0], missing[-1] + 1)), "the oldest gave way, nothing else"
            for edge, unit in found.items():
                assert unit.data == stage.device.taken[0][edge.seq]
            gaps = [gap for gap in await stage.house.rooms.services.index.gaps(stage.stream, 0, 1 << 62) if gap.end_ns]
            assert [gap.cause for gap in gaps] in ([GapCause.CAMERA_CLOSED], [GapCause.UNREACHABLE])
            run_number = stage.device.keeper.run_number
            before, after = (found[EdgeId(run_number, seq)] for seq in (missing[0] - 1, missing[-1] + 1))
            assert before.captured_ns < gaps[0].start_ns < (gaps[0].end_ns or 0) <= after.captured_ns
            told = (await stage.house.http.get(f"/api/cameras/{stage.camera}/dial")).raise_for_status().json()["memory"]
            assert told["limit_bytes"] == SMALL
            assert told["lost_units"] >= len(missing)

    asyncio.run(run())
