"""Small pictures of the past for whoever moves over a timeline: decoded once, kept on disk as long as there is room.

A picture is kept under the identity of its unit (stream, run, sequence number, capture time), never under a time or the
number of a row, so that it cannot be shown for another. It is only asked for through the index: when the footage is
gone there is no way to its picture any more, and `Previews.forget` takes the file away, too.
"""

import asyncio
import os
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import structlog
from msgspec import Struct, structs

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import DataLoss, Invalid, NotFound
from haechi.base.ids import CameraId, StreamId, camera_of
from haechi.media.access_unit import AccessUnit, VideoParams
from haechi.record.playback.reel import Moment, Reel
from haechi.record.playback.sheets import (
    CELL_PX,
    CELLS,
    COLUMNS,
    SHEET_QUALITY,
    Cell,
    Facts,
    Sheet,
    Spot,
    Stretch,
    cell_of,
    cell_size,
    facts_of,
    key_of,
    stretch_of,
    with_facts,
)

log = structlog.get_logger(__name__)

WIDTHS_PX = (160, 320, 640)
"""Few, so that the same picture is not kept in a hundred sizes."""
QUALITY = 70
AT_ONCE = 2
"""Pictures that are decoded at once; others wait: stills of other people have the same worker."""
NS_PER_HOUR = 3600 * NS_PER_S
LOW = 0.9
"""When there are more bytes than may be, the least lately used go, down to this share of the limit."""


class Decode(Protocol):
    """A JPEG of the last of some units; `haechi.vision.pool.VisionPool.still` is it."""

    async def __call__(
        self, units: Sequence[AccessUnit], params: VideoParams, width_px: int | None = None, quality: int = 80
    ) -> bytes:
        """Decode in a locked-in worker."""


class LayOut(Protocol):
    """Several JPEGs as one; `haechi.vision.pool.VisionPool.laid_out` is it."""

    async def __call__(
        self, pictures: Sequence[bytes], columns: int, cell_px: tuple[int, int], quality: int = 80
    ) -> bytes:
        """Lay them out in a locked-in worker."""


class Preview(Struct, frozen=True):
    """A picture, and when it was captured."""

    captured_ns: int
    jpeg: bytes


class Shelf:
    """Files of a folder, the least lately used taken away beyond a number of bytes. Blocking; one thread at a time."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._held: OrderedDict[str, int] | None = None
        self._total = 0

    def get(self, name: str) -> bytes | None:
        """A file's content; None: it is not here."""
        if name not in self._files():
            return None
        try:
            data = (self._folder / name).read_bytes()
            os.utime(self._folder / name)
        except OSError:
            self._drop(name)
            return None
        self._files().move_to_end(name)
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep a file, whole or not at all."""
        self._files()
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(data)
        part.replace(path)
        self._drop(name)
        self._files()[name] = len(data)
        self._total += len(data)
        if self._total > self._most_bytes:
            while self._files() and self._total > self._most_bytes * LOW:
                oldest = next(iter(self._files()))
                (self._folder / oldest).unlink(missing_ok=True)
                self._drop(oldest)

    def remove(self, folder: str) -> None:
        """Take a folder away, with all that is in it."""
        shutil.rmtree(self._folder / folder, ignore_errors=True)
        for name in [name for name in self._files() if name.startswith(f"{folder}/")]:
            self._drop(name)

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders in a folder."""
        place = self._folder / below
        return sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []

    @property
    def total_bytes(self) -> int:
        """How much is kept."""
        self._files()
        return self._total

    def _files(self) -> OrderedDict[str, int]:
        if self._held is None:
            self._held = OrderedDict(self._found())
            self._total = sum(self._held.values())
        return self._held

    def _found(self) -> list[tuple[str, int]]:
        """What is there from before, the least lately used first; half-written files are taken away."""
        found: list[tuple[float, str, int]] = []
        for path in self._folder.rglob("*"):
            if path.suffix == ".part":
                path.unlink(missing_ok=True)
            elif path.suffix == ".jpg":
                state = path.stat()
                found.append((state.st_mtime, str(path.relative_to(self._folder)), state.st_size))
        return [(name, size) for _, name, size in sorted(found)]

    def _drop(self, name: str) -> None:
        size = self._files().pop(name, 0)
        self._total -= size


class Previews:
    """Pictures of recorded moments, from the sync unit at or before them.

    Args:
        folder: Where they are kept; what is in it can be made again.
    """

    def __init__(self, reel: Reel, decode: Decode, folder: Path, most_bytes: int) -> None:
        self._reel = reel
        self._decode = decode
        self._shelf = Shelf(folder, most_bytes)
        self._turn = asyncio.Lock()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._sheet_room = asyncio.Semaphore(AT_ONCE - 1)
        self._making: dict[str, asyncio.Lock] = {}

    async def at(self, stream: StreamId, at_ns: int, width_px: int = WIDTHS_PX[1]) -> Preview:
        """The picture of the sync unit at or before a moment, in the next larger of `WIDTHS_PX`.

        Raises:
            NotFound: ``no-picture``: nothing is recorded at that moment.
            DataLoss: The footage is damaged.
            Invalid: The picture cannot be decoded.
            Unavailable: ``vision-busy``.
        """
        width = next((one for one in WIDTHS_PX if one >= width_px), WIDTHS_PX[-1])
        moment = await self._reel.moment(stream, at_ns)
        return Preview(moment.unit.captured_ns, await self._of(stream, moment, width))

    async def sheet(self, stream: StreamId, at_ns: int, step_ns: int, now_ns: int, lay_out: LayOut) -> Sheet:
        """The sheet whose stretch a moment lies in; it is kept once nothing more can come to it.

        Raises:
            Invalid: ``bad-step``.
            NotFound: ``no-picture``: nothing is recorded in the stretch.
            Unavailable: ``vision-busy``.
        """
        stretch = stretch_of(at_ns, step_ns)
        spots = await self._reel.spots(stream, stretch, now_ns)
        if not spots:
            raise NotFound("nothing is recorded in that stretch", code="no-picture")
        name = _sheet_name(stream, stretch, key_of(spots))
        async with self._alone(name):
            kept = await self._kept(name)
            if kept is not None:
                return kept
            async with self._sheet_room:
                made, is_whole = await self._laid_out(stream, stretch, spots, lay_out)
            if not is_whole or not stretch.is_over(now_ns):
                return made
            final = structs.replace(made.facts, is_final=True)
            kept = Sheet(final, with_facts(made.jpeg, final))
            await self._keep(name, kept.jpeg)
            return kept

    async def forget(self, oldest_ns: dict[CameraId, int]) -> None:
        """Take away pictures of footage that is gone: of hours before the oldest footage, and of cameras not named."""
        async with self._turn:
            await asyncio.to_thread(self._forget, oldest_ns)

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """Others who want the same wait until it is made."""
        lock = self._making.setdefault(name, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._making.pop(name, None)

    async def _of(self, stream: StreamId, moment: Moment, width: int) -> bytes:
        name = _name(stream, moment, width)
        async with self._alone(name):
            return await self._get(name, moment, width)

    async def _kept(self, name: str) -> Sheet | None:
        async with self._turn:
            jpeg = await asyncio.to_thread(self._shelf.get, name)
        try:
            return None if jpeg is None else Sheet(facts_of(jpeg), jpeg)
        except DataLoss as error:
            log.warning("a sheet is made anew", reason=error.message)
            return None

    async def _laid_out(
        self, stream: StreamId, stretch: Stretch, spots: Sequence[Spot], lay_out: LayOut
    ) -> tuple[Sheet, bool]:
        """A sheet, and whether all of its pictures could be made. One picture after the other: those that somebody
        waits for come in between."""
        cells: list[Cell | None] = [None] * CELLS
        pictures = [b""] * CELLS
        first: Moment | None = None
        for spot in spots:
            try:
                moment = await self._reel.moment_in(spot.piece, spot.at_ns)
                pictures[spot.number] = await self._of(stream, moment, CELL_PX)
            except (DataLoss, Invalid, NotFound) as error:
                log.debug("a cell of a sheet stays empty", code=error.code)
                continue
            cells[spot.number] = cell_of(stretch, spot, moment.unit)
            first = first or moment
        if first is None:
            raise NotFound("no picture of that stretch can be decoded", code="no-picture")
        size = cell_size(*await self._reel.size_px(first))
        facts = Facts(stretch.start_ns // NS_PER_MS, stretch.step_ns // NS_PER_MS, COLUMNS, *size, False, tuple(cells))
        jpeg = await lay_out(pictures, COLUMNS, size, SHEET_QUALITY)
        return Sheet(facts, jpeg), len(spots) == sum(cell is not None for cell in cells)

    async def _get(self, name: str, moment: Moment, width: int) -> bytes:
        async with self._turn:
            known = await asyncio.to_thread(self._shelf.get, name)
        if known is not None:
            return known
        async with self._room:
            unit, params = await self._reel.unit_of(moment)
            jpeg = await self._decode((unit,), params, width_px=width, quality=QUALITY)
        await self._keep(name, jpeg)
        return jpeg

    async def _keep(self, name: str, jpeg: bytes) -> None:
        async with self._turn:
            try:
                await asyncio.to_thread(self._shelf.put, name, jpeg)
            except OSError as error:
                log.warning("a preview cannot be kept", reason=error.strerror)

    def _forget(self, oldest_ns: dict[CameraId, int]) -> None:
        for camera in self._shelf.folders():
            oldest = oldest_ns.get(CameraId(camera))
            if oldest is None:
                self._shelf.remove(camera)
                continue
            for hour in self._shelf.folders(camera):
                if not hour.isdecimal() or int(hour) < oldest // NS_PER_HOUR:
                    self._shelf.remove(f"{camera}/{hour}")


def _name(stream: StreamId, moment: Moment, width: int) -> str:
    at_ns, role = moment.unit.captured_ns, stream.partition("/")[2]
    unit = f"{at_ns}-{moment.piece.recording.run}-{moment.unit.seq}"
    return f"{camera_of(stream)}/{at_ns // NS_PER_HOUR}/{role}-{unit}-{width}.jpg"


def _sheet_name(stream: StreamId, stretch: Stretch, key: str) -> str:
    hour, role = stretch.start_ns // NS_PER_HOUR, stream.partition("/")[2]
    return f"{camera_of(stream)}/{hour}/{role}-sheet-{stretch.start_ns}-{stretch.step_ns // NS_PER_S}-{key}.jpg"
