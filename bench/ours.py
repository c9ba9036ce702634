"""Haechi's ingest and recording alone, for the benchmarks: N cameras of one address, no detection, no viewers.

python -m bench.ours --url rtsp://127.0.0.1:9554 --count 50 --folder DIR [--viewers-port 9600]
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

import structlog
import uvloop

from haechi.base.clock import SystemClock
from haechi.base.memory import settle_memory
from haechi.bus.frames import FrameBus
from haechi.fleet.cameras import CameraRegistry
from haechi.ingest.manager import IngestManager
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex
from haechi.record.write.recorder import Recorder
from haechi.store.database import Database


async def run(url: str, count: int, folder: Path) -> None:
    clock = SystemClock()
    database = Database.at(folder / "haechi.db")
    database.migrate()
    registry = CameraRegistry(database, clock)
    for number in range(count - len(await registry.list())):
        await registry.add(f"camera {number}", f"{url}/{number}", transport="tcp")
    bus = FrameBus()
    index = RecordIndex(database)
    recorder = Recorder(bus, index, Volume(folder / "record"), clock)
    ingest = IngestManager(registry, bus, clock, database, floor=index.newest_captured_ns)
    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.run())
        group.create_task(ingest.run())
        group.create_task(_report(bus, recorder))


async def _report(bus: FrameBus, recorder: Recorder) -> None:
    """A line a second on stdout: units taken in, units durable, units lost."""
    while True:
        await asyncio.sleep(1)
        taken = sum(bus.channel(stream).units for stream in bus.streams())
        print(taken, recorder.stats.acknowledged_units, recorder.stats.lost_units, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    args = parser.parse_args()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    settle_memory()
    args.folder.mkdir(parents=True, exist_ok=True)
    uvloop.run(run(args.url, args.count, args.folder))


if __name__ == "__main__":
    main()
