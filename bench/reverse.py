"""Ingest and record of N cameras that dial us over TLS beside N that we dial in the clear, in turns in the same run.

    python -m bench.reverse [--counts 25,50] [--repeats 5] [--seconds 10]

Prints a table and writes docs/ref/bench-reverse.md. The cameras' own CPU is not counted; see `bench.ingest`.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bench.contestants import WARM_UP_S, cameras, cpu_s, haechi, pss_mb, spread, stop

REPORT = Path(__file__).resolve().parents[1] / "docs" / "ref" / "bench-reverse.md"
START_S = 60.0


class Sample(NamedTuple):
    """One run."""

    cpu_ms: float
    pss_mb: float
    note: str


def taken_in(folder: Path) -> int:
    """Units that `bench.ours` has taken in so far."""
    lines = (folder / "out").read_text().splitlines()
    return int(lines[-1].split()[0]) if lines else 0


def wait_for(condition: Callable[[], bool]) -> None:
    """Return when it holds, or end the benchmark."""
    deadline = time.monotonic() + START_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("the cameras that dial did not come")
        time.sleep(0.1)


@contextmanager
def dialled(count: int, folder: Path) -> Iterator[list[int]]:
    """Our ingest and recording of ``count`` cameras that dial; its process alone."""
    command = [sys.executable, "-m", "bench.ours", "--dialled", "--count", str(count), "--folder", str(folder)]
    with (folder / "out").open("wb") as log:
        ours = subprocess.Popen(command, stdout=log)
    processes = [ours]
    try:
        wait_for((folder / "dial").exists)
        processes.append(subprocess.Popen([sys.executable, "-m", "bench.dialled", "--plan", str(folder / "dial")]))
        yield [ours.pid]
    finally:
        stop(processes)


WAYS = {"dialled by us, in the clear": haechi, "dials us, TLS": dialled}


def measure(way: str, count: int, seconds: float, folder: Path) -> Sample:
    """One run of one way."""
    with WAYS[way](count, folder) as pids:
        wait_for(lambda: taken_in(folder) > 0)
        time.sleep(WARM_UP_S)
        before, started = cpu_s(pids), time.monotonic()
        time.sleep(seconds)
        used, elapsed = cpu_s(pids) - before, time.monotonic() - started
        pss = pss_mb(pids)
    taken, kept, lost = (int(part) for part in (folder / "out").read_text().strip().splitlines()[-1].split())
    return Sample(used / elapsed / count * 1000, pss, f"{taken} units in, {kept} durable so far, {lost} lost")


def compare(count: int, repeats: int, seconds: float) -> str:
    samples: dict[str, list[Sample]] = {way: [] for way in WAYS}
    for repeat in range(repeats):
        for way in WAYS:
            with tempfile.TemporaryDirectory(prefix="haechi-bench-") as folder:
                samples[way].append(measure(way, count, seconds, Path(folder)))
            print(f"  {count} cameras, run {repeat + 1}, {way}: {samples[way][-1]}", file=sys.stderr, flush=True)
    ratios = [reverse.cpu_ms / plain.cpu_ms for plain, reverse in zip(*samples.values(), strict=True)]
    cells = [str(count)]
    for way in WAYS:
        cells.append(spread([sample.cpu_ms for sample in samples[way]], 2))
        cells.append(spread([sample.pss_mb for sample in samples[way]], 0))
    return "| " + " | ".join([*cells, spread(ratios, 2)]) + " |"


def write_report(rows: list[str], repeats: int, seconds: float) -> None:
    head = (
        "# Cameras that dial us over TLS\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}. `python -m bench.reverse`: {repeats} runs each in turns, {seconds:g} s measured "
        f"after {WARM_UP_S:g} s of warm-up. 720p15 H.264, 1.5 Mbit/s, one write (and one TLS record) per RTP packet. "
        "Median (least-most). CPU in ms per camera and second (user + system), memory is PSS in MB; both are of "
        "ingest and recording alone.\n\n"
        "| cameras | we dial: CPU | MB | they dial, TLS: CPU | MB | CPU ratio |\n|---|---|---|---|---|---|\n"
    )
    REPORT.write_text(head + "\n".join(rows) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="25,50")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    args = parser.parse_args()
    rows = []
    with cameras():
        for count in [int(part) for part in args.counts.split(",")]:
            rows.append(compare(count, args.repeats, args.seconds))
            print(rows[-1], flush=True)
    write_report(rows, args.repeats, args.seconds)


if __name__ == "__main__":
    main()
