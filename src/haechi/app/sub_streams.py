"""Smaller streams of cameras, fetched while somebody watches them: an intake of their own beside the main one's."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError, NotFound, Unavailable
from haechi.base.ids import CameraId, StreamId, camera_of
from haechi.fleet.address import CameraAddress
from haechi.fleet.cameras import CameraRegistry
from haechi.fleet.sub_streams import SubStreamStore
from haechi.ingest.camera import IngestStatus
from haechi.ingest.manager import IngestManager
from haechi.live.demand import Demand

LINGER_S = 15.0
SAMPLE_S = 2.0
TILE_WIDTH_PX = 640
"""A smaller stream that is no wider than this is what tiles are made of."""


class _Wish(Struct, frozen=True):
    """See `CameraWish`: the smaller stream of a camera."""

    id: CameraId
    address: CameraAddress
    transport: str
    enabled: bool = True
    audio: bool = False


class SubStreams:
    """Supplies the role ``sub``."""

    linger_s = LINGER_S

    def __init__(
        self, registry: CameraRegistry, store: SubStreamStore, ingest: IngestManager, demand: Demand, clock: Clock
    ) -> None:
        self._registry = registry
        self._store = store
        self._ingest = ingest
        self._demand = demand
        self._clock = clock
        demand.supply("sub", self)

    async def admit(self, stream: StreamId) -> None:
        """See `Supplier`.

        Raises:
            NotFound: ``no-sub-stream``.
            Unavailable: ``camera-disabled``.
        """
        await self._wish(camera_of(stream))

    async def supply(self, stream: StreamId) -> None:
        """See `Supplier`."""
        wish = await self._wish(camera_of(stream))
        intake = self._ingest.sub_intake(wish)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(intake.run())
            try:
                while (over := await self._over(wish)) is None:
                    self._demand.tell(stream, _trouble(intake.status()))
                    await self._clock.sleep(SAMPLE_S)
            finally:
                running.cancel()
        raise over

    async def is_small(self, camera: CameraId) -> bool:
        """Whether tiles are made of the camera's smaller stream."""
        sub = await self._store.get(camera)
        return sub is not None and 0 < sub.width_px <= TILE_WIDTH_PX

    async def _over(self, wish: _Wish) -> HaechiError | None:
        """Why a stream is not to be fetched as it was begun; None: it is. While the database does not say, too (D4)."""
        try:
            now = await self._wish(wish.id)
        except NotFound as error:
            return error
        except Unavailable as error:
            return error if error.code == "camera-disabled" else None
        return None if now == wish else Unavailable("the smaller stream is another one now", code="camera-changed")

    async def _wish(self, camera_id: CameraId) -> _Wish:
        camera, sub = await asyncio.gather(self._registry.get(camera_id), self._store.get(camera_id))
        if sub is None:
            message = "no smaller stream of this camera is known; say where it is on the camera's page"
            raise NotFound(message, code="no-sub-stream", camera=camera_id)
        if not camera.enabled:
            raise Unavailable("the camera is switched off", code="camera-disabled")
        return _Wish(camera_id, sub.address(camera.address), camera.transport)


def _trouble(status: IngestStatus) -> HaechiError | None:
    if status.state == "live" or not status.error_code:
        return None
    return Unavailable(status.error_message, code=status.error_code)
