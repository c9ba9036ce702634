"""What must hold after any fault, CONTRACT D1-D7, found by reading the disk and the database from outside."""

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from haechi.base.ids import StreamId
from tests.faults.evidence import Damaged, Hole, Index, Row, Seen, read_footage, read_index, unlisted
from tests.faults.ledger import Key, Ledger
from tests.faults.script import GOP, RUNS_PER_LIFE, STEP_NS, STEPS_MOST, Script
from tests.faults.victim import KEEP_NS

NAMED_MOST = 5
DESTROYED_MOST = 60
"""Units in one file of a life: no fault here destroys more."""


class Verdict(Struct, frozen=True):
    """What the judge saw.

    Attributes:
        violations: Broken promises, each with its number in CONTRACT.md.
        acknowledged: Units that had to be there.
        readable: Units that are listed and read back with equal bytes.
        loss_units: Most units of one camera that the newest life was given and that are not there.
        unlisted: Files of footage that no row speaks of.
    """

    violations: tuple[str, ...]
    acknowledged: int = 0
    readable: int = 0
    loss_units: int = 0
    unlisted: int = 0


class Terms(Struct, frozen=True):
    """What a fault excuses.

    Attributes:
        loss_most: Units of one camera that may be lost: the fragment in flight and the unit after it. None: what
            is lost shows in the gaps.
        damage_is_mine: The fault destroyed what was durable: what is gone must be accounted for, not there.
        may_be_deleted: Room had to be made: footage may be gone that nothing protects, if a gap says so.
    """

    loss_most: int | None = GOP + 1
    damage_is_mine: bool = False
    may_be_deleted: bool = False


STRICT = Terms()


class Judge:
    """Looks at one folder. ``present``: every unit that it found.

    Args:
        struck: The newest life that was struck down; its loss is measured.
    """

    def __init__(self, folder: Path, script: Script, ledger: Ledger, struck: int, terms: Terms = STRICT) -> None:
        self._folder = folder
        self._script = script
        self._ledger = ledger
        self._life = struck
        self._terms = terms
        self._spoilt: list[int] = []
        self.present: set[Key] = set()

    def look(self) -> Verdict:
        """Everything that is wrong."""
        try:
            index = read_index(self._folder / "haechi.db")
        except sqlite3.DatabaseError as error:
            return Verdict((f"D2 the database cannot be read: {error}",))
        broken = [f"D2 integrity_check: {index.integrity}"] if index.integrity != "ok" else []
        broken += self._listed(index)
        broken += self._promised(index)
        broken += self._orders(index)
        for stream in self._script.streams():
            broken += tiles(stream, index)
        left = unlisted(self._folder)
        broken += [f"D2 unlisted: {path}" for path in left[:NAMED_MOST]]
        loss = self._loss()
        if self._terms.loss_most is not None and loss > self._terms.loss_most:
            broken.append(f"D3 {loss} units of a camera are lost, at most {self._terms.loss_most} were in flight")
        return Verdict(tuple(broken), len(self._ledger.acknowledged), len(self.present), loss, len(left))

    def _listed(self, index: Index) -> list[str]:
        """Listed = readable, with equal bytes, whole, in order."""
        broken = []
        for row in index.rows:
            try:
                units = self._units(row)
            except (Damaged, OSError) as error:
                broken.append(f"D2 listed but not readable: {row.path}: {error}")
                continue
            broken += [f"D2 {row.path}: {wrong}" for wrong in self._wrong(row, units)]
            self.present |= {(StreamId(row.stream), row.run, unit.seq) for unit in units}
        return broken

    def _units(self, row: Row) -> list[Seen]:
        with (self._folder / "record" / row.path).open("rb") as file:
            file.seek(row.base_bytes)
            data = file.read(row.size_bytes)
        if len(data) != row.size_bytes:
            raise Damaged(f"{len(data)} bytes, not {row.size_bytes}")
        return list(read_footage(data, row.init_bytes, self._spoilt if self._terms.damage_is_mine else None))

    def _wrong(self, row: Row, units: list[Seen]) -> Iterator[str]:
        stream = StreamId(row.stream)
        if not self._terms.damage_is_mine:
            if [unit.seq for unit in units] != list(range(row.first_seq, row.last_seq + 1)):
                yield "other units than the index tells"
            if units and not row.start_ns == units[0].captured_ns <= units[-1].captured_ns < row.end_ns:
                yield "other times than the index tells"
        for unit in units:
            if unit.run != row.run or unit.payload != self._script.payload(stream, row.run, unit.seq):
                yield f"unit {unit.seq} is not what the camera sent"
                return
        if any(before.captured_ns >= after.captured_ns for before, after in pairwise(units)):
            yield "D7 stamps do not increase"

    def _promised(self, index: Index) -> list[str]:
        """Acknowledged = there, unless its time has passed, or the fault destroyed it; then it is accounted for."""
        lost = sorted(self._ledger.acknowledged - self.present)
        if self._terms.damage_is_mine:
            untold = [
                key for key in lost if not any(_covers(hole, key[0], self._captured_ns(key)) for hole in index.holes)
            ]
            broken = [f"D6 destroyed, and no gap says so: {key}" for key in untold[:NAMED_MOST]]
            return broken + ([f"D2 {len(lost)} units are gone"] if len(lost) > DESTROYED_MOST else [])
        kept_ns = self._ledger.wall_ns if self._terms.may_be_deleted else self._ledger.wall_ns - KEEP_NS
        expired = [hole for hole in index.holes if hole.cause == "retention"]
        bad = []
        for key in lost:
            at_ns = self._captured_ns(key)
            is_over = at_ns < kept_ns and any(_covers(hole, key[0], at_ns) for hole in expired)
            is_pinned = any(one == key[0] and start <= at_ns < end for one, start, end in self._ledger.pinned)
            if is_pinned or not is_over:
                bad.append(f"D5 protected and gone: {key}" if is_pinned else f"D2 acknowledged and lost: {key}")
        return bad[:NAMED_MOST] + ([f"... {len(bad)} in all"] if len(bad) > NAMED_MOST else [])

    def _captured_ns(self, key: Key) -> int:
        stream, run, seq = key
        for chunks in self._script.steps(run // RUNS_PER_LIFE, STEPS_MOST):
            for chunk in chunks:
                if chunk.stream == stream and chunk.run == run and chunk.first_seq <= seq <= chunk.last_seq:
                    return chunk.start_ns + (seq - chunk.first_seq) * STEP_NS // GOP
        raise AssertionError(f"the script knows no {key}")

    def _orders(self, index: Index) -> list[str]:
        broken = []
        for before, after in pairwise(index.rows):
            if before.stream == after.stream and before.end_ns > after.start_ns:
                broken.append(f"D7 overlap: {before.path} and {after.path}")
        return broken[:NAMED_MOST]

    def _loss(self) -> int:
        runs = range(self._life * RUNS_PER_LIFE, (self._life + 1) * RUNS_PER_LIFE)
        return max(self._ledger.in_flight(self.present, runs).values(), default=0)


def _covers(hole: Hole, stream: StreamId, at_ns: int) -> bool:
    return hole.stream == stream and hole.start_ns <= at_ns and (hole.end_ns is None or at_ns < hole.end_ns)


def tiles(stream: str, index: Index) -> list[str]:
    """D6: every moment since the first recording is in a recording or in a gap, and in one of them only.

    Gaps may also lie within a recording, where damaged fragments were taken off the list; those are left out.
    """
    rows = [(row.start_ns, row.end_ns) for row in index.rows if row.stream == stream]
    pieces: list[tuple[int, int | None]] = list(rows)
    for hole in index.holes:
        inside = any(start < hole.start_ns and hole.end_ns is not None and hole.end_ns < end for start, end in rows)
        if hole.stream == stream and not inside:
            pieces.append((hole.start_ns, hole.end_ns))
    if not rows:
        return []
    broken = []
    pieces.sort(key=lambda piece: piece[0])
    if pieces[-1][1] is not None:
        broken.append(f"D6 {stream}: nothing records, and no gap lasts")
    for (start_ns, end_ns), (next_ns, _) in pairwise(pieces):
        if end_ns != next_ns:
            what = "lasts within" if end_ns is None else f"{(next_ns - end_ns) / 1e9:.3f} s between"
            broken.append(f"D6 {stream}: {what} {start_ns} and {next_ns}")
    return broken[:NAMED_MOST]
