"""The annotated video in a browser of this machine: a page on loopback that only its address opens."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import cv2

from haechi.client.annotate import Picture

BOUNDARY = b"haechi-picture"
LONGEST_REQUEST_BYTES = 8192
REQUEST_S = 5.0
QUALITY = 80
_PAGE = (
    b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nConnection: close\r\n"
    b"Content-Type: multipart/x-mixed-replace; boundary=" + BOUNDARY + b"\r\n\r\n"
)


class Page:
    """Shows pictures. Who watches slowly misses some.

    Attributes:
        address: What to open.
    """

    def __init__(self) -> None:
        self._path = "/" + secrets.token_urlsafe(16)
        self._jpeg = b""
        self._changed = asyncio.Condition()
        self._number = 0
        self.address = ""

    async def show(self, picture: Picture) -> None:
        """The next picture."""
        is_done, data = await asyncio.to_thread(cv2.imencode, ".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not is_done:
            return
        async with self._changed:
            self._jpeg = data.tobytes()
            self._number += 1
            self._changed.notify_all()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """Answer browsers while the block lasts."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, limit=LONGEST_REQUEST_BYTES)
        async with server:
            self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{self._path}"
            yield

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            request = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_S)
            parts = request.split(b" ")
            if len(parts) < 2 or not secrets.compare_digest(parts[1], self._path.encode()):
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
            else:
                await self._pictures(writer)
        writer.close()

    async def _pictures(self, writer: asyncio.StreamWriter) -> None:
        writer.write(_PAGE)
        seen = 0
        while True:
            async with self._changed:
                while self._number == seen:
                    await self._changed.wait()
                seen, jpeg = self._number, self._jpeg
            head = b"--" + BOUNDARY + b"\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
            writer.write(head + jpeg + b"\r\n")
            await writer.drain()
