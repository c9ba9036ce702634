"""The two signalling sockets of phones: `/api/phones/camera` and `/api/phones/view/{camera}`; see docs/ref/phones.md.

What is decided is decided in `haechi.fleet.phones.signalling`; here are the WebSockets, and who may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import structlog
from fastapi import WebSocket
from prometheus_client import CollectorRegistry

from haechi.api.audit import Actor
from haechi.api.auth.log_in import require_room
from haechi.api.auth.principal import Principal
from haechi.api.phone_gauges import PhoneNumbers
from haechi.api.phone_sounds import LoudSounds
from haechi.api.policy import Access, Routes
from haechi.api.rights import Rights
from haechi.api.services import Services
from haechi.api.sockets import SESSION_ENDED, Line, rights_of
from haechi.base.errors import Conflict, Denied, HaechiError, Invalid, NotFound, Unavailable
from haechi.base.ids import CameraId
from haechi.base.supervise import supervise
from haechi.base.throttle import Allowance, Throttle, address_key
from haechi.events.reported.moments import Moments
from haechi.fleet.cameras import Camera
from haechi.fleet.phones.messages import (
    Ended,
    IceServer,
    NoLonger,
    PhoneState,
    StateToldByPhone,
    parse_from_phone,
    parse_from_viewer,
    parse_hello,
)
from haechi.fleet.phones.seat import Closing, Seat
from haechi.fleet.phones.signalling import ENDED, FORBIDDEN, TRY_AGAIN, Switchboard, Viewer
from haechi.fleet.phones.store import Phone, PhoneStore, settings_of
from haechi.live.session import LiveClosed

log = structlog.get_logger(__name__)

HELLO_S = 10.0
NOT_A_PHONE = 4404
KEEP_S = 30.0
"""How often, at most, a phone's state is stored; the newest is stored when it goes."""
WRONG = Allowance(burst=20, refill_s=30)
"""Wrong tokens from one address. A token cannot be guessed; this keeps the log and the CPU."""


CODES = Allowance(burst=10, refill_s=60)
"""Wrong codes from one address. Twenty codes at most wait, of 26^8: ten thousand addresses that all guess as often as
they can for ten minutes find one of them once in fifty thousand times."""


class PhoneRoom:
    """The switchboard, with the house around it. One per server."""

    def __init__(self, services: Services, numbers: CollectorRegistry) -> None:
        self._services = services
        self.store = PhoneStore(services.database, services.registry, services.clock)
        self.board = Switchboard(self._ice)
        self.wrong = Throttle(WRONG, services.clock)
        self.codes = Throttle(CODES, services.clock)
        PhoneNumbers(self.board, numbers)

    def now_ns(self) -> int:
        """Wall time, as the board wants it."""
        return self._services.clock.wall_ns()

    async def run(self) -> None:
        """Keep up with the list of cameras until cancelled."""
        await supervise("phones", self._follow, clock=self._services.clock, expected=(HaechiError, OSError))

    async def _follow(self) -> None:
        async with aclosing(self._services.registry.watch()) as lists:
            async for cameras in lists:
                found = {one.id: (one.name, settings_of(one)) for one in cameras if one.address.is_phone}
                self.board.know(found, self._services.clock.wall_ns())

    def _ice(self, peer: str) -> tuple[IceServer, ...]:
        return self._services.config.ice.for_peer(peer, self._services.clock.wall_ns())


async def camera_page(socket: WebSocket) -> None:
    """A phone that is a camera."""
    services: Services = socket.app.state.services
    await socket.accept()
    page = _CameraPage(socket, Line(socket, services.clock))
    await page.run()


async def viewer_page(socket: WebSocket) -> None:
    """Somebody who watches one."""
    services: Services = socket.app.state.services
    await socket.accept()
    page = _ViewerPage(socket, Line(socket, services.clock), rights_of(socket))
    await page.run()


def register(routes: Routes) -> None:
    """Add the routes."""
    routes.add_websocket("/api/phones/camera", camera_page, access=Access.PUBLIC)
    routes.add_websocket("/api/phones/view/{camera}", viewer_page, access=Access.CAMERA_VIEW)


class _Page:
    """One signalling connection."""

    def __init__(self, socket: WebSocket, line: Line) -> None:
        self._services: Services = socket.app.state.services
        self._room: PhoneRoom = socket.app.state.phones
        self._clock = self._services.clock
        self._board = self._room.board
        self._line = line
        self._wake = asyncio.Event()
        self._seat = Seat(self._wake.set)

    async def _carry(self, hear: Callable[[str], None]) -> None:
        """Both ways, until either side ends it.

        Raises:
            LiveClosed: The page is gone.
        """
        async with asyncio.TaskGroup() as group:
            listener = group.create_task(self._listen(hear))
            watch = group.create_task(self._line.watch())
            try:
                await self._tell()
            finally:
                listener.cancel()
                watch.cancel()

    async def _tell(self) -> None:
        while True:
            self._wake.clear()
            while (text := self._seat.take()) is not None:
                await self._line.send_text(text)
            if self._seat.closing is not None:
                return
            await self._wake.wait()

    async def _listen(self, hear: Callable[[str], None]) -> None:
        while self._seat.closing is None:
            text = await self._line.receive_text()
            if not self._seat.is_heard(self._clock.monotonic_ns()):
                self._seat.close(Closing(TRY_AGAIN, "too-many-messages"))
                return
            try:
                hear(text)
            except Invalid as error:
                self._seat.close(Closing(TRY_AGAIN, error.code))

    async def _close(self) -> None:
        closing = self._seat.closing
        if closing is not None:
            await self._line.close(closing.code, closing.reason)


class _CameraPage(_Page):
    """A phone."""

    def __init__(self, socket: WebSocket, line: Line) -> None:
        super().__init__(socket, line)
        self._address = address_key(socket.state.peer.address)
        self._camera = CameraId("")
        self._told: tuple[PhoneState, int] | None = None
        self._sounds: LoudSounds | None = None

    async def run(self) -> None:
        """Until it goes, or is no camera any more."""
        try:
            phone = await self._greeted()
            if phone is not None:
                await self._serve(phone)
        except* LiveClosed:
            log.debug("phone closed its end", camera=self._camera)
        await self._keep()
        await self._close()

    async def _greeted(self) -> Phone | None:
        """Who it is; None: nobody, and it is told so."""
        try:
            async with asyncio.timeout(HELLO_S):
                hello = parse_hello(await self._line.receive_text())
            require_room(self._room.wrong, self._address)
            phone = await self._room.store.admits(hello.token)
        except (Invalid, Unavailable, TimeoutError) as error:
            reason = error.code if isinstance(error, HaechiError) else "no-hello"
            self._seat.close(Closing(TRY_AGAIN, reason))
            return None
        if phone is None:
            log.warning("phone refused: a wrong token", address=self._address)
            self._seat.offer(Ended("unpaired"))
            self._seat.close(Closing(ENDED, "unpaired"))
            await self._tell()
            return None
        self._room.wrong.give_back(self._address)
        return phone

    async def _serve(self, phone: Phone) -> None:
        self._camera = phone.camera.id
        log.info("phone came", camera=self._camera, address=self._address)
        self._board.phone_came(self._camera, self._seat, phone.booth(), self._clock.wall_ns())
        try:
            await self._look_again(phone)
            services = self._services
            moments = Moments(services.bus, services.playback)
            self._sounds = LoudSounds(self._camera, moments, services.events.take_report, self._clock)
            async with asyncio.TaskGroup() as group:
                beside = [group.create_task(self._keep_now_and_then()), group.create_task(self._sounds.run())]
                try:
                    await self._carry(self._hear)
                finally:
                    for task in beside:
                        task.cancel()
        finally:
            self._board.phone_left(self._camera, self._seat, self._clock.wall_ns())
            log.info("phone went", camera=self._camera)

    async def _look_again(self, before: Phone) -> None:
        """What changed between the look into the database and the seat on the board."""
        try:
            camera = await self._services.registry.get(self._camera)
            now = await self._room.store.phone(camera)
        except NotFound:
            now = None
        except Unavailable as error:
            log.info("phone as of before", camera=self._camera, code=error.code)
            return
        if now is None or now.token_sha256 != before.token_sha256:
            self._seat.offer(Ended("unpaired"))
            self._seat.close(Closing(ENDED, "unpaired"))
        else:
            self._board.know_one(self._camera, now.camera.name, now.settings, self._clock.wall_ns())

    def _hear(self, text: str) -> None:
        message = parse_from_phone(text)
        now_ns = self._clock.wall_ns()
        if isinstance(message, StateToldByPhone):
            self._told = (message.state, now_ns)
            if self._sounds is not None:
                self._sounds.told(message.state, now_ns)
        self._board.phone_said(self._camera, self._seat, message, now_ns)

    async def _keep_now_and_then(self) -> None:
        while True:
            await self._keep()
            await self._clock.sleep(KEEP_S)

    async def _keep(self) -> None:
        if self._told is None:
            return
        (state, told_ns), self._told = self._told, None
        try:
            await self._room.store.keep_state(self._camera, state, told_ns)
        except Unavailable as error:
            log.info("the state of a phone was not stored", camera=self._camera, code=error.code)


class _ViewerPage(_Page):
    """Somebody who watches."""

    def __init__(self, socket: WebSocket, line: Line, rights: Rights) -> None:
        super().__init__(socket, line)
        self._camera: Camera = socket.state.camera
        self._rights = rights
        self._peer = ""

    async def run(self) -> None:
        """Until they go, or may not watch any more."""
        try:
            if await self._is_seated():
                await self._serve()
        except* LiveClosed:
            log.debug("viewer of a phone left", camera=self._camera.id)
        await self._close()

    async def _is_seated(self) -> bool:
        try:
            phone = await self._room.store.phone(self._camera)
            self._peer = self._board.viewer_came(self._camera.id, self._seat, self._viewer(), phone.booth())
        except NotFound as error:
            self._seat.close(Closing(NOT_A_PHONE, error.code))
        except Unavailable as error:
            self._seat.close(Closing(TRY_AGAIN, error.code))
        except Conflict as error:
            self._seat.offer(NoLonger("too-many-viewers"))
            self._seat.close(Closing(TRY_AGAIN, error.code))
            await self._tell()
        return bool(self._peer)

    async def _serve(self) -> None:
        self._note()
        self._rights.on_change = self._changed
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._watch())
                try:
                    await self._carry(self._hear)
                finally:
                    watch.cancel()
        finally:
            self._board.viewer_left(self._camera.id, self._peer)

    async def _watch(self) -> None:
        try:
            await self._rights.watch()
        except Denied:
            self._end(NoLonger("signed-out"), Closing(SESSION_ENDED, "session-ended"))

    def _changed(self, principal: Principal) -> None:
        if not principal.may_view(self._camera.id):
            self._end(NoLonger("forbidden"), Closing(FORBIDDEN, "forbidden"))
            return
        self._board.viewer_changed(self._camera.id, self._peer, self._viewer())
        self._note()

    def _end(self, message: NoLonger, closing: Closing) -> None:
        self._board.viewer_left(self._camera.id, self._peer)
        self._seat.offer(message)
        self._seat.close(closing)

    def _note(self) -> None:
        user = self._rights.principal.user
        self._services.keeping.audit.watching(Actor(user.id, user.name), self._camera.id)

    def _viewer(self) -> Viewer:
        principal = self._rights.principal
        return Viewer(principal.user.name, may_speak=principal.may_speak(self._camera.id))

    def _hear(self, text: str) -> None:
        self._board.viewer_said(self._camera.id, self._peer, parse_from_viewer(text))
