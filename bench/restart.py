"""How soon a server that was killed records again, and how soon all of it is back.

    python -m bench.restart [--repeats 5] [--load 0] [--load 8] [--against OTHER_CHECKOUT]

The program as it is installed, with its workers, two cameras that speak RTSP, and a folder that it left behind when it
was killed. ``records`` is when the first unit was captured that is on disk again, counted from the start of the process
(of the later camera; a recording begins with a sync unit, of which the cameras send one a second). ``--load``: so many
processes beside it that only burn CPU. ``--against``: the same program from another checkout, in turn with ours, start
by start. Prints a table; docs/ref/bench-restart.md keeps those of comparisons.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import product
from pathlib import Path
from typing import NamedTuple

from tests.cameras import StreamFeed
from tests.faults.house import Home, until
from tests.streams import h264_stream

from haechi.base.clock import NS_PER_S
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.rtsp.server import ServerPolicy

ROOT = Path(__file__).resolve().parents[1]
CAMERAS, FPS = 2, 10
LONGEST_S = 120.0
LIVES_S = 3.0


class Back(NamedTuple):
    """Seconds from the start of the process."""

    records_s: float
    answers_s: float
    whole_s: float


async def start(home: Home) -> Back:
    """Start on what a kill left."""
    began_ns, began = time.time_ns(), time.monotonic()
    await home.server.start()
    answers_s = time.monotonic() - began
    await until(lambda: len(home.children()) >= home.workers, LONGEST_S)
    whole_s = time.monotonic() - began
    await until(lambda: len(firsts(home, began_ns)) == CAMERAS, LONGEST_S)
    return Back(max(firsts(home, began_ns)) / NS_PER_S, answers_s, whole_s)


def firsts(home: Home, after_ns: int) -> list[int]:
    """When each camera is recorded again, ns after ``after_ns``."""
    begins: dict[str, int] = {}
    for row in home.index().rows:
        if row.start_ns > after_ns:
            begins[row.stream] = min(begins.get(row.stream, row.start_ns), row.start_ns)
    return [begin - after_ns for begin in begins.values()]


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that burn CPU."""
    burning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for one in burning:
            one.kill()
            one.wait()


@asynccontextmanager
async def homes(folder: Path, checkouts: list[Path], urls: list[str]) -> AsyncIterator[list[Home]]:
    """A home for each checkout, lived in, and killed."""
    made = []
    try:
        for number, checkout in enumerate(checkouts):
            os.environ["PYTHONPATH"] = str(checkout / "src")
            root = folder / str(number)
            root.mkdir()
            home = Home(root, 8460 + number)
            made.append(home)
            await home.move_in(urls)
            await home.server.end(signal.SIGKILL)
        yield made
    finally:
        os.environ.pop("PYTHONPATH", None)
        for home in made:
            home.server.close()


async def measure(
    folder: Path, checkouts: list[Path], loads: list[int], repeats: int
) -> dict[tuple[int, int], list[Back]]:
    """For each load and checkout, all starts; the checkouts take turns."""
    found: dict[tuple[int, int], list[Back]] = {}
    feeds = {f"/{n}": StreamFeed(h264_stream(frames=60, fps=FPS, gop=FPS), FPS) for n in range(CAMERAS)}
    async with VirtualCamera(feeds, ServerPolicy()) as camera, AsyncExitStack() as stack:
        urls = [camera.url(path) for path in feeds]
        lived_in = await stack.enter_async_context(homes(folder, checkouts, urls))
        for load, _, number in product(loads, range(repeats), range(len(checkouts))):
            with busy(load):
                back = await start(lived_in[number])
            print(f"load {load}, {checkouts[number].name}: {back}", flush=True)
            found.setdefault((load, number), []).append(back)
            await asyncio.sleep(LIVES_S)
            await lived_in[number].server.end(signal.SIGKILL)
    return found


def table(found: dict[tuple[int, int], list[Back]], names: list[str]) -> str:
    """All of it, medians and spreads."""
    lines = ["| beside it | program | records again | answers | all processes are there |", "|---|---|---|---|---|"]
    for (load, number), backs in found.items():
        cells = [
            f"{statistics.median(times):.1f} s ({min(times):.1f} to {max(times):.1f})"
            for times in zip(*backs, strict=True)
        ]
        beside = f"{load} busy processes" if load else "nothing of ours"
        lines.append(f"| {beside} | {names[number]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--load", type=int, action="append")
    parser.add_argument("--against", type=Path)
    args = parser.parse_args()
    checkouts = [ROOT] if args.against is None else [args.against.resolve(), ROOT]
    names = ["this"] if args.against is None else ["other", "this"]
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory("-restart") as folder:
        found = asyncio.run(measure(Path(folder), checkouts, args.load or [0], args.repeats))
    print(f"load of the machine before it {before:.1f}, after it {os.getloadavg()[0]:.1f}")
    print(table(found, names))


if __name__ == "__main__":
    main()
