"""The device on real sockets: HTTP with SOAP in it, and discovery."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Self

import h11
from msgspec import Struct

from haechi.base.clock import Clock, SystemClock
from haechi.base.errors import HaechiError, PeerError
from haechi.camera.virtual.onvif.answers import DEVICE, MEDIA, PUBLIC, Fault, Reply
from haechi.camera.virtual.onvif.beacon import Beacon, discovery_sockets
from haechi.camera.virtual.onvif.media2 import MEDIA2
from haechi.camera.virtual.onvif.model import Identity, Model, Pairs, Quirks, VirtualProfile
from haechi.camera.virtual.onvif.moves import PTZ
from haechi.camera.virtual.onvif.pulls import PATH, PullPoints
from haechi.camera.virtual.onvif.users import Users
from haechi.fleet.onvif.place import bracketed
from haechi.fleet.onvif.soap import CONTENT_TYPE, Answer, envelope, parse_answer
from haechi.fleet.onvif.xml import MOST_BYTES, escape

HEAR_S = 30.0
_NOBODY = Users("", "")
_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c SYSTEM "file:///etc/hostname">]><a>&b;&c;</a>'
)


class _Out(Struct, frozen=True):
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = CONTENT_TYPE


class Listening(Struct, frozen=True):
    """Where it listens: an IPv4 address and a port (0: any).

    ``discovery_port`` is where it hears who looks for cameras; None: nowhere. With ``tls`` it speaks https only.
    """

    host: str = "127.0.0.1"
    port: int = 0
    discovery_port: int | None = None
    tls: ssl.SSLContext | None = None


class VirtualOnvif:
    """A device. ``async with`` it.

    Attributes:
        model: How it stands; tests turn and read it.
        asked: Names of the questions so far.
    """

    def __init__(
        self,
        profiles: Sequence[VirtualProfile],
        *,
        users: Users = _NOBODY,
        quirks: Quirks = Quirks(),  # noqa: B008 - immutable
        identity: Identity = Identity(),  # noqa: B008 - immutable
        clock: Clock | None = None,
        listening: Listening = Listening(),  # noqa: B008 - immutable
    ) -> None:
        self._clock = clock or SystemClock()
        self.model = Model(profiles, self._clock, identity, quirks)
        self.asked: list[str] = []
        self.pulls = PullPoints(self.model, self._clock)
        self._users = users
        self._host, self._port, self._discovery_port = listening.host, listening.port, listening.discovery_port
        self._tls = listening.tls
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._beacons: list[asyncio.DatagramTransport] = []

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def url(self) -> str:
        """The address of its device service, as it really is."""
        return f"{self._scheme}://{bracketed(self._host)}:{self._port}/onvif/device_service"

    @property
    def base(self) -> str:
        """What it tells of its address."""
        quirks = self.model.quirks
        port = quirks.inner_port or self._port
        return f"{self._scheme}://{bracketed(quirks.inner_host or self._host)}:{port}"

    @property
    def _scheme(self) -> str:
        return "https" if self._tls is not None else "http"

    def notice(self, *, is_on: bool) -> None:
        """Something begins or ceases to move in the picture; who listens is told."""
        self.model.notice(is_on=is_on)
        self.pulls.wake()

    def report(self, topic: str, data: Pairs) -> None:
        """It notices something of one of `TOPICS`; who listens is told."""
        self.model.report(topic, data)
        self.pulls.wake()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, self._host, self._port, limit=64 * 1024, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]
        if self._discovery_port is not None:
            loop = asyncio.get_running_loop()
            for one in discovery_sockets(self._host, self._discovery_port):
                transport, _ = await loop.create_datagram_endpoint(
                    lambda: Beacon(self.model, lambda: self.base), sock=one
                )
                self._beacons.append(transport)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for transport in self._beacons:
            transport.close()
        self._beacons = []
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        try:
            async with asyncio.timeout(HEAR_S) as patience:
                request, body = await _hear(reader)
                patience.reschedule(None)
            await asyncio.sleep(self.model.quirks.slow_s)
            await self._send(writer, _written(await self._answer(request, body)))
        except (OSError, TimeoutError, h11.RemoteProtocolError, PeerError):
            return
        finally:
            writer.close()

    async def _send(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        quirks = self.model.quirks
        if quirks.huge:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<a>")
            while True:
                writer.write(b"<b/>" * 4096)
                await writer.drain()
        if quirks.drip_s:
            for number in range(len(answer)):
                writer.write(answer[number : number + 1])
                await writer.drain()
                await self._clock.sleep(quirks.drip_s)
        else:
            writer.write(answer)
            await writer.drain()

    async def _answer(self, request: h11.Request, body: bytes) -> _Out:
        quirks, path = self.model.quirks, request.target.decode("latin-1")
        if quirks.redirect:
            return _Out(302, b"", (("Location", quirks.redirect),))
        if quirks.garbage:
            return _Out(200, b"<html><body>Web page of the camera<br></body></html>\x00\xff")
        if quirks.entities:
            return _Out(200, _BOMB)
        if request.method == b"GET" and path.startswith("/snapshot/"):
            return self._picture()
        return await self._soap(request, path, body)

    def _picture(self) -> _Out:
        return _Out(200 if self.model.snapshot else 404, self.model.snapshot, kind="image/jpeg")

    async def _soap(self, request: h11.Request, path: str, body: bytes) -> _Out:
        try:
            message = parse_answer(body)
        except HaechiError:
            return _Out(400, b"", kind="text/plain")
        question = message.body
        self.asked.append(question.name)
        authorization = next((value for name, value in request.headers if name == b"authorization"), b"")
        is_known = self._users.admits(message.header, authorization.decode("latin-1"), self.model.now_ns())
        if question.name not in PUBLIC and not is_known:
            return self._refused()
        try:
            return _Out(200, envelope(await self._reply(path, message)))
        except Fault as fault:
            if self.model.quirks.unknown_is_400 and fault.subcode == "ter:ActionNotSupported":
                return _Out(400, b"", kind="text/plain")
            return _Out(400, envelope(_fault(fault)))
        except HaechiError as error:
            return _Out(500, envelope(_fault(Fault("ter:Action", error.message))))

    def _refused(self) -> _Out:
        fault = envelope(_fault(Fault("ter:NotAuthorized", "Sender not authorized")))
        challenge = self._users.challenge
        if challenge:
            return _Out(401, fault, (("WWW-Authenticate", challenge),))
        return _Out(400, fault)

    async def _reply(self, path: str, message: Answer) -> str:
        quirks, question = self.model.quirks, message.body
        if path.startswith(PATH):
            return await self.pulls.answer(path.removeprefix(PATH), question, message.header)
        if path == "/onvif/event_service" and not quirks.no_events:
            if question.name == "CreatePullPointSubscription":
                return self.pulls.create(self.base, question)
            if question.name == "GetEventProperties":
                return self.pulls.properties()
        tables: Mapping[str, Mapping[str, Reply]] = {
            "/onvif/device_service": DEVICE,
            "/onvif/media_service": {} if quirks.no_media1 else MEDIA,
            "/onvif/media2_service": {} if quirks.no_media2 else MEDIA2,
            "/onvif/ptz_service": {} if quirks.no_ptz else PTZ,
        }
        reply = tables.get(path, {}).get(question.name)
        if reply is None or (quirks.unknown_is_400 and question.name == "GetServices"):
            raise Fault("ter:ActionNotSupported", "no such action")
        return reply(self.model, self.base, question)


async def _hear(reader: asyncio.StreamReader) -> tuple[h11.Request, bytes]:
    """One request.

    Raises:
        PeerError: It is too large, or it ends early.
    """
    machine = h11.Connection(h11.SERVER, max_incomplete_event_size=16 * 1024)
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = machine.next_event()
        if event is h11.NEED_DATA:
            machine.receive_data(await reader.read(64 * 1024))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_BYTES:
                raise PeerError("the question is too large", offset=MOST_BYTES, code="onvif-too-large")
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return request, bytes(body)
        else:
            raise PeerError("the question ends early", offset=len(body), code="onvif-not-http")


def _written(out: _Out) -> bytes:
    machine = h11.Connection(h11.SERVER)
    headers = [
        ("Content-Type", out.kind),
        ("Content-Length", str(len(out.body))),
        ("Connection", "close"),
        *out.headers,
    ]
    parts = [
        machine.send(h11.Response(status_code=out.status, headers=headers)),
        machine.send(h11.Data(data=out.body)),
        machine.send(h11.EndOfMessage()),
    ]
    return b"".join(part or b"" for part in parts)


def _fault(fault: Fault) -> str:
    return (
        '<s:Fault xmlns:ter="http://www.onvif.org/ver10/error"><s:Code><s:Value>s:Sender</s:Value><s:Subcode>'
        f"<s:Value>{fault.subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en">{escape(fault.reason)}</s:Text></s:Reason></s:Fault>'
    )
