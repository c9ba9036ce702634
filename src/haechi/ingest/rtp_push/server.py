"""Listens for thin clients, finds out who they are, and gives each its streams, within limits."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from msgspec import Struct

from haechi import __version__
from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, Invalid
from haechi.base.ids import CameraId, StreamId
from haechi.base.throttle import Allowance, Throttle, address_key
from haechi.bus.frames import GapCause
from haechi.ingest.rtp_push.berths import Berth, ClientReport
from haechi.ingest.rtp_push.datagrams import Datagrams
from haechi.ingest.rtp_push.harbour import Harbour
from haechi.ingest.rtp_push.link import Client, PushLink
from haechi.ingest.rtp_push.modules import Module
from haechi.ingest.rtp_push.stream import Hooks, PushedStream, track_of
from haechi.ingest.rtp_push.tally import Tally
from haechi.ingest.session import STALL_S
from haechi.media.push.dialogue import Announced, fault
from haechi.media.push.words import Accepted, Hello, Welcome, say

log = structlog.get_logger(__name__)

BACKLOG = 128
TICK_S = 1.0
WRONG_TOKEN = Allowance(burst=10, refill_s=6)
"""Of one address. A token cannot be guessed; this keeps the log and the database quiet."""
ANNOUNCEMENTS = Allowance(burst=100, refill_s=0.5)
"""Of one client: each costs a run number, which is written to the disk."""
REFUSED = "this token is not known here; make one with: haechi push add NAME"


class Gatekeeper(Protocol):
    """Who knows the tokens (`haechi.fleet.push_clients.PushClients` does)."""

    async def admits(self, token: str) -> Client | None:
        """Whose token it is."""

    async def known(self) -> Mapping[str, str]:
        """All clients whose token is still good: the camera of each (empty: it is none) by its id."""


class PushLimits(Struct, frozen=True):
    """What there is room for.

    Attributes:
        clients: Connections of clients that have said who they are.
        strangers: Connections of those that have not; beyond it the one that has taken longest is cut.
        client_streams, streams: At once, of one connection and of all.
        client_bytes_s: What one client may send in a second; it is read no faster.
        hello_s: From the connection to the token.
        idle_s, camera_idle_s: Without a word or packet; of a client whose stream is a camera, which then is away.
        camera_stall_s: Without a picture of a stream that is a camera, whatever else its client says.
    """

    clients: int = 32
    strangers: int = 64
    client_streams: int = 4
    streams: int = 64
    client_bytes_s: int = 125_000_000
    hello_s: float = 10.0
    idle_s: float = 60.0
    camera_idle_s: float = 13.0
    camera_stall_s: float = STALL_S


class PushCounts(Struct):
    """What became of those who came, since the process started."""

    welcomed: int = 0
    refused: int = 0
    throttled: int = 0
    full: int = 0
    cut: int = 0


class PushServer:
    """See the module. It is the `House` of its links.

    Args:
        context: TLS for clients on other machines; asked for with each such connection.
    """

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        modules: Mapping[str, Module],
        harbour: Harbour,
        clock: Clock,
        limits: PushLimits,
        context: Callable[[], ssl.SSLContext],
    ) -> None:
        self._gatekeeper = gatekeeper
        self._modules = modules
        self._harbour = harbour
        self._clock = clock
        self._limits = limits
        self._context = context
        self._strangers: dict[PushLink, asyncio.TimerHandle] = {}
        self._links: set[PushLink] = set()
        self._wrong = Throttle(WRONG_TOKEN, clock)
        self._announcing = Throttle(ANNOUNCEMENTS, clock)
        self._group: asyncio.TaskGroup | None = None
        self._datagrams: Datagrams | None = None
        self.counts = PushCounts()
        self.tally = Tally()

    @property
    def clients(self) -> int:
        """Clients that are connected."""
        return len(self._links)

    @property
    def streams(self) -> int:
        """Streams that are open."""
        return self._harbour.streams

    def report(self) -> list[ClientReport]:
        """See `Report`."""
        return [link.report() for link in self._links]

    def udp_dropped(self) -> int:
        """See `Report`."""
        return self._datagrams.dropped if self._datagrams is not None else 0

    async def serve(self, listener: socket.socket, *, udp: bool) -> None:
        """Take connections on a bound socket until cancelled; then end all of them."""
        self._datagrams = Datagrams.bind(listener, self._clock) if udp else None
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            self._group = group
            server = await loop.create_server(self._came, sock=listener, backlog=BACKLOG)
            if self._datagrams is not None:
                self._datagrams.start()
            try:
                await self._tick()
            finally:
                server.close()
                for link in [*self._links, *self._strangers]:
                    link.bid_farewell("the server stops")
                if self._datagrams is not None:
                    self._datagrams.close()

    async def _tick(self) -> None:
        """Tell clients what was left out; let those go that are silent, or whose token was withdrawn."""
        while True:
            await self._clock.sleep(TICK_S)
            now_ns = self._clock.monotonic_ns()
            known = await self._known()
            for link in list(self._links):
                link.flows()
                link.require_pictures(now_ns - int(self._limits.camera_stall_s * NS_PER_S))
                idle_s = self._limits.camera_idle_s if link.is_camera else self._limits.idle_s
                if link.heard_ns < now_ns - int(idle_s * NS_PER_S):
                    link.bid_farewell("nothing was heard for too long")
                elif known is not None and link.client is not None:
                    self._compare(link, link.client, known.get(link.client.id))

    def _compare(self, link: PushLink, client: Client, camera: str | None) -> None:
        """Send a client away whose token was withdrawn, or whose camera is another now (it may come again)."""
        if camera is None:
            link.end("push-revoked", "this token was withdrawn")
        elif camera != client.camera:
            link.end("push-changed", "the registration of this client was changed; connect again")

    async def _known(self) -> Mapping[str, str] | None:
        """The clients there are; None: they cannot be looked up now, and nobody is sent away for that."""
        if not self._links:
            return None
        try:
            return await self._gatekeeper.known()
        except (HaechiError, OSError) as error:
            log.warning("clients cannot be looked up", error=str(error))
            return None

    # -- who it is ---------------------------------------------------------------------------------------------------
    def _came(self) -> PushLink:
        if len(self._strangers) >= self._limits.strangers:
            self._cut(next(iter(self._strangers)))
        link = PushLink(self, self._clock, self._context, self._limits.client_bytes_s)
        loop = asyncio.get_running_loop()
        self._strangers[link] = loop.call_later(self._limits.hello_s, self._cut, link)
        return link

    def _cut(self, link: PushLink) -> None:
        """Its time is over."""
        self.counts.cut += 1
        self._no_stranger(link)
        link.abort()

    def _no_stranger(self, link: PushLink) -> None:
        timer = self._strangers.pop(link, None)
        if timer is not None:
            timer.cancel()

    def hello(self, link: PushLink, hello: Hello) -> None:
        """See `House`."""
        assert self._group is not None
        self._group.create_task(self._judge(link, hello))

    async def _judge(self, link: PushLink, hello: Hello) -> None:
        address = address_key(link.peer)
        wait_s = self._wrong.wait_s(address)
        if wait_s > 0:
            self.counts.throttled += 1
            link.end("too-many-tries", f"too many wrong tokens; try again in {math.ceil(wait_s)} s")
            return
        try:
            client = await self._gatekeeper.admits(hello.token)
        except (HaechiError, OSError) as error:
            log.warning("a client cannot be checked", error=str(error))
            link.end("push-busy", "the server cannot check tokens now; try again later")
            return
        if client is None:
            self._wrong.take(address)
            self.counts.refused += 1
            log.warning("a client came with a wrong token", peer=link.peer, software=hello.software)
            link.end("push-denied", REFUSED)
            return
        self._admit(link, client, hello)

    def _admit(self, link: PushLink, client: Client, hello: Hello) -> None:
        if link.is_over:
            return
        if len(self._links) >= self._limits.clients:
            self.counts.full += 1
            link.end("push-full", "the server has as many clients as it may have; try again later")
            return
        self._no_stranger(link)
        self._links.add(link)
        self.counts.welcomed += 1
        log.info("client connected", client=client.id, name=client.name, peer=link.peer, software=hello.software)
        link.software = hello.software
        word = Welcome(f"haechi/{__version__}", tuple(sorted(self._modules)), self._limits.client_streams)
        link.welcome(client, say(word))

    # -- streams -----------------------------------------------------------------------------------------------------
    def announced(self, link: PushLink, announced: Announced) -> None:
        """See `House`."""
        assert self._group is not None
        assert link.client is not None
        no = self._against(link, announced)
        camera: CameraId | None = None
        if no is None:
            try:
                camera = self._harbour.camera_for(link, link.client, announced.wish)
            except HaechiError as error:
                no = error.code, error.message
        if no is not None:
            link.decline(announced.number, *no)
        elif camera is None:
            name = self._harbour.reserve_own(link.client.id)
            self._group.create_task(self._open_own(link, announced, name))
        else:
            self._group.create_task(self._open_camera(link, announced, camera))

    def _against(self, link: PushLink, announced: Announced) -> tuple[str, str] | None:
        """Code and sentence of what stands against a stream."""
        limits, wish = self._limits, announced.wish
        if announced.number in link.streams:
            return "push-stream-open", "the stream before of this number is not over yet"
        if link.announced > limits.client_streams or self._harbour.streams >= limits.streams:
            return "push-full", "no more streams at once; end one first"
        if wish.transport != "tcp" and (wish.transport != "udp" or self._datagrams is None):
            return "push-no-udp", "RTP is taken in this connection only: transport tcp"
        if self._announcing.take(link.client.id if link.client else "") > 0:
            return "push-busy", "too many streams were begun in a short time; try again later"
        try:
            track_of(wish)
        except Invalid as error:
            return error.code, error.message
        return None

    async def _open_own(self, link: PushLink, announced: Announced, name: StreamId) -> None:
        try:
            berth = await self._harbour.own(name, announced.wish)
        except (HaechiError, OSError) as error:
            log.warning("no run number for a pushed stream", error=str(error))
            self._harbour.leave(name)
            link.decline(announced.number, "push-busy", "the server cannot begin a stream now; try again later")
            return
        if link.is_over:
            self._harbour.leave(name)
            return
        self._begin(link, announced, berth, "")

    async def _open_camera(self, link: PushLink, announced: Announced, camera: CameraId) -> None:
        try:
            berth = await self._harbour.of_camera(camera, announced.wish, link)
        except HaechiError as error:
            link.decline(announced.number, error.code, error.message)
            return
        if link.is_over or berth.is_over:
            berth.close(GapCause.UNREACHABLE, None, self._clock.wall_ns())
            link.decline(
                announced.number, "push-camera-off", "the camera of this client was switched off, removed or changed"
            )
            return
        self._harbour.moored(camera, link, self._begin(link, announced, berth, camera))

    def _begin(self, link: PushLink, announced: Announced, berth: Berth, camera: str) -> PushedStream:
        wish = announced.wish
        hooks = Hooks(link.result, link.over, link.module_gone)
        stream = PushedStream(announced.number, wish, berth, self._clock, hooks, self.tally)
        secret, port = b"", 0
        if wish.transport == "udp" and self._datagrams is not None:
            secret, port = self._datagrams.expect(link, stream), self._datagrams.port
        run = berth.run.number
        log.info("stream pushed", stream=berth.stream, run=run, codec=wish.codec, source=wish.source)
        link.accept(stream, say(Accepted(berth.stream, port, secret, camera), stream.number, run))
        return stream

    def requested(self, link: PushLink, stream: PushedStream, module: str) -> None:
        """See `House`."""
        assert self._group is not None
        found = self._modules.get(module)
        if found is not None:
            self._group.create_task(self._ask(link, stream, module, found))
            return
        names = tuple(sorted(self._modules))
        message = f"there is no module of this name; there are: {', '.join(names)}"
        link.write(fault("unknown-module", message, stream.number, names))

    async def _ask(self, link: PushLink, stream: PushedStream, name: str, module: Module) -> None:
        try:
            is_granted = await stream.ask(name, module)
        except HaechiError as error:
            link.module_gone(stream, name, error)
            return
        if is_granted:
            link.granted(stream, name)

    def forget(self, stream: PushedStream) -> None:
        """See `House`."""
        self._harbour.leave(stream.berth.stream)
        if self._datagrams is not None:
            self._datagrams.forget(stream)

    def gone(self, link: PushLink) -> None:
        """See `House`."""
        self._no_stranger(link)
        if link in self._links:
            self._links.discard(link)
            assert link.client is not None
            log.info("client gone", client=link.client.id)
