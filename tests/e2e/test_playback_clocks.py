"""Days on which the clocks change, as the timeline draws them: in the site's time, no label twice, none that lies."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Route, expect

from tests.e2e.archive import add_silent_camera
from tests.e2e.films import slider
from tests.e2e.stage import Stage, staged

HOUR_MS = 3_600_000
DAYS = [
    ("America/New_York", datetime(2025, 11, 2, 6, 0, tzinfo=UTC), True),
    ("America/New_York", datetime(2026, 3, 8, 7, 0, tzinfo=UTC), False),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, 0, tzinfo=UTC), True),
    ("Asia/Seoul", datetime(2025, 11, 2, 6, 0, tzinfo=UTC), False),
]
"""Zones, when their clocks change (where they do), and whether an hour, or half of one, comes twice then."""
_TIME = re.compile(r"^(\d\d):(\d\d)(?: (?:UTC|GMT)?([+-\u2212]\d\d?(?::?\d\d)?))?$")
_WATCH = """() => {
  const { fillText, clearRect } = CanvasRenderingContext2D.prototype;
  window.drawnTexts = [];
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    if (this.canvas.closest(".hc-timeline")) window.drawnTexts = [];
    return clearRect.apply(this, box);
  };
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...rest) {
    window.drawnTexts.push([text, x]);
    return fillText.apply(this, [text, x, y, ...rest]);
  };
}"""
_AXIS = """() => {
  const line = document.querySelector("[role=slider]");
  const width = line.querySelector("canvas").width / devicePixelRatio;
  return [Number(line.getAttribute("aria-valuemin")), Number(line.dataset.span), width];
}"""
STEP_MS = 300_000
"""All labels of these spans stand at multiples of five minutes, also of the world's time."""
LABEL_PX = 5.5
"""A label stands so far to the right of its tick."""


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_a_day_on_which_the_clocks_change_is_labelled_in_the_sites_time(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [], vision=False) as stage:
            camera = await add_silent_camera(stage, "Yard")
            await stage.page.add_init_script(f"({_WATCH})()")
            await stage.page.route("**/api/system", _late)
            for zone, changes, goes_back in DAYS:
                await stage.house.http.patch("/api/settings", json={"time_zone": zone})
                found = [await _labels(stage, camera, ZoneInfo(zone), changes, hours) for hours in (6, 26)]
                assert (found[0] > 0) == goes_back, zone
            assert stage.problems == []

    asyncio.run(flow())


async def _late(route: Route) -> None:
    """Nothing may be labelled in another zone before the site's is known."""
    await asyncio.sleep(0.7)
    await route.continue_()


async def _labels(stage: Stage, camera: str, zone: ZoneInfo, changes: datetime, hours: int) -> int:
    """How many wall times stand there twice; every label is right."""
    page, at_ms, span_ms = stage.page, int(changes.timestamp() * 1_000), hours * HOUR_MS
    await page.goto("about:blank")
    await stage.go(f"/playback?camera={camera}&t={at_ms}&span={span_ms}")
    await expect(slider(page)).to_have_attribute("data-span", str(span_ms), timeout=20_000)
    await page.wait_for_function("() => window.drawnTexts.length > 3", timeout=20_000)
    begins_s, span, width = await page.evaluate(_AXIS)
    times = []
    for text, x in await page.evaluate("() => window.drawnTexts"):
        drawn_ms = begins_s * 1_000 + (x - LABEL_PX) / width * span
        exact_ms = round(drawn_ms / STEP_MS) * STEP_MS
        assert abs(exact_ms - drawn_ms) <= 2 * span / width + 1_500, (text, "stands between two round times")
        exact = datetime.fromtimestamp(exact_ms / 1_000, zone)
        found = _TIME.match(text)
        if found is None:
            assert (exact.hour, exact.minute, str(exact.day) in text) == (0, 0, True), (text, exact)
            continue
        assert (exact.hour, exact.minute) == (int(found[1]), int(found[2])), (text, exact)
        times.append((text, found[3], exact))
    assert len(times) >= 4
    assert len({(text, exact.date()) for text, _, exact in times}) == len(times), "no label of a day stands there twice"
    walls = [_wall(exact) for _, _, exact in times]
    for text, offset, exact in times:
        assert offset is not None or walls.count(_wall(exact)) == 1, (text, "comes twice")
        away = exact.utcoffset()
        assert away is not None
        assert offset is None or _minutes(offset) == away.total_seconds() / 60, text
    return len(walls) - len(set(walls))


def _wall(moment: datetime) -> tuple[int, int, int]:
    return moment.day, moment.hour, moment.minute


def _minutes(offset: str) -> int:
    digits = offset[1:].replace(":", "")
    hours, minutes = (int(digits[:2]), int(digits[2:] or 0)) if len(digits) != 1 else (int(digits), 0)
    return (hours * 60 + minutes) * (1 if offset[0] == "+" else -1)
