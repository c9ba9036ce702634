"""Writes docs/ref/faults.md from what runs of the suite left.

python -m tests.faults.table RESULTS docs/ref/faults.md
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.faults.cases import Fault
from tests.faults.run import FAULTS, Result
from tests.faults.script import FPS

HEAD = """# Faults

What is done to the recorder and to the server, what must hold, and what came of it. Written by `make faults`; the numbers D1-D10
are the promises of [the design of recording](../design/recording.md) and are explained below.

Every strike is followed by a start on the same folder. Then a judge that shares no code with the product (its own MP4 and SQL
reading, `tests/faults/evidence.py`, `judge.py`) compares what lies on disk with what the cameras sent (every byte follows from the
run's seed) and with what the victim had acknowledged on a pipe before it was struck; then the product's own check by hash and
replays are asked. The worst loss is of one camera: what it had sent and what is neither acknowledged nor found again.

"""

PROMISES = """
**D2** acknowledged survives; listed is readable, byte for byte; nothing unlisted is left a minute after a start. **D3** a crash
costs a camera at most the fragment in flight (2 s here, 4 s at most), a planned stop nothing. **D4** live, recording and detection
fail independently. **D5** the oldest that nothing protects goes first, protected footage never. **D6** recorded and gaps together
are the wall time. **D7** recordings never overlap, stamps increase. **D8** nothing is written to, or deleted from, a volume that is
not ours. **D10** a failed sync is never retried into success. D2, D3, D6 and D7 are looked at after every strike of every fault.
"""

PEERS = """
## Beside it, what others promise
From their documentation and source code as of 2026-11; we did not run these tests on them.

| what happens | Haechi | MediaMTX | Frigate | Moonfire NVR |
|---|---|---|---|---|
| process killed | the fragment in flight, 2-4 s | one part, 1 s by default | up to 10 s and the segments in its cache | the last minute or two |
| power cut | the same; nothing acknowledged is lost or torn | nothing promised: no fsync | nothing promised: no fsync | safe by the order of its writes; no test of it seen |
| disk full | oldest first, protected never; live goes on | not handled | looks every 5 minutes; deletes protected footage too | stands still until there is space |
| wrong or missing disk, lost database | refused; the index is made again from the files | - | refuses when half of the files would go | refused by the identity of the folder |
| clock jumps | stamps increase, nothing overlaps | wall clock | wall clock | monotonic clock, 500 ppm |

## Caveats
- A kill keeps the page cache, so kills alone say nothing of power cuts; those are played on a file system in user space
  (`tests/faults/pcfs.py`) that forgets, tears (512 bytes) and reorders what was not synced. A real disk that lies about its
  flushes is not covered.
- Cameras here are a script, faster than real time (real time, real RTSP and real processes under *house* and *clock*).
- With the clock wrong by more than the retention at the start of the process, footage counts as old: a leap while the process runs
  deletes nothing.
"""


def row(fault: Fault, result: Result | None) -> str:
    """One line of the table."""
    if result is None:
        return f"| {fault.title} (`{fault.name}`) | {fault.promise} | not run | | | |"
    if result.skipped:
        return f"| {fault.title} (`{fault.name}`) | {fault.promise} | skipped: {result.skipped} | | | |"
    loss = f"{result.loss_units / FPS:.1f} s" if fault.measures_loss else "in gaps with a cause"
    resumed = f"{result.resumed_s:.1f} s" if result.resumed_s is not None else ""
    where = f"{result.date}, {result.commit}, seed {result.seed}"
    return (
        f"| {fault.title} (`{fault.name}`) | {fault.promise} | {result.strikes:,} | {result.violations} | {loss} "
        f"| {resumed} | {where} |"
    )


def page(results: dict[str, Result]) -> str:
    """The whole page."""
    lines = [
        "| fault | must hold | strikes | broken promises | worst loss | goes on after | run |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [row(fault, results.get(fault.name)) for fault in FAULTS]
    total = sum(result.strikes for result in results.values())
    hours = sum(result.seconds for result in results.values()) / 3600
    summary = (
        f"\n{total:,} strikes in {hours:.1f} hours of one process, on a machine with two cores shared with others.\n"
    )
    return HEAD + "\n".join(lines) + "\n" + summary + PROMISES + PEERS


def main(arguments: Sequence[str]) -> None:
    """The command."""
    folder, target = (Path(one) for one in arguments)
    found = [msgspec.json.decode(path.read_bytes(), type=Result) for path in sorted(folder.glob("*.json"))]
    target.write_text(page({result.fault: result for result in found}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
