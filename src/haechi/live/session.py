"""One viewer's connection: many cameras over one WebSocket.

Each subscription is a task of its own that takes units from its bounded bus queue as fast as the socket takes them, so
a slow viewer loses whole stretches of video up to a sync unit and nobody else notices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

import msgspec
import structlog
from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import RunEnded, Subscription
from haechi.live.demand import Lease
from haechi.live.mse import (
    FLAG_SYNC,
    HEADER,
    KIND_CHUNK,
    KIND_INIT,
    KIND_PICTURE,
    PICTURES,
    LiveHub,
    header,
    mime_of,
    plays_in_browsers,
    shown_as,
    size_of,
)
from haechi.live.stamps import stamp
from haechi.media.access_unit import AccessUnit

log = structlog.get_logger(__name__)

MOST_SUBSCRIPTIONS = 256
LONGEST_MESSAGE_BYTES = 4096
RECHECK_S = 2.0

MayView = Callable[[CameraId], Awaitable[bool]]
OnWatch = Callable[[CameraId], None]


def _nobody_asks(_camera: CameraId) -> None:
    return


class LiveClosed(Exception):
    """The viewer is gone; raised by the socket's methods."""


class LiveSocket(Protocol):
    """What a session needs of a WebSocket. Sends wait while the peer does not read."""

    async def send_text(self, text: str) -> None: ...

    async def send_bytes(self, data: bytes) -> None: ...

    async def receive_text(self) -> str: ...


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """A message of the viewer."""

    type: Literal["subscribe", "unsubscribe"]
    id: int
    camera: str = ""
    stream: Literal["main", "sub", "tile", "h264", "stills", "audio"] = "main"
    form: Literal["chunks", "stamps"] = "chunks"


class _Pump(Struct, frozen=True):
    """One subscription."""

    camera: CameraId
    subscription: Subscription
    lease: Lease
    task: asyncio.Task[None]


class LiveSession:
    """Serves one viewer until it leaves. ``may_view`` is asked at each subscription, and again every 2 s; where it says
    yes, ``on_watch`` is told.
    """

    def __init__(
        self, socket: LiveSocket, hub: LiveHub, may_view: MayView, clock: Clock, on_watch: OnWatch = _nobody_asks
    ) -> None:
        self._socket = socket
        self._hub = hub
        self._may_view = may_view
        self._on_watch = on_watch
        self._clock = clock
        self._pumps: dict[int, _Pump] = {}

    async def serve(self) -> None:
        """Run until the viewer leaves."""
        self._hub.viewers += 1
        try:
            async with asyncio.TaskGroup() as group:
                recheck = group.create_task(self._recheck())
                try:
                    while True:
                        await self._handle(await self._socket.receive_text(), group)
                finally:
                    recheck.cancel()
                    for number in list(self._pumps):
                        self._unsubscribe(number)
        except* LiveClosed:
            log.debug("viewer left")
        finally:
            self._hub.viewers -= 1

    async def _handle(self, text: str, group: asyncio.TaskGroup) -> None:
        try:
            if len(text) > LONGEST_MESSAGE_BYTES:
                raise msgspec.ValidationError("message too long")
            request = msgspec.json.decode(text, type=Request)
        except msgspec.DecodeError as error:
            await self._error(0, "bad-message", f"not a message of this protocol: {error}")
            return
        self._unsubscribe(request.id)
        if request.type == "unsubscribe":
            return
        camera = CameraId(request.camera)
        if not 0 <= request.id <= 0xFFFF:
            await self._error(0, "bad-message", "id must be 0 to 65535")
        elif len(self._pumps) >= MOST_SUBSCRIPTIONS:
            await self._error(request.id, "too-many-subscriptions", "unsubscribe from a camera first")
        elif not await self._may_view(camera):
            await self._error(request.id, "camera-not-found", "no such camera")
        else:
            await self._subscribe(request, camera, stream_of(camera, request.stream), group)

    async def _subscribe(self, request: Request, camera: CameraId, stream: StreamId, group: asyncio.TaskGroup) -> None:
        number = request.id
        try:
            lease = await self._hub.demand.want(stream)
        except HaechiError as error:
            await self._error(number, error.code, error.message)
            return
        self._on_watch(camera)
        subscription = self._hub.bus.watch(stream)
        pump = self._tell_stamps if request.form == "stamps" else self._pump
        task = group.create_task(pump(number, subscription))
        self._pumps[number] = _Pump(camera, subscription, lease, task)

    def _unsubscribe(self, number: int) -> None:
        pump = self._pumps.pop(number, None)
        if pump is not None:
            pump.subscription.close()
            pump.lease.close()
            pump.task.cancel()

    async def _recheck(self) -> None:
        while True:
            await self._clock.sleep(RECHECK_S)
            for number, pump in list(self._pumps.items()):
                if await self._may_view(pump.camera):
                    self._on_watch(pump.camera)
                    await self._tell_trouble(number, pump)
                    continue
                self._unsubscribe(number)
                await self._error(number, "camera-not-found", "no such camera")

    async def _tell_trouble(self, number: int, pump: _Pump) -> None:
        """Why a stream that is there only for its viewers does not come."""
        error = pump.lease.error
        if error is not None and not pump.subscription.is_live:
            await self._tell(number, "waiting", cause=error.code, message=error.message)

    async def _pump(self, number: int, subscription: Subscription) -> None:
        announced: tuple[int, int] | None = None
        is_playable = False
        send = self._send
        if not self._hub.bus.channel(subscription.stream).current:
            await self._tell(number, "waiting", cause="connecting", message="")
        async for item in subscription:
            if isinstance(item, RunEnded):
                announced = None
                await self._tell(number, "waiting", cause=item.cause.value, message=item.detail)
                continue
            try:
                if announced != (item.ref.run, item.params):
                    if not item.is_sync:
                        continue
                    announced = (item.ref.run, item.params)
                    is_playable = await self._announce(number, subscription, item)
                    is_picture = mime_of(subscription.params_of(item)) == PICTURES
                    send = self._send_picture if is_picture else self._send
                if is_playable:
                    await send(number, subscription, item)
            except HaechiError as error:
                log.warning("stream cannot be shown", stream=subscription.stream, code=error.code, error=error.message)
                is_playable = False
                await self._error(number, error.code, error.message)

    async def _tell_stamps(self, number: int, subscription: Subscription) -> None:
        """Units without their media, for who watches them by WebRTC; see `haechi.live.stamps`."""
        packets = self._hub.packets.of(subscription.stream)
        async for item in subscription:
            if isinstance(item, RunEnded):
                await self._tell(number, "waiting", cause=item.cause.value, message=item.detail)
            else:
                await self._socket.send_bytes(stamp(number, packets, subscription, item))

    async def _announce(self, number: int, subscription: Subscription, unit: AccessUnit) -> bool:
        """Tell what comes, and the initialisation segment. False where no browser plays it."""
        params = shown_as(subscription.params_of(unit))
        if mime_of(params) == PICTURES:
            width, height = size_of(params)
            await self._tell(number, "subscribed", mime=PICTURES, width=width, height=height)
            return True
        is_playable = plays_in_browsers(params)
        init = self._hub.stream(subscription.stream).init(params) if is_playable else b""
        width, height = size_of(params)
        await self._tell(number, "subscribed", mime=mime_of(params), width=width, height=height)
        if not is_playable:
            instead = "; showing stills" if params.codec.is_video else ""
            await self._error(number, "codec-not-playable", f"browsers play no {params.codec.value}{instead}")
            return False
        await self._socket.send_bytes(header(number, KIND_INIT, 0, subscription.run_of(unit), None) + init)
        return True

    async def _send(self, number: int, subscription: Subscription, unit: AccessUnit) -> None:
        for shown, data in self._hub.stream(subscription.stream).chunks(unit, subscription.params_of(unit)):
            ref = shown.ref
            flags = FLAG_SYNC if shown.is_sync else 0
            head = HEADER.pack(number, KIND_CHUNK, flags, ref.run, ref.seq, shown.captured_ns)
            await self._socket.send_bytes(head + data)

    async def _send_picture(self, number: int, subscription: Subscription, unit: AccessUnit) -> None:
        """A unit that is a whole JPEG goes out as the camera sent it."""
        head = header(number, KIND_PICTURE, FLAG_SYNC, subscription.run_of(unit), unit)
        await self._socket.send_bytes(head + unit.data)

    async def _error(self, number: int, code: str, message: str) -> None:
        await self._tell(number, "error", code=code, message=message)

    async def _tell(self, number: int, kind: str, **facts: str | int) -> None:
        await self._socket.send_text(msgspec.json.encode({"type": kind, "id": number, **facts}).decode())
