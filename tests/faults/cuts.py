"""Power cuts at the N-th change of a disk that forgets and tears what was not synced, with all on it: F02-F04."""

import time
from collections.abc import Iterator

import msgspec

from tests.faults.cases import Fault, Outcome, Try, outcome
from tests.faults.disk import Cut
from tests.faults.judge import Verdict
from tests.faults.ledger import Ledger
from tests.faults.orders import Order
from tests.faults.pcfs import PowerCutDisk, can_mount
from tests.faults.restart import judged, live
from tests.faults.script import Script
from tests.faults.stage import Child
from tests.faults.victim import Life

STRIKES = 4
STEPS = 16
CHANGES_MOST = 700
"""Changes of the disk in a life, about: a cut beyond them comes too late."""
EARLY_SHARE = 0.25
"""So many cuts come among the first changes: schema, identity, adoption of what the last cut left."""
EARLY_MOST = 120
LIFE_S = 60.0


def play(one: Try) -> Iterator[Outcome]:
    """One disk, several cuts; each life finds what the cut before left."""
    draw = one.draw()
    script = Script(draw.randrange(1 << 30))
    ledger = Ledger()
    disk = PowerCutDisk(one.root / "disk")
    try:
        for blow in range(STRIKES):
            most = EARLY_MOST if draw.random() < EARLY_SHARE else CHANGES_MOST
            order = Order(draw.randint(1, most), draw.choice(list(Cut)), draw.randrange(1 << 30))
            disk.mount(order)
            life = Life(disk.folder, script, 2 * blow + 1, STEPS)
            wrong = _live(disk, life, ledger)
            is_cut = disk.is_cut
            disk.unmount()
            disk.mount()
            after = msgspec.structs.replace(life, number=life.number + 1, steps=3, sweeps=True)
            verdict = judged(after, ledger, life.number) if not wrong else Verdict(())
            disk.unmount()
            yield outcome(f"power cut at change {order.when}, {order.cut.value}", verdict, struck=is_cut, also=wrong)
    finally:
        disk.close()


def _live(disk: PowerCutDisk, life: Life, ledger: Ledger) -> tuple[str, ...]:
    """Live until the power goes or until the planned end."""
    child: Child = live(life, ledger)
    child.go()
    deadline = time.monotonic() + LIFE_S
    while child.read(0.02) and not disk.is_cut:
        if time.monotonic() > deadline:
            child.kill()
            break
    late = time.monotonic() > deadline
    child.kill()
    child.end()
    ledger.hear(child.said)
    if late:
        return ("the recorder hung",)
    return () if disk.is_cut or ledger.stopped else (f"the recorder broke down: {ledger.notes}",)


FAULT = Fault(
    "power", "power cut, unsynced data lost or torn",
    "D2 D3: nothing acknowledged is lost; at most the fragment in flight",
    count=600, strikes=STRIKES, play=play, missing=can_mount, measures_loss=True,
)  # fmt: skip
