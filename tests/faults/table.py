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


def row(fault: Fault, result: Result | None) -> str:
    """One line of the table."""
    if result is None:
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


def table(results: Sequence[Result]) -> str:
    """The lines between the marks."""
    lines = [
        "| fault | must hold | strikes | broken promises | worst loss | goes on after | run |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [row(fault, together([one for one in results if one.fault == fault.name])) for fault in FAULTS]
    total = sum(result.strikes for result in results)
    hours = sum(result.seconds for result in results) / 3600
    lines += ["", f"{total:,} strikes, {hours:.1f} hours of one process after another."]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """The command."""
    folder, target = (Path(one) for one in arguments)
    found = [msgspec.json.decode(path.read_bytes(), type=Result) for path in sorted(folder.glob("*.json"))]
    before, _, rest = target.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    target.write_text(before + BEGIN + table(found) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
