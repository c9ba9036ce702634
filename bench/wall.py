"""Benchmark of the live wall: many virtual cameras, the real server, and one page with all of them in Chromium.

    python -m bench.wall [--cameras 100] [--minutes 30] [--ways canvas,media] [--no-sub]

Writes docs/ref/bench-wall.md: when the page can be used, when each tile has a picture, how soon all stops in a hidden
tab and is live again when it is shown, and what page and server take over time. Cameras are 720p15 at 1.5 Mbit/s with a
smaller stream of 320x180 at 10 pictures a second (``--no-sub``: without); nothing is recorded, detection is off.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx2

from bench.contestants import stop
from bench.wall_page import Load, Shown, WallPage, load_of, opened

PORT = 9556
HTTP_PORT = 9656
REPORT = Path(__file__).resolve().parents[1] / "docs" / "ref" / "bench-wall.md"
READY_S = 180.0
PICTURES_S = 60.0
STOPPED_S = 30.0
BACK_S = 20.0
SAMPLE_S = 10.0
SETTLE_S = 15.0
INTERACTIVE_MS, PICTURES_MS, HIDDEN_S, BACK_MS, GROWTH = 2000, 5000, 10, 2000, 0.10


class House(NamedTuple):
    """A running server with its cameras, and who is logged in."""

    pid: int
    base: str
    cookie: str
    http: httpx2.Client


class Sample(NamedTuple):
    """One look at the steady wall. CPU in cores since the look before, memory in MB."""

    at_s: float
    page_cores: float
    page_mb: float
    heap_mb: float
    nodes: int
    server_cores: float
    server_mb: float
    pictures_per_s: float
    shown: Shown
    load: float


class Outcome(NamedTuple):
    """What one way of showing tiles gave."""

    way: str
    load: float
    interactive_ms: float
    blocked_ms: tuple[float, float]
    pictures_ms: list[float]
    stopped_s: float
    back_ms: list[float]
    moving: int
    samples: list[Sample]


@contextmanager
def program(module: list[str], environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process whose output is read."""
    env = {**os.environ, **(environment or {})}
    process = subprocess.Popen(module, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        stop([process])  # type: ignore[list-item]


def wait_for_line(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """The first line that fits."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found
    sys.exit("bench.wall: a process ended before it was ready")


@contextmanager
def house(cameras: int, *, sub: bool) -> Iterator[House]:
    """The server as its users start it, with cameras that all are live."""
    with tempfile.TemporaryDirectory(prefix="haechi-bench-") as folder:
        environment = {
            "HAECHI_DATA_DIR": f"{folder}/data",
            "HAECHI_CACHE_DIR": f"{folder}/cache",
            "HAECHI_CONFIG": f"{folder}/none.yaml",
            "HAECHI_HTTP__PORT": str(HTTP_PORT),
            "HAECHI_RTSP__PORT": "0",
            "HAECHI_VISION__ENABLED": "false",
            "HAECHI_SOURCES__ALLOW": '["127.0.0.0/8"]',
            "HAECHI_LOG_LEVEL": "error",
        }
        command = [sys.executable, "-c", "from haechi.app.cli import main; main()", "serve"]
        with (
            program([sys.executable, "-m", "bench.wall_cameras", "--port", str(PORT)]) as yard,
            program(command, environment) as server,
        ):
            wait_for_line(yard, "ready")
            link = wait_for_line(server, r"(http://\S+)/setup[?#]token=(\S+)")
            with httpx2.Client(base_url=link[1], headers={"Origin": link[1]}, timeout=60) as http:
                yield moved_in(server.pid, http, link[2], cameras, sub=sub)


def moved_in(pid: int, http: httpx2.Client, token: str, cameras: int, *, sub: bool) -> House:
    """Set the server up and add the cameras."""
    person = {"token": token, "name": "bench", "password": "correct horse battery staple"}
    http.headers["X-Haechi-CSRF"] = http.post("/api/setup", json=person).raise_for_status().json()["csrf"]
    http.put("/api/retention", json=retention(http)).raise_for_status()

    def add(number: int) -> None:
        url = f"rtsp://127.0.0.1:{PORT}/{number}"
        wish = {"name": f"Camera {number + 1:03}", "url": url, "transport": "tcp"}
        one = http.post("/api/cameras", json=wish).raise_for_status().json()["id"]
        http.put(f"/api/cameras/{one}/retention", json={"enabled": False}).raise_for_status()
        if sub:
            http.put(f"/api/cameras/{one}/sub-stream", json={"url": f"{url}/small"}).raise_for_status()

    with ThreadPoolExecutor(4) as hands:
        list(hands.map(add, range(cameras)))
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        states = [row["status"]["state"] for row in http.get("/api/cameras").json()["cameras"]]
        if states.count("live") == cameras:
            time.sleep(SETTLE_S)
            return House(pid, str(http.base_url).rstrip("/"), f"haechi_session={http.cookies['haechi_session']}", http)
        time.sleep(0.5)
    sys.exit(f"bench.wall: {cameras} cameras were not live within {READY_S:.0f} s")


def retention(http: httpx2.Client) -> dict[str, object]:
    """The installation's rules as they are; asked for so that the shape is right."""
    kept: dict[str, object] = http.get("/api/retention").raise_for_status().json()
    return {key: kept[key] for key in ("continuous_days", "motion_days", "event_days")}


def viewers(home: House) -> int:
    """How many streams are made or fetched for somebody who watches."""
    rows = home.http.get("/api/renditions").raise_for_status().json()["renditions"]
    return sum(row["viewers"] > 0 for row in rows)


def seconds_until_unwatched(home: House, timeout_s: float) -> float:
    """How long it takes until nothing is made for anybody."""
    began = time.monotonic()
    while time.monotonic() - began < timeout_s:
        if viewers(home) == 0:
            return time.monotonic() - began
        time.sleep(0.1)
    return float("inf")


def measure(home: House, way: str, cameras: int, minutes: float) -> Outcome:
    """One page, from its address to its end."""
    with opened(home.cookie, home.base, cameras, painted=way == "canvas") as page:
        page.open(f"{home.base}/live?layout={cameras if cameras in {1, 4, 9, 16, 25, 36, 64} else 100}")
        interactive = page.interactive_ms()
        pictures = page.pictures_ms(PICTURES_S)
        time.sleep(SETTLE_S)
        blocked = page.blocked_ms()
        before = page.shown()
        page.hide(hidden=True)
        stopped = seconds_until_unwatched(home, STOPPED_S)
        time.sleep(SETTLE_S)
        page.hide(hidden=False)
        back = page.back_ms(before.moving, BACK_S)
        time.sleep(SETTLE_S)
        load = os.getloadavg()[0]
        samples = steady(home, page, minutes * 60)
    return Outcome(way, load, interactive, blocked, pictures, stopped, back, before.moving, samples)


def steady(home: House, page: WallPage, seconds: float) -> list[Sample]:
    """Looks at the wall while nothing is done with it."""
    samples: list[Sample] = []
    began = last = time.monotonic()
    loads, units = both(home), page.units()
    while last - began < seconds:
        time.sleep(SAMPLE_S)
        now, new_loads, new_units = time.monotonic(), both(home), page.units()
        span = now - last
        heap, nodes = page.heap_mb()
        pictures = sum(seq - units[one] for one, seq in new_units.items() if seq >= units.get(one, seq + 1))
        samples.append(
            Sample(
                now - began,
                (new_loads[0].cpu_s - loads[0].cpu_s) / span,
                new_loads[0].pss_mb,
                heap,
                nodes,
                (new_loads[1].cpu_s - loads[1].cpu_s) / span,
                new_loads[1].pss_mb,
                pictures / span,
                page.shown(),
                os.getloadavg()[0],
            )
        )
        last, loads, units = now, new_loads, new_units
    return samples


def both(home: House) -> tuple[Load, Load]:
    """Of the browser, and of the server with all its processes."""
    return load_of(os.getpid(), only="chromium"), load_of(home.pid)


def growth(values: list[float]) -> float:
    """How much larger the last quarter is than the first, the warm-up of a tenth left out; 0.1: ten percent."""
    rest = values[len(values) // 10 :]
    quarter = max(1, len(rest) // 4)
    first, last = median(rest[:quarter]), median(rest[-quarter:])
    return (last - first) / first


def verdict(*, good: bool) -> str:
    return "met" if good else "**missed**"


def rows_of(outcome: Outcome, cameras: int) -> list[str]:
    """The report's lines of one way."""
    pictures, back = outcome.pictures_ms, outcome.back_ms
    worst = pictures[-1] if len(pictures) == cameras else float("inf")
    last = back[-1] if len(back) >= outcome.moving else float("inf")
    lines = [
        (
            f"| interactive (all tiles stand, the page answers) | {outcome.interactive_ms:.0f} ms | "
            f"< {INTERACTIVE_MS} ms | {verdict(good=outcome.interactive_ms < INTERACTIVE_MS)} |"
        ),
        (
            f"| main thread blocked beyond 50 ms, in all; longest task | {outcome.blocked_ms[0]:.0f} ms; "
            f"{outcome.blocked_ms[1]:.0f} ms | - | - |"
        ),
        (
            f"| every tile has a picture ({len(pictures)} of {cameras}) | p50 {median(pictures or [0]):.0f} ms, last "
            f"{worst:.0f} ms | < {PICTURES_MS} ms | {verdict(good=worst < PICTURES_MS)} |"
        ),
        (
            f"| hidden: nothing is sent or made for the page | {outcome.stopped_s:.1f} s | ≤ {HIDDEN_S} s | "
            f"{verdict(good=outcome.stopped_s <= HIDDEN_S)} |"
        ),
        (
            f"| shown again: moving tiles within 1 s of live ({len(back)} of {outcome.moving}) | p50 "
            f"{median(back or [0]):.0f} ms, last {last:.0f} ms | ≤ {BACK_MS} ms | {verdict(good=last <= BACK_MS)} |"
        ),
    ]
    return lines + steady_rows(outcome.samples)


def steady_rows(samples: list[Sample]) -> list[str]:
    """What the wall takes over time."""
    if not samples:
        return []
    shown = samples[-1].shown
    minutes = samples[-1].at_s / 60
    page, server = [s.page_mb for s in samples], [s.server_mb for s in samples]
    heap = [s.heap_mb for s in samples]
    lines = [
        (
            f"| steady over {minutes:.0f} min: tiles that move, stills, others | {shown.moving}, {shown.stills}, "
            f"{shown.other} | - | - |"
        ),
        f"| pictures a second on screen (moving tiles) | {median(s.pictures_per_s for s in samples):.0f} | - | - |",
        (
            f"| age of moving pictures, median; greatest | {median(s.shown.age_p50_ms for s in samples):.0f} ms; "
            f"{max(s.shown.age_max_ms for s in samples):.0f} ms | - | - |"
        ),
        f"| browser CPU (all its processes) | {median(s.page_cores for s in samples):.2f} cores | - | - |",
        (
            f"| server CPU (all its processes, {len(samples)} looks) | {median(s.server_cores for s in samples):.2f} "
            "cores | - | - |"
        ),
    ]
    for name, values in (("browser memory", page), ("script heap", heap), ("server memory", server)):
        more = growth(values)
        lines.append(
            f"| {name} (first, last) | {values[0]:.1f}, {values[-1]:.1f} MB: {more * 100:+.1f} % | "
            f"± {GROWTH * 100:.0f} % | {verdict(good=abs(more) <= GROWTH)} |"
        )
    nodes = samples[0].nodes, samples[-1].nodes
    return [*lines, f"| document nodes (first, last) | {nodes[0]}, {nodes[1]} | - | - |"]


def report(outcomes: list[Outcome], cameras: int, *, sub: bool) -> str:
    """The page for docs/ref."""
    streams = "with a smaller stream of 320x180, 10 pictures a second" if sub else "without a smaller stream"
    head = (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, shared by cameras, server and "
        f"browser, Python {platform.python_version()}. `python -m bench.wall`: {cameras} virtual cameras (720p15 H.264 "
        f"at 1.5 Mbit/s, a sync unit every 4 s) {streams}, recording and detection off; one page in headless Chromium, "
        "1920x1080, without a graphics processor. CPU of the cameras is not counted. The load average is the "
        "machine's, over a minute, with everything that ran on it."
    )
    text = ["# The wall", "", head]
    names = {"canvas": "One canvas, decoded in a worker", "media": "A media element for each tile"}
    for outcome in outcomes:
        text += ["", f"## {names[outcome.way]}", "", f"Load average {outcome.load:.1f}.", ""]
        text += ["| what | measured | target | |", "|---|---|---|---|", *rows_of(outcome, cameras)]
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=30.0, help="of looking at the steady wall, for the first way")
    parser.add_argument("--ways", default="canvas,media", help="canvas, media; the second for 2 minutes at most")
    parser.add_argument("--no-sub", action="store_true", help="cameras without a smaller stream")
    parser.add_argument("--out", type=Path, default=REPORT)
    args = parser.parse_args()
    outcomes = []
    with house(args.cameras, sub=not args.no_sub) as home:
        for index, way in enumerate(args.ways.split(",")):
            outcome = measure(home, way, args.cameras, args.minutes if index == 0 else min(2.0, args.minutes))
            print("\n".join([way, *rows_of(outcome, args.cameras)]), file=sys.stderr, flush=True)
            outcomes.append(outcome)
            time.sleep(SETTLE_S)
    args.out.write_text(report(outcomes, args.cameras, sub=not args.no_sub))


if __name__ == "__main__":
    main()
