"""How soon recording begins when a month of 25 cameras is on disk, and how soon all of it is compared with its index.

    python -m bench.startup [--cameras 25] [--days 30] [--repeats 5] [--folder DIR]

A million files of the size that their rows say (sparse: their content is not read) in their folders, each with its row
and packed layout, and one real recording of a camera. Before each start 25 recordings are open, as after a crash, the
real file has no row, and one that lists no file is too much; ``ready`` is when units are recorded, ``swept`` when the
real file is listed again. Prints a table and writes docs/ref/bench-startup.md. The caches of the system are warm
unless ``--cold`` (needs root, and empties them for everybody).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, Run
from haechi.media.access_unit import AccessUnit, Codec, UnitRef, VideoParams
from haechi.record.disk.volume import Volume, relative_path
from haechi.record.index.layouts import FragmentRow, pack
from haechi.record.index.spans import RecordIndex
from haechi.record.tables import layouts, recordings
from haechi.record.write.recorder import Recorder, RecorderSettings
from haechi.store.database import Database

REPORT = Path(__file__).resolve().parents[1] / "docs" / "ref" / "bench-startup.md"
MINUTE_NS = 60 * NS_PER_S
START_NS = 1_767_225_600 * NS_PER_S
FRAGMENTS, FRAGMENT_BYTES, INIT_BYTES, FPS = 30, 366_000, 731, 15
SIZE_BYTES = INIT_BYTES + FRAGMENTS * FRAGMENT_BYTES
REAL = StreamId("cam_real/main")


class House:
    """A recorder and what it stands on."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.database = Database.at(folder / "haechi.db")
        self.database.migrate()
        self.index = RecordIndex(self.database)
        self.volume = Volume(folder / "record")
        self.bus = FrameBus()
        settings = RecorderSettings(gather_s=0)
        self.recorder = Recorder(self.bus, self.index, self.volume, self.clock, settings)


def layout(minute: int) -> bytes:
    """Thirty fragments of two seconds, as a camera of 15 pictures a second gives them."""
    first_ns, seq = START_NS + minute * MINUTE_NS, minute * 60 * FPS
    return pack(
        FragmentRow(n + 1, INIT_BYTES + n * FRAGMENT_BYTES, FRAGMENT_BYTES, first_ns + n * 2 * NS_PER_S,
                    first_ns + n * 2 * NS_PER_S + 1_933_333_333, (seq + n * 30) * 6000, (seq + n * 30) * 6000, 180_000,
                    seq + n * 30, 30, True, os.urandom(16))
        for n in range(FRAGMENTS)
    )  # fmt: skip


def fill(house: House, cameras: int, days: int) -> int:
    """Rows and files; how many."""
    streams = [StreamId(f"cam_{number:02d}abcdefghjk/main") for number in range(cameras)]
    for hour in range(days * 24):
        house.database.write_now(partial(_hour, volume=house.volume, streams=streams, hour=hour))
    return len(streams) * days * 1440


def _hour(connection: Connection, volume: Volume, streams: list[StreamId], hour: int) -> None:
    rows: list[dict[str, object]] = []
    for minute in range(hour * 60, hour * 60 + 60):
        for stream in streams:
            start_ns = START_NS + minute * MINUTE_NS
            path = relative_path(stream, 1, start_ns)
            rows.append(
                {"id": len(streams) * minute + len(rows) % len(streams) + 1, "volume": volume.id, "stream": stream,
                 "run": 1, "params": 0, "path": path, "start_ns": start_ns, "end_ns": start_ns + MINUTE_NS,
                 "first_seq": minute * 60 * FPS, "last_seq": (minute + 1) * 60 * FPS - 1, "init_bytes": INIT_BYTES,
                 "size_bytes": SIZE_BYTES, "is_open": False}
            )  # fmt: skip
            file = volume.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(file, os.O_WRONLY | os.O_CREAT, 0o640)
            os.ftruncate(handle, SIZE_BYTES)
            os.close(handle)
    connection.execute(recordings.insert(), rows)
    pieces = [layout(minute) for minute in range(hour * 60, hour * 60 + 60)]
    packed = [{"recording": row["id"], "pieces": pieces[number // len(streams)]} for number, row in enumerate(rows)]
    connection.execute(layouts.insert(), packed)


async def record_real(house: House) -> None:
    """One real recording, in the middle of the month."""
    units = [
        AccessUnit(UnitRef(REAL, 1, n), n * 6000, n * 6000, START_NS + 9 * 86_400 * NS_PER_S + n * NS_PER_S // FPS,
                   n % 30 == 0, 0, bytes(9000))
        for n in range(30 * FPS)
    ]  # fmt: skip
    task = asyncio.ensure_future(house.recorder.run())
    await house.recorder.ready.wait()
    channel = house.bus.channel(REAL)
    channel.open_run(Run(REAL, 1, units[0].captured_ns, [VideoParams(Codec.MJPEG, 64, 48)]))
    for unit in units:
        channel.publish(unit)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Start(NamedTuple):
    """Seconds from the call until recording began, and until everything was compared."""

    ready_s: float
    swept_s: float
    cpu_s: float


async def start(folder: Path, cameras: int, *, is_cold: bool) -> Start:
    """One start after a crash."""
    house = House(folder)
    newest = sa.select(recordings.c.id).where(recordings.c.stream != REAL).order_by(recordings.c.id.desc())
    real = recordings.c.stream == REAL

    def crash(connection: Connection) -> None:
        connection.execute(recordings.delete().where(real))
        ids = connection.execute(newest.limit(cameras)).scalars().all()
        connection.execute(recordings.update().where(recordings.c.id.in_(ids)).values(is_open=True))

    house.database.write_now(crash)
    if is_cold:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3")
    began, cpu = time.perf_counter(), time.process_time()
    task = asyncio.ensure_future(house.recorder.run())
    await house.recorder.ready.wait()
    ready_s = time.perf_counter() - began
    await house.recorder.swept.wait()
    swept_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    found = house.database.read_now(lambda c: c.execute(sa.select(recordings.c.id).where(real)).all())
    opened = house.database.read_now(lambda c: c.execute(sa.select(recordings.c.id).where(recordings.c.is_open)).all())
    if len(found) != 1 or opened:
        sys.exit("the start did not do its work")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    house.database.close()
    return Start(ready_s, swept_s, cpu_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=25)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--cold", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory("-startup", dir=args.folder) as name:
        folder = Path(name)
        house = House(folder)
        asyncio.run(house.volume.claim(house.database, house.clock))
        began = time.perf_counter()
        count = fill(house, args.cameras, args.days)
        asyncio.run(record_real(house))
        house.database.close()
        size = sum(file.stat().st_size for file in folder.glob("haechi.db*"))
        print(f"{count} recordings made in {time.perf_counter() - began:.0f} s; database {size / 1e6:.0f} MB")
        starts = [asyncio.run(start(folder, args.cameras, is_cold=args.cold)) for _ in range(args.repeats)]
        text = report(count, size, starts, is_cold=args.cold)
        print(text)
        REPORT.write_text(text, encoding="utf-8")


def report(count: int, database_bytes: int, starts: list[Start], *, is_cold: bool) -> str:
    """The page."""
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    what = (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {sys.version.split()[0]}, caches"
        f" {'cold' if is_cold else 'warm'}: {count} recordings and files, {database_bytes / 1e6:.0f} MB of database,"
        f" {len(starts)} starts. Peak memory {peak_mb:.0f} MB. Load of the machine at the end {os.getloadavg()[1]:.1f}."
    )
    lines = [
        "# Start-up with a month on disk",
        "",
        (
            "Written by `python -m bench.startup`; what is measured is said there. The start of the whole program:"
            " [bench-restart](bench-restart.md)."
        ),
        "",
        what,
        "",
        "| | median | spread |",
        "|---|---|---|",
    ]
    for label, values in (
        ("until units are recorded", [one.ready_s for one in starts]),
        ("until all is compared, unlisted files are listed", [one.swept_s for one in starts]),
        ("CPU of it", [one.cpu_s for one in starts]),
    ):
        lines.append(f"| {label} | {statistics.median(values):.2f} s | {min(values):.2f} to {max(values):.2f} s |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
