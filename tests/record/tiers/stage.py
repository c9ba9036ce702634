"""Footage of an hour, made once by the real recorder, and everything that moves it, on a clock of the test's own."""

import asyncio
import atexit
import hashlib
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.ids import StreamId
from haechi.media.access_unit import UnitRef
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex, Recording, fragments_in, recording_of
from haechi.record.playback.footage import Playback
from haechi.record.playback.read import units_in
from haechi.record.tables import recordings
from haechi.record.tiers.mover import Mover, Pace, Route
from haechi.record.tiers.objects import Limits, Objects
from haechi.record.tiers.places import Folder, Place
from haechi.record.tiers.reaper import Reaper
from haechi.record.tiers.tables import doomed, moves, objects
from haechi.record.tiers.vault import Vault
from haechi.store.database import Database
from tests.record.archive import JPEG, MAIN, SUB, Archive, pictures
from tests.s3 import ACCESS_KEY, SECRET_KEY
from tests.streams import START_NS

MINUTE_NS = 60 * NS_PER_S
NOW_NS = START_NS + 24 * 60 * MINUTE_NS
QUICK = Limits(read_s=1.0, write_s=2.0, connect_s=0.5)
PATIENT = Limits()


@lru_cache(maxsize=4)
def recorded(minutes: int, size: int = 4000) -> Path:
    """A folder with so many minutes of two cameras, one picture a second; shared, not to be changed."""
    root = Path(tempfile.mkdtemp(prefix="haechi-stage-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    made = Archive(root)

    async def play() -> None:
        async with made:
            for stream in (MAIN, SUB):
                units = pictures(minutes * 60, UnitRef(stream, 1, 0), fps=1, gop=4, size=size)
                for start in range(0, len(units), 600):
                    made.publish(JPEG, units[start : start + 600])
                    await made.until_acknowledged(made.recorder.stats.acknowledged_units + 1, 30)
                    await asyncio.sleep(0)
            made.end_run(MAIN)
            made.end_run(SUB)

    asyncio.run(play())
    made.close()
    return root


@lru_cache(maxsize=4)
def _digests(minutes: int, size: int) -> dict[tuple[StreamId, int], str]:
    root = recorded(minutes, size)
    database = Database.at(root / "haechi.db")
    vault = Vault(Volume(root / "record"), database)
    query = sa.select(recordings)
    rows = database.read_now(lambda c: [recording_of(row) for row in c.execute(query)])
    found = {(row.stream, row.start_ns): digest(vault, database, row) for row in rows}
    vault.close()
    database.close()
    return found


class Stage:
    """A copy of `recorded`, with a clock that stands a day later.

    Attributes:
        before: What `digests` gave before anything was moved.
    """

    def __init__(self, root: Path, minutes: int = 10, size: int = 4000) -> None:
        shutil.copytree(recorded(minutes, size), root, dirs_exist_ok=True)
        self.root = root
        self.before = _digests(minutes, size)
        self.open()

    @classmethod
    def at(cls, root: Path) -> "Stage":
        """What another process made."""
        made = cls.__new__(cls)
        made.root, made.before = root, {}
        made.open()
        return made

    def open(self) -> None:
        """As after a start of the program."""
        self.clock = SimulatedClock(NOW_NS)
        self.database = Database.at(self.root / "haechi.db")
        self.index = RecordIndex(self.database)
        self.first = Volume(self.root / "record")
        asyncio.run(self.first.claim(self.database, self.clock))
        self.keys = KeyRing(self.root / "keys.json")
        self.vault = Vault(self.first, self.database, self.keys)
        self.playback = Playback(self.index, self.vault, self.root)
        self.places: dict[str, Place] = {self.first.id: Folder(self.first)}
        self.reaper = Reaper(self.places, self.database, self.clock)

    def close(self) -> None:
        self.vault.close()
        self.database.close()

    def again(self) -> None:
        """Stop, and start on the same files."""
        self.close()
        self.open()

    def mover(self, place: Place, pace: Pace | None = None, *, encrypt: bool = False, after_ns: int = 0) -> Mover:
        """What moves all footage of the first volume to ``place``."""
        self.vault.add(place, place.volume.name if isinstance(place, Folder) else "far")
        self.places[place.id] = place
        route = Route(place, "far", [self.first.id], after_ns, encrypt, lambda: False, lambda _: True)
        return Mover(route, self.vault, self.database, self.clock, self.keys, pace)

    async def folder(self, name: str = "big") -> Folder:
        """A claimed folder, as on a second disk."""
        place = Folder(Volume(self.root / name, name, 1))
        await place.volume.claim(self.database, self.clock)
        return place

    async def objects(
        self, endpoint: str, prefix: str = "site", limits: Limits = QUICK, *, takes: bool = False
    ) -> Objects:
        """A claimed store on the S3 server at ``endpoint``."""
        options = {"endpoint": endpoint, "region": "us-east-1"}
        options |= {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
        place = Objects(f"s3://footage/{prefix}", options, limits)
        await place.claim(self.database, self.clock, "far", 2, takes=takes)
        return place

    def rows(self) -> list[Recording]:
        query = sa.select(recordings).order_by(recordings.c.stream, recordings.c.start_ns)
        return self.database.read_now(lambda c: [recording_of(row) for row in c.execute(query)])

    def digests(self) -> dict[tuple[StreamId, int], str]:
        """What the index and the bytes of every recording say together, by stream and start."""
        return {(row.stream, row.start_ns): digest(self.vault, self.database, row) for row in self.rows()}

    def volumes(self) -> set[str]:
        return {row.volume for row in self.rows()}

    def count(self, name: str) -> int:
        table = {"objects": objects, "moves": moves, "doomed": doomed}[name]
        return self.database.read_now(
            lambda c: int(c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
        )

    def local_files(self) -> list[Path]:
        return sorted((self.root / "record").rglob("*.mp4"))


def digest(vault: Vault, database: Database, row: Recording) -> str:
    """SHA-256 over all units of a recording (each fragment compared with its own hash) and over all its bytes."""
    found = hashlib.sha256(vault.read(row, 0, row.size_bytes))
    for piece in database.read_now(lambda c: fragments_in(c, [row.id])):
        for unit in units_in(vault, row, piece):
            found.update(repr((unit.ref, unit.captured_ns, unit.pts)).encode() + unit.data)
    return found.hexdigest()


async def until_moved(mover: Mover, stage: Stage, rounds: int = 50) -> None:
    """Work until nothing is due any more, and delete what is doomed."""
    for _ in range(rounds):
        if not await mover.round():
            break
    await stage.reaper.once()
