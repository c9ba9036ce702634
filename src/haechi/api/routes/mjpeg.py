"""`GET /{camera}/live.mjpeg`: pictures without end, for whatever shows nothing better."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import structlog
from fastapi import Query, Request, Response
from starlette.types import Receive, Scope, Send

from haechi.api.asked import AskedCamera, AskedViewing, House
from haechi.api.audit import Actor
from haechi.api.headers import NO_STORE
from haechi.api.policy import Access, Routes
from haechi.api.rights import RECHECK_S, Viewing
from haechi.api.routes.footage import Width
from haechi.api.services import Services
from haechi.api.stills import Stills
from haechi.base.errors import Conflict, NotFound, Unavailable
from haechi.base.ids import CameraId, stream_of
from haechi.live.mjpeg import END, MEDIA_TYPE, Pace, newest, part
from haechi.media.access_unit import Codec, VideoParams

log = structlog.get_logger(__name__)

MOST_VIEWERS = 100
MOST_STILLS_FPS = 5.0
STILLS_FPS = 2.0
"""Each still costs a decoding, however many watch."""
STALLED_S = 20.0
LAST_WORD_S = 1.0

Fps = Annotated[float | None, Query(ge=0.1, le=30, description="Pictures a second at most; of coded video at most 5")]
MJPEG = {200: {"content": {"multipart/x-mixed-replace": {"schema": {"type": "string", "format": "binary"}}}}}


class MotionJpegRoom:
    """Who watches by Motion JPEG at this moment."""

    def __init__(self) -> None:
        self.viewers = 0


async def live_mjpeg(
    request: Request,
    camera: AskedCamera,
    house: House,
    viewing: AskedViewing,
    fps: Fps = None,
    width: Width = None,
) -> Response:
    """Motion JPEG: what the camera sends where it sends JPEG, else single pictures. A slow viewer gets fewer."""
    if not camera.enabled:
        raise Conflict("the camera is switched off; switch it on first", code="camera-disabled")
    room: MotionJpegRoom = request.app.state.mjpeg
    if room.viewers >= MOST_VIEWERS:
        raise Unavailable("too many watch by Motion JPEG; try again", code="mjpeg-full", retry_after_s=5)
    if request.method == "HEAD":
        return Response(headers={"Cache-Control": NO_STORE}, media_type=MEDIA_TYPE)
    if _sends_jpeg(house, camera.id, width):
        pictures = _units(house, camera.id, fps or 0)
    else:
        stills: Stills = request.app.state.stills
        pace = Pace(min(fps or STILLS_FPS, MOST_STILLS_FPS), house.clock)
        pictures = _stills(stills, camera.id, width, pace)
    return MotionPictures(pictures, room, _Watch(house, viewing, camera.id))


def register(routes: Routes) -> None:
    """Add the route."""
    path = "/{camera}/live.mjpeg"
    routes.add("GET", path, live_mjpeg, access=Access.WATCH, problems=(409, 503), responses=MJPEG)


class _Watch:
    """Whether the viewer still may; that they watch is in the log as long as they do."""

    def __init__(self, house: Services, viewing: Viewing, camera: CameraId) -> None:
        self._house = house
        self._viewing = viewing
        self._camera = camera

    async def until_withdrawn(self) -> None:
        """Return when it is over."""
        while await self._viewing.may_still(self._camera):
            user = self._viewing.principal.user
            self._house.keeping.audit.watching(Actor(user.id, user.name), self._camera)
            await self._house.clock.sleep(RECHECK_S)


class MotionPictures(Response):
    """An answer without end. It ends when the viewer leaves, may watch no more, or takes nothing for 20 s."""

    def __init__(self, pictures: AsyncIterator[bytes], room: MotionJpegRoom, watch: _Watch) -> None:
        super().__init__(headers={"Cache-Control": NO_STORE, "Connection": "close"}, media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._pictures = pictures
        self._room = room
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one of the ends comes."""
        self._room.viewers += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._send(send)),
                    group.create_task(_left(receive)),
                    group.create_task(self._watch.until_withdrawn()),
                ]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
            await _say_last(send)
        finally:
            self._room.viewers -= 1

    async def _send(self, send: Send) -> None:
        try:
            async for picture in self._pictures:
                async with asyncio.timeout(STALLED_S):
                    await send({"type": "http.response.body", "body": picture, "more_body": True})
        except (TimeoutError, OSError):
            log.info("viewer given up: it took nothing for too long", seconds=STALLED_S)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say_last(send: Send) -> None:
    """End the answer as it should be, unless nobody takes it."""
    try:
        async with asyncio.timeout(LAST_WORD_S):
            await send({"type": "http.response.body", "body": END, "more_body": False})
    except (TimeoutError, OSError):
        log.debug("nobody took the end of it")


def _sends_jpeg(house: Services, camera: CameraId, width_px: int | None) -> bool:
    run = house.bus.channel(stream_of(camera)).current
    params = run.params[-1] if run is not None and run.params else None
    if not isinstance(params, VideoParams) or params.codec is not Codec.MJPEG:
        return False
    return width_px is None or width_px >= params.width_px


async def _units(house: Services, camera: CameraId, fps: float) -> AsyncIterator[bytes]:
    subscription = house.bus.watch(stream_of(camera))
    try:
        async for unit in newest(subscription, Pace(fps, house.clock)):
            yield part(unit.data, unit.captured_ns)
    finally:
        subscription.close()


async def _stills(stills: Stills, camera: CameraId, width: int | None, pace: Pace) -> AsyncIterator[bytes]:
    last = b""
    while True:
        await pace.turn()
        try:
            jpeg = await stills.latest(camera, width)
        except (NotFound, Unavailable) as error:
            log.debug("no picture for now", camera=camera, code=error.code)
            continue
        if jpeg is not last:
            last = jpeg
            yield part(jpeg)
