"""Databases and files that are lost, old, cut short, or bit-flipped while nothing runs: F13, F14."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from tests.faults.cases import Fault, Outcome, Try, outcome
from tests.faults.errors import repaired
from tests.faults.judge import Terms, Verdict
from tests.faults.ledger import Ledger
from tests.faults.restart import judged, live
from tests.faults.script import Script
from tests.faults.victim import Life

STEPS = 20


def play(one: Try) -> Iterator[Outcome]:
    """Two lives, then something is destroyed, then the next start; and its remedy where the start refuses."""
    draw = one.draw()
    script = Script(draw.randrange(1 << 30))
    ledger = Ledger()
    life = Life(one.root, script, 1, STEPS, tidies=False)
    _lived(life, ledger)
    shutil.copy(one.root / "haechi.db", one.root / "older.db")
    _lived(msgspec.structs.replace(life, number=2), ledger)
    kind = list(KINDS)[one.number % len(KINDS)]
    is_footage = KINDS[kind](one.root, draw)
    after = msgspec.structs.replace(life, number=3, steps=3, sweeps=True)
    verdict = _judged(after, ledger, is_footage)
    yield outcome(f"{kind}", verdict)


def _lived(life: Life, ledger: Ledger) -> None:
    child = live(life, ledger)
    child.go()
    if child.end():
        raise RuntimeError(f"a life without a fault failed: {child.said[-500:].decode()}")
    ledger.hear(child.said)


def _judged(after: Life, ledger: Ledger, is_footage: bool) -> Verdict:
    """Where the database is at fault all footage must come back; where footage is, its loss must be told."""
    if is_footage:
        repaired(after)
        return judged(after, ledger, 2, Terms(None, damage_is_mine=True))
    first = judged(after, ledger, 2, Terms(None))
    if not first.violations:
        return first
    _forget_database(after.folder)
    return judged(msgspec.structs.replace(after, number=4), ledger, 2, Terms(None))


def _forget_database(folder: Path) -> None:
    """The remedy that the refusal names: without a database, everything is adopted."""
    for path in folder.glob("haechi.db*"):
        path.unlink()


def _lost(folder: Path, _draw: random.Random) -> bool:
    _forget_database(folder)
    return False


def _older(folder: Path, _draw: random.Random) -> bool:
    _forget_database(folder)
    shutil.copy(folder / "older.db", folder / "haechi.db")
    return False


def _cut_short(folder: Path, draw: random.Random) -> bool:
    path = folder / "haechi.db"
    with path.open("r+b") as file:
        file.truncate(draw.randrange(path.stat().st_size))
    return False


def _flipped_database(folder: Path, draw: random.Random) -> bool:
    _flip(folder / "haechi.db", draw)
    return False


def _flipped_footage(folder: Path, draw: random.Random) -> bool:
    _flip(draw.choice(sorted((folder / "record").rglob("*.mp4"))), draw)
    return True


def _shortened_footage(folder: Path, draw: random.Random) -> bool:
    path = draw.choice(sorted((folder / "record").rglob("*.mp4")))
    with path.open("r+b") as file:
        file.truncate(draw.randrange(path.stat().st_size))
    return True


def _lost_footage(folder: Path, draw: random.Random) -> bool:
    draw.choice(sorted((folder / "record").rglob("*.mp4"))).unlink()
    return True


def _flip(path: Path, draw: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


KINDS: dict[str, Callable[[Path, random.Random], bool]] = {
    "database lost": _lost,
    "older database restored": _older,
    "database cut short": _cut_short,
    "bit flipped in the database": _flipped_database,
    "bit flipped in footage": _flipped_footage,
    "footage cut short": _shortened_footage,
    "footage lost": _lost_footage,
}
"""Each says whether it destroyed footage."""

FAULT = Fault(
    "damage", "database or footage lost, old, cut short, bit-flipped", "D2: found by its hash; the index is made again",
    count=210, strikes=1, play=play,
)  # fmt: skip
