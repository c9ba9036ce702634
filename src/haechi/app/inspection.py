"""Which cameras are looked at follows the database: what was stopped there is not looked at here."""

from haechi.base.ids import CameraId, stream_of
from haechi.vision.inspection import InspectionStore
from haechi.vision.pool import VisionPool


class Inspection:
    """Tells the pool."""

    def __init__(self, store: InspectionStore, vision: VisionPool) -> None:
        self._store = store
        self._vision = vision
        self._stopped: frozenset[CameraId] = frozenset()

    async def look(self) -> None:
        """Run the pool, from the moment on when it is known what it must not look at."""
        self._apply(await self._store.stopped())
        await self._vision.run()

    async def follow(self) -> None:
        """Until cancelled."""
        async for stopped in self._store.watch():
            self._apply(stopped)

    def _apply(self, stopped: frozenset[CameraId]) -> None:
        before, self._stopped = self._stopped, stopped
        for camera in before ^ stopped:
            self._vision.inspect(stream_of(camera), on=camera not in stopped)
