"""HTTP servers on loopback as cameras and streaming sites have them, and a canary that nobody may connect to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from haechi.ingest.source import Track
from haechi.media.access_unit import RawUnit
from haechi.media.rtsp.auth import Challenge, Credentials, verify

Answer = Callable[[asyncio.StreamWriter, str], Awaitable[None]]
"""Writes a whole answer to a request (its text is the second argument); the connection is closed after it."""


def page(body: bytes, media_type: str = "text/html", status: str = "200 OK", *headers: str) -> Answer:
    """An answer with a length."""

    async def write(writer: asyncio.StreamWriter, _request: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return write


def stream(parts: Sequence[bytes], content_type: str, *, pause_s: float = 0.0, forever: bool = False) -> Answer:
    """An answer without a length, in parts; ``forever`` leaves the connection open after the last."""

    async def write(writer: asyncio.StreamWriter, _request: str) -> None:
        writer.write(f"HTTP/1.0 200 OK\r\nContent-Type: {content_type}\r\n\r\n".encode())
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)
        if forever:
            await asyncio.Event().wait()

    return write


@dataclass
class Site:
    """A server. ``answers`` is by path without the query; whatever else is asked for is not found.

    Attributes:
        asked: Paths in the order of the requests; ``requests`` has their whole text.
    """

    answers: dict[str, Answer]
    challenge: Challenge | None = None
    who: Credentials = field(default_factory=lambda: Credentials("ann", "canary-web-password"))
    context: ssl.SSLContext | None = None
    port: int = 0
    asked: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _talks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def base(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Site"]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, ssl=self.context)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            try:
                yield self
            finally:
                for task in self._talks:
                    task.cancel()
                await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            target = request.split(" ")[1]
            self.asked.append(target)
            self.requests.append(request)
            answer = self.answers.get(target.partition("?")[0], page(b"nothing here", status="404 Not Found"))
            if self.challenge is not None and not self._knows(request, self.challenge):
                answer = page(b"who?", "text/html", "401 Unauthorized", f"WWW-Authenticate: {_told(self.challenge)}")
            await answer(writer, request)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            self._talks.discard(task)
            writer.close()

    def _knows(self, request: str, challenge: Challenge) -> bool:
        lines = [line.partition(":") for line in request.split("\r\n")]
        header = next((value.strip() for name, _, value in lines if name.lower() == "authorization"), "")
        return bool(header) and verify(header, challenge, self.who, "GET")


def _told(challenge: Challenge) -> str:
    if challenge.scheme == "basic":
        return f'Basic realm="{challenge.realm}"'
    return f'Digest realm="{challenge.realm}", nonce="{challenge.nonce}", qop="auth", algorithm={challenge.algorithm}'


@dataclass
class Canary:
    """A listener that counts who connects."""

    port: int = 0
    touched: int = 0

    @asynccontextmanager
    async def open(self, host: str = "127.0.0.1") -> AsyncIterator["Canary"]:
        def touch(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.touched += 1
            writer.close()

        server = await asyncio.start_server(touch, host, 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self


class Basket:
    """A `Sink` that keeps what it gets.

    Args:
        enough: `full` is set when it has so many units of its first track.
    """

    def __init__(self, enough: int = 1_000_000) -> None:
        self.tracks: list[Track] = []
        self.units: list[tuple[int, RawUnit, int]] = []
        self.full = asyncio.Event()
        self._enough = enough

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        self.tracks = list(tracks)
        return [True] * len(tracks)

    def unit(self, track: int, raw: RawUnit, arrived_ns: int) -> None:
        self.units.append((track, raw, arrived_ns))
        if len(self.of(0)) >= self._enough:
            self.full.set()

    def report(self, track: int, camera_wall_ns: int, rtp_ticks: int) -> None:
        """Sources over HTTP have none."""

    def of(self, track: int) -> list[RawUnit]:
        return [raw for number, raw, _ in self.units if number == track]
