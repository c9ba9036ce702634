"""The two WebSockets: `/api/live` for pictures, `/api/ws` for news. Both end within 5 s of the session's end."""

import asyncio
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Annotated, Literal

import structlog
from fastapi import WebSocket
from pydantic import Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocketDisconnect, WebSocketState

from haechi.api.audit import Actor
from haechi.api.policy import Access, Routes, camera_not_found
from haechi.api.push import Page, Push
from haechi.api.rights import Rights
from haechi.api.services import Services
from haechi.api.shapes.fields import Input, Shape
from haechi.base.clock import Clock
from haechi.base.errors import Denied, HaechiError, Invalid, NotFound, Unavailable
from haechi.base.ids import CameraId
from haechi.live.session import LiveClosed, LiveSession

log = structlog.get_logger(__name__)

SEND_TIMEOUT_S = 20.0
LONGEST_MESSAGE = 4096
MOST_WATCHED = 256
SESSION_ENDED = 4401
TRY_AGAIN = 1013


class WatchIn(Input):
    """What a page wants of a camera besides events and states; an empty list ends it."""

    type: Literal["watch"]
    camera: Annotated[str, Field(max_length=40)]
    topics: Annotated[list[Literal["detections", "scores"]], Field(max_length=8)]


class FollowIn(Input):
    """Whether a page wants to know before which cameras something moves."""

    type: Literal["follow"]
    activity: bool


_ASKED: TypeAdapter[WatchIn | FollowIn] = TypeAdapter(Annotated[WatchIn | FollowIn, Field(discriminator="type")])


class ErrorMessage(Shape):
    """On ``/api/ws``: what was asked cannot be done. The connection stays."""

    type: Literal["error"] = "error"
    code: str
    message: str


class Line:
    """A WebSocket with sends that are one at a time and not for ever; the end of it is `LiveClosed`.

    One watch per connection limits its sends: a timer for each would cost as much as the sends themselves.
    """

    def __init__(self, socket: WebSocket, clock: Clock) -> None:
        self._socket = socket
        self._clock = clock
        self._turn = asyncio.Lock()
        self._begun = self._ended = 0

    async def send_text(self, text: str) -> None:
        """Send, or find out that nobody listens."""
        await self._send({"type": "websocket.send", "text": text})

    async def send_bytes(self, data: bytes) -> None:
        """Send, or find out that nobody listens."""
        await self._send({"type": "websocket.send", "bytes": data})

    async def receive_text(self) -> str:
        """The next message; a binary one reads as empty, which no protocol of ours allows."""
        message = await self._socket.receive()
        if message["type"] != "websocket.receive":
            raise LiveClosed
        return message.get("text") or ""

    async def close(self, code: int, reason: str) -> None:
        """End it, if it has not ended."""
        if WebSocketState.DISCONNECTED in {self._socket.client_state, self._socket.application_state}:
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.close(code, reason)
        except (WebSocketDisconnect, OSError, TimeoutError):
            log.debug("the page went before it could be told", code=code)

    async def watch(self) -> None:
        """Wait for a send that hangs.

        Raises:
            LiveClosed: One took at least 20 s, and at most twice that.
        """
        while True:
            begun, is_sending = self._begun, self._begun > self._ended
            await self._clock.sleep(SEND_TIMEOUT_S)
            if is_sending and self._ended < begun:
                raise LiveClosed

    async def _send(self, message: Mapping[str, str | bytes]) -> None:
        if WebSocketState.DISCONNECTED in {self._socket.client_state, self._socket.application_state}:
            raise LiveClosed
        async with self._turn:
            self._begun += 1
            try:
                await self._socket.send(dict(message))
            except (WebSocketDisconnect, OSError) as error:
                raise LiveClosed from error
            finally:
                self._ended += 1


async def live(socket: WebSocket) -> None:
    """Many cameras over one connection; see docs/ref/api.md."""
    services: Services = socket.app.state.services
    rights = rights_of(socket)
    await socket.accept()
    line = Line(socket, services.clock)
    user = rights.principal.user
    watching = partial(services.keeping.audit.watching, Actor(user.id, user.name))
    session = LiveSession(line, services.live, rights.may_view, services.clock, watching)
    with services.live.faults.noted("live viewer"):
        await until_the_session_ends(line, rights, session.serve())


async def news(socket: WebSocket) -> None:
    """Events, states of cameras, detections; see docs/ref/api.md."""
    push: Push = socket.app.state.push
    rights = rights_of(socket)
    await socket.accept()
    line = Line(socket, socket.app.state.services.clock)
    page = push.open(rights.principal)
    rights.on_change = page.know
    try:
        await until_the_session_ends(line, rights, _serve_news(line, rights, page))
    finally:
        push.close(page)


def register(routes: Routes) -> None:
    """Add the routes."""
    routes.add_websocket("/api/live", live, access=Access.SIGNED_IN)
    routes.add_websocket("/api/ws", news, access=Access.SIGNED_IN)


def rights_of(socket: WebSocket) -> Rights:
    """What the person behind a socket may see, kept up to date while it is open."""
    state = socket.app.state
    return Rights(state.services.clock, state.open_sessions, state.known_cameras, socket.state.principal)


async def until_the_session_ends(line: Line, rights: Rights, work: Coroutine[None, None, None]) -> None:
    """Work until it is done, the page is gone or takes nothing more, or the session has ended; then close."""
    try:
        async with asyncio.TaskGroup() as group:
            watches = [group.create_task(rights.watch()), group.create_task(line.watch())]
            try:
                await work
            finally:
                for watch in watches:
                    watch.cancel()
    except* Denied as group_of_one:
        await line.close(SESSION_ENDED, _code(group_of_one))
    except* Unavailable as group_of_one:
        await line.close(TRY_AGAIN, _code(group_of_one))
    except* LiveClosed:
        log.info("viewer given up: it took nothing for too long", seconds=SEND_TIMEOUT_S)


async def _serve_news(line: Line, rights: Rights, page: Page) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(_write_news(line, page))
            try:
                while True:
                    await _hear(await line.receive_text(), line, rights, page)
            finally:
                writer.cancel()
    except* LiveClosed:
        log.debug("page left", dropped=page.dropped)


async def _write_news(line: Line, page: Page) -> None:
    while (text := await page.next()) is not None:
        await line.send_text(text)
    raise Unavailable("this page does not keep up; connect again", code="page-too-slow")


async def _hear(text: str, line: Line, rights: Rights, page: Page) -> None:
    try:
        if len(text) > LONGEST_MESSAGE:
            raise Invalid("the message is too long", code="bad-message")
        request = _ASKED.validate_json(text)
        if isinstance(request, FollowIn):
            page.follows = request.activity
            return
        camera = CameraId(request.camera)
        if not request.topics:
            page.watched.pop(camera, None)
        elif not await rights.may_view(camera):
            raise camera_not_found()
        elif len(page.watched) >= MOST_WATCHED and camera not in page.watched:
            raise Invalid("a page watches no more cameras", code="too-many-subscriptions", limit=MOST_WATCHED)
        else:
            page.watched[camera] = frozenset(request.topics)
    except ValidationError:
        await _tell_error(line, Invalid("not a message of this protocol", code="bad-message"))
    except (Invalid, NotFound) as error:
        await _tell_error(line, error)


async def _tell_error(line: Line, error: HaechiError) -> None:
    await line.send_text(ErrorMessage(code=error.code, message=error.message).model_dump_json())


def _code(errors: BaseExceptionGroup[HaechiError]) -> str:
    first = errors.exceptions[0]
    return first.code if isinstance(first, HaechiError) else ""
