"""Tiers in object stores: the only file that knows obstore. Its traps, each seen in a test, stand at their place."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from msgspec import Struct
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore, from_url

from haechi.base.clock import Clock
from haechi.base.errors import DataLoss, HaechiError, Invalid, Unavailable
from haechi.record.tables import volumes
from haechi.record.tiers import identity
from haechi.record.tiers.identity import IDENTITY_MOST_BYTES, IDENTITY_OBJECT, Identity
from haechi.record.tiers.leftovers import Bucket
from haechi.record.tiers.places import stored_path
from haechi.store.database import Database

T = TypeVar("T")
log = structlog.get_logger(__name__)

SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "memory", "file")
PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 3
COOL_DOWN_S = 5.0
"""After a read that ran into its time limit, others fail at once for so long: threads are few, stores hang."""
EVER_NS = 1 << 62
_SHUT = (PermissionDeniedError, UnauthenticatedError)


class Limits(Struct, frozen=True):
    """How long one request may take, tries again included twice over.

    Attributes:
        read_s: For a piece that somebody waits for.
        write_s: For one part of an upload (8 MiB), or for one piece that is read back.
    """

    read_s: float = 15.0
    write_s: float = 120.0
    connect_s: float = 5.0


class Objects:
    """A tier in an object store. Credentials come from the environment only (``AWS_...``, ``GOOGLE_...``,
    ``AZURE_...``).

    Args:
        url: For example ``s3://bucket/prefix``. Never with a secret in it.
        options: Further settings of the store, such as ``endpoint``; for tests and for stores that need them.
    """

    def __init__(self, url: str, options: Mapping[str, str] | None = None, limits: Limits | None = None) -> None:
        self.url = checked_url(url)
        self.id = ""
        self._homes: tuple[str, ...] = ()
        self._begun: set[str] = set()
        self._limits = limits or Limits()
        self._store = _store(self.url, options or {}, self._limits.write_s, self._limits)
        self._reader = self._store
        if not self.url.startswith("memory:"):
            self._reader = _store(self.url, options or {}, self._limits.read_s, self._limits)
        self._bucket = Bucket(self.url, options or {}) if self.url.startswith("s3") else None
        self._shut_until_s = 0.0

    async def claim(self, database: Database, clock: Clock, name: str, rank: int, *, takes: bool = False) -> None:
        """Make sure that this is the store of this database; makes both acquainted when both are new.

        Args:
            takes: A person says that the store is ours, whatever it says itself; from then on it says so, too.

        Raises:
            Unavailable: It does not answer, or it is empty where footage of ours should be.
            Conflict: ``volume-mismatch``: another installation keeps footage there, or has taken it over.
        """
        known = await database.read(lambda c: identity.known(c, name))
        found = await self._identity()
        if found is None and known.is_listed:
            raise Unavailable("the object store is empty; is it the right one?", code="volume-missing", tier=name)
        if found is not None:
            known.refuse(found, takes=takes)
        volume = found.volume if found is not None else next(reversed(known.volumes), str(uuid4()))
        values = {"kind": "objects", "url": self.url, "name": name, "rank": rank, "root": ""}
        row = values | {"id": volume, "created_ns": clock.wall_ns(), "failure": ""}
        if volume in known.volumes:
            await database.write(lambda c: c.execute(volumes.update().where(volumes.c.id == volume).values(values)))
        else:
            await database.write(lambda c: c.execute(volumes.insert().values(row)))
            if found is not None and not takes:
                log.warning("the store is ours, but its footage is not listed; run: haechi tiers adopt", tier=name)
        mine = Identity(volume, next(reversed(known.homes), ""))
        if found != mine:  # after the row: a store that took it and said otherwise is still known to be ours
            text = mine.encode(clock.wall_ns())
            await self._call(self._store.put_async(IDENTITY_OBJECT, text, use_multipart=False))
        self.id, self._homes = volume, known.homes

    async def visit(self) -> None:
        """Look at the store as whoever it belongs to. Nothing is written, and nothing must be.

        Raises:
            Unavailable: It does not answer, or there is nothing of us in it.
        """
        found = await self._identity()
        if found is None:
            raise Unavailable("the object store is empty; is it the right one?", code="volume-missing")
        self.id, self._homes = found.volume, (found.home,)

    def read(self, path: str, offset: int, size: int) -> bytes:
        if time.monotonic() < self._shut_until_s:
            raise Unavailable("the object store does not answer", code="tier-down")
        began_s = time.monotonic()
        try:
            data = bytes(self._reader.get_range(stored_path(path), start=offset, length=size))
        except (BaseError, FileNotFoundError, OSError) as error:
            if time.monotonic() - began_s > self._limits.read_s * 0.9:
                self._shut_until_s = time.monotonic() + COOL_DOWN_S
            raise _wrapped(error, path) from error
        return _whole(data, size, path)

    async def put(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        name = stored_path(path)
        await self._take_back(name)
        self._begun.add(name)
        upload = self._store.put_async(
            name, chunks, use_multipart=True, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
        )
        await self._call(upload, path)
        self._begun.discard(name)

    async def fetch(self, path: str, offset: int, size: int) -> bytes:
        """See `Place.fetch`. A range beyond the end comes back short, without an error: hence the length is compared.
        Never a streamed GET: one that was cut and taken up again may repeat bytes (arrow-rs-object-store 654)."""
        data = await self._call(self._store.get_range_async(stored_path(path), start=offset, length=size), path)
        return _whole(bytes(data), size, path)

    async def size_of(self, path: str) -> int | None:
        try:
            return int((await self._store.head_async(stored_path(path)))["size"])
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise _wrapped(error, path) from error

    async def remove(self, path: str) -> None:
        """See `Place.remove`. Whether it is an error that nothing is there differs from store to store."""
        await self._take_back(stored_path(path))
        try:
            await self._store.delete_async(stored_path(path))
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _wrapped(error, path) from error

    async def tidy(self, before_ns: int, now_ns: int) -> int:
        """Take back uploads that were begun before a moment and never ended. How many; 0 where it cannot be done."""
        if self._bucket is None:
            return 0
        return await asyncio.to_thread(self._bucket.abort, before_ns, now_ns)

    async def _take_back(self, name: str) -> None:
        """Parts of an upload of this object that failed, or was cancelled: they are paid for until somebody does."""
        if name in self._begun and self._bucket is not None:
            try:
                await asyncio.to_thread(self._bucket.abort, EVER_NS, time.time_ns(), name)
            except HaechiError as error:
                log.info("parts of an upload that failed are not taken back yet", path=name, reason=error.message)
                return
        self._begun.discard(name)

    async def folders(self, below: str = "") -> list[str]:
        """Names directly below a folder, each with a slash at its end, in order."""
        found = await self._call(self._store.list_with_delimiter_async(below or None))
        return sorted(f"{one}/" for one in found["common_prefixes"])

    async def listing(self, below: str) -> dict[str, int]:
        """Path and size of every object below a folder. A request for each thousand."""
        found = await self._call(self._store.list(below).collect_async())
        return {str(one["path"]): int(one["size"]) for one in found}

    async def verify(self) -> None:
        found = await self._identity()
        if not self.id or found is None or found.volume != self.id:
            raise Unavailable("the object store is not the one that was used so far", code="volume-missing")
        identity.is_kept(found, self._homes)

    async def _identity(self) -> Identity | None:
        size = await self.size_of(IDENTITY_OBJECT)
        if size is None:
            return None
        return Identity.decode(await self.fetch(IDENTITY_OBJECT, 0, min(size, IDENTITY_MOST_BYTES)))

    async def _call(self, work: Awaitable[T], path: str = "") -> T:
        try:
            return await work
        except (BaseError, FileNotFoundError, OSError) as error:
            raise _wrapped(error, path) from error


def checked_url(url: str) -> str:
    """The address of a store, if it is one.

    Raises:
        Invalid: ``bad-tier-url``: an unknown scheme, or a secret in the address.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or (not parts.netloc and parts.scheme not in ("memory", "file")):
        message = "a tier is at s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
        raise Invalid(message, code="bad-tier-url")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise Invalid("keys of an object store go into the environment, not into its address", code="bad-tier-url")
    return url.rstrip("/")


def _store(url: str, options: Mapping[str, str], request_s: float, limits: Limits) -> ObjectStore:
    """A client that gives up soon: when to try again is our own decision, and its clock is ours."""
    if url.startswith(("memory:", "file:")):
        return from_url(url)
    settings: dict[str, Any] = dict(options)
    if url.startswith("s3"):
        settings.setdefault("checksum_algorithm", "sha256")
    settings["client_options"] = {
        "timeout": timedelta(seconds=request_s),
        "connect_timeout": timedelta(seconds=limits.connect_s),
        "allow_http": str(settings.get("endpoint", "")).startswith("http://"),
    }
    backoff = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2}
    settings["retry_config"] = {
        "max_retries": 2,
        "retry_timeout": timedelta(seconds=request_s),
        "backoff": backoff,
    }
    try:
        store: ObjectStore = from_url(url, **settings)
        return store
    except (BaseError, ValueError) as error:
        raise Invalid(
            "the object store cannot be used like this", code="bad-tier-url", reason=_first_line(error)
        ) from error


def _whole(data: bytes, size: int, path: str) -> bytes:
    if len(data) != size:
        raise DataLoss("the recording is shorter than it was", code="recording-truncated", path=path)
    return data


def _wrapped(error: Exception, path: str) -> HaechiError:
    if isinstance(error, FileNotFoundError):
        return DataLoss("the recording's object is gone", code="recording-missing", path=path)
    if isinstance(error, _SHUT):
        return Unavailable("the object store refuses our credentials", code="tier-denied", reason=_first_line(error))
    return Unavailable("the object store does not answer as it should", code="tier-down", reason=_first_line(error))


def _first_line(error: Exception) -> str:
    """What went wrong, without the request in full that follows in the vendor's text."""
    return str(error).partition("\n")[0][:200]
