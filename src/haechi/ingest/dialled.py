"""One connection that somebody opened to us: TLS, then the greeting, then a `Line` for a camera's intake."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections.abc import Callable
from typing import cast

from haechi.base.clock import Clock
from haechi.base.errors import PeerError
from haechi.ingest.rounds import Ended, Receive, RoundReader, round_reader
from haechi.ingest.tls import MOST_UNTIL_CLAIMED_BYTES, TlsPipe
from haechi.media.reverse.greeting import Answer, Claim, ServerGreeting
from haechi.media.reverse.wire import NONCE_BYTES, Welcome, pack

USER_TIMEOUT_MS = 12_000
"""The kernel gives a connection up when what we send is not acknowledged for so long (RFC 5482)."""


class DialledLine(asyncio.Protocol):
    """See the module. It is read by its transport until it plays, and then in rounds.

    Args:
        claimed: Called once, when the other side has said who it is and signed it.
        gone: Called once, when the connection is over, whatever the reason.

    Attributes:
        key: The key that proved who it is; set by who checked.
        heard_ns: Monotonic time at which something came last.
        trouble: Code of what the other side did wrong in the greeting; empty: nothing.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        fingerprint: bytes,
        clock: Clock,
        claimed: Callable[[DialledLine, Claim], None],
        gone: Callable[[DialledLine], None],
    ) -> None:
        self._clock = clock
        self._pipe = TlsPipe(context)
        self._greeting = ServerGreeting(secrets.token_bytes(NONCE_BYTES), fingerprint)
        self._claimed = claimed
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._receive: Receive = self._greet
        self._ended: Ended | None = None
        self._reader: RoundReader | None = None
        self._reading = -1
        self._taken_bytes = 0
        self._is_welcome = False
        self._is_over = False
        self.peer = ""
        self.key = b""
        self.heard_ns = 0
        self.trouble = ""

    # -- asyncio's side ----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peer = str((transport.get_extra_info("peername") or ("",))[0])
        kernel = transport.get_extra_info("socket")
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            kernel.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)

    def data_received(self, data: bytes) -> None:
        self.heard_ns = self._clock.monotonic_ns()
        try:
            plain = self._pipe.feed(data)
            self._flush(self._pipe.to_send())
            if plain:
                self._receive(plain)
        except PeerError as error:
            self._flush(self._pipe.to_send())
            self._broke(error)
            return
        if self._pipe.is_closed:
            self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.close()
        if self._ended is not None:
            self._ended(exc if isinstance(exc, OSError) else None)
        self._gone(self)

    # -- the greeting ------------------------------------------------------------------------------------------------
    def _greet(self, data: bytes) -> None:
        self._taken_bytes += len(data)
        if self._taken_bytes > MOST_UNTIL_CLAIMED_BYTES:
            raise PeerError("the greeting does not end", offset=self._taken_bytes, code="reverse-malformed")
        try:
            claim = self._greeting.feed(data)
        finally:
            self.write(self._greeting.to_send())
        if claim is not None:
            self._claimed(self, claim)

    def answer(self, word: Answer) -> None:
        """See `haechi.ingest.lines.Line`."""
        self._is_welcome = isinstance(word, Welcome)
        self.write(pack(word))
        if not self._is_welcome:
            self.close()

    def give_up(self, reason: str) -> None:
        """See `haechi.ingest.lines.Line`."""
        self.connection_lost(ConnectionAbortedError(reason))

    def _broke(self, error: PeerError) -> None:
        self.trouble = error.code
        self.connection_lost(ConnectionAbortedError(error.code))

    # -- `Wire`: for the session -------------------------------------------------------------------------------------
    def hand_over(self, receive: Receive, ended: Ended) -> None:
        """Whoever calls this gets what comes from now on, and is told of the end."""
        self._receive, self._ended = receive, ended

    def write(self, data: bytes) -> None:
        """See `Wire`."""
        if not data or self.is_closing():
            return
        try:
            self._flush(self._pipe.write(data))
        except PeerError as error:
            self._broke(error)

    def is_closing(self) -> bool:
        """See `Wire`."""
        return self._is_over or self._transport is None or self._transport.is_closing()

    def read_in_rounds(self, receive: Receive, ended: Ended) -> None:
        """See `Wire`. A round brings what TLS has wrapped; it is opened here."""
        self._receive, self._ended = receive, ended
        if self.is_closing() or self._transport is None:
            return
        self._transport.pause_reading()
        self._reader = round_reader()
        fileno = self._transport.get_extra_info("socket").fileno()
        self._reading = self._reader.add(fileno, self.data_received, self.connection_lost)

    def close(self) -> None:
        """See `Wire`."""
        if self._reader is not None:
            self._reader.remove(self._reading)
            self._reader = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def abort(self) -> None:
        """Cut it."""
        if self._transport is not None:
            self._transport.abort()

    def _flush(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
