"""What was made from footage goes when the footage is gone: pictures for the timeline, and where something moved."""

from sqlalchemy import Connection

from haechi.api.services import Services
from haechi.base.ids import CameraId, stream_of
from haechi.record.playback.pieces import next_start_ns

EVERY_S = 3600.0


async def keep_tidy(house: Services) -> None:
    """Look now and every hour, until cancelled."""
    while True:
        await tidy(house)
        await house.clock.sleep(EVERY_S)


async def tidy(house: Services) -> None:
    """Take away what is left of footage that is gone.

    Raises:
        Unavailable: The database does not answer.
    """
    known = [camera.id for camera in await house.registry.list()]
    now_ns = house.clock.wall_ns()

    def oldest(connection: Connection) -> dict[CameraId, int]:
        return {camera: next_start_ns(connection, stream_of(camera), 0) or now_ns for camera in known}

    oldest_ns = await house.database.read(oldest)
    await house.activity.forget(oldest_ns)
    await house.previews.forget(oldest_ns)
