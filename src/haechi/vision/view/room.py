"""What the server makes of what is found of the views of cameras: history, pictures, alarms, what people decide."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol, cast

import structlog
from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError, Invalid, NotFound
from haechi.base.ids import CameraId, StreamId, camera_of, stream_of
from haechi.base.supervise import Backoff, supervise
from haechi.media.access_unit import UnitRef
from haechi.vision.result import Score
from haechi.vision.view.book import View, ViewBook
from haechi.vision.view.geometry import apart_px
from haechi.vision.view.health import Trouble
from haechi.vision.view.module import NAME
from haechi.vision.view.state import ViewState, accepted, jpeg, kept_at, packed, read
from haechi.vision.view.words import Said, Word, said

log = structlog.get_logger(__name__)

WAITING_MOST = 1000
"""Findings that wait for a database that is down; beyond, new ones are dropped and counted: the judge finds a view that
lies elsewhere than the history says again after a start."""
STILL_PX = 960
QUALITY = 82
TRIES, AGAIN_S = 10, 2.0
"""A frame that is no longer in memory is looked for in the recording, whose newest fragment is not listed at once."""
SIZE = (768, 432)
"""In which two transforms are compared."""
SAME_PX = 1.0
Side = Literal["before", "after"]
_SAFE = re.compile(r"[a-z]{2,4}_[a-z0-9]{3,32}")


Recorded = Callable[[UnitRef, int], Awaitable[bytes]]
"""JPEG of a recorded unit, no wider than so many pixels."""


class Pool(Protocol):
    """Who looks at the cameras (`haechi.vision.pool.VisionPool` does)."""

    def on_scored(self, callback: Callable[[StreamId, str, Score], None]) -> None: ...

    def on_saved(self, callback: Callable[[StreamId, str, bytes], None]) -> None: ...

    def restore(self, stream: StreamId, module: str, state: bytes) -> None: ...

    async def picture(self, ref: UnitRef, width_px: int | None = None, quality: int = 80) -> bytes: ...


class Told(Struct, frozen=True):
    """Something of a camera's view that people should know: for events."""

    camera: CameraId
    stream: StreamId
    word: Word
    detail: str
    at_ns: int
    ref: UnitRef | None


class ViewRoom:
    """One for the whole server.

    Attributes:
        book: The history; ``recorded`` makes pictures of units that are no longer in memory.
        dropped: Findings that were given up because the database was away for too long.
    """

    def __init__(
        self, book: ViewBook, pool: Pool, folder: Path, clock: Clock, recorded: Recorded | None = None
    ) -> None:
        self.book = book
        self._recorded = recorded
        self.dropped = 0
        self._pool = pool
        self._folder = folder
        self._clock = clock
        self._states: dict[CameraId, bytes] = {}
        self._to_keep: set[CameraId] = set()
        self._found: list[tuple[StreamId, Said]] = []
        self._troubles: dict[CameraId, dict[Trouble, int]] = {}
        self._wake = asyncio.Event()
        self._listeners: list[Callable[[Told], None]] = []
        self._is_listening = False
        self._is_restored = False

    def on_told(self, listener: Callable[[Told], None]) -> None:
        """Call ``listener`` with what people should know."""
        self._listeners.append(listener)

    def troubles(self, camera: CameraId) -> Mapping[Trouble, int]:
        """What is wrong with the picture of a camera, and since when (ns since 1970)."""
        return dict(self._troubles.get(camera, {}))

    async def run(self) -> None:
        """Serve until cancelled; may be called again after that."""
        if not self._is_listening:
            self._is_listening = True
            self._pool.on_scored(self._scored)
            self._pool.on_saved(self._saved)
        await supervise("views", self._serve, clock=self._clock, backoff=Backoff(first_s=0.2, most_s=5.0))

    async def accept(self, camera: CameraId, view: str, by: str) -> View:
        """A person agrees: zones follow, from the moment on when it was seen.

        Raises:
            NotFound: ``view-not-found``.
            Conflict: ``view-decided``.
        """
        decided = await self.book.decide(await self.book.get(camera, view), "accepted", by, self._clock.wall_ns())
        if decided.transform is not None:
            transform = decided.transform
            await self._teach(camera, lambda state: accepted(state, transform))
        return decided

    async def undo(self, camera: CameraId, view: str, by: str) -> View:
        """A person says that the view did not move so: zones lie as before, and the view is learnt anew.

        Raises:
            NotFound: ``view-not-found``.
            Conflict: ``view-decided``.
        """
        decided = await self.book.decide(await self.book.get(camera, view), "undone", by, self._clock.wall_ns())
        before = (await self.book.course(camera)).now
        await self._teach(camera, lambda state: kept_at(state, before))
        return decided

    async def renew(self, camera: CameraId, by: str) -> View:
        """A person says that the picture is as it should be: zones stay where they are drawn now."""
        now_ns = self._clock.wall_ns()
        transform = (await self.book.course(camera)).now
        renewed = View("", camera, "renewed", "applied", now_ns, transform, decided_by=by[:80], decided_ns=now_ns)
        made = await self.book.add(renewed)
        self._copy(self._path(f"{camera}-now"), self._path(f"{made.id}-before"))
        await self._teach(camera, lambda state: kept_at(state, transform))
        return made

    async def still(self, camera: CameraId, view: str, side: Side) -> bytes:
        """JPEG of the picture before or after an entry.

        Raises:
            NotFound: ``view-not-found``, ``still-missing``.
        """
        found = await self.book.get(camera, view)
        try:
            return await asyncio.to_thread(self._path(f"{found.id}-{side}").read_bytes)
        except FileNotFoundError as error:
            raise NotFound("there is no picture of this view", code="still-missing", view=view) from error

    async def forget(self, camera: CameraId) -> None:
        """The camera was deleted."""
        for view in await self.book.list(camera):
            for side in ("before", "after"):
                self._path(f"{view.id}-{side}").unlink(missing_ok=True)
        self._path(f"{camera}-now").unlink(missing_ok=True)
        self._states.pop(camera, None)
        self._troubles.pop(camera, None)
        await self.book.forget(camera)

    def _scored(self, stream: StreamId, module: str, score: Score) -> None:
        if module != NAME:
            return
        try:
            found = said(score)
        except Invalid as error:
            log.warning("a worker said something of a view that cannot be", stream=stream, reason=error.message)
            return
        if found is None:
            return
        if len(self._found) >= WAITING_MOST:
            self.dropped += 1
            return
        self._found.append((stream, found))
        self._wake.set()

    def _saved(self, stream: StreamId, module: str, state: bytes) -> None:
        if module == NAME and stream == stream_of(camera_of(stream)):
            self._states[camera_of(stream)] = state
            self._to_keep.add(camera_of(stream))
            self._wake.set()

    async def _serve(self) -> None:
        await self._restore()
        while True:
            while not self._found and not self._to_keep:
                self._wake.clear()
                await self._wake.wait()
            while self._found:
                stream, found = self._found[0]
                await self._take(stream, found)
                self._found.pop(0)
            for camera in list(self._to_keep):
                await self.book.keep_state(camera, self._states[camera], self._clock.wall_ns())
                self._to_keep.discard(camera)

    async def _restore(self) -> None:
        """Once: what was known of every view before the server was started."""
        if self._is_restored:
            return
        for camera, body in (await self.book.states()).items():
            try:
                state = read(body)
            except Invalid as error:
                log.warning("what was known of a view cannot be read", camera=camera, reason=error.message)
                continue
            self._states.setdefault(camera, body)
            now_ns = self._clock.wall_ns()
            self._troubles[camera] = {trouble: now_ns for trouble, hold in state.holds.items() if hold.is_on}
            self._pool.restore(stream_of(camera), NAME, body)
        self._is_restored = True

    async def _take(self, stream: StreamId, found: Said) -> None:
        """Write a finding down.

        Raises:
            Unavailable: The database does not answer; call again.
        """
        camera = camera_of(stream)
        match found.word:
            case "sick":
                self._troubles.setdefault(camera, {})[_trouble(found)] = found.at_ns
            case "well":
                self._troubles.setdefault(camera, {}).pop(_trouble(found), None)
            case "settled":
                await self.book.settle(camera, found.at_ns)
            case "referenced":
                await self._keep_now(camera, found)
                return
            case "moved" | "asked":
                if not await self._lies_elsewhere(camera, found):
                    return
                await self._note(camera, found)
        for listener in self._listeners:
            listener(Told(camera, stream, found.word, found.detail, found.at_ns, found.ref))

    async def _lies_elsewhere(self, camera: CameraId, found: Said) -> bool:
        """Whether it says anything new: a judge that was taken back a minute finds the same again."""
        if found.transform is None:
            return True
        return apart_px(found.transform, (await self.book.course(camera)).now, SIZE) > SAME_PX

    async def _note(self, camera: CameraId, found: Said) -> None:
        is_moved = found.word == "moved"
        made = await self.book.add(
            View(
                "",
                camera,
                "moved" if is_moved else "asked",
                "applied" if is_moved else "open",
                found.at_ns,
                found.transform,
                "" if is_moved else found.detail,
                found.error_px,
                found.inliers,
                "" if found.ref is None else str(found.ref),
            )
        )
        log.info("the view of a camera moved", camera=camera, kind=made.kind, view=made.id)
        if not self._copy(self._path(f"{camera}-now"), self._path(f"{made.id}-before")):
            await self._draw_reference(camera, self._path(f"{made.id}-before"))
        after = await self._picture(found)
        if after:
            await asyncio.to_thread(_store, self._path(f"{made.id}-after"), after)
            if is_moved:
                await asyncio.to_thread(_store, self._path(f"{camera}-now"), after)

    async def _keep_now(self, camera: CameraId, found: Said) -> None:
        """The picture of a view as it should be, for the next time that it moves. By day, where there is a day."""
        path = self._path(f"{camera}-now")
        if found.detail == "day" or not path.is_file():
            picture = await self._picture(found)
            if picture:
                await asyncio.to_thread(_store, path, picture)

    async def _picture(self, found: Said) -> bytes:
        """JPEG of the unit of a finding; empty when it cannot be had."""
        if found.ref is None:
            return b""
        reason = ""
        for number in range(TRIES):
            try:
                if number == 0 or self._recorded is None:
                    return await self._pool.picture(found.ref, STILL_PX, QUALITY)
                await self._clock.sleep(AGAIN_S)
                return await self._recorded(found.ref, STILL_PX)
            except HaechiError as error:
                reason = error.code
        log.info("no picture of a view", ref=str(found.ref), code=reason)
        return b""

    async def _draw_reference(self, camera: CameraId, path: Path) -> None:
        """The grey picture that the judge compares with, where no other was kept."""
        body = self._states.get(camera, b"")
        references = read(body).references if body else {}
        kept = next(iter(references.values()), None)
        if kept is not None:
            await asyncio.to_thread(_store, path, jpeg(kept))

    async def _teach(self, camera: CameraId, change: Callable[[ViewState], ViewState]) -> None:
        """Have the judge go on from something else."""
        body = self._states.get(camera) or await self.book.state(camera)
        try:
            state = read(body) if body else ViewState()
        except Invalid:
            state = ViewState()
        taught = packed(change(state))
        self._states[camera] = taught
        self._pool.restore(stream_of(camera), NAME, taught)
        await self.book.keep_state(camera, taught, self._clock.wall_ns())

    def _path(self, name: str) -> Path:
        if _SAFE.fullmatch(name.partition("-")[0]) is None:
            raise NotFound("no such view", code="view-not-found")
        return self._folder / f"{name}.jpg"

    def _copy(self, source: Path, target: Path) -> bool:
        try:
            _store(target, source.read_bytes())
        except FileNotFoundError:
            return False
        return True


def _trouble(found: Said) -> Trouble:
    return cast(Trouble, found.detail)


def _store(path: Path, data: bytes) -> None:
    """Write a file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "wb") as out:
        out.write(data)
    Path(name).replace(path)
