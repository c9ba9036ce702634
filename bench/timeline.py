"""How long the timeline takes with a month of 25 cameras in the index, and how much it sends: over HTTP on loopback.

Random ranges and zooms (an hour to the whole month, one camera to all), the whole month of all cameras, and the first
question of a seek (`pieces` of a random minute). Each run starts a server of its own over the same rows.

    python -m bench.timeline [--runs 5] [--asks 60] [--days 31] [--cameras 25]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx2
import uvicorn

from bench.month import Month, fill
from haechi.api.app import build_app
from haechi.api.auth.tokens import csrf_of
from haechi.app.embedded import open_rooms
from haechi.app.ports import listen
from haechi.app.settings import RecordSettings, Settings, VisionSettings
from haechi.base.clock import NS_PER_MS

HOUR_MS = 3_600_000
ZOOMS_MS = (HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS, 7 * 24 * HOUR_MS, 31 * 24 * HOUR_MS)


class _Server(uvicorn.Server):
    """uvicorn, and a word when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.started_event = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.started_event.set()


def settings_for(folder: Path) -> Settings:
    return Settings(
        data_dir=folder / "data", cache_dir=folder / "cache", record=RecordSettings(enabled=False),
        vision=VisionSettings(enabled=False), log_level="error",
    )  # fmt: skip


async def prepare(folder: Path, cameras: int, days: int) -> tuple[Month, str]:
    """The rows, and a session that may see them."""
    rooms = open_rooms(settings_for(folder))
    house = rooms.services
    ids = [
        (await house.registry.add(f"Camera {n}", f"rtsp://192.0.2.{n + 1}/x", enabled=False)).id for n in range(cameras)
    ]
    month = await asyncio.to_thread(fill, house.database, rooms.settings.record_dir, ids, days, 7)
    user = await house.auth.users.add("bench", await house.auth.passwords.hash("correct horse battery"), "admin", ())
    token = await house.auth.sessions.create(user.id)
    house.database.close()
    return month, token


@asynccontextmanager
async def served(folder: Path, token: str) -> AsyncIterator[httpx2.AsyncClient]:
    """The edge alone: no camera is asked, nothing is recorded."""
    rooms = open_rooms(settings_for(folder))
    listener = listen("127.0.0.1", 0)
    server = _Server(uvicorn.Config(build_app(rooms.services), log_config=None, access_log=False))
    task = asyncio.create_task(server.serve([listener]))
    await server.started_event.wait()
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    headers = {"Origin": base, "X-Haechi-CSRF": csrf_of(token)}
    try:
        async with httpx2.AsyncClient(
            base_url=base, cookies={"haechi_session": token}, headers=headers, timeout=60
        ) as http:
            yield http
    finally:
        server.should_exit = True
        await task
        rooms.services.database.close()


class Took(NamedTuple):
    """Of one answer: by the clock, and processor time of server and client together."""

    ms: float
    cpu_ms: float
    size_bytes: int


async def timed(answer: Awaitable[httpx2.Response]) -> Took:
    """How long an answer takes, to its last byte."""
    began, cpu = time.perf_counter(), time.process_time()
    got = await answer
    took, used = time.perf_counter() - began, time.process_time() - cpu
    got.raise_for_status()
    return Took(took * 1000, used * 1000, int(got.headers.get("content-length") or len(got.content)))


def asked(http: httpx2.AsyncClient, path: str) -> Awaitable[httpx2.Response]:
    """A ``GET``; a motion search where the path has times behind it."""
    address, *times = path.split()
    if not times:
        return http.get(address)
    region = [[0.1, 0.1], [0.6, 0.2], [0.5, 0.8]]
    return http.post(address, json={"start_ms": int(times[0]), "end_ms": int(times[1]), "region": region})


def any_range(month: Month, chance: random.Random) -> str:
    start_ms, end_ms = month.start_ns // NS_PER_MS, month.end_ns // NS_PER_MS
    length = min(chance.choice(ZOOMS_MS), end_ms - start_ms)
    begin = chance.randint(start_ms, end_ms - length)
    cameras = chance.sample(month.cameras, chance.choice((1, 4, 9, len(month.cameras))))
    buckets = chance.choice((200, 800, 1600))
    return f"/api/timeline?cameras={','.join(cameras)}&start_ms={begin}&end_ms={begin + length}&buckets={buckets}"


def whole_month(month: Month, _chance: random.Random) -> str:
    start_ms, end_ms = month.start_ns // NS_PER_MS, month.end_ns // NS_PER_MS
    return f"/api/timeline?cameras={','.join(month.cameras)}&start_ms={start_ms}&end_ms={end_ms}&buckets=800"


def seek(month: Month, chance: random.Random) -> str:
    at_ms = chance.randint(month.start_ns // NS_PER_MS, month.end_ns // NS_PER_MS - 120_000)
    return f"/api/cameras/{chance.choice(month.cameras)}/pieces?start_ms={at_ms}&end_ms={at_ms + 60_000}"


def hour_of_pieces(month: Month, chance: random.Random) -> str:
    at_ms = chance.randint(month.start_ns // NS_PER_MS, month.end_ns // NS_PER_MS - HOUR_MS)
    return f"/api/cameras/{chance.choice(month.cameras)}/pieces?start_ms={at_ms}&end_ms={at_ms + HOUR_MS}"


def search_day(month: Month, chance: random.Random) -> str:
    """Of the restless camera."""
    at_ms = chance.randint(month.start_ns // NS_PER_MS, month.end_ns // NS_PER_MS - 24 * HOUR_MS)
    return f"/api/cameras/{month.cameras[0]}/motion-search {at_ms} {at_ms + 24 * HOUR_MS}"


QUESTIONS: dict[str, Callable[[Month, random.Random], str]] = {
    "timeline, random range, zoom and cameras": any_range,
    "timeline, the whole month of all": whole_month,
    "pieces of a random minute (seek)": seek,
    "pieces of a random hour": hour_of_pieces,
    "motion search, a day of a restless camera": search_day,
}


async def measure(folder: Path, month: Month, token: str, asks: int, seed: int) -> dict[str, list[Took]]:
    """Every question so many times, on a server of its own; the first answer counts like the others."""
    chance = random.Random(seed)
    found: dict[str, list[Took]] = {name: [] for name in QUESTIONS}
    async with served(folder, token) as http:
        for camera in month.cameras:
            first_ms = month.start_ns // NS_PER_MS
            path = f"/api/cameras/{camera}/pieces?start_ms={first_ms}&end_ms={first_ms + 1000}"
            await timed(asked(http, path))
        for _ in range(asks):
            for name, make in QUESTIONS.items():
                found[name].append(await timed(asked(http, make(month, chance))))
    return found


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"


def report(runs: list[dict[str, list[Took]]], month: Month) -> None:
    print("| question | p50 ms | p95 ms | p95 of processor ms | most kB |\n|---|---|---|---|---|")
    for name in QUESTIONS:
        times = [sorted(one.ms for one in run[name]) for run in runs]
        cpu = [sorted(one.cpu_ms for one in run[name]) for run in runs]
        p50 = spread([statistics.median(one) for one in times])
        p95, cpu95 = (spread([one[int(len(one) * 0.95)] for one in rows]) for rows in (times, cpu))
        size = max(one.size_bytes for run in runs for one in run[name])
        print(f"| {name} | {p50} | {p95} | {cpu95} | {size / 1000:.0f} |")
    print(f"\n{len(month.cameras)} cameras, {(month.end_ns - month.start_ns) / 86_400e9:.0f} days")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--asks", type=int, default=60)
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--cameras", type=int, default=25)
    parser.add_argument("--folder", type=Path, default=None)
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=wish.folder) as name:
        folder = Path(name)
        began = time.perf_counter()
        month, token = await prepare(folder, wish.cameras, wish.days)
        size = sum(file.stat().st_size for file in (folder / "data").glob("haechi.db*"))
        print(f"rows in {time.perf_counter() - began:.0f} s; database {size / 1e6:.0f} MB", file=sys.stderr)
        runs = [await measure(folder, month, token, wish.asks, seed) for seed in range(wish.runs)]
    now = datetime.now(UTC)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{now:%Y-%m-%d}, {machine}; database {size / 1e6:.0f} MB; load {os.getloadavg()[0]:.1f}\n")
    report(runs, month)


if __name__ == "__main__":
    asyncio.run(main())
