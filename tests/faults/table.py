"""Writes the table of docs/ref/faults.md from what runs of the suite left.

python -m tests.faults.table RESULTS docs/ref/faults.md
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.faults.cases import Fault
from tests.faults.run import FAULTS, Result
from tests.faults.script import FPS

RUN_CELLS = 8
BEGIN, END = "<!-- results -->\n", "<!-- end of results -->\n"


def together(results: Sequence[Result]) -> Result | None:
    """Several runs of one fault as one: sums, and the worst."""
    if not results:
        return None
    resumed = [one.resumed_s for one in results if one.resumed_s is not None]
    return Result(
        results[0].fault,
        results[0].seed,
        strikes=sum(one.strikes for one in results),
        violations=sum(one.violations for one in results),
        loss_units=max(one.loss_units for one in results),
        resumed_s=max(resumed, default=None),
        seconds=sum(one.seconds for one in results),
        commit=", ".join(sorted({one.commit for one in results})),
        date=max(one.date for one in results),
        skipped="" if any(not one.skipped for one in results) else results[0].skipped,
    )


def row(fault: Fault, result: Result | None, before: str = "") -> str:
    """One line of the table; where the fault was not run, the line of ``before``."""
    if result is None:
        for line in before.splitlines():
            if line.startswith(f"| {fault.title} (`{fault.name}`)"):
                return line
        return f"| {fault.title} (`{fault.name}`) | {fault.promise} | not run | | | |"
    if result.skipped:
        return f"| {fault.title} (`{fault.name}`) | {fault.promise} | skipped: {result.skipped} | | | |"
    loss = f"{result.loss_units / FPS:.1f} s" if fault.measures_loss else "in gaps with a cause"
    resumed = f"{result.resumed_s:.1f} s" if result.resumed_s is not None else ""
    where = f"{result.date}, {result.commit}"
    return (
        f"| {fault.title} (`{fault.name}`) | {fault.promise} | {result.strikes:,} | {result.violations} | {loss} "
        f"| {resumed} | {where} |"
    )


def table(results: Sequence[Result], before: str = "") -> str:
    """The lines between the marks. ``before``: those that were there."""
    lines = [
        "| fault | must hold | strikes | broken promises | worst loss | goes on after | run |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [row(fault, together([one for one in results if one.fault == fault.name]), before) for fault in FAULTS]
    total = sum(int(cells[3].replace(",", "")) for line in rows if len(cells := line.split("|")) > RUN_CELLS)
    lines += [*rows, "", f"{total:,} strikes."]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """The command."""
    folder, target = (Path(one) for one in arguments)
    found = [msgspec.json.decode(path.read_bytes(), type=Result) for path in sorted(folder.glob("*.json"))]
    head, _, rest = target.read_text(encoding="utf-8").partition(BEGIN)
    before, _, after = rest.partition(END)
    target.write_text(head + BEGIN + table(found, before) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
