"""Takes films in: one at a time, as fast as the disk takes them, after a restart from the beginning.

A film becomes the recording of a camera of its own, so that the timeline, playback, clips and the trial of rules work
on it. Its footage is pinned: it goes when somebody removes the film, not because it was filmed long ago.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import structlog
from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Conflict, DataLoss, HaechiError, Invalid, Unavailable
from haechi.base.ids import CameraId, FilmId, StreamId, UserId, is_id, new_id, stream_of
from haechi.media.container import FilmBatch, FilmHead, Role
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.volume import Volume
from haechi.record.films.shelf import Shelf, take_away
from haechi.record.films.store import Film, FilmStore, State, film_not_found
from haechi.record.films.uploads import FilmSettings, Uploads
from haechi.record.index.spans import RecordIndex
from haechi.record.write.writer import Writer

log = structlog.get_logger(__name__)

RETRY_S = 5.0
POLL_S = 2.0
OLDEST_NS = 315_532_800 * NS_PER_S
"""1980: clocks that were never set say so, or less."""
TOLD_EVERY = 0.005
"""Progress is noted in the database when it has grown by this much."""


class Opened(Protocol):
    """A film that is being read (`haechi.vision.demux.film.OpenFilm`)."""

    head: FilmHead

    def batches(self) -> AsyncIterator[FilmBatch]: ...


class OpenFilm(Protocol):
    """Opens a film file; the app says who does it."""

    def __call__(self, path: Path, *, sound: bool) -> AbstractAsyncContextManager[Opened]: ...


class Fetch(Protocol):
    """Fetches the video of a page (`Film.origin`) into a file; the app says who does it."""

    def __call__(self, film: Film, path: Path, max_bytes: int, note: Callable[[float], None]) -> Awaitable[None]:
        """Raises:
        Invalid: The site is not allowed, or has no such video.
        Unavailable: It cannot be reached, or refuses.
        """


class Cameras(Protocol):
    """Makes and removes the cameras of films; the app says how."""

    async def make(self, film: Film) -> CameraId: ...
    async def drop(self, camera: CameraId) -> None: ...


class Disk(Struct, frozen=True):
    """Where films are recorded.

    Attributes:
        is_ready: Whether the recorder has claimed the volume and compared it with the index.
        begun: Told the path of each file before it is there.
    """

    index: RecordIndex
    volume: Volume
    is_ready: Callable[[], bool]
    begun: Callable[[str], None]
    sealed_with: KeyRing | None
    next_runs: Callable[[list[StreamId], int], Awaitable[list[int]]]


class Hands(Struct, frozen=True):
    """Who does what films need and recording does not know."""

    open: OpenFilm
    fetch: Fetch
    cameras: Cameras


class FilmWish(Struct, frozen=True):
    """A film that somebody wants taken in. ``size_bytes``: of the upload; ``origin``: instead, the page to fetch."""

    owner: UserId
    name: str
    size_bytes: int = 0
    origin: str = ""
    sound: bool = False
    wished_ns: int = 0


class _Waits(Exception):
    """The recorder is not ready, or was begun again: the film waits, and is taken in from its beginning."""


class Films:
    """All films of the installation.

    Args:
        folder: Where their files are while they come in.
    """

    def __init__(
        self, store: FilmStore, folder: Path, disk: Disk, hands: Hands, clock: Clock, settings: FilmSettings
    ) -> None:
        self._store = store
        self._uploads = Uploads(folder)
        self._disk = disk
        self._hands = hands
        self._clock = clock
        self._wake = asyncio.Event()
        self._now: Film | None = None
        self._last: Film | None = None
        self._task: asyncio.Task[None] | None = None
        self.settings = settings

    async def add(self, wish: FilmWish) -> Film:
        """Begin a film: wait for its file, or fetch it.

        Raises:
            Invalid: ``film-too-large``.
            Conflict: ``film-no-room``, ``too-many-films``.
        """
        await self._uploads.prepare(wish.size_bytes, self.settings)
        film = Film(
            id=FilmId(new_id("flm")),
            owner=wish.owner,
            name=wish.name,
            state="fetching" if wish.origin else "uploading",
            origin=wish.origin,
            size_bytes=wish.size_bytes,
            sound=wish.sound,
            wished_ns=wish.wished_ns,
            created_ns=self._clock.wall_ns(),
        )
        await self._store.add(film)
        self._wake.set()
        return film

    async def get(self, film: FilmId) -> Film:
        """One film, with how far it is now.

        Raises:
            NotFound: ``film-not-found``.
        """
        if not is_id(film, "flm"):
            raise film_not_found()
        return self._as_it_is(await self._store.get(film))

    async def listed(self) -> list[Film]:
        """All films, newest first."""
        return [self._as_it_is(film) for film in await self._store.listed()]

    async def append(self, film: FilmId, offset: int, chunks: AsyncIterator[bytes]) -> Film:
        """Take a part of the file, which must begin where the last one ended; the last part makes it wait to be read.

        Raises:
            NotFound: ``film-not-found``.
            Conflict: ``upload-offset``: it begins elsewhere. ``upload-over``, ``upload-busy``, ``film-no-room``.
            Invalid: ``upload-too-long``.
            Unavailable: ``upload-failed``.
        """
        found = await self.get(film)
        if found.state != "uploading":
            raise Conflict("nothing more is wanted of this file", code="upload-over", state=found.state)
        if offset != found.received_bytes:
            message = "the file does not go on here; ask how far it goes, and send the rest"
            raise Conflict(message, code="upload-offset", received_bytes=found.received_bytes)
        reached: list[int] = []
        try:
            await self._uploads.append(film, (offset, found.size_bytes), chunks, reached.append)
        finally:
            if reached:
                found = await self._received(found, reached[-1])
        return found

    async def _received(self, film: Film, count: int) -> Film:
        state: State = "waiting" if count == film.size_bytes else "uploading"
        after = structs.replace(film, received_bytes=count, state=state, progress=count / film.size_bytes)
        await self._store.put(after)
        self._wake.set()
        return after

    async def delete(self, film: FilmId) -> Film:
        """Stop what is being done, and remove the file, the recording and the camera.

        Raises:
            NotFound: ``film-not-found``.
            Unavailable: The recording cannot be removed now.
        """
        gone = await self._remove(await self.get(film))
        if gone.camera:
            await self._hands.cameras.drop(gone.camera)
        return gone

    async def forget_camera(self, camera: CameraId) -> None:
        """A camera was removed; where it was a film, the film goes with its recording. Raises as `delete`."""
        film = await self._store.of_camera(camera)
        if film is not None:
            await self._remove(film)

    async def run(self) -> None:
        """Take films in until cancelled.

        Raises:
            Unavailable: The database does not answer.
        """
        known = {film.id for film in await self._store.listed()}
        await asyncio.to_thread(self._uploads.clear, known)
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                film = await self._store.next()
                if film is None:
                    await self._changed_or_polled()
                else:
                    await self._attend(group, film)

    async def _changed_or_polled(self) -> None:
        """The command line hands films over in the same database, from another process."""
        tasks = [asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(self._clock.sleep(POLL_S))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _attend(self, group: asyncio.TaskGroup, film: Film) -> None:
        """Do what is to be done with a film next; who removes it ends that."""
        self._now = film
        self._task = group.create_task(self._take_in(film))
        try:
            await asyncio.wait([self._task])
        finally:
            self._last, self._now, self._task = self._now, None, None

    async def _take_in(self, film: Film) -> None:
        try:
            if film.state == "fetching":
                await self._fetch(film)
            else:
                await self._import(film)
        except (_Waits, Unavailable) as error:
            if film.state == "fetching":
                await self._fail(film, error)
                return
            log.info("film waits", film=film.id, reason=str(error))
            await self._clock.sleep(RETRY_S)
        except (HaechiError, OSError) as error:
            await self._fail(self._now or film, error)

    async def _fetch(self, film: Film) -> None:
        path = self._uploads.path(film.id)
        await asyncio.to_thread(self._uploads.discard, film.id)

        def note(share: float) -> None:
            self._now = structs.replace(film, progress=min(max(share, 0.0), 1.0))

        await self._hands.fetch(film, path, self.settings.max_bytes, note)
        size = (await asyncio.to_thread(path.stat)).st_size
        await self._store.put(structs.replace(film, state="waiting", size_bytes=size, received_bytes=size))

    async def _import(self, film: Film) -> None:
        self._require_ready()
        async with self._hands.open(self._uploads.path(film.id), sound=film.sound) as opened:
            film = await self._begin(film, opened.head)
            shelf = await self._shelf(film, opened.head)
            try:
                film = await self._record(film, shelf, opened)
            finally:
                shelf.close()
        await self._finish(film)

    async def _begin(self, film: Film, head: FilmHead) -> Film:
        """Its camera and its time; what an earlier try left is removed."""
        most_ns = int(self.settings.max_hours * 3600 * NS_PER_S)
        if head.duration_ns > most_ns:
            message = f"the film is longer than {self.settings.max_hours:g} h; cut it into parts"
            raise Invalid(message, code="film-too-long")
        camera = film.camera or await self._hands.cameras.make(film)
        start_ns = film.start_ns or start_of(film, head, self._clock.wall_ns())
        film = structs.replace(film, camera=camera, start_ns=start_ns, state="importing", progress=0.0)
        self._now = film
        await self._store.put(film)
        await take_away(self._disk.index.database, self._disk.volume, camera, film.id, self._clock.wall_ns())
        await self._disk.index.pin(stream_of(camera), start_ns - NS_PER_S, start_ns + most_ns, film.id)
        return film

    async def _shelf(self, film: Film, head: FilmHead) -> Shelf:
        roles: list[Role] = ["main", "audio"] if head.has_sound else ["main"]
        streams = [stream_of(film.camera, role) for role in roles]
        numbers = await self._disk.next_runs(streams, film.start_ns)
        writer = Writer(self._disk.volume, self.settings.reserve_bytes, self._disk.begun, self._disk.sealed_with)
        most_ns = int(self.settings.max_hours * 3600 * NS_PER_S)
        runs = dict(zip(roles, numbers, strict=True))
        return Shelf(self._disk.index.database, writer, film.camera, film.start_ns, most_ns, runs)

    async def _record(self, film: Film, shelf: Shelf, opened: Opened) -> Film:
        async for batch in opened.batches():
            self._require_ready()
            await shelf.add(batch.units)
            damaged = batch.damaged + shelf.skipped
            now = structs.replace(film, progress=batch.share, units=shelf.units, damaged=damaged, end_ns=shelf.end_ns)
            if now.progress - film.progress >= TOLD_EVERY:
                await self._store.put(now)
                film = now
            self._now = now
        await shelf.finish()
        if not shelf.units:
            raise Invalid("no picture of this film can be taken in; it is damaged", code="film-broken")
        return structs.replace(self._now or film, units=shelf.units, end_ns=shelf.end_ns)

    async def _finish(self, film: Film) -> None:
        first_ns = film.start_ns - NS_PER_S
        await self._disk.index.pin(stream_of(film.camera), first_ns, film.end_ns + 1, film.id)
        done = structs.replace(film, state="done", progress=1.0, finished_ns=self._clock.wall_ns())
        await self._store.put(done)
        await asyncio.to_thread(self._uploads.discard, film.id)
        log.info("film taken in", film=film.id, camera=film.camera, units=film.units, damaged=film.damaged)

    async def _fail(self, film: Film, error: BaseException) -> None:
        """Nothing of it stays but the word of what went wrong."""
        found = (
            error if isinstance(error, HaechiError) else DataLoss("the file cannot be read", code="film-not-written")
        )
        if found is not error:
            log.warning("a film's file failed", film=film.id, exc_info=error)
        log.info("film not taken in", film=film.id, code=found.code, reason=found.message)
        if film.camera:
            await self._clear(film)
            await self._hands.cameras.drop(film.camera)
        await asyncio.to_thread(self._uploads.discard, film.id)
        failed = structs.replace(
            film,
            camera=CameraId(""),
            state="failed",
            error_code=found.code,
            error_message=found.message[:300],
            finished_ns=self._clock.wall_ns(),
        )
        await self._store.put(failed)

    async def _remove(self, film: Film) -> Film:
        """Stop what is being done; the film as it was at last."""
        if self._now is not None and self._now.id == film.id and self._task is not None:
            task = self._task
            task.cancel()
            await asyncio.wait([task])
            known = (one for one in (self._now, self._last) if one is not None and one.id == film.id)
            film = next(known, film)
        await self._store.remove(film.id)
        await asyncio.to_thread(self._uploads.discard, film.id)
        if film.camera:
            await self._clear(film)
        return film

    async def _clear(self, film: Film) -> None:
        await take_away(self._disk.index.database, self._disk.volume, film.camera, film.id, self._clock.wall_ns())

    def _require_ready(self) -> None:
        if not self._disk.is_ready():
            raise _Waits("recording is not ready")

    def _as_it_is(self, film: Film) -> Film:
        now = self._now
        return now if now is not None and now.id == film.id and now.state == film.state else film


def start_of(film: Film, head: FilmHead, now_ns: int) -> int:
    """When the film begins: as its owner says, else as the file says, else so that it ends now. Never later."""
    latest = now_ns - max(head.duration_ns, 0)
    for wished_ns in (film.wished_ns, head.created_ns):
        if wished_ns > OLDEST_NS:
            return min(wished_ns, latest)
    return latest
