"""A real RTSP camera on a real socket, paced in real time, that can be made to misbehave.

What it shows comes from a `Feed`. Like a camera it encodes once: all clients of a path get the same packets, from the
next sync unit on. Over TCP (interleaved) and, where the policy allows it, UDP.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable, Mapping
from typing import Self, cast

from msgspec.structs import replace

from haechi.base.clock import NS_PER_S, Clock, SystemClock
from haechi.base.errors import PeerError
from haechi.camera.virtual.ears import Ears
from haechi.camera.virtual.memory import Memory
from haechi.camera.virtual.units import Feed, FeedUnit, FileFeed
from haechi.media.access_unit import CodecParams, VideoParams
from haechi.media.packetise import RtpSender, track_for
from haechi.media.reverse.mark import extended
from haechi.media.rtsp.deframer import frame
from haechi.media.rtsp.server import (
    LoginFailed,
    ParametersSet,
    PauseRequested,
    PlayRequested,
    ReportReceived,
    RtspServer,
    ServerPolicy,
    SoundReceived,
    TornDown,
)
from haechi.media.rtsp.transport import Transport
from haechi.media.sdp import MediaTrack, SessionDescription

__all__ = ["Feed", "FeedUnit", "FileFeed", "VirtualCamera"]

REPORT_EVERY_S = 5.0
MAX_BACKLOG_BYTES = 4 * 1024 * 1024
"""What a client may leave unread; then it is dropped, as cameras do."""
_MAX_LOGIN_FAILURES = 5


class VirtualCamera:
    """Serves feeds by path. ``async with`` it, or `run` it.

    Attributes:
        policy: Log-in and transports; see `ServerPolicy`. May be replaced while running; holds for new connections.
        lose_every: Every n-th RTP packet is left out; 0: none.
        is_stalled: Connections stay open, but no media flows.
        accepted: Connections taken so far.
        on_unit: Called with path and unit for each unit sent, whether anybody watches or not.
    """

    def __init__(
        self,
        feeds: Mapping[str, Feed],
        policy: ServerPolicy = ServerPolicy(),  # noqa: B008 - immutable
        *,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int | None = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``port``: 0 takes a free one; None listens on none, for a camera that dials out (`attach`)."""
        self.memory: Memory | None = None
        self.ears: Ears | None = None
        self.policy = policy
        self.lose_every = 0
        self.is_stalled = False
        self.accepted = 0
        self.on_unit: Callable[[str, FeedUnit], None] | None = None
        self._clock = clock or SystemClock()
        self._host, self._port, self._tls = host, port or 0, tls
        self._listens = port is not None
        self._streams = {path: _Stream(path, feed) for path, feed in feeds.items()}
        self._clients: set[_Client] = set()
        self._server: asyncio.Server | None = None
        self._udp: list[asyncio.DatagramTransport] = []
        self._pumps: list[asyncio.Task[None]] = []
        self._sent_packets = 0

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    def url(self, path: str = "") -> str:
        """The address of a path (of the first one when left out), without user info."""
        scheme = "rtsps" if self._tls else "rtsp"
        return f"{scheme}://{self._host}:{self._port}{path or next(iter(self._streams))}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        if self.policy.udp:
            await self._open_udp(loop)
        if self._listens:
            self._server = await loop.create_server(lambda: _Client(self), self._host, self._port, ssl=self._tls)
            self._port = self._server.sockets[0].getsockname()[1]
        self._pumps = [loop.create_task(self._pump(stream)) for stream in self._streams.values()]
        return self

    async def __aexit__(self, *_: object) -> None:
        for pump in self._pumps:
            pump.cancel()
        ends = await asyncio.gather(*self._pumps, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        self.drop_connections()
        for transport in self._udp:
            transport.close()
        self._udp = []
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def run(self) -> None:
        """Serve until cancelled, or until a feed ends."""
        async with self:
            await asyncio.gather(*self._pumps)

    async def _open_udp(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(2):
            transport, _protocol = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=(self._host, 0)
            )
            self._udp.append(transport)
        first, second = (transport.get_extra_info("sockname")[1] for transport in self._udp)
        self.policy = replace(self.policy, server_ports=(first, second))

    def attach(self, transport: asyncio.Transport) -> asyncio.Protocol:
        """Serve a connection that is open already; the caller passes on what comes, and the end."""
        client = _Client(self)
        client.connection_made(transport)
        return client

    def listen(self, ears: Ears) -> None:
        """Take sound from clients that ask for it. Before anybody watches."""
        self.ears = ears
        for stream in self._streams.values():
            stream.listen(ears)

    def hear(self, packet: bytes) -> None:
        """A client says something."""
        if self.ears is not None:
            self.ears.take(packet)

    def remember(self, memory: Memory) -> None:
        """Have ``memory`` keep what the first path shows. Before anybody watches."""
        self.memory = memory
        next(iter(self._streams.values())).remember(memory)

    # -- what tests turn ---------------------------------------------------------------------------------------------
    def stall(self) -> None:
        """Go silent: connections stay open, the camera's clock goes on, nothing is sent."""
        self.is_stalled = True

    def resume(self) -> None:
        """End a stall."""
        self.is_stalled = False

    def drop_connections(self) -> None:
        """Cut every connection, as a power cut of the camera would (without a farewell)."""
        for client in list(self._clients):
            client.abort()

    def send_garbage(self, data: bytes = b"\x00garbage\xff" * 64) -> None:
        """Send ``data`` to every client in the middle of the stream."""
        for client in list(self._clients):
            client.send(data)

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._clients)

    # -- inside ------------------------------------------------------------------------------------------------------
    def describe(self, path: str) -> SessionDescription | None:
        """What is at ``path``."""
        stream = self._streams.get(path)
        return stream.description if stream else None

    async def _pump(self, stream: _Stream) -> None:
        """Send one path's units when they are due."""
        began_ns, began_wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        report_due_s = 0.0
        async for unit in stream.feed.units():
            wait_s = unit.due_s - (self._clock.monotonic_ns() - began_ns) / NS_PER_S
            await self._clock.sleep(max(wait_s, 0.0))
            captured_ns = began_wall_ns + round(unit.due_s * NS_PER_S)
            stream.note(unit, captured_ns)
            packets = [packet for packet in stream.packets(unit, captured_ns) if not self._is_lost()]
            if self.on_unit is not None:
                self.on_unit(stream.path, unit)
            if self.is_stalled:
                continue
            due = unit.due_s >= report_due_s
            report_due_s = unit.due_s + REPORT_EVERY_S if due else report_due_s
            for client in [client for client in self._clients if client.path == stream.path]:
                self._serve(client, stream, unit, packets)
                if due:
                    self._report(client, stream)

    def _is_lost(self) -> bool:
        self._sent_packets += 1
        return self.lose_every > 0 and self._sent_packets % self.lose_every == 0

    def _serve(self, client: _Client, stream: _Stream, unit: FeedUnit, packets: list[bytes]) -> None:
        transport = client.wants(unit.track, is_sync=unit.is_sync)
        if transport is None:
            return
        if client.is_new:
            client.is_new = False
            self._report(client, stream)
        if transport.interleaved:
            channel = transport.interleaved[0]
            client.send(b"".join(frame(channel, packet) for packet in packets))
        elif transport.client_ports and self._udp:
            for packet in packets:
                self._udp[0].sendto(packet, (client.host, transport.client_ports[0]))

    def _report(self, client: _Client, stream: _Stream) -> None:
        for track, transport in client.transports.items():
            report = stream.report(track)
            if report and transport.interleaved:
                client.send(frame(transport.interleaved[1], report))
            elif report and transport.client_ports and self._udp:
                self._udp[1].sendto(report, (client.host, transport.client_ports[1]))

    def connected(self, client: _Client) -> None:
        """A client came."""
        self.accepted += 1
        self._clients.add(client)

    def disconnected(self, client: _Client) -> None:
        """A client went."""
        self._clients.discard(client)


class _Stream:
    """One path: its feed, its description, its RTP state."""

    def __init__(self, path: str, feed: Feed) -> None:
        self.path = path
        self.feed = feed
        self._memory: Memory | None = None
        params = feed.tracks()
        tracks = tuple(self._track(one, 96 + index, f"trackID={index}") for index, one in enumerate(params))
        self.description = SessionDescription(tracks, name=f"Haechi virtual camera {path}")
        self._senders = [
            RtpSender(track, one.codec, ssrc=secrets.randbits(32), first_sequence=secrets.randbits(16))
            for track, one in zip(tracks, params, strict=True)
        ]
        self._offsets = [secrets.randbits(32) for _ in params]
        self._latest: dict[int, tuple[int, int]] = {}
        self._params: dict[int, CodecParams] = dict(enumerate(params))

    def note(self, unit: FeedUnit, captured_ns: int) -> None:
        """Remember the clock pair for sender reports."""
        self._latest[unit.track] = (unit.rtp_ticks + self._offsets[unit.track], captured_ns)

    def listen(self, ears: Ears) -> None:
        """See `VirtualCamera.listen`."""
        at, tracks = len(self._senders), self.description.tracks
        self.description = replace(self.description, tracks=(*tracks[:at], ears.track(), *tracks[at:]))

    def remember(self, memory: Memory) -> None:
        """See `VirtualCamera.remember`."""
        self._memory = memory
        media = (replace(track, extensions=memory.extensions()) for track in self.description.tracks)
        self.description = replace(self.description, tracks=(*media, memory.track()))

    def _track(self, params: CodecParams, payload_type: int, control: str) -> MediaTrack:
        track = track_for(params, payload_type, control)
        return track if self._memory is None else replace(track, extensions=self._memory.extensions())

    def packets(self, unit: FeedUnit, captured_ns: int) -> list[bytes]:
        """The unit over RTP. The description follows a change of parameters, as a camera's would."""
        if unit.params is not None and unit.params != self._params[unit.track]:
            self._params[unit.track] = unit.params
            tracks = list(self.description.tracks)
            old = tracks[unit.track]
            tracks[unit.track] = self._track(unit.params, old.payload_type, old.control)
            self.description = replace(self.description, tracks=tuple(tracks))
        params = self._params[unit.track]
        sets = params if unit.is_sync and isinstance(params, VideoParams) else unit.params
        ticks = unit.rtp_ticks + self._offsets[unit.track]
        packets = self._senders[unit.track].packetise(unit.data, ticks, is_sync=unit.is_sync, params=sets)
        if self._memory is not None and packets:
            packets[0] = extended(packets[0], self._memory.keep(unit, params, captured_ns))
        return packets

    def report(self, track: int) -> bytes:
        """A sender report; empty before the track's first unit."""
        latest = self._latest.get(track)
        return self._senders[track].sender_report(*latest) if latest else b""


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, camera: VirtualCamera) -> None:
        self._camera = camera
        self._machine = RtspServer(camera.describe, camera.policy, lambda: secrets.token_hex(16))
        self._transport: asyncio.Transport | None = None
        self._failures = 0
        self._synced: set[int] = set()
        self.host = ""
        self.path = ""
        self.transports: dict[int, Transport] = {}
        self.is_new = True
        self._memory: Memory | None = None
        self._memory_index = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's TLS transport is no subclass
        self.host = transport.get_extra_info("peername")[0]
        self._camera.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_memory()
        self._camera.disconnected(self)

    def data_received(self, data: bytes) -> None:
        try:
            events = self._machine.feed(data)
        except PeerError:
            self.abort()
            return
        self.send(self._machine.to_send())
        for event in events:
            match event:
                case PlayRequested():
                    self.path, self.transports = event.path, dict(event.transports)
                    self._synced, self.is_new = set(), True
                    self._open_memory()
                case PauseRequested() | TornDown():
                    self.path, self.transports = "", {}
                    self._forget_memory()
                case LoginFailed():
                    self._failures += 1
                case ReportReceived(index, packet):
                    """How well it receives is the client's own affair."""
                    if self._memory is not None and index == self._memory_index:
                        self._memory.word(self, packet)
                case SoundReceived(_, packet):
                    self._camera.hear(packet)
                case ParametersSet(body):
                    if self._memory is not None:
                        self._memory.parameters(body)
        if self._failures >= _MAX_LOGIN_FAILURES:
            self.abort()

    def _open_memory(self) -> None:
        """If what it set up has the camera's memory among it, the two may talk."""
        description = self._camera.describe(self.path)
        last = len(description.tracks) - 1 if description else -1
        is_there = description is not None and description.tracks[last].kind == "application"
        if self._camera.memory is not None and is_there and last in self.transports:
            self._memory, self._memory_index = self._camera.memory, last
            self._memory.opened(self)

    def _forget_memory(self) -> None:
        memory, self._memory = self._memory, None
        if memory is not None:
            memory.closed(self)

    def say(self, word: bytes) -> None:
        """Send a word of the camera's memory."""
        transport = self.transports.get(self._memory_index)
        if transport is not None and transport.interleaved:
            self.send(frame(transport.interleaved[0], word))

    def wants(self, track: int, *, is_sync: bool) -> Transport | None:
        """How to send a unit of a track to this client; None when it does not watch, or cannot begin here."""
        if is_sync:
            self._synced.add(track)
        return self.transports.get(track) if track in self._synced else None

    def send(self, data: bytes) -> None:
        """Send, or drop the connection when too much is unread."""
        if self._transport is None or self._transport.is_closing() or not data:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_BACKLOG_BYTES:
            self.abort()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()
