"""From the moment at which a camera takes a picture to the moment at which somebody sees it, for each way to watch.

    python -m bench.latency [--minutes 30] [--window 30] [--ways mse,webrtc,hls,rtsp]

The camera codes while it is watched and burns the clock into each picture (`bench.latency_camera`). Chromium shows our
own page once for each way, all of them for the whole time, and reads the strip of every picture that it presents
(``requestVideoFrameCallback``, the time at which it is to be on screen); ``rtsp`` is our client over TCP, which decodes
at once, until the picture is decoded. Pictures that were left out between two that were shown are dropped ones.
Measured for a window at the start and for one at the end. Writes docs/ref/bench-latency.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Page, async_playwright

from bench.contestants import PORT, stop
from bench.egress import rtsp_url
from bench.latency_rtsp import watched
from bench.live import Server, served

REPORT = Path(__file__).resolve().parents[1] / "docs" / "ref" / "bench-latency.md"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
)
NAMES = {"mse": "MSE", "webrtc": "WebRTC", "hls": "HLS"}
TARGETS_MS = {"mse": 200, "webrtc": 150}
PATIENCE_MS = 60_000
SETTLE_S = 10.0
TAKE_S = 30.0
PROBE = (Path(__file__).parent / "latency_probe.js").read_text()


class Seen(NamedTuple):
    """One picture: its number, and its age when it was seen, in ms."""

    number: int
    age_ms: float


class Window(NamedTuple):
    """What somebody saw during one window."""

    p50_ms: float
    p95_ms: float
    most_ms: float
    shown: int
    dropped: int


def window_of(seen: Sequence[Seen]) -> Window:
    """The numbers of a window."""
    if len(seen) < 2:
        return Window(0, 0, 0, len(seen), 0)
    ages = sorted(one.age_ms for one in seen)
    numbers = {one.number for one in seen}
    dropped = max(numbers) - min(numbers) + 1 - len(numbers)
    return Window(statistics.median(ages), ages[int(len(ages) * 0.95)], ages[-1], len(numbers), dropped)


class InPage:
    """Somebody who watches our page in one way."""

    def __init__(self, page: Page, way: str) -> None:
        self._page = page
        self.way = way

    async def begin(self, server: Server) -> None:
        """Open the page, and wait until the picture moves in this way."""
        page = self._page
        await page.goto(f"http://{server.address}/live/{server.camera}")
        await page.get_by_role("button", name="How the picture comes").click(timeout=PATIENCE_MS)
        await page.get_by_role("menuitemradio", name=NAMES[self.way]).click()
        await page.wait_for_selector(f".hc-tile[data-rung={self.way}][data-state=live]", timeout=PATIENCE_MS)
        await page.evaluate(PROBE)

    async def taken(self) -> list[Seen]:
        """What was seen since the last time."""
        rows = await self._page.evaluate("() => window.haechiSeen.splice(0)")
        return [Seen(int(number), age) for number, age in rows]


class ByRtsp:
    """Our RTSP client, in this process."""

    way = "rtsp"

    def __init__(self, url: str) -> None:
        self._url = url
        self._seen: list[Seen] = []

    async def run(self) -> None:
        """Watch until cancelled."""
        async for number, age_ms in watched(self._url):
            self._seen.append(Seen(number, age_ms))

    async def taken(self) -> list[Seen]:
        """What was seen since the last time."""
        seen, self._seen = self._seen, []
        return seen


@asynccontextmanager
async def watching(server: Server, ways: Sequence[str]) -> AsyncIterator[list[InPage | ByRtsp]]:
    """Everybody who watches."""
    people: list[InPage | ByRtsp] = []
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        for way in ways:
            if way == "rtsp":
                by_rtsp = ByRtsp(rtsp_url(server))
                task = asyncio.create_task(by_rtsp.run())
                stack.callback(task.cancel)
                people.append(by_rtsp)
                continue
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            stack.push_async_callback(browser.close)
            context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
            name, _, value = server.cookie.partition("=")
            await context.add_cookies([{"name": name, "value": value, "url": f"http://{server.address}"}])
            viewer = InPage(await context.new_page(), way)
            await viewer.begin(server)
            people.append(viewer)
        yield people


async def measured(server: Server, args: argparse.Namespace) -> list[tuple[str, str, Window]]:
    """A window at the start, and one at the end."""
    rows = []
    async with watching(server, args.ways.split(",")) as people:
        began = time.monotonic()
        await asyncio.sleep(SETTLE_S)
        for name, at_s in (("start", SETTLE_S), (f"{args.minutes:g} min", args.minutes * 60)):
            while (left_s := began + at_s - time.monotonic()) > 0:
                await asyncio.sleep(min(left_s, TAKE_S))
                for one in people:
                    await one.taken()
            await asyncio.sleep(args.window)
            for one in people:
                rows.append((one.way, name, window_of(await one.taken())))
                print(f"  {rows[-1]}; load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return sorted(rows, key=lambda row: args.ways.split(",").index(row[0]))


def table_of(rows: Sequence[tuple[str, str, Window]]) -> str:
    """The windows, and what we aim at."""
    lines = [
        "| way | window | p50 ms | p95 ms | most ms | pictures shown | dropped | aim |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for way, name, one in rows:
        aim = f"p50 <= {TARGETS_MS[way]}, p95 <= twice that" if way in TARGETS_MS else ""
        share = 100 * one.dropped / max(1, one.shown + one.dropped)
        cells = [way, name, f"{one.p50_ms:.0f}", f"{one.p95_ms:.0f}", f"{one.most_ms:.0f}", str(one.shown)]
        lines.append("| " + " | ".join([*cells, f"{one.dropped} ({share:.1f} %)", aim]) + " |")
    return "\n".join(lines) + "\n"


def write_report(rows: Sequence[tuple[str, str, Window]], args: argparse.Namespace, loads: Sequence[float]) -> None:
    """docs/ref/bench-latency.md."""
    load = f"{loads[0]:.1f} at the start, {loads[1]:.1f} at the end"
    REPORT.write_text(
        "# How old a picture is when it is seen\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, shared by camera (which codes as"
        f" it goes), server, and all viewers at once, which decode without a graphics card; load {load}."
        f" `python -m bench.latency --minutes {args.minutes:g}`: windows of {args.window:g} s. One camera, 720p15"
        " H.264, 1.5 Mbit/s, recorded beside, detection off, everything on loopback. From the clock that the camera"
        " burns into a picture before it codes it to the moment at which Chromium puts it on screen; `rtsp`: until our"
        " client has decoded it. `mse`, `webrtc` and `hls` are our own page, each in a browser of its own. Where the"
        " load is above the number of cores, the figures say more of the machine than of the ways.\n\n" + table_of(rows)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--window", type=float, default=30)
    parser.add_argument("--ways", default="mse,webrtc,hls,rtsp")
    args = parser.parse_args()
    command = [sys.executable, "-m", "bench.latency_camera", "--port", str(PORT)]
    camera = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert camera.stdout is not None
    camera.stdout.readline()
    try:
        with served() as server:
            load = os.getloadavg()[0]
            rows = asyncio.run(measured(server, args))
    finally:
        stop([camera])
    print(table_of(rows))
    write_report(rows, args, (load, os.getloadavg()[0]))


if __name__ == "__main__":
    main()
