"""Every process of the running server, killed and frozen in turn, with cameras that speak RTSP: F05, F06, F28."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import httpx2

from haechi.base.clock import NS_PER_S
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.rtsp.server import ServerPolicy
from haechi.vision.models import default_cache_dir
from tests.cameras import StreamFeed
from tests.faults.cases import Fault, Outcome, Try
from tests.faults.evidence import Damaged, Index, Row, read_footage, read_index
from tests.faults.judge import tiles
from tests.program import Server, environment
from tests.server import PASSWORD
from tests.streams import h264_stream

CAMERAS = 2
FPS = 10
KINDS = ("kill a worker", "kill another worker", "freeze a worker", "kill the server", "freeze the server")
BACK_S = 10.0
"""A worker is back within so long."""
AGAIN_S = 20.0
"""Recording, after a kill of the server; it takes 2 s on a machine that does nothing else."""
FROZEN_S = 4.0
LOSS_MOST_S = 5.0
"""The fragment in flight (4 s at most), and what gathering and writing it takes."""


class Home:
    """A server with cameras, watched through its files and its processes."""

    def __init__(self, root: Path, port: int) -> None:
        self.root = root
        env = environment(
            root, HTTP__PORT=str(port), RECORD__MIN_FREE_BYTES="0", VISION__ENABLED="true",
            CACHE_DIR=str(default_cache_dir().parent),
        )  # fmt: skip
        self.server = Server(root / "log", env)
        self.workers = 0

    async def move_in(self, urls: list[str]) -> None:
        """Start, set up, add the cameras; returns when all of them are recorded and the workers are there."""
        await self.server.start()
        base = self.server.address
        async with httpx2.AsyncClient(base_url=base, headers={"Origin": base}, timeout=30) as http:
            person = {"token": self.server.token, "name": "owner", "password": PASSWORD}
            csrf = (await http.post("/api/setup", json=person)).raise_for_status().json()["csrf"]
            for number, url in enumerate(urls):
                wish = {"name": f"Camera {number}", "url": url}
                (await http.post("/api/cameras", json=wish, headers={"X-Haechi-CSRF": csrf})).raise_for_status()
        await until(lambda: len({row.stream for row in self.index().rows}) == len(urls), 30.0)
        await until(lambda: len(self.children()) >= 2, 30.0)
        await asyncio.sleep(1.0)
        self.workers = len(self.children())

    def index(self) -> Index:
        """What is listed at this moment."""
        return read_index(self.root / "data" / "haechi.db")

    @property
    def pid(self) -> int:
        assert self.server._process is not None
        return self.server._process.pid

    def children(self) -> list[int]:
        """Processes that the server started."""
        with suppress(FileNotFoundError):
            return [int(one) for one in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        return []

    def ends(self) -> dict[str, int]:
        """Until when each camera is recorded."""
        found: dict[str, int] = {}
        for row in self.index().rows:
            found[row.stream] = max(found.get(row.stream, 0), row.end_ns)
        return found

    def again_s(self, struck_ns: int) -> float:
        """After a kill: how long until the first unit was captured that is recorded, of the later camera."""
        firsts: dict[str, int] = {}
        for row in self.index().rows:
            if row.start_ns > struck_ns:
                firsts[row.stream] = min(firsts.get(row.stream, row.start_ns), row.start_ns)
        return (max(firsts.values()) - struck_ns) / NS_PER_S

    def units(self, row: Row) -> list[tuple[int, int]]:
        """Number and time of every unit of a recording.

        Raises:
            Damaged: It cannot be read.
        """
        with (self.root / "data" / "record" / row.path).open("rb") as file:
            data = file.read(row.size_bytes)
        return [(unit.seq, unit.captured_ns) for unit in read_footage(data, row.init_bytes)]


async def until(condition: Callable[[], bool], seconds: float) -> float:
    """How long it took until ``condition`` held, s; infinite when it did not in time."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            return float("inf")
        await asyncio.sleep(0.1)
    return time.monotonic() - began


def play(one: Try) -> Iterator[Outcome]:
    """One server; each of its processes is struck once."""
    yield from asyncio.run(_play(one))


async def _play(one: Try) -> list[Outcome]:
    draw = one.draw()
    feeds = {f"/{n}": StreamFeed(h264_stream(frames=60, fps=FPS, gop=FPS), FPS) for n in range(CAMERAS)}
    home = Home(one.root, 8400 + one.number % 50)
    outcomes = []
    async with VirtualCamera(feeds, ServerPolicy()) as camera:
        try:
            await home.move_in([camera.url(path) for path in feeds])
            outcomes += [await _strike(home, kind) for kind in draw.sample(KINDS, len(KINDS))]
            await home.server.end(seconds=30)
        finally:
            home.server.close()
    wrong = judged(home)
    if wrong and outcomes:
        outcomes.append(Outcome("all of it", wrong, struck=False))
    return outcomes


async def _strike(home: Home, kind: str) -> Outcome:
    before, struck_ns = home.index().rows, time.time_ns()
    ends = home.ends()
    target = home.pid if "server" in kind else _worker(home, "another" in kind)
    back_s = 0.0
    if "kill" in kind:
        os.kill(target, signal.SIGKILL)
        back_s = await _back(home, target)
    else:
        os.kill(target, signal.SIGSTOP)
        await asyncio.sleep(FROZEN_S)
        with suppress(ProcessLookupError):
            os.kill(target, signal.SIGCONT)
    resumed_s = await until(lambda: all(end > struck_ns for end in home.ends().values()), BACK_S + FROZEN_S)
    wrong = [f"{kind}: no process in its place after {BACK_S:.0f} s"] if back_s == float("inf") else []
    if resumed_s == float("inf"):
        wrong.append(f"D4 {kind}: recording does not go on")
    elif "server" in kind and "kill" in kind:
        lost_s = max((struck_ns - end) / NS_PER_S for end in ends.values())
        wrong += [f"D3 {lost_s:.1f} s of a camera are lost"] if lost_s > LOSS_MOST_S else []
        back_s = home.again_s(struck_ns)
        wrong += [f"recording again only after {back_s:.1f} s"] if back_s > AGAIN_S else []
    rows = {(row.stream, row.run, row.path) for row in home.index().rows}
    wrong += [f"D2 no more listed: {row.path}" for row in before if (row.stream, row.run, row.path) not in rows][:3]
    return Outcome(kind, tuple(wrong), resumed_s=None if wrong else back_s)


def _worker(home: Home, is_other: bool) -> int:
    children = sorted(home.children())
    return children[-1] if is_other else children[0]


async def _back(home: Home, struck: int) -> float:
    """Seconds until another process is in the place of the one that was killed."""
    if struck == home.pid:
        await home.server.end(signal.SIGKILL)
        began = time.monotonic()
        await home.server.start()
        await until(lambda: len(home.children()) >= home.workers, 30.0)
        return time.monotonic() - began
    return await until(lambda: struck not in home.children() and len(home.children()) >= home.workers, BACK_S)


def judged(home: Home) -> tuple[str, ...]:
    """After the planned end: everything that is listed is readable, in order, and every moment is accounted for."""
    index = home.index()
    wrong = [] if index.integrity == "ok" else [f"D2 integrity_check: {index.integrity}"]
    last: dict[str, int] = {}
    for row in index.rows:
        try:
            units = home.units(row)
        except (Damaged, OSError) as error:
            wrong.append(f"D2 listed but not readable: {row.path}: {error}")
            continue
        if [seq for seq, _ in units] != list(range(row.first_seq, row.last_seq + 1)):
            wrong.append(f"D2 {row.path}: other units than the index tells")
        times = [last.get(row.stream, 0), *(at_ns for _, at_ns in units)]
        if any(before >= after for before, after in pairwise(times)):
            wrong.append(f"D7 {row.path}: stamps do not increase")
        last[row.stream] = times[-1]
    for stream in last:
        wrong += tiles(stream, index)
    return tuple(wrong)


FAULT = Fault(
    "house", "SIGKILL and SIGSTOP of every process of the server",
    "D3 D4: recording goes on or loses one fragment; workers are back within 10 s",
    count=40, strikes=len(KINDS), play=play,
)  # fmt: skip
