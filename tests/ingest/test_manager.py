"""The list of cameras changes while the server runs: exactly one intake per enabled camera, always."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from haechi.base.clock import SystemClock
from haechi.base.errors import Unavailable
from haechi.base.ids import stream_of
from haechi.bus.frames import FrameBus, GapCause, RunEnded
from haechi.camera.virtual.server import VirtualCamera
from haechi.fleet.cameras import Camera, CameraChange, CameraRegistry
from haechi.ingest.manager import IngestManager
from haechi.ingest.openers import Openers
from haechi.store.database import Database
from tests.cameras import StreamFeed, units_of, until
from tests.reach import HERE
from tests.streams import h264_stream


class Site:
    """A registry, an intake manager and a virtual camera with two addresses."""

    def __init__(self, registry: CameraRegistry, manager: IngestManager, bus: FrameBus, source: VirtualCamera) -> None:
        self.registry = registry
        self.manager = manager
        self.bus = bus
        self.source = source

    async def live(self, path: str = "/a") -> Camera:
        camera = await self.registry.add("Door", self.source.url(path))
        await until(lambda: self.manager.status(camera.id).state == "live")
        return camera


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    database = Database.at(folder / "haechi.db")
    database.migrate()
    clock, bus = SystemClock(), FrameBus()
    registry = CameraRegistry(database, clock)
    manager = IngestManager(registry, bus, clock, database, openers=Openers(clock, reach=HERE))
    feeds = {path: StreamFeed(h264_stream(frames=30, gop=10), 60) for path in ("/a", "/b")}
    async with VirtualCamera(feeds) as source:
        task = asyncio.create_task(manager.run())
        try:
            yield Site(registry, manager, bus, source)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            database.close()


def test_a_disabled_camera_ends_its_run_with_that_cause_and_comes_back_with_the_next_run(tmp_path: Path) -> None:
    async def run() -> None:
        async with site(tmp_path) as here:
            camera = await here.live()
            subscription = here.bus.record(stream_of(camera.id))
            await here.registry.update(camera.id, CameraChange(enabled=False))
            await until(lambda: here.manager.status(camera.id).state == "disabled")
            await until(lambda: here.source.connections == 0)
            await here.registry.update(camera.id, CameraChange(enabled=True))
            items = []
            async for item in subscription:
                items.append(item)
                if not isinstance(item, RunEnded) and item.ref.run == 2:
                    break
        assert [item.cause for item in items if isinstance(item, RunEnded)] == [GapCause.DISABLED]

    asyncio.run(run())


def test_a_new_name_does_not_touch_the_connection_and_a_new_address_does(tmp_path: Path) -> None:
    async def run() -> None:
        async with site(tmp_path) as here:
            camera = await here.live("/a")
            await here.registry.update(camera.id, CameraChange(name="Back door"))
            await units_of(here.bus.record(stream_of(camera.id)), 20)
            assert here.source.accepted == 1
            await here.registry.update(camera.id, CameraChange(url=here.source.url("/b")))
            await until(lambda: here.source.accepted == 2)
            await until(lambda: here.manager.status(camera.id).run == 2)
            assert here.source.connections == 1

    asyncio.run(run())


def test_a_deleted_camera_leaves_nothing_behind(tmp_path: Path) -> None:
    async def run() -> None:
        async with site(tmp_path) as here:
            camera = await here.live()
            subscription = here.bus.record(stream_of(camera.id))
            await here.registry.delete(camera.id)
            items = [item async for item in subscription]
            assert isinstance(items[-1], RunEnded)
            assert here.bus.streams() == []
            await until(lambda: here.source.connections == 0)

    asyncio.run(run())


def test_rates_are_measured_while_a_camera_is_live(tmp_path: Path) -> None:
    async def run() -> None:
        async with site(tmp_path) as here:
            camera = await here.live()
            await until(lambda: here.manager.status(camera.id).fps > 0)
            status = here.manager.status(camera.id)
            assert 45 < status.fps < 75
            assert status.bitrate_bps > 0
            assert (status.width_px, status.height_px, status.codec) == (320, 240, "h264")

    asyncio.run(run())


def test_a_database_that_is_away_leaves_live_cameras_alone(tmp_path: Path) -> None:
    async def run() -> None:
        async with site(tmp_path) as here:
            camera = await here.live()
            list_cameras = here.registry.list

            async def away() -> list[Camera]:
                raise Unavailable("the database does not answer", code="database-down")

            here.registry.list = away  # type: ignore[method-assign]
            subscription = here.bus.record(stream_of(camera.id))
            units = await units_of(subscription, 240)
            assert {unit.ref.run for unit in units} == {1}
            here.registry.list = list_cameras  # type: ignore[method-assign]
            await here.registry.update(camera.id, CameraChange(enabled=False))
            await until(lambda: here.manager.status(camera.id).state == "disabled")

    asyncio.run(run())
