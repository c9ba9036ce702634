"""How long from a move of the pointer on the timeline until the picture of that time is on screen, in Chromium.

A recording of a quarter of an hour is written straight into a server's archive. The pointer enters the timeline, waits
until the sheets of the view are there (told: how long that takes when nothing is kept yet, and when they are), and then
jumps about. Measured in the page, from the pointer event to the frame in which the card shows a picture whose time
contains the pointer's: a cell of a sheet, or a picture by itself. Beside it the same with sheets refused, as it was
before there were any.

    python -m bench.hover [--moves 60] [--spans 20 120 900]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from playwright.async_api import Page, Request, Route, expect
from tests.e2e.archive import Wish, add_silent_camera, days_ago, record
from tests.e2e.films import slider
from tests.e2e.stage import Stage, staged

LENGTH_S = 900
START_MS = days_ago(1)
WARM_UP = 3
_WATCH = """() => {
  window.took = [];
  const line = document.querySelector("[role=slider]");
  line.addEventListener("pointermove", event => {
    const from = event.timeStamp, x = event.clientX;
    const look = () => {
      const told = document.querySelector(".hc-hover")?.dataset;
      const width = line.clientWidth, span = Number(line.dataset.span);
      const ms = Number(told?.ms), src = Number(told?.src), slack = Math.max(1100, span / width * 9);
      const seen = Math.abs(window.lastX - x) > 0.5;
      if (!seen && told?.source && window.lastMs !== told.ms && Math.abs(ms - src) <= slack) {
        window.lastMs = told.ms;
        // The frame is drawn after this callback: the next one begins when it is on screen.
        requestAnimationFrame(now => window.took.push([performance.now() - from, told.source]));
      } else if (!seen && performance.now() - from < 10000) requestAnimationFrame(look);
    };
    window.lastX = x;
    requestAnimationFrame(look);
  });
}"""


async def refuse(route: Route) -> None:
    await route.abort()


async def point(page: Page, part: float) -> None:
    box = await slider(page).bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] * part, box["y"] + 60)


async def opened(stage: Stage, camera: str, span_s: int) -> None:
    middle_ms = START_MS + LENGTH_S * 500
    await stage.page.goto("about:blank")
    await stage.go(f"/playback?camera={camera}&t={middle_ms}&span={span_s * 1_000}")
    await expect(slider(stage.page)).to_have_attribute("data-playhead", str(middle_ms), timeout=30_000)
    await expect(stage.page.locator(".hc-lane[data-state=shown]")).to_be_visible(timeout=30_000)
    await stage.page.wait_for_timeout(1_000)


async def sheets_come(page: Page) -> float:
    """From the pointer's entry until all sheets of the view are there, seconds."""
    pending = set[str]()
    quiet = asyncio.Event()
    page.on("request", lambda one: pending.add(one.url) if "sheet.jpg" in one.url else None)

    def came(one: Request) -> None:
        pending.discard(one.url)
        quiet.set()

    page.on("requestfinished", came)
    began, last = time.perf_counter(), 0.0
    await point(page, 0.5)
    while time.perf_counter() - began < 60:
        quiet.clear()
        try:
            async with asyncio.timeout(1.0):
                await quiet.wait()
            last = time.perf_counter() - began
        except TimeoutError:
            if not pending:
                break
    return last


async def moves(page: Page, count: int, chance: random.Random) -> list[tuple[float, str]]:
    """Milliseconds of each move, and what was shown."""
    await page.evaluate(_WATCH)
    for number in range(count + WARM_UP):
        await point(page, chance.uniform(0.03, 0.97))
        await page.wait_for_function("n => window.took.length >= n", arg=number + 1, timeout=15_000)
        await page.wait_for_timeout(chance.randint(20, 250))
    return [(float(ms), str(source)) for ms, source in (await page.evaluate("() => window.took"))[WARM_UP:]]


def told(found: list[tuple[float, str]]) -> str:
    times = sorted(ms for ms, _ in found)
    cells = sum(source == "sheet" for _, source in found)
    p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
    return f"{statistics.median(times):.0f} | {p95:.0f} | {times[-1]:.0f} | {cells} of {len(found)}"


async def measure(stage: Stage, camera: str, spans: list[int], count: int) -> list[str]:
    rows, chance = [], random.Random(5)
    for span_s in spans:
        await opened(stage, camera, span_s)
        cold_s = await sheets_come(stage.page)
        await opened(stage, camera, span_s)
        warm_s = await sheets_come(stage.page)
        found = await moves(stage.page, count, chance)
        rows.append(f"| {span_s} s | sheets | {told(found)} | {cold_s:.1f} | {warm_s:.2f} |")
    await stage.page.route("**/sheet.jpg*", refuse)
    for span_s in spans:
        await opened(stage, camera, span_s)
        found = await moves(stage.page, count, chance)
        rows.append(f"| {span_s} s | single pictures | {told(found)} | | |")
    return rows


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=60)
    parser.add_argument("--spans", type=int, nargs="+", default=[20, 120, 900])
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder), [], vision=False) as stage:
            camera = await add_silent_camera(stage, "Yard")
            await record(stage, camera, [Wish(count=LENGTH_S * 10)], START_MS)
            rows = await measure(stage, camera, wish.spans, wish.moves)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}; load {os.getloadavg()[0]:.1f}; {wish.moves} moves each\n")
    print("| view | with | p50 ms | p95 ms | most ms | cells shown | sheets there, nothing kept, s | kept, s |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    asyncio.run(main())
