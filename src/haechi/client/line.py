"""The client's end of the result socket: one connection, its streams, and who waits for which answer."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from msgspec import Struct

from haechi import __version__
from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Denied, HaechiError, Invalid, PeerError, Unavailable
from haechi.media.push.wire import CLIENT_LIMITS, Deframer, Frame, Kind
from haechi.media.push.words import (
    Accepted,
    Announce,
    Fault,
    Flow,
    Goodbye,
    Granted,
    Hello,
    Request,
    Result,
    Welcome,
    say,
)
from haechi.media.push.words import read as read_word

DEFAULT_PORT = 8342
CONNECT_S = 10.0
ANSWER_S = 15.0
GRANT_S = 90.0
"""A module may have to be loaded first."""
PING_S = 4.0
SILENT_S = 12.0
"""A server from which nothing comes for so long, not even the answer to a ping, is not there any more."""
WRITE_BUFFER_BYTES = 512 * 1024
_DENIED = ("push-denied", "push-revoked")
_WRONG = ("unsupported-codec", "unknown-module", "push-no-udp")


class Place(Struct, frozen=True):
    """Where a server is and who we are to it.

    Attributes:
        pin: SHA-256 of the server's certificate, 64 hexadecimal digits; empty: in the clear to this very machine, and
            elsewhere TLS with a certificate that this machine trusts.
    """

    host: str
    port: int
    token: str
    pin: str = ""

    def __repr__(self) -> str:
        return f"Place({self.host!r}, {self.port})"


class Ears(Struct, frozen=True):
    """Who hears what the server says of a stream."""

    result: Callable[[Frame, Result], None]
    flow: Callable[[Flow], None]
    lost: Callable[[HaechiError], None]


class Line(asyncio.Protocol):
    """One connection. Make it with `open_line`.

    Attributes:
        modules: What may be asked for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._deframer = Deframer(CLIENT_LIMITS)
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[tuple[Kind, int], asyncio.Future[Frame]] = {}
        self._ears: dict[int, Ears] = {}
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._numbers = 0
        self._lost: HaechiError | None = None
        self._heard_ns = clock.monotonic_ns()
        self.modules: tuple[str, ...] = ()
        self.peer = ""

    # -- asyncio's side ----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        kernel = transport.get_extra_info("socket")
        kernel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = str((transport.get_extra_info("peername") or ("",))[0])

    def data_received(self, data: bytes) -> None:
        self._heard_ns = self._clock.monotonic_ns()
        try:
            for frame in self._deframer.feed(data):
                self._take(frame)
        except PeerError as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        reason = type(exc).__name__ if exc is not None else "closed"
        self._fail(Unavailable("the server closed the connection", code="push-closed", reason=reason))

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    # -- what the server says ----------------------------------------------------------------------------------------
    def _take(self, frame: Frame) -> None:
        ears = self._ears.get(frame.stream)
        match frame.kind:
            case Kind.RESULT:
                if ears is not None:
                    ears.result(frame, read_word(frame, Result))
            case Kind.FLOW:
                if ears is not None:
                    ears.flow(read_word(frame, Flow))
            case Kind.ERROR:
                self._fault(frame)
            case Kind.BYE:
                message = read_word(frame, Goodbye).reason if frame.body else "no reason given"
                self._fail(Unavailable(f"the server ended the connection: {message}", code="push-closed"))
            case Kind.PING:
                self.write(Frame(Kind.PONG, frame.body).serialise())
            case _:
                waiting = self._waiting.pop((frame.kind, frame.stream), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(frame)

    def _fault(self, frame: Frame) -> None:
        fault = read_word(frame, Fault)
        error = _error_of(fault)
        if frame.stream == 0:
            self._fail(error)
            return
        for key in [key for key in self._waiting if key[1] == frame.stream]:
            waiting = self._waiting.pop(key)
            if not waiting.done():
                waiting.set_exception(error)
        ears = self._ears.get(frame.stream)
        if ears is not None and fault.code != "unknown-module":
            ears.lost(error)

    def _fail(self, error: HaechiError) -> None:
        if self._lost is not None:
            return
        self._lost = error
        self._may_write.set()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)
        self._waiting.clear()
        for ears in self._ears.values():
            ears.lost(error)
        if self._transport is not None:
            self._transport.abort()

    # -- what we say -------------------------------------------------------------------------------------------------
    def write(self, data: bytes) -> None:
        """Send.

        Raises:
            HaechiError: The connection is over, for this reason.
        """
        if self._lost is not None:
            raise self._lost
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until little waits to be sent."""
        await self._may_write.wait()
        if self._lost is not None:
            raise self._lost

    async def answer(self, data: bytes, kind: Kind, number: int = 0, seconds: float = ANSWER_S) -> Frame:
        """Send, and wait for the answer of one type about one stream.

        Raises:
            HaechiError: What the server says against it, or that it says nothing.
        """
        waiting = self._waiting[kind, number] = asyncio.get_running_loop().create_future()
        try:
            self.write(data)
            return await asyncio.wait_for(waiting, seconds)
        except TimeoutError:
            message = "the server does not answer; is this the port of its result socket?"
            raise Unavailable(message, code="push-silent", seconds=seconds) from None
        finally:
            self._waiting.pop((kind, number), None)

    async def hello(self, token: str) -> None:
        """Say who we are."""
        frame = await self.answer(say(Hello(token, f"haechi-client/{__version__}")), Kind.WELCOME)
        self.modules = read_word(frame, Welcome).modules

    async def announce(self, wish: Announce, ears: Ears) -> tuple[int, int, Accepted]:
        """Begin a stream; gives its number and its run."""
        self._numbers = number = self._numbers + 1
        self._ears[number] = ears
        try:
            frame = await self.answer(say(wish, number), Kind.ACCEPTED, number)
        except BaseException:
            self.forget(number)
            raise
        return number, frame.run, read_word(frame, Accepted)

    async def request(self, number: int, module: str) -> None:
        """Ask for results; returns when they will come."""
        frame = await self.answer(say(Request(module), number), Kind.GRANTED, number, GRANT_S)
        read_word(frame, Granted)

    def forget(self, number: int) -> None:
        """Nobody listens to a stream any more."""
        self._ears.pop(number, None)

    async def stay_alive(self) -> None:
        """Ping until cancelled, or until nothing comes back: a router that forgot us ends no connection."""
        while self._lost is None:
            asked_ns = self._clock.monotonic_ns()
            with contextlib.suppress(HaechiError):
                self.write(Frame(Kind.PING).serialise())
            await self._clock.sleep(PING_S)
            quiet_s = (self._clock.monotonic_ns() - self._heard_ns) / NS_PER_S
            if self._heard_ns < asked_ns and quiet_s > SILENT_S:
                self._fail(Unavailable("nothing comes from the server any more", code="push-silent", seconds=SILENT_S))

    async def close(self) -> None:
        """Say good-bye, and let go."""
        if self._lost is None and self._transport is not None:
            self.write(say(Goodbye("done")))
            self._lost = Unavailable("the connection was closed", code="push-closed")
            self._transport.close()


@asynccontextmanager
async def open_line(place: Place, clock: Clock) -> AsyncIterator[Line]:
    """A connection on which we are known.

    Raises:
        Unavailable: The server cannot be reached, or does not answer.
        Denied: It does not know the token; or its certificate is another than the pinned one.
    """
    line = Line(clock)
    loop = asyncio.get_running_loop()
    context = _tls(place)
    try:
        where = loop.create_connection(lambda: line, place.host, place.port, ssl=context)
        transport, _ = await asyncio.wait_for(where, CONNECT_S)
    except TimeoutError as error:
        raise Unavailable("the server does not answer", code="push-unreachable", host=place.host) from error
    except ssl.SSLError as error:
        message = "no TLS with the server; is the port right, and is the pin in the token file?"
        raise Unavailable(message, code="push-no-tls", host=place.host, reason=error.reason) from error
    except OSError as error:
        message = "the server cannot be reached; is it running, with push.enabled set?"
        raise Unavailable(
            message, code="push-unreachable", host=place.host, port=place.port, reason=error.strerror
        ) from error
    try:
        _require_pin(place, transport)
        await line.hello(place.token)
        alive = asyncio.create_task(line.stay_alive())
        try:
            yield line
        finally:
            alive.cancel()
            await asyncio.gather(alive, return_exceptions=True)
            await line.close()
    finally:
        transport.close()


def _tls(place: Place) -> ssl.SSLContext | None:
    if not place.pin and _is_here(place.host):
        return None
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if place.pin:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _require_pin(place: Place, transport: asyncio.BaseTransport) -> None:
    """The pin is checked before anything is said."""
    if not place.pin:
        return
    shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
    if not hmac.compare_digest(hashlib.sha256(shown).hexdigest(), place.pin.lower()):
        message = "the server shows another certificate than the one that is pinned; it may be somebody else"
        raise Denied(message, code="push-wrong-certificate", host=place.host)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _error_of(fault: Fault) -> HaechiError:
    if fault.code in _DENIED:
        return Denied(fault.message, code=fault.code)
    if fault.code in _WRONG:
        return Invalid(fault.message, code=fault.code)
    return Unavailable(fault.message, code=fault.code)


def datagram_socket(peer: str, port: int) -> socket.socket:
    """A UDP socket that sends to the server and hears only from it."""
    bound = socket.socket(socket.AF_INET6 if ":" in peer else socket.AF_INET, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
    bound.connect((peer, port))
    return bound
