"""A camera that numbers its units and remembers them, its live connection with outages, and the archive beside it."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.ids import StreamId
from haechi.bus.frames import GapCause
from haechi.ingest.runs import RunNumbers
from haechi.media.access_unit import AccessUnit, CodecParams, UnitRef
from haechi.media.fmp4.reader import scan
from haechi.media.reverse.edge import EdgeId, EdgeRun, EdgeUnit
from haechi.record.backfill.filler import Backfill
from haechi.record.disk.plain_file import PlainFile
from haechi.record.index.totals import differing
from haechi.record.repair.check import CheckLevel, check
from haechi.record.write.recorder import RecorderSettings
from tests.record.archive import JPEG, MAIN, Archive
from tests.streams import START_NS

FPS, GOP = 10, 20
OFFSET_NS = 3_700 * NS_PER_S
"""How far the camera's clock is behind ours."""


class Camera(Struct, frozen=True):
    """Units of one edge run: every one can be made again from its number."""

    run: EdgeRun = EdgeRun(4711)
    stream: StreamId = MAIN
    start_ns: int = START_NS
    fps: int = FPS
    gop: int = GOP
    size: int = 60

    def taken_ns(self, seq: int) -> int:
        """When a unit was taken, by our clock."""
        return self.start_ns + seq * NS_PER_S // self.fps

    @property
    def params(self) -> CodecParams:
        return JPEG

    def data(self, seq: int) -> bytes:
        return f"{self.stream}:{self.run}:{seq}.".encode().ljust(self.size, b".")

    def unit(self, seq: int) -> EdgeUnit:
        ticks = seq * 90_000 // self.fps
        wall_ns, is_sync = self.taken_ns(seq) - OFFSET_NS, seq % self.gop == 0
        return EdgeUnit(EdgeId(self.run, seq), "main", ticks, ticks, wall_ns, is_sync, self.params, self.data(seq))

    def units(self, first: int, end: int) -> list[EdgeUnit]:
        return [self.unit(seq) for seq in range(first, end)]


class Shown(SystemClock):
    """Shows the time that a test is at."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def wall_ns(self) -> int:
        return self.now_ns


class Site(Archive):
    """An archive that takes what a camera remembers, too."""

    def __init__(self, root: Path, *, settings: RecorderSettings | None = None) -> None:
        wish = settings or RecorderSettings(gather_s=0, settled_s=0.2)
        self.now = Shown(START_NS)
        super().__init__(root, clock=self.now, settings=wish, keys=wish.keys)
        self.runs = RunNumbers(self.database)
        self.backfill = Backfill(self.recorder, self.index, self.volume, self.clock, self.runs.next, wish)
        self.keys = wish.keys

    async def __aexit__(self, *details: object) -> None:
        await super().__aexit__(*details)
        await self.backfill.close()

    async def live(
        self, camera: Camera, first: int, end: int, *, lost: Sequence[int] = (), cause: GapCause = GapCause.UNREACHABLE
    ) -> None:
        """A connection over which the units from ``first`` on came, except for some."""
        run = (await self.runs.next([camera.stream], camera.taken_ns(first)))[0]
        number = 0
        expected: int | None = None
        for seq in range(first, end):
            if seq in lost:
                continue
            if seq != expected:
                self.backfill.note_live(camera.stream, run, number, EdgeId(camera.run, seq))
            expected = seq + 1
            unit, ticks = camera.unit(seq), (seq - first) * 90_000 // camera.fps
            ref = UnitRef(camera.stream, run, number)
            self.publish(
                camera.params, [AccessUnit(ref, ticks, ticks, camera.taken_ns(seq), unit.is_sync, 0, unit.data)]
            )
            number += 1
        self.now.now_ns = max(self.now.now_ns, camera.taken_ns(end))
        self.end_run(camera.stream, cause)

    async def held(self, camera: Camera) -> list[tuple[int, int]]:
        return await self.backfill.held(camera.stream, camera.run)

    async def fill(self, camera: Camera, first: int, end: int, offset_ns: int = OFFSET_NS) -> None:
        await self.backfill.store(camera.stream, camera.units(first, end), offset_ns)

    def footage(self, stream: StreamId = MAIN) -> list[tuple[int, bytes]]:
        """Stamp and payload of every unit that is listed, in the order of the index, read from the files."""
        found: list[tuple[int, bytes]] = []
        for row in self.recordings():
            if row.stream != stream:
                continue
            with PlainFile(self.volume.path_of(row.path), self.keys) as file:
                assert file.size == row.size_bytes
                for piece in scan(file).fragments:
                    for unit in piece.units:
                        file.seek(unit.sample.offset)
                        found.append((unit.captured_ns, file.read(unit.sample.size)))
        return found


def payloads(camera: Camera, *seqs: range) -> list[bytes]:
    """What these units hold."""
    return [camera.unit(seq).data for some in seqs for seq in some]


def sound(site: Site) -> None:
    """What holds whatever happened: D6, D7, and what is listed is what is there."""
    stamps = [at for at, _ in site.footage()]
    assert all(a < b for a, b in pairwise(stamps))
    rows = [row for row in site.recordings() if row.stream == MAIN]
    assert all(a.end_ns <= b.start_ns for a, b in pairwise(rows))

    async def tiles() -> None:
        spans, gaps = await site.spans(), await site.gaps()
        assert not [gap for gap in gaps for row in rows if row.start_ns < gap.end_ns and gap.start_ns < row.end_ns]
        pieces = sorted([(s.start_ns, s.end_ns) for s in spans] + [(g.start_ns, g.end_ns) for g in gaps])
        assert all(a[1] == b[0] for a, b in pairwise(pieces)), pieces
        assert (await check(site.index, site.volume, CheckLevel.HASH, keys=site.keys)).is_sound
        assert not await site.database.read(differing)

    asyncio.run(tiles())
