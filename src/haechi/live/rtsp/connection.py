"""One connection of a player, from the first byte to the last."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct, field

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, Invalid, NotFound, PeerError, Unavailable
from haechi.base.faults import Faults
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import FrameBus
from haechi.live.demand import Lease
from haechi.live.packets import Outlet, PacketStream, PacketStreams
from haechi.live.rtsp.counts import Counts
from haechi.live.rtsp.door import Door, Guest, PlayerDoorman
from haechi.live.rtsp.offer import Asked, Offer, asked_at, offer_of
from haechi.live.rtsp.player import Over, Player, outlet_of
from haechi.live.rtsp.ways import STALLED_S, ByDatagrams, Datagrams, InConnection, Way, say
from haechi.media import rtcp
from haechi.media.rtsp.message import Request
from haechi.media.rtsp.server import (
    First,
    LoginFailed,
    PauseRequested,
    PlayRequested,
    ReportReceived,
    RtspServer,
    ServerEvent,
    ServerPolicy,
    TornDown,
    path_of,
)
from haechi.media.rtsp.transport import Transport
from haechi.media.sdp import SessionDescription

log = structlog.get_logger(__name__)

CHECK_S = 2.0
"""How often it is asked whether the player still may; the promise is 5 s (CONTRACT S3)."""
GREETING_S = 10.0
"""From the connection to the first request with a right log-in."""
SESSION_S = 60
"""A player that gets nothing, or gets it by UDP, must be heard of within this and a little more (RFC 2326, 12.37)."""
GRACE_S = 10.0
MOST_WRONG = 5
MOST_REQUESTS = 20
"""Of a stranger."""
READ_BYTES = 16 * 1024


class House(Struct, frozen=True):
    """What a connection needs of the server."""

    bus: FrameBus
    packets: PacketStreams
    want: Callable[[StreamId], Awaitable[Lease]]
    door: Door
    clock: Clock
    counts: Counts
    datagrams: Datagrams | None
    faults: Faults = field(default_factory=Faults)


class Connection:
    """See the module.

    Attributes:
        is_known: A right log-in came.
    """

    def __init__(self, house: House, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._house = house
        self._reader = reader
        self._writer = writer
        self.host: str = writer.get_extra_info("peername")[0]
        udp = house.datagrams
        policy = ServerPolicy(udp=udp is not None, server_ports=udp.ports if udp else None, session_timeout_s=SESSION_S)
        self._doorman = PlayerDoorman(house.door, self.host, secrets.token_hex(16))
        self._machine = RtspServer(self._find, policy, lambda: secrets.token_hex(16), self._doorman, self._first)
        self._outlets: dict[int, tuple[Outlet, PacketStream]] = {}
        self._told: dict[str, Offer] = {}
        self._lease: Lease | None = None
        self._began_ns = self._heard_ns = house.clock.monotonic_ns()
        self._wrong = self._requests = 0
        self._player: Player | None = None
        self._playing: asyncio.Task[None] | None = None
        self._watched: tuple[Guest, CameraId] | None = None
        self._ways: list[Way] = []
        self.is_known = False

    async def run(self) -> None:
        """Serve until the player goes.

        Raises:
            Over: We end it; says why.
            PeerError: The player does not speak RTSP.
            OSError: The connection broke.
        """
        try:
            async with asyncio.TaskGroup() as group:
                checking = group.create_task(self._check())
                await self._serve(group)
                checking.cancel()
                await self._stop()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from several
        finally:
            self._let_go()

    async def _serve(self, group: asyncio.TaskGroup) -> None:
        while data := await self._reader.read(READ_BYTES):
            self._heard_ns = self._house.clock.monotonic_ns()
            for one in self._machine.receive(data):
                events = await self._on_request(one) if isinstance(one, Request) else self._machine.take(one)
                say(self._writer, self._machine.to_send())
                for event in events:
                    await self._on(event, group)
            async with asyncio.timeout(STALLED_S):
                await self._writer.drain()

    async def _on_request(self, request: Request) -> list[ServerEvent]:
        """Look up what the answer needs, and answer."""
        self._requests += 1
        if not self.is_known and self._requests > MOST_REQUESTS:
            raise Over("too many requests without a log-in")
        try:
            await self._doorman.consider(request)
            if self._doorman.admits(request):
                self.is_known = True
                if request.method in ("DESCRIBE", "SETUP"):
                    await self._prepare(request)
        except (Unavailable, Invalid) as error:
            again = error.context.get("retry_after_s")
            fields = (("Retry-After", str(again)),) if again is not None else ()
            self._machine.refuse(request, 415 if isinstance(error, Invalid) else 503, *fields)
            return []
        return self._machine.take(request)

    async def _prepare(self, request: Request) -> None:
        """Find out what is at the address of a request, unless it was told already."""
        path = path_of(request.uri)
        base = path.rpartition("/")[0]
        if request.method == "SETUP" and {base, path} & self._told.keys():
            return
        for one in (base, path) if request.method == "SETUP" else (path,):
            asked = asked_at(one)
            offer = await self._offer(asked) if asked is not None else None
            if offer is not None:
                self._told = {one: offer}
                return
        self._told = {}

    async def _offer(self, asked: Asked) -> Offer | None:
        """What is there for this guest; None: nothing that they may know of."""
        guest = self._doorman.guest
        if guest is None or not await guest.may_still(asked.camera):
            return None
        lease = await self._lend(asked.stream)
        if lease is None:
            return None
        if self._lease is not None:
            self._lease.close()
        self._lease = lease
        return await offer_of(asked, self._house.bus, self._house.clock)

    async def _lend(self, stream: StreamId) -> Lease | None:
        try:
            return await self._house.want(stream)
        except NotFound:
            return None
        except Unavailable:
            raise
        except HaechiError as error:
            raise Unavailable(error.message, code=error.code) from error

    def _find(self, path: str) -> SessionDescription | None:
        offer = self._told.get(path)
        return offer.description if offer is not None else None

    def _first(self, path: str, index: int) -> First | None:
        """With what a track begins: that is the first unit of the GOP, for whoever plays begins with it."""
        offer = self._told.get(path)
        if offer is None or index >= len(offer.streams):
            return None
        packets = self._house.packets.of(offer.streams[index])
        outlet, _ = self._outlets[index] = outlet_of(offer, index), packets
        channel = self._house.bus.channel(offer.streams[index])
        gop = channel.gop()
        if not gop:
            return First(outlet.sequence)
        return First(outlet.sequence, packets.timestamp(gop[0], channel.run(gop[0].ref.run).params[gop[0].params]))

    async def _on(self, event: ServerEvent, group: asyncio.TaskGroup) -> None:
        match event:
            case PlayRequested(path, transports):
                await self._stop()
                offer = self._told.get(path)
                if offer is None or max(index for index, _ in transports) >= len(offer.streams):
                    raise Over("it was told of something else since")
                self._play(offer, transports, group)
            case PauseRequested() | TornDown():
                await self._stop()
            case LoginFailed():
                self._house.counts.refused += 1
                self._wrong += 1
                if self._wrong >= MOST_WRONG:
                    raise Over("wrong log-ins")
            case ReportReceived(_, data):
                self._on_report(data)
            case _:
                return

    def _play(self, offer: Offer, transports: tuple[tuple[int, Transport], ...], group: asyncio.TaskGroup) -> None:
        house, guest = self._house, self._doorman.guest
        assert guest is not None
        player = self._player = Player(house.bus, house.packets, house.counts)
        for index, transport in transports:
            way = self._way(transport)
            self._ways.append(way)
            told, _ = self._outlets.get(index, (None, None))
            player.add(offer, index, way, told)
        self._outlets.clear()
        house.counts.players += 1
        house.door.watched(guest, offer.camera)
        self._watched = (guest, offer.camera)
        self._playing = group.create_task(player.run())

    def _way(self, transport: Transport) -> Way:
        datagrams = self._house.datagrams
        if transport.is_tcp or datagrams is None or transport.client_ports is None:
            return InConnection(self._writer, transport)
        way = ByDatagrams(datagrams, self.host, transport.client_ports, self._house.clock)
        way.hear(self._on_report)
        return way

    def _on_report(self, data: bytes) -> None:
        """It is there, and says how well it receives; nothing of ours depends on the latter."""
        with contextlib.suppress(PeerError):
            rtcp.parse(data)
            self._heard_ns = self._house.clock.monotonic_ns()

    async def _check(self) -> None:
        """Ask again and again whether the player may watch, and whether it is there.

        Raises:
            Over: It may not, or is not.
        """
        clock = self._house.clock
        while True:
            await clock.sleep(CHECK_S)
            now_ns = clock.monotonic_ns()
            if not self.is_known and now_ns - self._began_ns > GREETING_S * NS_PER_S:
                raise Over("no log-in came")
            needs_word = self._watched is None or any(isinstance(way, ByDatagrams) for way in self._ways)
            if needs_word and now_ns - self._heard_ns > (SESSION_S + GRACE_S) * NS_PER_S:
                raise Over("nothing was heard for too long")
            if self._watched is not None:
                guest, camera = self._watched
                if not await guest.may_still(camera):
                    raise Over("it may watch no more")
                self._house.door.watched(guest, camera)

    async def _stop(self) -> None:
        """Send nothing more. The session may go on."""
        playing, self._playing = self._playing, None
        if playing is not None:
            playing.cancel()
            await asyncio.wait({playing})
        self._put_down()

    def _put_down(self) -> None:
        player, self._player = self._player, None
        if player is not None:
            self._house.counts.players -= 1
            player.say_goodbye()
            player.close()
        for way in self._ways:
            if isinstance(way, ByDatagrams):
                way.forget()
        self._ways, self._watched = [], None

    def _let_go(self) -> None:
        self._put_down()
        if self._lease is not None:
            self._lease.close()
