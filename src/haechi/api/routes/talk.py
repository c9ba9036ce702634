"""A page speaks to a camera: `WS /api/cameras/{camera}/talk`, and whether that is possible."""

from __future__ import annotations

import asyncio
from typing import Literal

import structlog
from fastapi import Request, WebSocket
from pydantic import TypeAdapter

from haechi.api.asked import AskedCamera, Caller
from haechi.api.audit import Action, Actor
from haechi.api.policy import Access, Routes, camera_not_found, may_not_speak
from haechi.api.rights import Rights
from haechi.api.services import Services
from haechi.api.shapes.fields import Shape
from haechi.api.shapes.talk import EndedMessage, RefusedMessage, StopIn, TalkIn, TalkingMessage, TalkOut
from haechi.api.sockets import Line, rights_of, until_the_session_ends
from haechi.base.errors import HaechiError, Invalid
from haechi.base.redact import redact_text
from haechi.fleet.cameras import Camera
from haechi.ingest.speech import SpeechBuffer, speak
from haechi.ingest.talk import Talk
from haechi.ingest.voice import PACKET_SAMPLES, Speaker
from haechi.live.session import LiveClosed
from haechi.media.access_unit import Codec

log = structlog.get_logger(__name__)

MOST_SPEECH_S = 300
"""Then the page ends it, and may begin again: nobody speaks for ever because a key is stuck."""
HELLO_S = 10.0
LONGEST_WORD = 1024
RECHECK_S = 1.0
PIECE_S = 0.02
_NAMES: dict[Codec, Literal["pcmu", "pcma"]] = {Codec.PCMU: "pcmu", Codec.PCMA: "pcma"}
_LEARNT = frozenset({"no-back-channel", "back-channel-codec", "camera-offline"})
"""After these, what was believed of a camera is asked anew."""
_WORDS: TypeAdapter[TalkIn | StopIn] = TypeAdapter(TalkIn | StopIn)


def word_of(text: str) -> TalkIn | StopIn:
    """What a page says besides sound.

    Raises:
        Invalid: ``bad-message``.
    """
    try:
        if len(text) > LONGEST_WORD:
            raise ValueError
        return _WORDS.validate_json(text)
    except ValueError as error:  # pydantic's own is one
        raise _bad_message() from error


async def get_talk(camera: AskedCamera, caller: Caller, request: Request) -> TalkOut:
    """Whether the caller can speak to the camera, and who speaks to it. A camera that we connect to is asked for it."""
    talk: Talk = request.app.state.talk
    speaker = talk.speaker(camera.id) or None
    if not caller.may_speak(camera.id):
        return TalkOut(possible=False, why="may-not-speak", speaking=speaker)
    standing = await talk.standing(camera)
    return TalkOut(possible=standing.is_possible, why=standing.why or None, speaking=speaker)


async def talk_to_camera(socket: WebSocket) -> None:
    """Say to the camera what a page sends; see docs/ref/api.md."""
    services: Services = socket.app.state.services
    rights = rights_of(socket)
    await socket.accept()
    line = Line(socket, services.clock)
    talker = _Talker(socket, line, rights, services)
    await until_the_session_ends(line, rights, talker.run())
    await line.close(1000, "")


def register(routes: Routes) -> None:
    """Add the routes."""
    one = "/api/cameras/{camera}/talk"
    routes.add("GET", one, get_talk, access=Access.CAMERA_VIEW)
    routes.add_websocket(one, talk_to_camera, access=Access.TALK)


class _Talker:
    """One page that speaks to one camera."""

    def __init__(self, socket: WebSocket, line: Line, rights: Rights, services: Services) -> None:
        self._socket = socket
        self._line = line
        self._rights = rights
        self._talk: Talk = socket.app.state.talk
        self._camera: Camera = socket.state.camera
        self._clock = services.clock
        self._audit = services.keeping.audit
        self._buffer = SpeechBuffer()

    async def run(self) -> None:
        """Until the page is gone, has said all, or may not go on; then it is told why."""
        try:
            await self._greet()
            with self._talk.seat(self._camera.id, self._rights.principal.user.name):
                await self._speak_while_it_may()
            await self._tell(EndedMessage(seconds=self._seconds))
        except* LiveClosed:
            log.debug("the page that spoke is gone", camera=self._camera.id)
        except* HaechiError as errors:
            await self._refuse(_first(errors))

    @property
    def _seconds(self) -> float:
        return round(self._buffer.spoken * PIECE_S, 2)

    async def _greet(self) -> None:
        try:
            async with asyncio.timeout(HELLO_S):
                heard = await self._next()
        except TimeoutError:
            raise _bad_message() from None
        if not isinstance(heard, str) or not isinstance(word_of(heard), TalkIn):
            raise _bad_message()

    async def _speak_while_it_may(self) -> None:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._hear()), group.create_task(self._watch())]
            await self._speak()
            for task in beside:
                task.cancel()

    async def _speak(self) -> None:
        async with self._talk.voice(self._camera) as voice:
            speaker = Speaker(voice)
            user = self._rights.principal.user
            actor, thing = Actor(user.id, user.name), self._camera.id
            self._audit.note(actor, Action.SPEAK, thing, "began")
            try:
                await self._tell(TalkingMessage(codec=_NAMES[speaker.codec], limit_s=MOST_SPEECH_S))
                await speak(self._buffer, speaker, self._clock, limit_s=MOST_SPEECH_S)
            finally:
                self._audit.note(actor, Action.SPEAK, thing, f"ended after {self._seconds:.1f} s of speech")
                self._talk.count(self._buffer)

    async def _hear(self) -> None:
        """Take what the page sends.

        Raises:
            LiveClosed: The page is gone.
            Invalid: ``bad-message``.
        """
        while True:
            heard = await self._next()
            if isinstance(heard, bytes) and len(heard) == PACKET_SAMPLES:
                self._buffer.put(heard)
            elif isinstance(heard, str) and isinstance(word_of(heard), StopIn):
                self._buffer.finish()
            else:
                raise _bad_message()

    async def _watch(self) -> None:
        """Keep up with what the person may.

        Raises:
            Denied: ``may-not-speak``.
            NotFound: The camera is not there for them any more.
        """
        while True:
            await self._clock.sleep(RECHECK_S)
            if not await self._rights.may_view(self._camera.id):
                raise camera_not_found()
            if not self._rights.principal.may_speak(self._camera.id):
                raise may_not_speak()

    async def _next(self) -> str | bytes:
        message = await self._socket.receive()
        if message["type"] != "websocket.receive":
            raise LiveClosed
        text: str | None = message.get("text")
        data: bytes | None = message.get("bytes")
        return text if text is not None else data or b""

    async def _refuse(self, error: HaechiError) -> None:
        self._talk.refused[error.code] += 1
        if error.code in _LEARNT:
            self._talk.forget(self._camera.id)
        who = error.context.get("who")
        message = redact_text(error.message)
        await self._tell(RefusedMessage(code=error.code, message=message, who=str(who) if who else None))

    async def _tell(self, message: Shape) -> None:
        await self._line.send_text(message.model_dump_json())


def _first(errors: BaseExceptionGroup[HaechiError]) -> HaechiError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _bad_message() -> Invalid:
    return Invalid("not a message of this protocol", code="bad-message")
