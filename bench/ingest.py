"""Ingest and record of N cameras: Haechi beside one ``ffmpeg -c copy -f segment`` per camera, in turns in the same run.

    python -m bench.ingest [--counts 1,25,50,100] [--repeats 5] [--seconds 10]

Prints a table and writes docs/ref/bench-ingest.md. CPU is user + system of all processes of a contestant, in
milliseconds per camera and second; memory is PSS at the end of the window. The cameras' own CPU is not counted.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

PORT = 9554
WARM_UP_S = 10.0
REPORT = Path(__file__).resolve().parents[1] / "docs" / "ref" / "bench-ingest.md"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Sample(NamedTuple):
    """One run of one contestant."""

    cpu_ms: float
    pss_mb: float
    note: str


def cpu_s(pids: list[int]) -> float:
    """User and system time that the processes have used so far."""
    total = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) * TICK_S
    return total


def pss_mb(pids: list[int]) -> float:
    """Proportional set size: shared pages count once over all processes."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def measure(processes: list[subprocess.Popen[bytes]], count: int, seconds: float) -> tuple[float, float]:
    time.sleep(WARM_UP_S)
    pids = [process.pid for process in processes]
    before, started = cpu_s(pids), time.monotonic()
    time.sleep(seconds)
    used, elapsed = cpu_s(pids) - before, time.monotonic() - started
    return used / elapsed / count * 1000, pss_mb(pids)


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_haechi(count: int, seconds: float, folder: Path) -> Sample:
    log = (folder / "out").open("wb")
    url = f"rtsp://127.0.0.1:{PORT}"
    command = [sys.executable, "-m", "bench.ours", "--url", url, "--count", str(count), "--folder", str(folder)]
    processes = [subprocess.Popen(command, stdout=log)]
    try:
        cpu, pss = measure(processes, count, seconds)
    finally:
        stop(processes)
    taken, kept, lost = (int(part) for part in (folder / "out").read_text().strip().splitlines()[-1].split())
    return Sample(cpu, pss, f"{taken} units in, {kept} durable so far, {lost} lost")


def run_ffmpeg(count: int, seconds: float, folder: Path) -> Sample:
    processes = []
    for number in range(count):
        target = folder / f"{number}-%03d.mp4"
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp"]
        command += ["-i", f"rtsp://127.0.0.1:{PORT}/{number}", "-c", "copy", "-f", "segment"]
        command += ["-segment_time", "60", "-segment_format_options", "movflags=+frag_keyframe+empty_moov", str(target)]
        processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
    try:
        cpu, pss = measure(processes, count, seconds)
    finally:
        stop(processes)
    files = sum(1 for _ in folder.glob("*.mp4"))
    return Sample(cpu, pss, f"{files} files")


CONTESTANTS: dict[str, Callable[[int, float, Path], Sample]] = {"haechi": run_haechi, "ffmpeg": run_ffmpeg}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="1,25,50,100")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    args = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        sys.exit("bench.ingest needs ffmpeg to compare with: apt-get install ffmpeg")
    counts = [int(part) for part in args.counts.split(",")]
    cameras = subprocess.Popen([sys.executable, "-m", "bench.cameras", "--port", str(PORT)], stdout=subprocess.PIPE)
    assert cameras.stdout is not None
    cameras.stdout.readline()
    rows = []
    try:
        for count in counts:
            rows.append(compare(count, args.repeats, args.seconds))
            print(rows[-1], flush=True)
    finally:
        stop([cameras])
    write_report(rows, args.repeats, args.seconds)


def compare(count: int, repeats: int, seconds: float) -> str:
    samples: dict[str, list[Sample]] = {name: [] for name in CONTESTANTS}
    for repeat in range(repeats):
        for name, run in CONTESTANTS.items():
            with tempfile.TemporaryDirectory(prefix="haechi-bench-") as folder:
                samples[name].append(run(count, seconds, Path(folder)))
            last = samples[name][-1]
            print(f"  {count} cameras, run {repeat + 1}, {name}: {last}", file=sys.stderr, flush=True)
    cpu = [ours.cpu_ms / theirs.cpu_ms for ours, theirs in zip(*samples.values(), strict=True)]
    pss = [ours.pss_mb / theirs.pss_mb for ours, theirs in zip(*samples.values(), strict=True)]
    cells = [str(count)]
    for name in CONTESTANTS:
        cells.append(spread([sample.cpu_ms for sample in samples[name]], 2))
        cells.append(spread([sample.pss_mb for sample in samples[name]], 0))
    return "| " + " | ".join([*cells, spread(cpu, 2), spread(pss, 2)]) + " |"


def spread(values: list[float], digits: int) -> str:
    """Median and, in brackets, least and most."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def write_report(rows: list[str], repeats: int, seconds: float) -> None:
    version = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    head = (
        "# Ingest and record beside ffmpeg\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, ffmpeg {version}, "
        f"Python {platform.python_version()}. `python -m bench.ingest`: {repeats} runs each in turns, {seconds:g} s "
        f"measured after {WARM_UP_S:g} s of warm-up. 720p15 H.264, 1.5 Mbit/s, a sync unit every 4 s, one write per "
        "RTP packet, phases spread. Median (least-most). CPU in ms per camera and second (user + system); memory is "
        "PSS in MB.\nHaechi writes each fragment through to the disk (fsync) and indexes it; ffmpeg leaves it to the "
        "page cache.\n\n"
        "| cameras | Haechi CPU | Haechi MB | ffmpeg CPU | ffmpeg MB | CPU ratio | memory ratio |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    REPORT.write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
