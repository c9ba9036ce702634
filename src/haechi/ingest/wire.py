"""What an RTSP session needs of a connection, whichever side opened it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from haechi.ingest.rounds import Ended, Receive, RoundReader, round_reader


class Wire(Protocol):
    """An open connection."""

    def write(self, data: bytes) -> None:
        """Send; does nothing when the connection is gone."""

    def is_closing(self) -> bool:
        """Whether it is gone, or about to be."""

    def read_in_rounds(self, receive: Receive, ended: Ended) -> None:
        """From here on it is read together with those of the other cameras, where that can be."""

    def close(self) -> None:
        """Let go, when what was written has been sent."""


class TcpWire:
    """A connection that we opened."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._reader: RoundReader | None = None
        self._reading = -1

    def write(self, data: bytes) -> None:
        """See `Wire`. A transport of uvloop that the other side has reset refuses to be written to."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def is_closing(self) -> bool:
        """See `Wire`."""
        return self.transport.is_closing()

    def read_in_rounds(self, receive: Receive, ended: Ended) -> None:
        """See `Wire`. What TLS wraps is read by its transport."""
        if self.transport.is_closing() or self.transport.get_extra_info("sslcontext") is not None:
            return
        self.transport.pause_reading()
        self._reader = round_reader()
        self._reading = self._reader.add(self.transport.get_extra_info("socket").fileno(), receive, ended)

    def close(self) -> None:
        """See `Wire`."""
        if self._reader is not None:
            self._reader.remove(self._reading)
        if not self.transport.is_closing():
            self.transport.close()
