"""A disk that runs full (bytes, or names), with what may be deleted on it and with what may not: F07-F09."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from tests.faults.cases import Fault, Outcome, Try, outcome
from tests.faults.evidence import read_index
from tests.faults.judge import Terms
from tests.faults.ledger import Ledger
from tests.faults.restart import judged, live
from tests.faults.script import Script
from tests.faults.stage import mount, unmount
from tests.faults.victim import Life

CAMERAS = 10
MIB = 1 << 20
PACE_S = 0.15
WAIT_S = 0.05
SPEED = 2.0 / (PACE_S + WAIT_S)
"""How much faster than real time a life is: gaps are as much longer."""
RESUME_MOST_S = 5.0


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs."""
    folder.mkdir(parents=True, exist_ok=True)
    if mount("-t", "tmpfs", "-o", options, "tmpfs", str(folder)):
        raise RuntimeError("tmpfs cannot be mounted")
    try:
        yield folder
    finally:
        unmount("-l", str(folder))


def play_full(one: Try) -> Iterator[Outcome]:
    """Ten cameras fill 64 MB several times over."""
    draw = one.draw()
    script = Script(draw.randrange(1 << 30), CAMERAS, size_most=40_000)
    with small_disk(one.root / "disk", "size=64m") as folder:
        life = Life(
            folder, script, 1, 90, patience_s=WAIT_S, is_patient=False, tidies=False, pace_s=PACE_S,
            keep_free_bytes=12 * MIB, reserve_bytes=6 * MIB,
        )  # fmt: skip
        yield _filled(life, "64 MB full of what may be deleted")


def play_names(one: Try) -> Iterator[Outcome]:
    """No more names, though there is room."""
    draw = one.draw()
    script = Script(draw.randrange(1 << 30), CAMERAS)
    with small_disk(one.root / "disk", "size=256m,nr_inodes=150") as folder:
        life = Life(
            folder,
            script,
            1,
            120,
            patience_s=WAIT_S,
            is_patient=False,
            tidies=False,
            pace_s=PACE_S,
            keep_free_bytes=MIB,
        )
        yield _filled(life, "150 names used up")


def _filled(life: Life, what: str) -> Outcome:
    ledger = Ledger()
    wrong = _live(life, ledger)
    longest_s = _longest_gap_s(life.folder)
    if longest_s is None:
        wrong += ("the disk never ran full",)
    elif longest_s > RESUME_MOST_S:
        wrong += (f"D4 recording stood still for {longest_s:.1f} s",)
    after = msgspec.structs.replace(life, number=2, steps=3, sweeps=True)
    verdict = judged(after, ledger, 1, Terms(None, may_be_deleted=True))
    return msgspec.structs.replace(outcome(what, verdict, also=wrong), resumed_s=longest_s)


def _live(life: Life, ledger: Ledger) -> tuple[str, ...]:
    child = live(life, ledger)
    child.go()
    child.end(120)
    ledger.hear(child.said)
    wrong: tuple[str, ...] = () if ledger.stopped else (f"the recorder broke down: {ledger.notes}",)
    if ledger.missed:
        wrong += (f"D4 live viewers missed {ledger.missed} units",)
    return wrong


def _longest_gap_s(folder: Path) -> float | None:
    """The longest real time for which a full disk kept a camera from being recorded."""
    holes = [hole for hole in read_index(folder / "haechi.db").holes if hole.cause == "disk-full"]
    return max(((hole.end_ns or 1 << 62) - hole.start_ns) / 1e9 / SPEED for hole in holes) if holes else None


def play_protected(one: Try) -> Iterator[Outcome]:
    """Nothing on the disk may be deleted: recording stops, and nothing is touched."""
    draw = one.draw()
    script = Script(draw.randrange(1 << 30), CAMERAS, size_most=40_000)
    ledger = Ledger()
    with small_disk(one.root / "disk", "size=48m") as folder:
        life = Life(
            folder, script, 1, 50, patience_s=WAIT_S, is_patient=False, tidies=False, pace_s=PACE_S, pins_all=True,
            keep_free_bytes=12 * MIB, reserve_bytes=6 * MIB,
        )  # fmt: skip
        wrong = _live(life, ledger)
        index = read_index(folder / "haechi.db")
        if not any("only protected" in note for note in ledger.notes):
            wrong += (f"D5 nobody was told that only protected footage is left: {ledger.notes}",)
        if not any(hole.cause == "disk-full" for hole in index.holes):
            wrong += ("D5 recording did not stop",)
        after = msgspec.structs.replace(life, number=2, steps=1)
        yield outcome("48 MB full of protected footage", judged(after, ledger, 1, Terms(None)), also=wrong)


_FAULT = partial(Fault, strikes=1, mounts=True)
FULL = _FAULT(
    "full", "disk full, ten cameras", "D4 D5: live goes on, the oldest goes first, recording resumes within 5 s",
    count=30, play=play_full,
)  # fmt: skip
NAMES = _FAULT("names", "no more names (inodes)", "D4 D5: as with a full disk", count=10, play=play_names)
PROTECTED = _FAULT(
    "protected", "disk full of protected footage",
    "D5: recording stops, nothing protected is deleted, live goes on, alarm",
    count=20, play=play_protected,
)  # fmt: skip
