"""Answers that carry footage: files by byte range, pictures, downloads. Never cached by anybody but the asker."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import tzinfo
from pathlib import Path
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from haechi.api.headers import NO_STORE
from haechi.api.ranges import Slice, asked_slice
from haechi.base.errors import DataLoss
from haechi.record.exports.names import clip_stem

CHUNK_BYTES = 256 * 1024
_UNSAFE = re.compile(r"[^\w.\-+]+")


Bytes = Callable[[int, int], AsyncGenerator[bytes]]
"""The bytes from one offset up to another (exclusive), in pieces."""


def footage_answer(request: Request, read: Bytes, size_bytes: int, *, etag: str) -> Response:
    """A recording, or the part of it that is asked for, from whatever tier it lies in: nothing is repacked.

    Raises:
        Invalid: ``range-not-satisfiable``.
    """
    answer, piece, status = _by_range(request, size_bytes, etag)
    if piece is None:
        return Response(status_code=status, headers=answer)
    if request.method == "HEAD":
        return Response(status_code=status, headers=answer, media_type="video/mp4")
    return FootageSlice(read(piece.first, piece.last + 1), status, answer)


class FootageSlice(StreamingResponse):
    """Part of a recording. Its first piece is there before the answer begins: what fails until then is an error
    answer. A failure after that ends the connection: the peer sees that bytes are missing."""

    def __init__(self, pieces: AsyncGenerator[bytes], status: int, headers: dict[str, str]) -> None:
        super().__init__((), status, headers=headers, media_type="video/mp4")
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, send, read on."""
        async with aclosing(self._pieces) as pieces:
            first = await anext(pieces)
            self.body_iterator = _joined(first, pieces)
            await super().__call__(scope, receive, send)


async def _joined(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def file_answer(request: Request, path: Path, size_bytes: int, *, etag: str, media_type: str) -> Response:
    """The first ``size_bytes`` of a file, or the part that is asked for.

    Raises:
        Invalid: ``range-not-satisfiable``.
        DataLoss: ``recording-missing``: the file is not there or shorter than it was.
    """
    answer, piece, status = _by_range(request, size_bytes, etag)
    if piece is None:
        return Response(status_code=status, headers=answer)
    if request.method == "HEAD":
        return Response(status_code=status, headers=answer, media_type=media_type)
    return FileSlice(path, piece, status, answer, media_type)


def _by_range(request: Request, size_bytes: int, etag: str) -> tuple[dict[str, str], Slice | None, int]:
    """Headers and status of the answer, and which bytes it carries; None: the asker has them already."""
    headers = request.headers
    part = asked_slice(headers.get("range"), headers.get("if-range"), etag, size_bytes)
    answer = {"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": NO_STORE}
    if part is None and headers.get("if-none-match", "").strip() == etag:
        return answer, None, 304
    piece = part or Slice(0, size_bytes - 1, size_bytes)
    answer["Content-Length"] = str(piece.length)
    if part is None:
        return answer, piece, 200
    answer["Content-Range"] = part.content_range
    return answer, piece, 206


class FileSlice(StreamingResponse):
    """Part of a file, read as the peer takes it. The file is open only while it is sent."""

    def __init__(
        self, path: Path, part: Slice, status: int, headers: dict[str, str], media_type: str, *, unlink: bool = False
    ) -> None:
        super().__init__((), status, headers=headers, media_type=media_type)
        self._path = path
        self._part = part
        self._unlink = unlink

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open, send, close. What cannot be opened is an error answer: nothing was sent yet."""
        descriptor = _open(self._path, self._part.size_bytes)
        try:
            if self._unlink:
                self._path.unlink()
            self.body_iterator = _pieces(descriptor, self._part)
            await super().__call__(scope, receive, send)
        finally:
            os.close(descriptor)


def bytes_answer(request: Request, data: bytes, *, media_type: str) -> Response:
    """Bytes that we hold."""
    headers = {"Cache-Control": NO_STORE, "Content-Length": str(len(data))}
    return Response(b"" if request.method == "HEAD" else data, headers=headers, media_type=media_type)


def clip_answer(request: Request, made: Path, file_name: str) -> Response:
    """A clip that was made for this answer as a download; the file is gone with it."""
    size_bytes = made.stat().st_size
    headers = {"Content-Disposition": attachment(file_name), "Cache-Control": NO_STORE}
    headers["Content-Length"] = str(size_bytes)
    if request.method == "HEAD":
        made.unlink()
        return Response(headers=headers, media_type="video/mp4")
    whole = Slice(0, size_bytes - 1, size_bytes)
    return FileSlice(made, whole, 200, headers, "video/mp4", unlink=True)


def kept_clip_answer(request: Request, made: Path, file_name: str) -> Response:
    """A clip that stays for a while: by range, so that a player can seek."""
    state = made.stat()
    etag = f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
    answer = file_answer(request, made, state.st_size, etag=etag, media_type="video/mp4")
    answer.headers["Content-Disposition"] = attachment(file_name)
    return answer


def attachment(file_name: str) -> str:
    """``Content-Disposition`` for a name in any script (RFC 6266): no byte of it can end the header."""
    plain = _UNSAFE.sub("_", file_name.encode("ascii", "replace").decode("ascii").replace("?", "_"))
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def clip_name(camera: str, start_ns: int, zone: tzinfo) -> str:
    """A name that says where and when, with the offset: ``Front_door_2026-11-21_14-03-22.123+0900.mp4``."""
    return f"{clip_stem(camera, start_ns, zone)}.mp4"


def _open(path: Path, size_bytes: int) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise DataLoss("a recording is not where it was put", code="recording-missing") from error
    if os.fstat(descriptor).st_size < size_bytes:
        os.close(descriptor)
        raise DataLoss("a recording is shorter than it was", code="recording-truncated")
    return descriptor


async def _pieces(descriptor: int, part: Slice) -> AsyncIterator[bytes]:
    offset = part.first
    while offset <= part.last:
        length = min(CHUNK_BYTES, part.last - offset + 1)
        data = await asyncio.to_thread(os.pread, descriptor, length, offset)
        if not data:
            raise DataLoss("a recording became shorter while it was read", code="recording-truncated")
        offset += len(data)
        yield data
