"""SIGKILL at the N-th system call, of footage, of the database, or of any name: F01."""

import os
from collections.abc import Iterator

import msgspec

from haechi.record.disk.volume import relative_path
from tests.faults.cases import Fault, Outcome, Try, outcome
from tests.faults.ledger import Ledger
from tests.faults.restart import judged, live
from tests.faults.script import Script
from tests.faults.stage import Hung, Tracer, can_trace
from tests.faults.victim import Life

STRIKES = 4
STEPS = 24
POINTS: dict[str, dict[str, int]] = {
    "footage": {"pwrite64": 75, "fdatasync": 62, "openat": 13, "close": 13},
    "database": {"pwrite64": 290, "fdatasync": 28, "openat": 3, "ftruncate": 1, "pread64": 24},
    "names": {"mkdir": 3, "fsync": 16, "openat": 42, "unlink": 2, "newfstatat": 57},
}
"""Which calls, and how many of each one thread makes in a life: beyond that a kill would come too late."""
CHOICES = [
    (kind, call) for kind, calls in POINTS.items() for call, most in calls.items() for _ in range(1 + most // 20)
]
"""Calls that are made often are points more often."""
LAST_LIFE_STEPS = 3


def paths_of(life: Life, kind: str) -> list[str]:
    """The files that a kind of point looks at; none: all."""
    if kind == "database":
        return [str(life.folder / f"haechi.db{suffix}") for suffix in ("", "-wal", "-shm", "-journal")]
    if kind == "names":
        return []
    chunks = [chunk for step in life.script.steps(life.number, life.steps) for chunk in step]
    names = {relative_path(chunk.stream, chunk.run, chunk.start_ns) for chunk in chunks}
    return [str(life.folder / "record" / name) for name in sorted(names)]


def options_of(life: Life, kind: str, call: str, fault: str) -> list[str]:
    """What strace is to do."""
    looked_at = [word for path in paths_of(life, kind) for word in ("-P", path)]
    return [*looked_at, "-e", f"trace={call}", "-e", f"inject={call}:{fault}"]


def play(one: Try) -> Iterator[Outcome]:
    """A folder whose recorder is killed again and again; the first life also makes the folder."""
    draw = one.draw()
    script = Script(draw.randrange(1 << 30))
    ledger = Ledger()
    number = 1
    for blow in range(STRIKES):
        kind, call = draw.choice(CHOICES)
        when = draw.randint(1, POINTS[kind][call])
        life = Life(one.root, script, number, STEPS, migrates=blow == 0)
        what = f"SIGKILL before {kind} {call} {when}"
        ended = strike(life, ledger, options_of(life, kind, call, f"signal=SIGKILL:when={when}"))
        after = msgspec.structs.replace(life, number=number + 1, steps=LAST_LIFE_STEPS, sweeps=True, migrates=True)
        verdict = judged(after, ledger, number)
        wrong = () if ended in ("killed", "stopped") else (f"the recorder {ended}",)
        yield outcome(what, verdict, struck=ended == "killed", also=wrong)
        number += 2


def strike(life: Life, ledger: Ledger, options: list[str]) -> str:
    """Live under strace. How it ended: ``killed``, ``stopped`` as planned, or something that must not be."""
    child = live(life, ledger)
    tracer = Tracer(child.pid, options)
    try:
        child.go()
        status = child.end()
    except Hung as hung:
        return f"is {hung}"
    finally:
        tracer.close()
        ledger.hear(child.said)
    if os.WIFSIGNALED(status):
        return "killed"
    return "stopped" if ledger.stopped else f"broke down: {ledger.notes}"


FAULT = Fault(
    "kill", "SIGKILL of the recorder at a system call",
    "D2 D3: nothing acknowledged is lost; at most the fragment in flight",
    count=1200, strikes=STRIKES, play=play, missing=can_trace, measures_loss=True,
)  # fmt: skip
