"""Recording disks that turn read-only, vanish, or are the wrong ones: F12."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from tests.faults.cases import Fault, Outcome, Try, outcome
from tests.faults.judge import Terms
from tests.faults.ledger import Ledger
from tests.faults.restart import judged, live
from tests.faults.script import Script
from tests.faults.stage import Child, mount, unmount
from tests.faults.victim import Life

STEPS = 40
PACE_S = 0.05
KINDS = ("read-only", "gone", "wrong", "gone at the start", "wrong at the start")


class Bay:
    """A recording disk that can be pulled: a tmpfs that is also mounted elsewhere, and a stranger's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.record = _folder(root / "record")
        self.shelf = _folder(root / "shelf")
        self.stranger = _folder(root / "stranger")
        mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(self.shelf))
        mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(self.stranger))
        self.plug()

    def plug(self) -> None:
        """The right disk in its place."""
        mount("--bind", str(self.shelf), str(self.record))

    def pull(self) -> None:
        """The place is empty."""
        unmount("-l", str(self.record))

    def swap(self) -> None:
        """Another installation's disk in the place."""
        mount("--bind", str(self.stranger), str(self.record))

    def forbid(self) -> None:
        """Nothing can be written any more."""
        mount("-o", "remount,ro,bind", str(self.record))

    def allow(self) -> None:
        """As before."""
        mount("-o", "remount,rw,bind", str(self.record))


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def play(one: Try) -> Iterator[Outcome]:
    """One mishap with the disk, while recording or before the start."""
    draw = one.draw()
    kind = KINDS[one.number % len(KINDS)]
    bay = Bay(one.root)
    script = Script(draw.randrange(1 << 30))
    ledger = Ledger()
    _lived(Life(bay.stranger, Script(1), 1, 3), Ledger())
    (bay.stranger / "record").rename(bay.stranger / "old")
    for path in (bay.stranger / "old").iterdir():
        path.rename(bay.stranger / path.name)
    before = _listing(bay.stranger)
    life = Life(one.root, script, 1, STEPS, patience_s=0.05, is_patient=False, pace_s=PACE_S)
    if kind.endswith("start"):
        wrong = _at_the_start(bay, life, ledger, bay.swap if "wrong" in kind else None)
    else:
        away_s = draw.uniform(0.3, 1.0)
        strike, mend = {"read-only": (bay.forbid, bay.allow), "wrong": (bay.swap, bay.pull)}.get(
            kind, (bay.pull, bay.plug)
        )
        wrong = _meanwhile(life, ledger, (strike, mend), draw.uniform(0.2, 0.8), away_s)
    if _listing(bay.stranger) != before:
        wrong += ("D8 something was written to, or deleted from, the disk of another installation",)
    after = msgspec.structs.replace(life, number=9, steps=3, sweeps=True, is_patient=True, patience_s=20.0, pace_s=0.0)
    verdict = judged(after, ledger, 1, Terms(None))
    yield outcome(f"recording disk {kind}", verdict, also=wrong)
    for folder in (bay.record, bay.shelf, bay.stranger):
        unmount("-l", str(folder))


def _lived(life: Life, ledger: Ledger) -> None:
    child = live(life, ledger)
    child.go()
    child.end()
    ledger.hear(child.said)


def _at_the_start(bay: Bay, life: Life, ledger: Ledger, swap: Callable[[], None] | None) -> tuple[str, ...]:
    """Footage is known; the disk is not there, or another one is. The start must refuse."""
    _lived(msgspec.structs.replace(life, steps=8), ledger)
    if swap is None:
        bay.pull()
    else:
        swap()
    again = Ledger()
    _lived(msgspec.structs.replace(life, number=3, steps=4), again)
    wrong: tuple[str, ...] = (
        () if any(note.startswith("volume-m") for note in again.notes) else (f"D8 the start: {again.notes}",)
    )
    if swap is None:
        wrong += _left_alone(bay.record)
        bay.plug()
    else:
        unmount("-l", str(bay.record))
    return wrong


def _meanwhile(
    life: Life, ledger: Ledger, hands: tuple[Callable[[], None], Callable[[], None]], when_s: float, away_s: float
) -> tuple[str, ...]:
    """Strike while it records, and put it right a while later; it must go on by itself."""
    child = live(life, ledger)
    child.go()
    while b"ready" not in child.said and child.read(0.05):
        pass
    _listen(child, when_s)
    hands[0]()
    _listen(child, away_s)
    stray = _left_alone(life.folder / "record") if hands[0].__name__ == "pull" else ()
    hands[1]()
    said = len(child.said)
    child.end()
    ledger.hear(child.said)
    wrong = stray
    if not ledger.stopped:
        wrong += (f"the recorder broke down: {ledger.notes}",)
    elif b"\na " not in child.said[said:]:
        wrong += ("D4 recording did not go on when the disk was back",)
    if ledger.missed:
        wrong += (f"D4 live viewers missed {ledger.missed} units",)
    return wrong


def _listen(child: Child, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and child.read(0.02):
        pass


def _left_alone(place: Path) -> tuple[str, ...]:
    stray = _listing(place)
    return (f"D8 written beside the missing disk: {stray[:3]}",) if stray else ()


def _listing(folder: Path) -> list[tuple[str, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted((str(path.relative_to(folder)), path.stat().st_size) for path in files)


FAULT = Fault(
    "mounts", "recording disk read-only, gone, or another's",
    "D4 D8: nothing is written elsewhere or deleted, live goes on",
    count=50, strikes=1, play=play, mounts=True,
)  # fmt: skip
