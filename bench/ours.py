"""Haechi's ingest and recording alone, for the benchmarks: N cameras of one address, no detection, no viewers.

python -m bench.ours --url rtsp://127.0.0.1:9554 --count 50 --folder DIR
python -m bench.ours --dialled --count 50 --folder DIR    cameras dial us over TLS; see `bench.dialled`
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

import structlog
import uvloop

from haechi.app.ports import listen
from haechi.base.clock import SystemClock
from haechi.base.memory import settle_memory
from haechi.bus.frames import FrameBus
from haechi.fleet.cameras import CameraRegistry
from haechi.fleet.certificate import load_identity, own_certificate
from haechi.fleet.dialling import DialKeys
from haechi.ingest.manager import IngestManager
from haechi.ingest.openers import Openers
from haechi.ingest.reach import ANYWHERE
from haechi.ingest.reverse_rtsp import ReverseListener
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex
from haechi.record.write.recorder import Recorder
from haechi.store.database import Database


async def run(url: str, count: int, folder: Path, *, is_dialled: bool = False) -> None:
    clock = SystemClock()
    database = Database.at(folder / "haechi.db")
    database.migrate()
    registry = CameraRegistry(database, clock)
    for number in range(count - len(await registry.list())):
        await registry.add(f"camera {number}", "reverse:" if is_dialled else f"{url}/{number}", transport="tcp")
    bus = FrameBus()
    index = RecordIndex(database)
    recorder = Recorder(bus, index, Volume(folder / "record"), clock)
    openers = Openers(clock, reach=ANYWHERE)
    ingest = IngestManager(registry, bus, clock, database, floor=index.newest_captured_ns, openers=openers)
    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.run())
        group.create_task(ingest.run())
        group.create_task(_report(bus, recorder))
        if is_dialled:
            group.create_task(_listen(registry, database, ingest, folder))


async def _listen(registry: CameraRegistry, database: Database, ingest: IngestManager, folder: Path) -> None:
    """Listen for cameras that dial; how they find us is written to ``folder``."""
    clock = SystemClock()
    keys = DialKeys(database, clock)
    own_certificate(folder / "reverse.pem", datetime.now(UTC))
    identity = load_identity(folder / "reverse.pem")
    bound = listen("127.0.0.1", 0)
    tokens = [f"{camera.id} {await keys.issue(camera.id)}" for camera in await registry.list()]
    part = folder / "dial.part"
    part.write_text("\n".join([f"{bound.getsockname()[1]} {identity.pin}", *tokens]))
    part.rename(folder / "dial")
    await ReverseListener(keys, ingest.lines, clock).serve(bound, identity.context, identity.fingerprint)


async def _report(bus: FrameBus, recorder: Recorder) -> None:
    """A line a second on stdout: units taken in, units durable, units lost."""
    while True:
        await asyncio.sleep(1)
        taken = sum(bus.channel(stream).units for stream in bus.streams())
        print(taken, recorder.stats.acknowledged_units, recorder.stats.lost_units, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="")
    parser.add_argument("--dialled", action="store_true")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    args = parser.parse_args()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    settle_memory()
    args.folder.mkdir(parents=True, exist_ok=True)
    uvloop.run(run(args.url, args.count, args.folder, is_dialled=args.dialled))


if __name__ == "__main__":
    main()
