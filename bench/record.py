"""What recording costs the disk: Haechi beside one ``ffmpeg -c copy -f segment`` per camera, in turns in the same run.

    python -m bench.record [--counts 25,50,100] [--repeats 5] [--seconds 10]

Prints a table and writes docs/ref/bench-record.md. All figures are per camera and second: CPU (user + system) and bytes
from /proc, over one window; then fsync calls, which strace counts over a second window (it would slow the first one).
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bench.contestants import CONTESTANTS, WARM_UP_S, cameras, cpu_s, ffmpeg_version, spread, written

REPORT = Path(__file__).resolve().parents[1] / "docs" / "ref" / "bench-record.md"
SYNCS = "fsync,fdatasync,sync_file_range,syncfs"


class Sample(NamedTuple):
    """One run of one contestant, per camera and second."""

    cpu_ms: float
    syncs: float
    handed_kb: float
    disk_kb: float


def count_syncs(pids: list[int], seconds: float) -> int:
    """How often the processes ask for durability in ``seconds``."""
    with tempfile.NamedTemporaryFile("r") as table:
        command = ["strace", "-f", "-c", "-e", f"trace={SYNCS}", "-o", table.name]
        for pid in pids:
            command += ["-p", str(pid)]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)
        rows = re.findall(r"^\s*\S+\s+\S+\s+\S+\s+(\d+)\s.*sync", table.read(), re.MULTILINE)
    return sum(int(calls) for calls in rows)


def measure(name: str, count: int, seconds: float, folder: Path) -> Sample:
    """One run of one contestant."""
    with CONTESTANTS[name](count, folder) as pids:
        time.sleep(WARM_UP_S)
        cpu, before, started = cpu_s(pids), written(pids), time.monotonic()
        time.sleep(seconds)
        elapsed = time.monotonic() - started
        cpu, after = cpu_s(pids) - cpu, written(pids)
        syncs = count_syncs(pids, seconds)
    share = elapsed * count
    handed, disk = after.handed_bytes - before.handed_bytes, after.disk_bytes - before.disk_bytes
    return Sample(cpu / share * 1000, syncs / seconds / count, handed / share / 1000, disk / share / 1000)


def compare(count: int, repeats: int, seconds: float) -> str:
    """The row of a number of cameras."""
    samples: dict[str, list[Sample]] = {name: [] for name in CONTESTANTS}
    for repeat in range(repeats):
        for name in CONTESTANTS:
            with tempfile.TemporaryDirectory(prefix="haechi-bench-") as folder:
                samples[name].append(measure(name, count, seconds, Path(folder)))
            print(f"  {count} cameras, run {repeat + 1}, {name}: {samples[name][-1]}", file=sys.stderr, flush=True)
    cells = [str(count)]
    for runs in samples.values():
        cells += [spread([getattr(one, field) for one in runs], 2) for field in Sample._fields]
    pairs = list(zip(*samples.values(), strict=True))
    cells.append(spread([ours.cpu_ms / theirs.cpu_ms for ours, theirs in pairs], 2))
    cells.append(spread([ours.disk_kb / theirs.disk_kb for ours, theirs in pairs], 2))
    return "| " + " | ".join(cells) + " |"


def write_report(rows: list[str], repeats: int, seconds: float) -> None:
    """The table with its date, machine and method."""
    head = (
        "# Recording beside ffmpeg: CPU, fsyncs, bytes\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores (shared with the cameras), ffmpeg "
        f"{ffmpeg_version()}, Python {platform.python_version()}. `python -m bench.record`: {repeats} runs each in "
        f"turns, {seconds:g} s measured after {WARM_UP_S:g} s of warm-up, then {seconds:g} s of counting fsyncs. "
        "720p15 H.264, 1.5 Mbit/s (188 kB/s), a sync unit every 4 s. ffmpeg: `-c copy -f segment`, "
        "`movflags=+frag_keyframe+empty_moov`. All figures per camera and second, median (least-most). CPU is user + "
        "system in ms; *handed* is what was given to the kernel in kB (`wchar`), *disk* what it had "
        "to write (`write_bytes`), ours with the index.\n\n"
        "| cameras | Haechi CPU | fsyncs | handed | disk | ffmpeg CPU | fsyncs | handed | disk | CPU ratio "
        "| disk ratio |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    REPORT.write_text(head + "\n".join(rows) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="25,50,100")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    args = parser.parse_args()
    for program in ("ffmpeg", "strace"):
        if shutil.which(program) is None:
            sys.exit(f"bench.record needs {program}: apt-get install {program}")
    rows = []
    with cameras():
        for count in (int(part) for part in args.counts.split(",")):
            rows.append(compare(count, args.repeats, args.seconds))
            print(rows[-1], flush=True)
    write_report(rows, args.repeats, args.seconds)


if __name__ == "__main__":
    main()
