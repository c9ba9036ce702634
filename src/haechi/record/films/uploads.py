"""The files of films while they come in: written at the offset that was agreed, durable before it is said that they
are, bounded before they are looked at (CONTRACT S12)."""

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from msgspec import Struct

from haechi.base.errors import Conflict, Invalid, Unavailable
from haechi.base.ids import FilmId, is_id

GIB = 1024**3
WRITE_BYTES = 1024 * 1024


Note = Callable[[int], None]


class FilmSettings(Struct, frozen=True):
    """Bounds.

    Attributes:
        max_bytes: Of one file.
        max_hours: Of one film.
        reserve_bytes: No film is taken that would leave less free on the disk.
    """

    max_bytes: int = 16 * GIB
    max_hours: float = 24.0
    reserve_bytes: int = GIB


class Uploads:
    """A folder of files in the making, one for each film; ours alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._busy: set[FilmId] = set()

    def path(self, film: FilmId) -> Path:
        """Where the file of a film is."""
        return self.folder / f"{film}.part"

    async def prepare(self, size_bytes: int, settings: FilmSettings) -> None:
        """Require room for a file, which is there twice until its recording is made.

        Raises:
            Invalid: ``film-too-large``.
            Conflict: ``film-no-room``.
        """
        if size_bytes > settings.max_bytes:
            message = f"the file is larger than {settings.max_bytes / GIB:.3g} GiB (setting films.max_bytes)"
            raise Invalid(message, code="film-too-large", limit=settings.max_bytes)
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        free = (await asyncio.to_thread(shutil.disk_usage, self.folder)).free
        if free - 2 * size_bytes < settings.reserve_bytes:
            raise Conflict("the disk has no room for this film", code="film-no-room", free_bytes=free)

    async def append(self, film: FilmId, span: tuple[int, int], chunks: AsyncIterator[bytes], note: Note) -> None:
        """Write what comes.

        Args:
            span: Where it begins in the file, and where the file ends.
            note: Told once how far the file goes now and durably, also where the sender broke off.

        Raises:
            Conflict: ``upload-busy``: somebody else sends the same file. ``film-no-room``.
            Invalid: ``upload-too-long``: more came than was announced.
            Unavailable: ``upload-failed``: it cannot be written.
        """
        if film in self._busy:
            message = "this file is being sent already, perhaps by another window; wait for it"
            raise Conflict(message, code="upload-busy")
        self._busy.add(film)
        try:
            handle = await asyncio.to_thread(os.open, self.path(film), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                await _write_all(handle, span, chunks, note)
            finally:
                await asyncio.to_thread(os.close, handle)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Conflict("the disk has no room for this film", code="film-no-room") from error
            raise Unavailable("the file cannot be written", code="upload-failed", reason=error.strerror) from error
        finally:
            self._busy.discard(film)

    def discard(self, film: FilmId) -> None:
        """Remove the file, whatever is there of it; blocking."""
        for path in self.folder.glob(f"{film}.*"):
            path.unlink(missing_ok=True)

    def clear(self, known: set[FilmId]) -> None:
        """After a start: remove files that belong to no film; blocking."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            film = FilmId(path.name.partition(".")[0])
            if is_id(film, "flm") and film not in known:
                path.unlink(missing_ok=True)


async def _write_all(handle: int, span: tuple[int, int], chunks: AsyncIterator[bytes], note: Note) -> None:
    offset, limit = span
    waiting = bytearray()
    try:
        async for chunk in chunks:
            if offset + len(waiting) + len(chunk) > limit:
                raise Invalid("more came than the file was said to hold", code="upload-too-long", limit=limit)
            waiting += chunk
            if len(waiting) >= WRITE_BYTES:
                offset += await asyncio.to_thread(_write, handle, bytes(waiting), offset)
                waiting.clear()
    finally:
        offset += await asyncio.to_thread(_write, handle, bytes(waiting), offset)
        await asyncio.to_thread(os.fdatasync, handle)
        note(offset)


def _write(handle: int, data: bytes, offset: int) -> int:
    done = 0
    while done < len(data):
        done += os.pwrite(handle, data[done:], offset + done)
    return done
