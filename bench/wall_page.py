"""The page of `bench.wall`: a real Chromium, what it shows, and what its processes cost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import TimeoutError as TooLate
from tests.e2e.browser import CHROMIUM, FLAGS

SCRIPT = Path(__file__).with_suffix("").with_name("wall.js").read_text()
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
WITHOUT_DECODERS = "delete globalThis.VideoDecoder;"
"""Tiles are media elements then, as in a browser without WebCodecs or on a page without HTTPS."""


class Load(NamedTuple):
    """What a group of processes has used so far, and holds now."""

    cpu_s: float
    pss_mb: float


class Shown(NamedTuple):
    """What is on screen. Ages are of tiles that move, ms."""

    moving: int
    stills: int
    other: int
    age_p50_ms: float
    age_max_ms: float


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def load_of(root: int, *, only: str = "") -> Load:
    """Of a process tree; ``only``: of processes whose command has this in it."""
    cpu_s, pss_kb = 0.0, 0
    for pid in tree(root):
        folder = Path(f"/proc/{pid}")
        try:
            if only and only not in (folder / "cmdline").read_text():
                continue
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            rollup = (folder / "smaps_rollup").read_text()
        except OSError:
            continue  # it ended meanwhile
        cpu_s += (int(fields[11]) + int(fields[12])) * TICK_S
        pss_kb += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return Load(cpu_s, pss_kb / 1024)


class WallPage:
    """An open page."""

    def __init__(self, page: Page, cameras: int) -> None:
        self._page = page
        self._cameras = cameras
        self._devtools = page.context.new_cdp_session(page)

    def open(self, address: str) -> None:
        """Go to the wall; what is measured begins here."""
        self._page.goto(address, wait_until="commit")

    def interactive_ms(self) -> float:
        """From the start of the navigation until all tiles stand and the page answers."""
        self._page.wait_for_function("() => window.wall?.interactive > 0", timeout=60_000)
        return float(self._page.evaluate("() => wall.interactive"))

    def pictures_ms(self, timeout_s: float) -> list[float]:
        """When each tile had its first picture, from the start of the navigation."""
        wanted = f"() => Object.keys(wall.first).length >= {self._cameras}"
        with suppress(TooLate):
            self._page.wait_for_function(wanted, timeout=timeout_s * 1000)
        found: dict[str, float] = self._page.evaluate("() => wall.first")
        return sorted(found.values())

    def blocked_ms(self) -> tuple[float, float]:
        """Of the main thread: time beyond 50 ms in tasks longer than that, and the longest task."""
        blocked, longest = self._page.evaluate("() => [wall.blockedMs, wall.longest]")
        return float(blocked), float(longest)

    def shown(self) -> Shown:
        """What is on screen now."""
        tiles = self._page.evaluate("() => wall.tiles()")
        ages = sorted(tile["ageMs"] for tile in tiles if tile["state"] == "live" and tile["ageMs"] is not None)
        moving, stills = (sum(tile["state"] == state for tile in tiles) for state in ("live", "stills"))
        middle, worst = (ages[len(ages) // 2], ages[-1]) if ages else (0.0, 0.0)
        return Shown(moving, stills, len(tiles) - moving - stills, float(middle), float(worst))

    def units(self) -> dict[str, int]:
        """The number of the unit on screen, of each tile that moves."""
        tiles = self._page.evaluate("() => wall.tiles()")
        return {tile["camera"]: tile["seq"] for tile in tiles if tile["state"] == "live"}

    def hide(self, *, hidden: bool) -> None:
        """The page's tab goes to the back, or to the front."""
        self._page.evaluate("hidden => wall.hide(hidden)", hidden)

    def back_ms(self, moving: int, timeout_s: float) -> list[float]:
        """When each tile that moves was within a second of live again, from showing the page."""
        self._page.evaluate("count => { window.wallMoving = count; }", moving)
        times: list[float] = self._page.evaluate("ms => wall.back(ms)", timeout_s * 1000)
        return sorted(times)

    def heap_mb(self) -> tuple[float, int]:
        """The script heap after a collection, MB, and the nodes of the document."""
        for _ in range(2):  # what one collection lets go of, the next one frees
            self._devtools.send("HeapProfiler.collectGarbage")
        metrics = {row["name"]: row["value"] for row in self._devtools.send("Performance.getMetrics")["metrics"]}
        return metrics["JSHeapUsedSize"] / 1e6, int(metrics["Nodes"])


@contextmanager
def opened(cookie: str, base: str, cameras: int, *, painted: bool) -> Iterator[WallPage]:
    """A page with the session of ``cookie`` in a browser of its own."""
    name, _, value = cookie.partition("=")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="en-GB")
        context.add_cookies([{"name": name, "value": value, "url": base}])
        page = context.new_page()
        page.add_init_script(f"window.wallCameras = {cameras};" + ("" if painted else WITHOUT_DECODERS) + SCRIPT)
        wall = WallPage(page, cameras)
        wall._devtools.send("Performance.enable")
        try:
            yield wall
        finally:
            browser.close()
