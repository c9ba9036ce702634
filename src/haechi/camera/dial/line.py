"""One connection from the camera to the server: TLS with a pinned certificate, the greeting, then serving."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import cast

import structlog
from msgspec import Struct

from haechi import __version__
from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Denied, HaechiError, Invalid, PeerError, Unavailable
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.reverse.greeting import Answer, CameraGreeting
from haechi.media.reverse.wire import NONCE_BYTES, Welcome

log = structlog.get_logger(__name__)

CONNECT_S = 8.0
GREETING_S = 20.0
"""The server may take 11 s: it looks whether an older connection of ours is alive, and waits for its own intake."""
SILENT_S = 15.0
"""A server that plays sends a report each 5 s; one that says nothing for this long is gone."""


class Server(Struct, frozen=True):
    """Where to dial, and how to know that it is the right one: by certificate (pin), or by who signed it."""

    host: str
    port: int
    pin: bytes = b""
    ca: Path | None = None

    @classmethod
    def parse(cls, place: str, pin: str = "", ca: Path | None = None) -> Server:
        """From what a person types: ``host:port`` and 64 hexadecimal digits, colons between them or not.

        Raises:
            Invalid: ``bad-server``, ``bad-pin``.
        """
        host, _, port = place.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdecimal() or not 0 < int(port[:6]) < 65_536:
            raise Invalid("the server is given as HOST:PORT, for example cams.example.org:8341", code="bad-server")
        digits = pin.replace(":", "").replace(" ", "").lower()
        if digits and (len(digits) != 64 or set(digits) - set("0123456789abcdef")):
            raise Invalid("the pin is the server's SHA-256 fingerprint: 64 hexadecimal digits", code="bad-pin")
        if not digits and ca is None:
            message = "give the server's fingerprint (--pin) or the authority that signed its certificate (--ca)"
            raise Invalid(message, code="bad-pin")
        return cls(host, int(port), bytes.fromhex(digits), ca)

    def context(self) -> ssl.SSLContext:
        """TLS towards it. With a pin nothing else counts: the certificate is compared before a byte is sent.

        Raises:
            Invalid: ``bad-pin``: the file of the authority cannot be read.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.pin:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        try:
            context.load_verify_locations(cafile=self.ca)
        except (OSError, TypeError) as error:
            message = "the certificate of the authority cannot be read"
            raise Invalid(message, code="bad-pin", file=str(self.ca)) from error
        return context


class Identity(Struct, frozen=True):
    """Who dials."""

    camera: str
    sign: Callable[[bytes], bytes]

    def __repr__(self) -> str:
        return f"Identity({self.camera!r})"


class Line(asyncio.Protocol):
    """A connection. `serve` drives it from the outside.

    Attributes:
        welcomed: The server took us in.
    """

    def __init__(self, server: Server, identity: Identity, camera: VirtualCamera, clock: Clock) -> None:
        self._server = server
        self._identity = identity
        self._camera = camera
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._greeting: CameraGreeting | None = None
        self._client: asyncio.Protocol | None = None
        self._heard_ns = clock.monotonic_ns()
        self._over = asyncio.Event()
        self._answer: Answer | None = None
        self._error: HaechiError | None = None
        self.welcomed = False

    # -- asyncio's side ----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
        fingerprint = hashlib.sha256(shown).digest()
        if self._server.pin and not hmac.compare_digest(fingerprint, self._server.pin):
            message = "the server shows another certificate than the pinned one; it may be somebody else"
            self._end(Denied(message, code="wrong-certificate", host=self._server.host))
            self._transport.abort()
            return
        nonce = secrets.token_bytes(NONCE_BYTES)
        self._greeting = CameraGreeting(self._identity.camera, nonce, fingerprint, self._identity.sign)
        self._transport.write(self._greeting.start(f"Haechi {__version__}"))

    def data_received(self, data: bytes) -> None:
        self._heard_ns = self._clock.monotonic_ns()
        if self._client is not None:
            self._client.data_received(data)
        elif self._greeting is not None and self._transport is not None:
            try:
                self._greet(self._greeting, self._transport, data)
            except PeerError as error:
                self._end(error)
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._client is not None:
            self._client.connection_lost(exc)
        reason = type(exc).__name__ if exc is not None else "closed"
        self._end(Unavailable("the server closed the connection", code="server-closed", reason=reason))

    # -- the driver's side -------------------------------------------------------------------------------------------
    async def serve(self) -> Answer:
        """Until the server says its last word, or the connection ends.

        Raises:
            HaechiError: Why it ended.
        """
        watch = asyncio.create_task(self._watch())
        try:
            await self._over.wait()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            if self._transport is not None:
                self._transport.abort()
        if self._answer is not None:
            return self._answer
        raise self._error or Unavailable("the connection ended", code="server-closed")

    def _greet(self, greeting: CameraGreeting, transport: asyncio.Transport, data: bytes) -> None:
        answer = greeting.feed(data)
        transport.write(greeting.to_send())
        if isinstance(answer, Welcome):
            self.welcomed = True
            log.info("connected", host=self._server.host, port=self._server.port)
            self._client = self._camera.attach(transport)
            rest = greeting.rest()
            if rest:
                self._client.data_received(rest)
        elif answer is not None and not self._over.is_set():
            self._answer = answer
            self._over.set()

    async def _watch(self) -> None:
        """A connection that NAT has forgotten ends without a word."""
        while True:
            quiet_s = (self._clock.monotonic_ns() - self._heard_ns) / NS_PER_S
            limit_s = SILENT_S if self.welcomed else GREETING_S
            if quiet_s >= limit_s:
                self._end(Unavailable("nothing comes from the server any more", code="server-silent"))
                return
            await self._clock.sleep(min(limit_s - quiet_s, 1.0))

    def _end(self, error: HaechiError) -> None:
        if not self._over.is_set():
            self._error = error
            self._over.set()


async def dial(server: Server, identity: Identity, camera: VirtualCamera, clock: Clock) -> Line:
    """Connect, and begin the greeting.

    Raises:
        Unavailable: ``server-unreachable``.
        Denied: ``wrong-certificate``: nobody that we trust has signed it (with ``--ca``).
    """
    loop = asyncio.get_running_loop()
    context = server.context()
    try:
        _, line = await asyncio.wait_for(
            loop.create_connection(
                lambda: Line(server, identity, camera, clock),
                server.host,
                server.port,
                ssl=context,
                server_hostname=server.host,
            ),
            CONNECT_S,
        )
    except ssl.SSLCertVerificationError as error:
        message = "the server's certificate is not signed by the authority that was given"
        raise Denied(message, code="wrong-certificate", host=server.host) from error
    except (OSError, TimeoutError) as error:
        message = "the server cannot be reached"
        reason = type(error).__name__
        raise Unavailable(
            message, code="server-unreachable", host=server.host, port=server.port, reason=reason
        ) from error
    return line
