"""What is stopped in the database is not looked at by the pool, also when another process stopped it."""

import asyncio
from pathlib import Path

from haechi.app.inspection import Inspection
from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import FrameBus
from haechi.store.database import Database
from haechi.vision.inspection import POLL_S, InspectionStore
from haechi.vision.models import ModelStore
from haechi.vision.pool import VisionPool
from haechi.vision.settings import VisionSettings
from tests.cameras import until

DOOR = CameraId("cam_door")


def test_what_is_stopped_in_the_database_is_not_looked_at_and_is_again_afterwards(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()

    async def play() -> None:
        clock = SimulatedClock()
        store, elsewhere = InspectionStore(database, clock), InspectionStore(database, clock)
        settings = VisionSettings(workers=0, fetch_models=False)
        pool = VisionPool(FrameBus(), ModelStore(tmp_path / "models"), clock, settings)
        task = asyncio.create_task(Inspection(store, pool).follow())
        await store.switch(DOOR, on=False)
        await until(lambda: pool.capacity().stopped == {StreamId("cam_door/main")})
        await elsewhere.switch(DOOR, on=True)

        def is_seen_by_looking_again() -> bool:
            clock.advance(int(POLL_S * NS_PER_S))
            return not pool.capacity().stopped

        await until(is_seen_by_looking_again)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(play())
    database.close()
