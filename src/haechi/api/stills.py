"""The newest picture of a camera as a JPEG: decoded once however many ask for it."""

import asyncio
from collections import OrderedDict

from haechi.api.services import Services
from haechi.base.errors import NotFound
from haechi.base.ids import CameraId, stream_of
from haechi.media.access_unit import AccessUnit, Codec, UnitRef, VideoParams

MOST_STILLS = 512
_Key = tuple[CameraId, int | None]


def as_it_is(unit: AccessUnit, params: VideoParams, width_px: int | None) -> bytes | None:
    """What a camera that sends JPEG sent, where it is no wider than what is asked for; else None."""
    if params.codec is not Codec.MJPEG or (width_px is not None and width_px < params.width_px):
        return None
    return unit.data


class Stills:
    """The last still of each camera and width. Those who ask at once wait for one decoding."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._made: OrderedDict[_Key, tuple[UnitRef, bytes]] = OrderedDict()
        self._locks: dict[_Key, asyncio.Lock] = {}

    async def latest(self, camera: CameraId, width_px: int | None) -> bytes:
        """A JPEG of the newest unit of the main stream.

        Raises:
            NotFound: ``no-picture``: the camera has sent none that can be decoded yet.
        """
        key = (camera, width_px)
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                return await self._make(key)
        finally:
            if not lock.locked():
                self._locks.pop(key, None)

    async def _make(self, key: _Key) -> bytes:
        channel = self._services.bus.channel(stream_of(key[0]))
        units = channel.gop()
        run = channel.current
        if not units or run is None:
            raise NotFound("there is no picture of this camera yet", code="no-picture")
        last = units[-1]
        known = self._made.get(key)
        if known is not None and known[0] == last.ref:
            return known[1]
        params = run.params[last.params]
        if not isinstance(params, VideoParams):
            raise NotFound("there is no picture of this camera yet", code="no-picture")
        jpeg = as_it_is(last, params, key[1])
        if jpeg is None:
            jpeg = await self._services.vision.still(units, params, width_px=key[1])
        self._made[key] = (last.ref, jpeg)
        self._made.move_to_end(key)
        while len(self._made) > MOST_STILLS:
            self._made.popitem(last=False)
        return jpeg
