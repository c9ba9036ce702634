"""One client's connection: TLS where it comes from elsewhere, then messages; its streams; what it is sent."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, PeerError, Unavailable
from haechi.ingest.rtp_push.berths import CameraBerth, ClientReport
from haechi.ingest.rtp_push.stream import PushedStream
from haechi.ingest.tls import TlsPipe
from haechi.media.push.dialogue import Announced, Ended, Event, Left, Packets, Requested, ServerDialogue, fault
from haechi.media.push.wire import Frame, Kind
from haechi.media.push.words import Goodbye, Granted, Hello, Result, say

TLS_HANDSHAKE = 0x16
"""The first byte of a TLS connection (RFC 8446 5.1); of ours it is the version."""
OUTBOX_BYTES = 64 * 1024
"""Of what is on its way to a client, here and again in the kernel: a result that waits behind more is of the past."""
MOST_RESULTS = 64
"""Results that wait for a client that does not read; the oldest go first."""
MOST_UNREAD_BYTES = 1024 * 1024
"""A client that lets so much wait of what is no result is not there any more."""
LINGER_S = 3.0
"""For what was said last to be read."""
GRACE_S = 0.3
"""Datagrams come by another way than the word that no more come; longer than a gap is waited for."""
_BURST_S = 1.0


class House(Protocol):
    """What a link needs of the server that it belongs to."""

    def hello(self, link: PushLink, hello: Hello) -> None:
        """Find out who it is; `PushLink.welcome` or `PushLink.refuse` answers."""

    def announced(self, link: PushLink, announced: Announced) -> None:
        """Make room for a stream; `PushLink.accept` or `PushLink.decline` answers."""

    def requested(self, link: PushLink, stream: PushedStream, module: str) -> None:
        """A module is asked for."""

    def forget(self, stream: PushedStream) -> None:
        """A stream is over."""

    def gone(self, link: PushLink) -> None:
        """The connection is over."""


class Client(Protocol):
    """Who is at the other end (`haechi.fleet.push_clients.PushClient` has it)."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def camera(self) -> str: ...


class PushLink(asyncio.Protocol):
    """See the module.

    Args:
        context: TLS for clients that come from another machine.
        most_bytes_s: What the client may send in a second.

    Attributes:
        client: Who it is; None: not known yet.
        software: What it says that it is.
        heard_ns: Monotonic time at which something came last.
    """

    def __init__(self, house: House, clock: Clock, context: Callable[[], ssl.SSLContext], most_bytes_s: int) -> None:
        self._house = house
        self._clock = clock
        self._context = context
        self._most_bytes_s = most_bytes_s
        self._dialogue = ServerDialogue()
        self._transport: asyncio.Transport | None = None
        self._pipe: TlsPipe | None = None
        self._is_plain = False
        self._room_bytes = most_bytes_s * _BURST_S
        self._refilled_ns = clock.monotonic_ns()
        self._resume: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._results: deque[tuple[PushedStream, bytes]] = deque()
        self.streams: dict[int, PushedStream] = {}
        self.client: Client | None = None
        self.software = ""
        self.peer = ""
        self.heard_ns = clock.monotonic_ns()
        self.is_over = False

    # -- asyncio's side ----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=OUTBOX_BYTES)
        kernel = transport.get_extra_info("socket")
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, OUTBOX_BYTES)
        kernel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a result waits for no acknowledgement
        self.peer = str((transport.get_extra_info("peername") or ("",))[0])

    def data_received(self, data: bytes) -> None:
        self.heard_ns = self._clock.monotonic_ns()
        self.spend(len(data))
        try:
            plain = self._opened(data)
            if plain:
                self._take(plain)
        except PeerError as error:
            self.end(error.code, error.message)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_over:
            return
        self.is_over = True
        if self._resume is not None:
            self._resume.cancel()
        for stream in list(self.streams.values()):
            self._drop(stream)
        self._results.clear()
        self._house.gone(self)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        while self._results and not self._is_paused:
            self.write(self._results.popleft()[1])

    # -- reading -----------------------------------------------------------------------------------------------------
    def spend(self, count: int) -> bool:
        """Count bytes that came; whether they are within what the client may send. Beyond it, it is read later."""
        now_ns = self._clock.monotonic_ns()
        refill = (now_ns - self._refilled_ns) * self._most_bytes_s / NS_PER_S
        self._room_bytes = min(self._most_bytes_s * _BURST_S, self._room_bytes + refill) - count
        self._refilled_ns = now_ns
        if self._room_bytes >= 0:
            return True
        if self._resume is None and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
            wait_s = -self._room_bytes / self._most_bytes_s
            self._resume = asyncio.get_running_loop().call_later(wait_s, self._read_on)
        return False

    def _read_on(self) -> None:
        self._resume = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _opened(self, data: bytes) -> bytes:
        """What the bytes say once TLS is off. In the clear only from this very machine."""
        if self._pipe is None and not self._is_plain:
            if data[0] == TLS_HANDSHAKE:
                self._pipe = TlsPipe(self._context())
            elif not _is_loopback(self.peer):
                raise PeerError("from another machine only over TLS", offset=0, code="push-needs-tls")
            else:
                self._is_plain = True
        if self._pipe is None:
            return data
        try:
            return self._pipe.feed(data)
        finally:
            self._send(self._pipe.to_send())

    def _take(self, data: bytes) -> None:
        for event in self._dialogue.feed(data):
            self._handle(event)
            if self.is_over:
                return
        pongs = self._dialogue.pongs()
        if pongs and not self._is_paused:
            self.write(pongs)

    def _handle(self, event: Event) -> None:
        match event:
            case Packets(number, data):
                self._packets(number, data)
            case Hello():
                self._house.hello(self, event)
            case Announced():
                self._house.announced(self, event)
            case Requested(number, module):
                stream = self.streams.get(number)
                if stream is not None:
                    self._house.requested(self, stream, module)
            case Ended(number):
                stream = self.streams.get(number)
                if stream is not None:
                    self._end(stream)
            case Left():
                self.close()

    def _end(self, stream: PushedStream) -> None:
        """At once, or when datagrams that are still on their way have had time to come."""
        if stream.secret:
            asyncio.get_running_loop().call_later(GRACE_S, stream.end)
        else:
            stream.end()

    def _packets(self, number: int, data: bytes) -> None:
        stream = self.streams.get(number)
        if stream is None:
            return
        try:
            stream.take(data)
        except HaechiError as error:
            self.break_off(stream, error)

    # -- answers -----------------------------------------------------------------------------------------------------
    def welcome(self, client: Client, word: bytes) -> None:
        """The client is who it says."""
        self.client = client
        self._dialogue.welcome()
        self.write(word)

    def accept(self, stream: PushedStream, word: bytes) -> None:
        """An announced stream may begin."""
        self._dialogue.accept(stream.number)
        self.streams[stream.number] = stream
        self.write(word)

    def decline(self, number: int, code: str, message: str) -> None:
        """An announced stream may not begin."""
        self._dialogue.refuse(number)
        self.write(fault(code, message, number))

    def granted(self, stream: PushedStream, module: str) -> None:
        """Results of a module will come."""
        self.write(say(Granted(module), stream.number, stream.berth.run.number))

    def report(self) -> ClientReport:
        """What there is to tell of it."""
        streams = tuple(stream.report() for stream in self.streams.values())
        return ClientReport(self.client.id if self.client else "", self.peer, self.software, streams)

    @property
    def announced(self) -> int:
        """Streams that are announced or open."""
        return self._dialogue.streams

    @property
    def is_camera(self) -> bool:
        """Whether a stream of it is a camera's."""
        return any(isinstance(stream.berth, CameraBerth) for stream in self.streams.values())

    def require_pictures(self, since_ns: int) -> None:
        """Let go of each stream that is a camera's and of which no unit came since then: it is away, and says so."""
        for stream in list(self.streams.values()):
            if isinstance(stream.berth, CameraBerth) and stream.seen_ns < since_ns:
                message = "the client is connected and sends no pictures any more"
                self.break_off(stream, Unavailable(message, code="camera-stalled"))

    def result(self, stream: PushedStream, result: Result, seq: int) -> None:
        """A result, at once or when the client reads again; of many that wait the newest are kept."""
        word = say(result, stream.number, stream.berth.run.number, seq)
        if not self._is_paused:
            self.write(word)
            return
        if len(self._results) >= MOST_RESULTS:
            self._results.popleft()[0].count("unread", 1, result.module)
        self._results.append((stream, word))

    def flows(self) -> None:
        """Say what was left out, if anything was."""
        if not self._is_paused:
            for stream in self.streams.values():
                self._tell(stream)

    def over(self, stream: PushedStream) -> None:
        """A stream that the client ended is judged."""
        while self._results:
            self.write(self._results.popleft()[1])
        self._tell(stream)
        self.write(Frame(Kind.ENDED, b"", stream.number, stream.berth.run.number).serialise())
        self._drop(stream)

    def module_gone(self, stream: PushedStream, module: str, error: HaechiError) -> None:
        """A module gives no more results; the stream goes on."""
        self.write(fault(error.code, error.message, stream.number, (module,)))

    def break_off(self, stream: PushedStream, error: HaechiError) -> None:
        """A stream cannot go on; the connection can."""
        self._dialogue.refuse(stream.number)
        self.write(fault(error.code, error.message, stream.number))
        self._drop(stream, error)

    def _tell(self, stream: PushedStream) -> None:
        for flow in stream.flows():
            self.write(say(flow, stream.number, stream.berth.run.number))

    def _drop(self, stream: PushedStream, error: HaechiError | None = None) -> None:
        self.streams.pop(stream.number, None)
        stream.drop(error)
        self._house.forget(stream)

    # -- writing and the end -----------------------------------------------------------------------------------------
    def write(self, data: bytes) -> None:
        """Send; a client that reads nothing any more is let go."""
        if self.is_over or self._transport is None:
            return
        if self._transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            self._transport.abort()
            return
        try:
            self._send(self._pipe.write(data) if self._pipe is not None else data)
        except PeerError:
            self._transport.abort()

    def _send(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def end(self, code: str, message: str) -> None:
        """Say why, and close. Before TLS is up nothing can be said over it."""
        self.write(fault(code, message))
        self.close()

    def bid_farewell(self, reason: str) -> None:
        """The server ends it."""
        self.write(say(Goodbye(reason)))
        self.close()

    def close(self) -> None:
        """Let go, after what is on its way."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
            asyncio.get_running_loop().call_later(LINGER_S, self._transport.abort)
        self.connection_lost(None)

    def abort(self) -> None:
        """Cut it."""
        if self._transport is not None:
            self._transport.abort()


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
