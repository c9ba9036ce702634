"""TLS from bytes to bytes: no socket, so that what a round of reading brought is decrypted in one go."""

from __future__ import annotations

import ssl

from haechi.base.errors import PeerError

READ_BYTES = 256 * 1024
MOST_UNTIL_CLAIMED_BYTES = 64 * 1024
"""A camera's share of a handshake is below 4 kB, with the greeting."""


class TlsPipe:
    """One connection's TLS, on the server's side.

    Attributes:
        is_closed: The other side has said that nothing follows.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_open = False
        self.is_closed = False

    def feed(self, data: bytes) -> bytes:
        """Take received bytes; give what they say. `to_send` may have an answer afterwards, also after a failure.

        Raises:
            PeerError: ``tls-failed``: it is not TLS, or was tampered with.
        """
        self._incoming.write(data)
        try:
            if not self._is_open:
                self._tls.do_handshake()
                self._is_open = True
            return self._read()
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as error:
            raise PeerError("no TLS with the camera", offset=0, code="tls-failed", reason=error.reason) from error

    def write(self, data: bytes) -> bytes:
        """``data`` as it goes on the wire.

        Raises:
            PeerError: ``tls-failed``: TLS is not up, or over.
        """
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise PeerError("no TLS with the camera", offset=0, code="tls-failed", reason=error.reason) from error
        return self.to_send()

    def to_send(self) -> bytes:
        """What TLS itself has to say now."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def _read(self) -> bytes:
        parts: list[bytes] = []
        while True:
            try:
                part = self._tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                part = b""
            if not part:
                self.is_closed = True
                break
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
