"""Single system calls that fail (EIO, ENOSPC), and a database that somebody else holds: F10, F15."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from haechi.base.ids import StreamId
from haechi.record.repair.check import CheckLevel, check
from tests.faults.cases import Fault, Outcome, Try, outcome
from tests.faults.evidence import failure_of, read_index
from tests.faults.judge import Terms, Verdict
from tests.faults.kills import options_of
from tests.faults.ledger import Ledger
from tests.faults.restart import judged, live
from tests.faults.script import Chunk, Script
from tests.faults.stage import Child, Hung, Tracer, can_trace
from tests.faults.victim import Life, Victim

STEPS = 16
CALLS = {
    "EIO": {"footage": ("pwrite64", "fdatasync", "openat", "close"), "database": ("pwrite64", "fdatasync")},
    "ENOSPC": {"footage": ("pwrite64", "fdatasync", "openat"), "database": ("pwrite64",)},
}
FATAL = {("EIO", "footage", "pwrite64"), ("EIO", "footage", "fdatasync")}
"""After these the volume counts as failed (D10)."""
KINDS = sorted(
    ((name, kind, call) for name, kinds in CALLS.items() for kind, calls in kinds.items() for call in calls),
    key=lambda one: (one not in FATAL, one[1] != "footage", one),
)
"""Taken in turn, those that end the use of a disk first."""
FIRST_SHARE = 0.2
"""So often it is the very first call: nothing of the stream is there yet; its gap begins with its first unit (D6)."""
WHEN_MOST = {
    "footage": {"pwrite64": 30, "fdatasync": 20, "openat": 6, "close": 6},
    "database": {"pwrite64": 400, "fdatasync": 50},
}


def play(one: Try) -> Iterator[Outcome]:
    """One failing call in a life; then repaired as the words of the refusal say, where there is one."""
    draw = one.draw()
    script = Script(draw.randrange(1 << 30))
    ledger = Ledger()
    life = Life(one.root, script, 1, STEPS, patience_s=0.3, is_patient=False)
    name, kind, call = KINDS[one.number % len(KINDS)]
    when = 1 if draw.random() < FIRST_SHARE else draw.randint(1, WHEN_MOST[kind][call])
    log = one.root / "calls"
    options = options_of(life, kind, call, f"error={name}:when={when}")
    wrong = _live(life, ledger, options, log)
    struck = log.exists() and "(INJECTED)" in log.read_text()
    if struck and (name, kind, call) in FATAL:
        wrong += _again(log) + _failed(life, ledger)
    if not wrong and failure_of(life.folder / "haechi.db"):
        repaired(life)
    after = msgspec.structs.replace(life, number=2, steps=3, sweeps=True, is_patient=True, patience_s=20.0)
    verdict = judged(after, ledger, 1, Terms(None)) if not wrong else Verdict(())
    if not wrong and kind == "footage":
        wrong = _begins(life, ledger)
    yield outcome(f"{name} at {kind} {call} {when}", verdict, struck=struck, also=wrong)


def _live(life: Life, ledger: Ledger, options: list[str], log: Path) -> tuple[str, ...]:
    child = live(life, ledger)
    tracer = Tracer(child.pid, options, str(log))
    try:
        child.go()
        child.end()
    except Hung as hung:
        return (f"the recorder is {hung}",)
    finally:
        tracer.close()
        ledger.hear(child.said)
    broken = [] if ledger.stopped or _is_told(ledger) else [f"the recorder broke down: {ledger.notes}"]
    if ledger.missed:
        broken.append(f"D4 live viewers missed {ledger.missed} units")
    return tuple(broken)


def _is_told(ledger: Ledger) -> bool:
    """Whether the life ended by a condition that a supervisor expects and starts again after."""
    return any(note.startswith(("volume-", "database-", "OSError")) for note in ledger.notes)


def _again(log: Path) -> tuple[str, ...]:
    """D10, as the system saw it: no footage is synced after a sync or a write of footage failed."""
    _, _, after = log.read_text().partition("(INJECTED)")
    synced = [line for line in after.splitlines() if "fdatasync" in line and line.rstrip().endswith("= 0")]
    return tuple(f"D10 synced after the failure: {line}" for line in synced[:3])


def _failed(life: Life, ledger: Ledger) -> tuple[str, ...]:
    """D10: it is marked, nothing was acknowledged after it, and the next start refuses."""
    broken = []
    if not failure_of(life.folder / "haechi.db"):
        broken.append("D10 the volume is not marked failed")
    if ledger.after_failure:
        broken.append(f"D10 {ledger.after_failure} units were acknowledged after the failure")
    again = live(msgspec.structs.replace(life, number=2, steps=2), ledger)
    again.go()
    again.end()
    ledger.hear(again.said)
    if not any(note.startswith("volume-failed") for note in ledger.notes):
        broken.append(f"D10 the next start used the volume again: {ledger.notes}")
    return tuple(broken)


def _begins(life: Life, ledger: Ledger) -> tuple[str, ...]:
    """D6: what is known of a stream begins with its first unit, be that lost."""
    index = read_index(life.folder / "haechi.db")
    known = [(row.stream, row.start_ns) for row in index.rows] + [(one.stream, one.start_ns) for one in index.holes]
    first: dict[StreamId, Chunk] = {}
    for chunks in life.script.steps(life.number, life.steps):
        for chunk in chunks:
            first.setdefault(chunk.stream, chunk)
    return tuple(
        f"D6 {stream}: nothing is known of its first units"
        for stream, chunk in first.items()
        if (stream, chunk.run) in ledger.published
        and min((start_ns for name, start_ns in known if name == stream), default=chunk.start_ns + 1) > chunk.start_ns
    )


def repaired(life: Life) -> None:
    """What ``haechi check --repair`` does."""

    def work(_voice: int) -> None:
        async def mend() -> None:
            victim = Victim(life, os.open(os.devnull, os.O_WRONLY))
            await victim.volume.claim(victim.database, victim.clock)
            await check(victim.index, victim.volume, CheckLevel.HASH, repair=True)
            victim.database.close()

        asyncio.run(mend())

    child = Child(work)
    child.go()
    if child.end():
        raise RuntimeError(f"the repair failed: {child.said.decode()[-500:]}")


FAULT = Fault(
    "errors", "a write, sync or open that fails", "D10: a failed sync is never retried into success; D4: live goes on",
    count=200, strikes=1, play=play, missing=can_trace,
)  # fmt: skip

HELD_S = (2.0, 4.0, 60.0)
"""Longer than SQLite waits by itself (30 s), once in a while."""
LONG_EVERY = 10


def play_locked(one: Try) -> Iterator[Outcome]:
    """Somebody holds the database; footage goes on to the disk, and is acknowledged later."""
    draw = one.draw()
    script = Script(draw.randrange(1 << 30))
    ledger = Ledger()
    held_s = HELD_S[2] if one.number % LONG_EVERY == LONG_EVERY - 1 else draw.uniform(*HELD_S[:2])
    steps = int((held_s + 1.5) / 0.05)
    life = Life(one.root, script, 1, steps, patience_s=0.02, is_patient=False, tidies=False, pace_s=0.03)
    child = live(life, ledger)
    child.go()
    grown, resumed_s = _held(child, one.root, held_s)
    child.end(240)
    ledger.hear(child.said)
    wrong: tuple[str, ...] = () if ledger.stopped else (f"the recorder broke down: {ledger.notes}",)
    if not grown:
        wrong += ("D4 nothing was recorded while the database was held",)
    after = msgspec.structs.replace(life, number=2, steps=3, sweeps=True, is_patient=True, patience_s=20.0)
    found = outcome(f"database held for {held_s:.0f} s", judged(after, ledger, 1, Terms(loss_most=0)), also=wrong)
    yield msgspec.structs.replace(found, resumed_s=resumed_s)


def _held(child: Child, folder: Path, held_s: float) -> tuple[int, float]:
    """Hold the database for a while. Bytes recorded meanwhile, and seconds from then until it is acknowledged again."""
    while b"a " not in child.said and child.read(0.05):
        pass
    other = sqlite3.connect(folder / "haechi.db", timeout=30, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    before, until = _bytes(folder), time.monotonic() + held_s
    while time.monotonic() < until:
        child.read(0.05)
    grown, said = _bytes(folder) - before, len(child.said)
    other.execute("ROLLBACK")
    other.close()
    released = time.monotonic()
    while b"\na " not in child.said[said:] and child.read(0.02):
        pass
    return grown, time.monotonic() - released


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "record").rglob("*.mp4"))


LOCKED = Fault(
    "locked", "database held by another for 2-60 s", "D4: recording goes on, and nothing is lost",
    count=20, strikes=1, play=play_locked, measures_loss=True,
)  # fmt: skip
