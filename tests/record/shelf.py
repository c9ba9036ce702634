"""A shelf of recordings put there by hand, for the tests of what is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.ids import CameraId, RecordingId, StreamId, camera_of, stream_of
from haechi.bus.ledger import Ledger
from haechi.record.disk.volume import Space, Volume
from haechi.record.index.accounts import Accounts
from haechi.record.index.policies import NS_PER_DAY, PinKind
from haechi.record.index.spans import RecordIndex
from haechi.record.retention.bookmarks import BookmarkStore
from haechi.record.retention.deletion import Retention, RetentionReport, RetentionSettings
from haechi.record.retention.judge import MOTION_FROM
from haechi.record.tables import recordings
from haechi.store.database import Database
from tests.record.archive import _empty_database
from tests.streams import START_NS

MINUTE_NS = 60 * NS_PER_S
FRONT, YARD = CameraId("cam_front"), CameraId("cam_yard")
SIZE = 1_000


class Room(Volume):
    """A volume with so much room for files of nothing, of which the index says how large they are."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.capacity = 1 << 40
        self.used = 0
        self.sizes: dict[str, int] = {}

    def space(self) -> Space:
        return Space(self.capacity, self.capacity - self.used)

    def remove(self, relative: str) -> None:
        assert self.path_of(relative).exists(), "deleted twice"
        self.used -= self.sizes.pop(relative)
        super().remove(relative)


class Shelf:
    """Recordings of whole minutes, put there by hand: rows and files, as a recorder leaves them."""

    def __init__(self, root: Path, at_ns: int = START_NS) -> None:
        (root / "haechi.db").write_bytes(_empty_database())
        self.database = Database.at(root / "haechi.db")
        self.clock = SimulatedClock(at_ns)
        self.index = RecordIndex(self.database)
        self.volume = Room(root / "record")
        asyncio.run(self.volume.claim(self.database, self.clock))
        self.retention = Retention(self.index, self.volume, self.clock, RetentionSettings(min_free_bytes=0))
        self.bookmarks = BookmarkStore(self.database, self.clock)
        self._count = 0
        self.once()  # retention's time begins now, whatever is recorded later

    def close(self) -> None:
        self.database.close()

    def record(self, stream: StreamId, start_ns: int, *, size: int = SIZE, is_open: bool = False) -> RecordingId:
        """A minute of footage."""
        self._count += 1
        number = self._count
        row = {
            "volume": self.volume.id,
            "stream": stream,
            "run": 1,
            "params": 0,
            "path": f"{camera_of(stream)}/{number}.mp4",
            "start_ns": start_ns,
            "end_ns": start_ns + MINUTE_NS,
            "first_seq": number * 10,
            "last_seq": number * 10 + 9,
            "init_bytes": 1,
            "size_bytes": size,
            "is_open": is_open,
        }
        path = self.volume.path_of(str(row["path"]))
        path.parent.mkdir(exist_ok=True)
        path.touch()
        self.volume.sizes[str(row["path"])] = size
        self.volume.used += size
        key = self.database.write_now(lambda c: c.execute(recordings.insert().values(row)).inserted_primary_key)
        assert key is not None
        return RecordingId(key[0])

    def minutes(self, camera: CameraId, count: int, *, days_ago: float = 0.0, size: int = SIZE) -> list[RecordingId]:
        """Minutes in a row that ended so long before now."""
        start_ns = self.clock.wall_ns() - int(days_ago * NS_PER_DAY) - count * MINUTE_NS
        return [self.record(stream_of(camera), start_ns + n * MINUTE_NS, size=size) for n in range(count)]

    def moved(self, camera: CameraId, recording: RecordingId, motion: int = MOTION_FROM) -> None:
        """Something moved in a recording, as the accounts tell."""
        start_ns = self.row(recording).start_ns
        put_motion(self.database, stream_of(camera), start_ns + MINUTE_NS // 2, motion)

    def pin(self, camera: CameraId, recording: RecordingId, reason: str, kind: PinKind) -> None:
        start_ns = self.row(recording).start_ns
        asyncio.run(self.index.pin(stream_of(camera), start_ns + NS_PER_S, start_ns + 2 * NS_PER_S, reason, kind))

    def row(self, recording: RecordingId) -> sa.Row[tuple[object, ...]]:
        return self.database.read_now(
            lambda c: c.execute(sa.select(recordings).where(recordings.c.id == recording)).one()
        )

    def left(self) -> list[RecordingId]:
        query = sa.select(recordings.c.id).order_by(recordings.c.id)
        return self.database.read_now(lambda c: [RecordingId(one) for one in c.execute(query).scalars()])

    def kept(self) -> dict[RecordingId, int | None]:
        query = sa.select(recordings.c.id, recordings.c.kept_as)
        return self.database.read_now(lambda c: {RecordingId(row.id): row.kept_as for row in c.execute(query)})

    def once(self) -> RetentionReport:
        return asyncio.run(self.retention.once())


def put_motion(database: Database, stream: StreamId, at_ns: int, motion: int) -> None:
    """Let the ledger count motion in a minute, and put it into the database as the recorder does."""
    ledger = Ledger()
    ledger.moved(stream, at_ns, motion / 255)
    asyncio.run(Accounts(ledger, database, SimulatedClock(at_ns)).flush())
