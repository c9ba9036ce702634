"""What a tier is to those who read and move footage, and the one kind of it that is a folder."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from haechi.base.errors import DataLoss, Invalid, Unavailable
from haechi.record.disk.volume import Volume, is_full, make_folder, sync_folder

PART_SUFFIX = ".part"
_BASE_MARK = "@"


class TierFull(Unavailable):
    """There is no room in a tier."""

    default_code = "tier-full"


class Place(Protocol):
    """Where footage lies. Two kinds: folders and object stores; one set of tests for both.

    ``path`` is a file or an object as `stored_path` gives it. All of them raise `Unavailable` when the place does not
    answer, and `DataLoss` when what is asked for is not there.
    """

    @property
    def id(self) -> str: ...

    def read(self, path: str, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes. Blocking, and quick to give up: somebody waits for a picture."""

    async def put(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        """Store all of ``chunks`` durably under ``path``, or nothing; replaces what was there."""

    async def fetch(self, path: str, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes as the place has them, past any cache of ours; patient."""

    async def size_of(self, path: str) -> int | None:
        """Bytes under ``path``; None: nothing is there."""

    async def remove(self, path: str) -> None:
        """Delete; what is gone already is fine."""

    async def verify(self) -> None:
        """Make sure that this is the place that it was."""


def packed_path(path: str, base_bytes: int) -> str:
    """How the index names a recording within an object: paths in it are unique."""
    return f"{path}{_BASE_MARK}{base_bytes}"


def stored_path(path: str) -> str:
    """The file or object in which a recording with this path in the index lies."""
    return path.partition(_BASE_MARK)[0]


def packed_range(path: str) -> tuple[str, str]:
    """Paths of all recordings in an object sort from the first of these on and before the second."""
    return path + _BASE_MARK, path + chr(ord(_BASE_MARK) + 1)


class Folder:
    """A tier in a folder of some disk. Its volume is claimed by whoever made it."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume

    @property
    def id(self) -> str:
        return self.volume.id

    def read(self, path: str, offset: int, size: int) -> bytes:
        try:
            handle = os.open(self.volume.path_of(stored_path(path)), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            with open(handle, "rb") as file:  # noqa: PTH123 - a link must not be followed out of the volume
                file.seek(offset)
                data = file.read(size)
        except FileNotFoundError as error:
            raise DataLoss("the recording's file is gone", code="recording-missing", path=path) from error
        except OSError as error:
            reason = error.strerror or ""
            raise DataLoss("the recording is damaged", code="recording-missing", path=path, reason=reason) from error
        if len(data) != size:
            raise DataLoss("the recording is shorter than it was", code="recording-truncated", path=path)
        return data

    async def put(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        target = self.volume.path_of(stored_path(path))
        part = target.with_name(target.name + PART_SUFFIX)
        try:
            handle = await asyncio.to_thread(self._create, part)
            try:
                async for chunk in chunks:
                    await asyncio.to_thread(_write, handle, chunk)
                await asyncio.to_thread(_settle, handle)
            finally:
                os.close(handle)
            await asyncio.to_thread(_rename, part, target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise _wrapped(error, self.volume.root) from error

    async def fetch(self, path: str, offset: int, size: int) -> bytes:
        return await asyncio.to_thread(self.read, path, offset, size)

    async def size_of(self, path: str) -> int | None:
        try:
            return (await asyncio.to_thread(self.volume.path_of(stored_path(path)).stat)).st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _wrapped(error, self.volume.root) from error

    async def remove(self, path: str) -> None:
        try:
            await asyncio.to_thread(self._remove, stored_path(path))
        except OSError as error:
            raise _wrapped(error, self.volume.root) from error

    async def verify(self) -> None:
        await asyncio.to_thread(self.volume.verify)

    def _create(self, part: Path) -> int:
        make_folder(part.parent, self.volume.root)
        return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)

    def _remove(self, path: str) -> None:
        """Durably: a file that came back after a power cut would be known to nobody."""
        target = self.volume.path_of(path)
        target.with_name(target.name + PART_SUFFIX).unlink(missing_ok=True)
        self.volume.remove(path)
        sync_folder(next(folder for folder in target.parents if folder.is_dir()))


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _settle(handle: int) -> None:
    """On the disk, and out of the page cache: what is read back must come from the disk."""
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


def _rename(part: Path, target: Path) -> None:
    part.replace(target)
    sync_folder(target.parent)


def _wrapped(error: OSError, root: Path) -> Unavailable | Invalid:
    if is_full(error):
        return TierFull("the disk of a tier is full", root=str(root))
    return Unavailable("the disk of a tier fails", code="tier-down", root=str(root), reason=error.strerror or "")
