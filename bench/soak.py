"""Twenty-five cameras of mixed kinds for as long as you like, with reboots, stalls and changes on a seeded schedule.

    python -m bench.soak [--minutes 30] [--cameras 25] [--seed 1] [--limit 5]

The server (all of it but detection) is one process, the cameras another. Each camera is struck again and again:

reboot   power off for 1 to 8 s          flap    three power cuts, 0.3 s each, 2 s apart
drop     its connections are cut         nat     its way forgets what is open, and tells nobody
stall    connected, sends nothing        codec   reboot with the other codec       size    other resolution, mid-stream

What must hold: video (and sound, where it has any) is back within ``--limit`` seconds of the camera being there again;
after ``nat`` that time begins when the half-open connection must have been noticed, 15 s after the loss. Exit status 1
when it did not hold once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop

from bench.contestants import cpu_s
from bench.soak_kinds import camera_of, choose
from bench.soak_memory import Weight, slope_mb_h, weigh, weight_of
from bench.soak_server import Doors, Planned, Report, Seen
from bench.soak_yard import Yard
from haechi.fleet.certificate import load_identity, own_certificate

START_S = 60.0
NOTICED_S = 15.0
"""A connection that is half open must be noticed within this."""
GIVE_UP_S = 120.0
"""A camera that is not back by then would need a hand."""


class Blow(NamedTuple):
    """One strike and what came of it."""

    camera: int
    kind: str
    strike: str
    at_s: float
    back_s: float
    fault: str


class Watch:
    """What the server reports, and since when."""

    def __init__(self) -> None:
        self.report: Report | None = None
        self._came = asyncio.Condition()
        self.is_over = False
        self.gap_s, self.gap_of = 0.0, -1
        self._changed: dict[int, tuple[int, int]] = {}
        self.struck: set[int] = set()

    async def read(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            report = msgspec.json.decode(line, type=Report)
            self._note(report)
            async with self._came:
                self.report = report
                self._came.notify_all()
        self.is_over = True
        async with self._came:
            self._came.notify_all()

    def _note(self, report: Report) -> None:
        """The longest time for which a camera that nobody struck brought no picture, to the tenth of a second above."""
        for index, seen in enumerate(report.cameras):
            units, at_ns = self._changed.get(index, (-1, report.at_ns))
            gap_s = (report.at_ns - at_ns) / 1e9
            if index not in self.struck and gap_s > self.gap_s:
                self.gap_s, self.gap_of = gap_s, index
            if seen.video != units or index in self.struck:
                self._changed[index] = (seen.video, report.at_ns)

    def now(self, camera: int) -> Seen:
        assert self.report is not None
        return self.report.cameras[camera]

    async def next(self) -> Report:
        async with self._came:
            await self._came.wait()
            if self.is_over or self.report is None:
                sys.exit("bench.soak: the server has ended")
            return self.report


class Wishes(NamedTuple):
    """How hard a run is to be."""

    seed: int
    limit_s: float
    longest_s: float
    strikes: frozenset[str]


class Soak:
    """One run."""

    def __init__(self, cameras: Sequence[Yard], watch: Watch, wishes: Wishes) -> None:
        self._cameras = cameras
        self._watch = watch
        self._wishes = wishes
        self._began_s = time.monotonic()
        self.blows: list[Blow] = []
        self.memory: list[Weight] = []

    async def all_live(self, seconds: float) -> None:
        """Wait for the first picture of each camera."""
        deadline = time.monotonic() + seconds
        while True:
            report = await self._watch.next()
            missing = [index for index, seen in enumerate(report.cameras) if seen.state != "live" or not seen.video]
            if not missing:
                return
            if time.monotonic() > deadline:
                told = [(self._cameras[index].kind.name, report.cameras[index]) for index in missing]
                sys.exit(f"bench.soak: these cameras do not come: {told}")

    async def befall(self, index: int, until_s: float, pause_s: tuple[float, float]) -> None:
        """Strike one camera again and again."""
        camera, draw = self._cameras[index], random.Random(f"{self._wishes.seed} {index}")
        strikes = [strike for strike in camera.strikes if strike in self._wishes.strikes]
        bag: list[str] = []
        while True:
            await asyncio.sleep(draw.uniform(*pause_s))
            if time.monotonic() > until_s:
                return
            if not bag:
                bag = draw.sample(strikes, len(strikes))
            strike = bag.pop()
            self._watch.struck.add(index)
            at_s = time.monotonic()
            before = self._watch.now(index)
            allowed_s = await self._strike(camera, strike, draw, index)
            fault, back_s = await self._judge(index, strike, before, allowed_s)
            self.blows.append(Blow(index, camera.kind.name, strike, at_s - self._began_s, back_s, fault))
            if fault:
                print(f"  {self.blows[-1]}", file=sys.stderr, flush=True)
            self._watch.struck.discard(index)

    async def _strike(self, camera: Yard, strike: str, draw: random.Random, index: int) -> float:
        """Returns when the camera is there again; gives how many seconds more it may take than usual."""
        match strike:
            case "reboot" | "codec":
                await camera.stop()
                await asyncio.sleep(draw.uniform(1, min(8, self._wishes.longest_s)))
                if strike == "codec":
                    camera.recode()
                await camera.start()
            case "flap":
                for _ in range(3):
                    await camera.stop()
                    await asyncio.sleep(0.3)
                    await camera.start()
                    await asyncio.sleep(2)
                await camera.stop()
                await camera.start()
            case "drop":
                camera.drop()
            case "nat":
                camera.forget()
                return NOTICED_S
            case "stall":
                camera.stall(True)
                await asyncio.sleep(draw.uniform(3, max(3, self._wishes.longest_s)))
                camera.stall(False)
            case _:
                camera.resize()
        return 4.0 if strike == "size" else 0.0

    async def _judge(self, index: int, strike: str, before: Seen, allowed_s: float) -> tuple[str, float]:
        """What is wrong, if anything, and after how many seconds all was well."""
        camera, began_s = self._cameras[index], time.monotonic()
        at_return = self._watch.now(index)
        fault = ""
        while True:
            seen = (await self._watch.next()).cameras[index]
            took_s = time.monotonic() - began_s
            wrong = self._wrong(camera, strike, before, at_return, seen)
            if not wrong:
                return fault, took_s
            if took_s > allowed_s + self._wishes.limit_s:
                fault = fault or wrong
            if took_s > GIVE_UP_S:
                return f"{wrong}: not without a hand", took_s

    def _wrong(self, camera: Yard, strike: str, before: Seen, at_return: Seen, seen: Seen) -> str:
        is_new = strike in camera.outlived or seen.run > before.run
        if seen.state != "live" or not is_new or seen.video <= at_return.video:
            return f"no video ({seen.state} {seen.error})"
        if camera.kind.audio and seen.audio <= at_return.audio:
            return "no sound"
        if seen.codec != camera.codec or seen.width_px != camera.size[0]:
            return f"{seen.codec} {seen.width_px} px in place of {camera.codec} {camera.size[0]} px"
        return ""


async def run(options: argparse.Namespace, folder: Path) -> int:
    own_certificate(folder / "camera.pem", datetime.now(UTC))
    tls = load_identity(folder / "camera.pem").context
    cameras = [camera_of(kind, tls) for kind in choose(options.cameras)]
    for camera in cameras:
        await camera.prepare()
        await camera.start()
    plan = [
        Planned(f"{index} {one.kind.name}", one.url, "udp" if one.kind.way == "udp" else "tcp", bool(one.kind.audio))
        for index, one in enumerate(cameras)
    ]
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
    with (folder / "log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.soak_server", str(folder), stdout=subprocess.PIPE, stderr=log, limit=1 << 20
        )
    try:
        return await _soak(options, folder, cameras, server)
    finally:
        if options.log is not None:
            options.log.write_bytes((folder / "log").read_bytes())
        if server.returncode is None:
            server.terminate()
        await server.wait()
        for camera in cameras:
            await camera.stop()


async def _soak(
    options: argparse.Namespace, folder: Path, cameras: Sequence[Yard], server: asyncio.subprocess.Process
) -> int:
    watch = Watch()
    assert server.stdout is not None
    reading = asyncio.create_task(watch.read(server.stdout))
    await _meet(folder, cameras, server)
    strikes = frozenset(options.strikes.split(","))
    soak = Soak(cameras, watch, Wishes(options.seed, options.limit, options.longest, strikes))
    await soak.all_live(START_S)
    weighing = asyncio.create_task(weigh(server.pid, soak.memory, options.look))
    began_s, cpu_before_s = time.monotonic(), cpu_s([server.pid])
    until_s = began_s + options.minutes * 60 - options.rest
    pause_s = (options.pause / 2, options.pause * 1.5)
    await asyncio.gather(*(soak.befall(index, until_s, pause_s) for index in range(len(cameras))))
    await soak.all_live(GIVE_UP_S)
    await asyncio.sleep(max(0.0, began_s + options.minutes * 60 - time.monotonic()))
    used_ms = (cpu_s([server.pid]) - cpu_before_s) / (time.monotonic() - began_s) / len(cameras) * 1000
    soak.memory.append(weight_of(server.pid, time.monotonic() - soak._began_s))
    for task in (weighing, reading):
        task.cancel()
    _print(options, soak, watch, used_ms)
    if options.json is not None:
        found = {"blows": soak.blows, "memory": soak.memory, "gap_s": watch.gap_s, "cpu_ms": used_ms}
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    return 1 if any(blow.fault for blow in soak.blows) or server.returncode is not None else 0


async def _meet(folder: Path, cameras: Sequence[Yard], server: asyncio.subprocess.Process) -> None:
    deadline = time.monotonic() + START_S
    while not (folder / "doors.json").exists():
        if server.returncode is not None or time.monotonic() > deadline:
            sys.exit(f"bench.soak: the server does not start:\n{(folder / 'log').read_text()[-3000:]}")
        await asyncio.sleep(0.1)
    doors = msgspec.json.decode((folder / "doors.json").read_bytes(), type=Doors)
    for camera, door in zip(cameras, doors.cameras, strict=True):
        camera.meet(door, doors)
        if camera.url in ("reverse:", "push:", "whip:"):
            await camera.start()


def _rows(blows: Sequence[Blow], by: Callable[[Blow], str]) -> str:
    lines = []
    for name in sorted({by(blow) for blow in blows}):
        some = [blow for blow in blows if by(blow) == name]
        took = sorted(blow.back_s for blow in some)
        late = sum(bool(blow.fault) for blow in some)
        lines.append(f"| {name} | {len(some)} | {statistics.median(took):.1f} | {took[-1]:.1f} | {late} |")
    return "\n".join(lines)


def _print(options: argparse.Namespace, soak: Soak, watch: Watch, used_ms: float) -> None:
    mb, last = [one.pss for one in soak.memory], soak.memory[-1]
    head = "times | back after s, median | most | too late |\n|---|---|---|---|---|\n"
    assert watch.report is not None
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M}, {platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[2]:.1f}, Python {platform.python_version()}; {len(soak._cameras)} cameras, "
        f"{options.minutes:g} min, seed {options.seed}\n\n"
        f"| strike | {head}{_rows(soak.blows, lambda blow: blow.strike)}\n\n"
        f"| camera | {head}{_rows(soak.blows, lambda blow: blow.kind)}\n\n"
        f"memory (PSS) MB: first {mb[0]:.0f}, last {mb[-1]:.0f} (own {last.own:.0f}, files {last.mapped:.0f}), most "
        f"{max(mb):.0f}, slope {slope_mb_h(soak.memory):+.1f} MB/h; open files {soak.memory[0].files} to {last.files}; "
        f"CPU {used_ms:.2f} ms per camera and second; longest time without a "
        f"picture of a camera that was not struck {watch.gap_s:.1f} s ({soak._cameras[watch.gap_of].kind.name}); "
        f"units kept {watch.report.kept}, lost by the recorder {watch.report.lost}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--cameras", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=5, help="seconds within which a camera must be back")
    parser.add_argument("--pause", type=float, default=40, help="seconds between two strikes of a camera, in the mean")
    parser.add_argument("--rest", type=float, default=20, help="seconds at the end without a strike")
    parser.add_argument("--longest", type=float, default=25, help="seconds that a camera is silent at most")
    parser.add_argument("--strikes", default=",".join(Yard.strikes), help="which of them (default: %(default)s)")
    parser.add_argument(
        "--look", type=float, default=0, help="seconds after which the server counts its objects; 0: never"
    )
    parser.add_argument("--json", type=Path, help="write everything that was seen to this file")
    parser.add_argument("--log", type=Path, help="keep what the server says in this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="haechi-soak-") as folder:
        sys.exit(uvloop.run(run(options, Path(folder))))


if __name__ == "__main__":
    main()
