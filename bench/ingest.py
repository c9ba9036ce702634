"""Ingest and record of N cameras: Haechi beside one ``ffmpeg -c copy -f segment`` per camera, in turns in the same run.

    python -m bench.ingest [--counts 1,25,50,100] [--repeats 5] [--seconds 10] [--reverse]

With ``--reverse`` the same cameras also dial us over TLS (`bench.reverse`), and ffmpeg also reads them over TLS, in
turns with the other two.

Prints a table and writes docs/ref/bench-ingest.md. CPU is user + system of all processes of a contestant, in
milliseconds per camera and second; memory is PSS at the end of the window. The cameras' own CPU is not counted.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bench.contestants import CONTESTANTS, WARM_UP_S, cameras, cpu_s, ffmpeg_tls, ffmpeg_version, pss_mb, spread
from bench.reverse import dialled, taken_in, wait_for

THEIRS, THEIRS_TLS = "ffmpeg", "ffmpeg, TLS"
TITLES = {"haechi": "Haechi", "reverse": "Haechi, dialled over TLS", THEIRS: THEIRS, THEIRS_TLS: THEIRS_TLS}
BESIDE = {"haechi": THEIRS, "reverse": THEIRS_TLS}
WAYS = {**CONTESTANTS, "reverse": dialled, THEIRS_TLS: ffmpeg_tls}
REPORT = Path(__file__).resolve().parents[1] / "docs" / "ref" / "bench-ingest.md"


class Sample(NamedTuple):
    """One run of one contestant."""

    cpu_ms: float
    pss_mb: float
    note: str


def measure(name: str, count: int, seconds: float, folder: Path) -> Sample:
    """One run of one contestant."""
    with WAYS[name](count, folder) as pids:
        if name in BESIDE:
            wait_for(lambda: taken_in(folder) > 0)
        time.sleep(WARM_UP_S)
        before, started = cpu_s(pids), time.monotonic()
        time.sleep(seconds)
        used, elapsed = cpu_s(pids) - before, time.monotonic() - started
        pss = pss_mb(pids)
    if name in BESIDE:
        taken, kept, lost = (int(part) for part in (folder / "out").read_text().strip().splitlines()[-1].split())
        note = f"{taken} units in, {kept} durable so far, {lost} lost"
    else:
        note = f"{sum(1 for _ in folder.glob('*.mp4'))} files"
    return Sample(used / elapsed / count * 1000, pss, note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="1,25,50,100")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--reverse", action="store_true", help="cameras that dial us over TLS, too")
    args = parser.parse_args()
    names = ["haechi", THEIRS, *(["reverse", THEIRS_TLS] if args.reverse else [])]
    if shutil.which("ffmpeg") is None:
        sys.exit("bench.ingest needs ffmpeg to compare with: apt-get install ffmpeg")
    counts = [int(part) for part in args.counts.split(",")]
    rows = []
    with cameras():
        for count in counts:
            rows.append(compare(names, count, args.repeats, args.seconds))
            print(rows[-1], flush=True)
    write_report(names, rows, args.repeats, args.seconds)


def compare(names: list[str], count: int, repeats: int, seconds: float) -> str:
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for repeat in range(repeats):
        for name in names:
            with tempfile.TemporaryDirectory(prefix="haechi-bench-") as folder:
                samples[name].append(measure(name, count, seconds, Path(folder)))
            last = samples[name][-1]
            print(f"  {count} cameras, run {repeat + 1}, {name}: {last}", file=sys.stderr, flush=True)
    cells = [str(count)]
    for name in names:
        cells.append(spread([sample.cpu_ms for sample in samples[name]], 2))
        cells.append(spread([sample.pss_mb for sample in samples[name]], 0))
    for name in (one for one in BESIDE if one in samples):
        pairs = list(zip(samples[name], samples[BESIDE[name]], strict=True))
        cells.append(spread([ours.cpu_ms / theirs.cpu_ms for ours, theirs in pairs], 2))
        cells.append(spread([ours.pss_mb / theirs.pss_mb for ours, theirs in pairs], 2))
    return "| " + " | ".join(cells) + " |"


def write_report(names: list[str], rows: list[str], repeats: int, seconds: float) -> None:
    head = (
        "# Ingest and record beside ffmpeg\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, ffmpeg {ffmpeg_version()}, "
        f"Python {platform.python_version()}. `python -m bench.ingest`: {repeats} runs each in turns, {seconds:g} s "
        f"measured after {WARM_UP_S:g} s of warm-up. 720p15 H.264, 1.5 Mbit/s, a sync unit every 4 s, one write per "
        "RTP packet, phases spread. Median (least-most). CPU in ms per camera and second (user + system); memory is "
        "PSS in MB.\nHaechi writes each fragment through to the disk (fsync) and indexes it; ffmpeg leaves it to the "
        "page cache.\n\n"
    )
    titles = [f"{TITLES[name]} {what}" for name in names for what in ("CPU", "MB")]
    titles += [f"{TITLES[name]}: {what} ratio" for name in BESIDE if name in names for what in ("CPU", "memory")]
    head += f"| cameras | {' | '.join(titles)} |\n{'|---' * (len(titles) + 1)}|\n"
    REPORT.write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
