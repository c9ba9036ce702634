"""A hundred cameras lose their connections at once: when are all back, and what do five others notice?

    python -m bench.storm [--cameras 100] [--others 5] [--times 3]

The server is that of `bench.soak`: all of it but detection, in a process of its own; the cameras are another.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop

from bench.soak import START_S, Watch
from bench.soak_server import Planned
from bench.soak_yard import Kind, RtspYard

SETTLE_S = 6.0
GIVE_UP_S = 60.0


async def storm(cameras: list[RtspYard], others: int, watch: Watch) -> tuple[float, float, float]:
    """Cut all but the last ``others``; seconds until half and all of them are back, and the others' longest gap."""
    struck = range(len(cameras) - others)
    watch.struck = set(struck)
    watch.gap_s = 0.0
    before = (await watch.next()).cameras
    began_s = time.monotonic()
    for index in struck:
        cameras[index].drop()
    half_s = 0.0
    while True:
        now = (await watch.next()).cameras
        took_s = time.monotonic() - began_s
        back = [index for index in struck if now[index].run > before[index].run and now[index].state == "live"]
        if len(back) * 2 >= len(struck) and not half_s:
            half_s = took_s
        if len(back) == len(struck):
            return half_s, took_s, watch.gap_s
        if took_s > GIVE_UP_S:
            sys.exit(f"bench.storm: {len(struck) - len(back)} cameras are not back")


async def run(options: argparse.Namespace, folder: Path) -> None:
    cameras = [RtspYard(Kind("tcp", "h264"), None) for _ in range(options.cameras + options.others)]
    for camera in cameras:
        await camera.start()
    plan = [
        Planned(str(number), f"rtsp://127.0.0.1:{camera.way.target}/live", "tcp", audio=False)
        for number, camera in enumerate(cameras)
    ]
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
    with (folder / "log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.soak_server", str(folder), stdout=subprocess.PIPE, stderr=log, limit=1 << 20
        )
    assert server.stdout is not None
    watch = Watch()
    reading = asyncio.create_task(watch.read(server.stdout))
    try:
        async with asyncio.timeout(START_S):
            while any(seen.state != "live" for seen in (await watch.next()).cameras):
                pass
        print("| half are back after s | all | longest gap of the others s |\n|---|---|---|")
        for _ in range(options.times):
            await asyncio.sleep(SETTLE_S)
            half_s, all_s, gap_s = await storm(cameras, options.others, watch)
            print(f"| {half_s:.1f} | {all_s:.1f} | {gap_s:.2f} |", flush=True)
    finally:
        reading.cancel()
        server.terminate()
        await server.wait()
        for camera in cameras:
            await camera.stop()
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d %H:%M}, {platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[1]:.1f}, {options.cameras} cameras, {options.others} others"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--others", type=int, default=5)
    parser.add_argument("--times", type=int, default=3)
    with tempfile.TemporaryDirectory(prefix="haechi-storm-") as folder:
        uvloop.run(run(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    main()
