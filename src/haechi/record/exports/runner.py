"""Makes exports: a few at once, bounded, told about, and never more than the disk has room for.

What runs when the process ends is made again by the next; half files go. Who lost the camera loses the export.
"""

import asyncio
import errno
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Conflict, DataLoss, HaechiError, Invalid, NotFound, Unavailable
from haechi.base.ids import CameraId, ExportId, StreamId, UserId, camera_of, is_id, new_id
from haechi.record.exports.cutter import Cutter, Style
from haechi.record.exports.store import Export, ExportBounds, ExportPart, ExportStore, export_not_found

log = structlog.get_logger(__name__)

NS_PER_DAY = 86_400 * NS_PER_S
TELL_S = 0.5
TIDY_S = 60.0
RETRY_S = 5.0
SETTLE_S = 8.0
"""So long after a moment its fragment is on disk and listed, where the camera still sends."""
MOST_PARTS = 200

MayView = Callable[[UserId, CameraId], Awaitable[bool]]


class ExportSettings(Struct, frozen=True):
    """Bounds.

    Attributes:
        keep_days: How long files stay for those who asked for them.
        max_bytes: Of all exports together.
        reserve_bytes: No export begins, or goes on, that would leave less free where the files are.
        at_once: Exports that are made at the same time.
    """

    keep_days: float = 7.0
    max_bytes: int = 50 * 1024**3
    reserve_bytes: int = 1024**3
    at_once: int = 2
    bounds: ExportBounds = ExportBounds()


class Wish(Struct, frozen=True):
    """What somebody wants exported. ``name``: of the file, without ``.mp4``; ``sound``: where some is recorded."""

    owner: UserId
    stream: StreamId
    start_ns: int
    end_ns: int
    name: str
    burn_in: bool = False
    sound: bool = True


class _Cancelled(Exception):
    """The export was cancelled while a part of it was being written."""


class Exports:
    """All exports of the installation.

    Args:
        folder: Where the files are; ours alone.
        may_view: Whether somebody may (still) see a camera.
    """

    def __init__(self, store: ExportStore, cutter: Cutter, folder: Path, clock: Clock, may_view: MayView) -> None:
        self._store = store
        self._cutter = cutter
        self._folder = folder
        self._clock = clock
        self._may_view = may_view
        self._running: dict[ExportId, Export] = {}
        self._cancelled: set[ExportId] = set()
        self._is_stopping = False
        self._listeners: list[Callable[[Export], None]] = []
        self._wake = asyncio.Event()
        self.settings = ExportSettings()

    def on_change(self, listener: Callable[[Export], None]) -> None:
        """Call ``listener`` with each export that changed, and with those that move on."""
        self._listeners.append(listener)

    async def request(self, wish: Wish) -> Export:
        """Queue an export; it begins at once when nothing is before it.

        Raises:
            Invalid: ``bad-range``.
            NotFound: ``clip-empty``: nothing is recorded there.
            Conflict: ``too-many-exports``, ``exports-full``.
        """
        now_ns = self._clock.wall_ns()
        end_ns = min(wish.end_ns, now_ns)
        if wish.start_ns >= end_ns:
            raise Invalid("the range is in the future, or goes backwards", code="bad-range")
        expected = await self._cutter.estimate(wish.stream, wish.start_ns, end_ns)
        sound = wish.sound and expected.sound_bytes > 0
        await self._require_room(expected.bytes + (expected.sound_bytes if sound else 0))
        export = Export(
            ExportId(new_id("exp")),
            wish.owner,
            camera_of(wish.stream),
            wish.stream,
            wish.start_ns,
            end_ns,
            wish.name,
            wish.burn_in,
            "queued",
            sound=sound,
            created_ns=now_ns,
        )
        await self._store.add(export, self.settings.bounds)
        self._tell(export)
        self._wake.set()
        return export

    async def get(self, export: ExportId) -> Export:
        """One export, with how far it is now.

        Raises:
            NotFound: ``export-not-found``.
        """
        if not is_id(export, "exp"):
            raise export_not_found()
        return self._now(await self._store.get(export))

    async def listed(self, owner: UserId | None = None) -> list[Export]:
        """Exports of one person, or of all; newest first."""
        return [self._now(export) for export in await self._store.listed(owner)]

    async def delete(self, export: ExportId) -> Export:
        """Cancel what waits or runs; remove what is over, with its files.

        Raises:
            NotFound: ``export-not-found``.
        """
        found = await self.get(export)
        if not found.is_active:
            await self._remove(found)
            return found
        self._cancelled.add(found.id)
        over = self._over(found, "cancelled")
        await self._store.put(over)
        if found.id not in self._running:
            self._cancelled.discard(found.id)
        self._tell(over)
        return over

    def file(self, export: Export, part: int = 1) -> Path:
        """The file of a part, from 1.

        Raises:
            NotFound: ``export-not-found``: there is no such part.
            Conflict: ``export-not-done``.
        """
        if export.state != "done":
            raise Conflict("the export is not done", code="export-not-done", state=export.state)
        if not 1 <= part <= len(export.parts):
            raise export_not_found()
        return self._folder / export.id / f"{part}.mp4"

    async def run(self) -> None:
        """Make exports until cancelled.

        Raises:
            Unavailable: The database does not answer.
        """
        self._is_stopping = False
        whole = await self._store.begin_again()
        await asyncio.to_thread(self._clear, whole)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tidy_all())
                group.create_task(self._tell_all())
                for _ in range(self.settings.at_once):
                    group.create_task(self._work())
        finally:
            self._is_stopping = True

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            export = await self._store.next_queued(set(self._running))
            if export is None:
                await self._wake.wait()
                continue
            if export.id in self._running:
                continue
            self._running[export.id] = running = structs.replace(export, state="running")
            try:
                await self._make(running)
            finally:
                self._running.pop(export.id, None)
                self._cancelled.discard(export.id)

    async def _make(self, export: Export) -> None:
        if not await self._may_view(export.owner, export.camera):
            await self._finish(self._over(export, "failed", NotFound("no such camera", code="camera-not-found")))
            return
        await self._store.put(export)
        self._tell(export)
        try:
            parts = await self._cut_all(export)
            await self._finish(structs.replace(self._over(export, "done"), progress=1.0, parts=tuple(parts)))
        except _Cancelled:
            await self._finish(self._over(export, "cancelled"))
        except Unavailable as error:
            log.warning("export waits", export=export.id, reason=str(error))
            await self._clock.sleep(RETRY_S)
            await self._store.put(structs.replace(export, state="queued"))
        except (HaechiError, OSError) as error:
            await self._finish(self._over(export, "failed", _as_error(error)))

    async def _cut_all(self, export: Export) -> list[ExportPart]:
        await self._until_recorded(export)
        folder = self._folder / export.id
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        parts: list[ExportPart] = []
        at_ns, whole_ns = export.start_ns, export.end_ns - export.start_ns
        while at_ns < export.end_ns and len(parts) < MOST_PARTS:
            await self._require_room(0)
            share = min(3600 * NS_PER_S, export.end_ns - at_ns) / whole_ns
            done = (at_ns - export.start_ns) / whole_ns
            path = folder / f"{len(parts) + 1}.mp4"
            note = self._noting(export, done, share)
            span = (at_ns, export.end_ns)
            style = Style(export.burn_in, export.sound)
            part = await self._cutter.cut(export.stream, span, path, note, style)
            if part is None:
                break
            parts.append(part)
            at_ns = max(part.end_ns, at_ns + 1)
        if not parts:
            raise NotFound("nothing is recorded in that range", code="clip-empty")
        return parts

    def _noting(self, export: Export, done: float, share: float) -> Callable[[float], None]:
        def note(of_part: float) -> None:
            if export.id in self._cancelled or self._is_stopping:
                raise _Cancelled
            self._running[export.id] = structs.replace(export, progress=min(done + share * of_part, 1.0))

        return note

    async def _until_recorded(self, export: Export) -> None:
        """What ends just now is on disk in a moment, if it comes at all."""
        for _ in range(int(SETTLE_S / TELL_S)):
            is_long_ago = self._clock.wall_ns() - export.end_ns > SETTLE_S * NS_PER_S
            if is_long_ago or await self._cutter.newest_ns(export.stream) >= export.end_ns:
                return
            await self._clock.sleep(TELL_S)

    async def _require_room(self, more_bytes: int) -> None:
        settings = self.settings
        used = sum(one.bytes for one in await self._store.listed())
        if used + more_bytes > settings.max_bytes:
            raise Conflict("there is no room for more exports; delete some", code="exports-full", used_bytes=used)
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        free = (await asyncio.to_thread(shutil.disk_usage, self._folder)).free
        if free - more_bytes < settings.reserve_bytes:
            raise Conflict("the disk has no room for this export", code="exports-full", free_bytes=free)

    async def _finish(self, export: Export) -> None:
        """Note how it ended. What was cancelled in its last moments stays cancelled."""
        if export.id in self._cancelled and export.state != "cancelled":
            export = self._over(structs.replace(export, parts=()), "cancelled")
        if export.state != "done":
            await asyncio.to_thread(self._discard, export.id)
        await self._store.put(export)
        self._tell(export)

    def _over(self, export: Export, state: str, error: HaechiError | None = None) -> Export:
        now_ns = self._clock.wall_ns()
        return structs.replace(
            export,
            state=state,
            error_code=error.code if error else "",
            error_message=error.message[:300] if error else "",
            finished_ns=now_ns,
            expires_ns=now_ns + int(self.settings.keep_days * NS_PER_DAY),
        )

    def _now(self, export: Export) -> Export:
        running = self._running.get(export.id)
        return running if running is not None and export.state == "running" else export

    def _tell(self, export: Export) -> None:
        for listener in self._listeners:
            listener(export)

    async def _tell_all(self) -> None:
        told: dict[ExportId, Export] = {}
        while True:
            await self._clock.sleep(TELL_S)
            for number, export in list(self._running.items()):
                if export != told.get(number, export) and number not in self._cancelled:
                    self._tell(export)
            told = dict(self._running)

    async def _tidy_all(self) -> None:
        while True:
            for export in await self._store.expired(self._clock.wall_ns()):
                await self._remove(export)
            await self._clock.sleep(TIDY_S)

    async def _remove(self, export: Export) -> None:
        await self._store.remove(export.id)
        await asyncio.to_thread(self._discard, export.id)

    def _discard(self, export: ExportId) -> None:
        shutil.rmtree(self._folder / export, ignore_errors=True)

    def _clear(self, whole: set[ExportId]) -> None:
        """After a start: nothing stays that is not of an export that is done."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for entry in self._folder.iterdir():
            if is_id(entry.name, "exp") and entry.name not in whole:
                self._discard(ExportId(entry.name))


def _as_error(error: HaechiError | OSError) -> HaechiError:
    if isinstance(error, HaechiError):
        return error
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Conflict("the disk has no room for this export", code="exports-full")
    return DataLoss("the file of the export cannot be written", code="export-failed")
