"""The folder that footage lives in: its identity, its layout (readable without us), its space, its durable writes."""

import errno
import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import sqlalchemy as sa
from msgspec import Struct

from haechi.base.clock import NS_PER_MS, NS_PER_S, Clock
from haechi.base.errors import Conflict, Invalid, Unavailable
from haechi.base.ids import StreamId, camera_of
from haechi.record.tables import recordings, volumes
from haechi.store.database import Database

IDENTITY_FILE = "haechi-volume.json"
FILES_WITHOUT_LIMIT = 1 << 62
UNLISTED_SUFFIX = ".unlisted"
_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class VolumeFailed(Unavailable):
    """A write or fsync failed. What the disk holds is unknown, and trying again would only hide it (D10)."""

    default_code = "volume-failed"


class Space(Struct, frozen=True):
    """Bytes of the file system that the volume is on, and how many more files it can hold (inodes)."""

    total_bytes: int
    free_bytes: int
    free_files: int = FILES_WITHOUT_LIMIT


class Volume:
    """One folder of footage. Claim it before use: its identity must be the one that the database knows.

    Args:
        name: Of the tier that it is; empty: the one that is recorded to.
        rank: How many tiers come before it.

    Attributes:
        failure: Why it must not be used; claiming reads it from the database, where `check` with repair clears it.
        refusal: Why nothing is recorded to it at present, as its recorder said; being locked by one ends that.
    """

    def __init__(self, root: Path, name: str = "", rank: int = 0) -> None:
        self.root = root
        self.name = name
        self.rank = rank
        self.id = ""
        self.failure = self.refusal = ""
        self._lock: int | None = None

    async def claim(self, database: Database, clock: Clock) -> None:
        """Make sure that this is the volume of this database; makes both acquainted when both are new.

        Raises:
            Unavailable: ``volume-missing`` when the folder is empty but the database knows footage (not mounted?).
            Conflict: ``volume-mismatch`` when it is the volume of another installation.
        """
        rows = await database.read(
            lambda c: c.execute(sa.select(volumes.c.id, volumes.c.name, volumes.c.failure)).all()
        )
        known = [row for row in rows if row.name == self.name]
        listed = await database.read(lambda c: _has_footage(c, [row.id for row in known]))
        found = self._read_identity()
        if found is None:
            if known and listed:
                raise Unavailable(
                    "the recording folder is not the one that was used so far; is the disk mounted?",
                    code="volume-missing",
                    root=str(self.root),
                )
            found = self._write_identity(clock.wall_ns())
        if any(row.id == found and row.name != self.name for row in rows):
            message = "two tiers are in the same folder; give each its own"
            raise Conflict(message, code="volume-mismatch", root=str(self.root))
        if known and found not in {row.id for row in known} and listed:
            raise Conflict(
                "the recording folder belongs to another installation; nothing is written or deleted there",
                code="volume-mismatch",
                root=str(self.root),
            )
        if found not in {row.id for row in known}:
            row = {"id": found, "root": str(self.root), "created_ns": clock.wall_ns(), "failure": ""}
            row |= {"name": self.name, "rank": self.rank}
            await database.write(lambda c: c.execute(volumes.insert().values(row)))
        self.id = found
        self.failure = next((row.failure for row in known if row.id == found), "")

    def verify(self) -> None:
        """Check that the claimed volume is still there.

        Raises:
            Unavailable: It is not (unmounted, replaced), or it was never claimed, or it failed.
        """
        if self.failure:
            raise VolumeFailed(
                "the recording disk failed; check it, then run: haechi check --repair", reason=self.failure
            )
        if not self.id or self._read_identity() != self.id:
            raise Unavailable("the recording disk is gone or was replaced", code="volume-missing", root=str(self.root))

    def lock(self) -> None:
        """Keep other recorders and repairs out until `unlock`, or until this process ends however it ends.

        Raises:
            Conflict: ``volume-in-use``.
        """
        if self._lock is not None:
            return
        handle = os.open(self.root / IDENTITY_FILE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise Conflict(
                "another process records to this folder; stop it first", code="volume-in-use", root=str(self.root)
            ) from error
        self._lock = handle
        self.refusal = ""

    def unlock(self) -> None:
        """Let others in."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def space(self) -> Space:
        """Free space, as it is for an ordinary process."""
        found = os.statvfs(self.root)
        files = found.f_favail if found.f_files else FILES_WITHOUT_LIMIT
        return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, files)

    def path_of(self, relative: str) -> Path:
        """The file at a path of the index.

        Raises:
            Invalid: The path leads out of the volume.
        """
        parts = relative.split("/")
        if not all(_SAFE_NAME.fullmatch(part) for part in parts) or ".." in parts:
            raise Invalid("a path leads out of the volume", code="bad-path", path=relative)
        return self.root.joinpath(*parts)

    def files(self, below: str = "") -> Iterator[tuple[str, int]]:
        """Relative path and size of every file of footage, listed or not, in no particular order.

        Others may delete meanwhile: what is gone is left out.

        Args:
            below: Beginning of their paths, empty or with a slash at its end.
        """
        pending = [(self.root / below, below)]
        while pending:
            folder, prefix = pending.pop()
            with suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False) and _SAFE_NAME.fullmatch(entry.name):
                        pending.append((Path(entry.path), f"{prefix}{entry.name}/"))
                    elif entry.name.endswith(".mp4") and entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):
                            yield prefix + entry.name, entry.stat(follow_symlinks=False).st_size

    def remove(self, relative: str) -> None:
        """Delete a file, and the folders that it leaves empty. A file that is gone already is fine."""
        path = self.path_of(relative)
        path.unlink(missing_ok=True)
        for folder in list(path.parents)[: relative.count("/")]:
            try:
                folder.rmdir()
            except OSError:
                return

    def set_aside(self, relative: str) -> None:
        """Rename a file that cannot be listed and is not ours to delete, so that it is not looked at again."""
        path = self.path_of(relative)
        path.rename(path.with_name(path.name + UNLISTED_SUFFIX))
        sync_folder(path.parent)

    def _read_identity(self) -> str | None:
        try:
            content = json.loads((self.root / IDENTITY_FILE).read_bytes()[:4096])
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            reason = type(error).__name__
            raise Unavailable("the volume's identity cannot be read", code="volume-missing", reason=reason) from error
        try:
            return str(UUID(content["volume"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Conflict("the volume's identity file is damaged", code="volume-mismatch") from error

    def _write_identity(self, now_ns: int) -> str:
        identity = str(uuid4())
        make_folder(self.root, Path(self.root.anchor))
        target = self.root / IDENTITY_FILE
        fresh = target.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(json.dumps({"volume": identity, "created_ns": now_ns, "by": "haechi"}).encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
        sync_folder(self.root)
        return identity


def _has_footage(connection: sa.Connection, ids: list[str]) -> bool:
    """Whether recordings are listed on one of these volumes."""
    query = sa.select(recordings.c.id).where(recordings.c.volume.in_(ids)).limit(1)
    return connection.execute(query).first() is not None


def is_full(error: OSError) -> bool:
    """Whether the error says that there is no space left."""
    return error.errno in _FULL


def relative_path(stream: StreamId, run: int, start_ns: int) -> str:
    """``camera/2026-11-21/05/05-12-30.000Z_main_r12.mp4``, UTC.

    Raises:
        Invalid: The stream's name cannot be a file name.
    """
    camera, role = camera_of(stream), stream.partition("/")[2]
    if not _SAFE_NAME.fullmatch(camera) or not _SAFE_NAME.fullmatch(role):
        raise Invalid("the stream's name cannot be a file name", code="bad-stream-name", stream=stream)
    seconds, rest_ns = divmod(start_ns, NS_PER_S)
    at = datetime.fromtimestamp(seconds, UTC)
    name = f"{at:%H-%M-%S}.{rest_ns // NS_PER_MS:03d}Z_{role}_r{run}.mp4"
    return f"{camera}/{at:%Y-%m-%d}/{at:%H}/{name}"


def make_folder(folder: Path, below: Path) -> None:
    """Make ``folder`` and its parents up to ``below``; each new name is durable when this returns."""
    if folder == below or folder.is_dir():
        return
    make_folder(folder.parent, below)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
