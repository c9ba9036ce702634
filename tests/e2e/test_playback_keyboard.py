"""Playback without a mouse, and for those who hear it: everything is reached and named, dialogs keep the keys."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.archive import Wish, add_silent_camera, days_ago, record
from tests.e2e.films import at_rest, playhead, slider
from tests.e2e.stage import Stage, staged
from tests.e2e.test_accessibility import RULES, RUN_AXE, SCHEMES, axe

START_MS = days_ago(1)
_FOCUSED = """async () => {
  // The trap of a dialog looks once more a moment after a Tab: nobody presses the next one before that.
  await new Promise(done => setTimeout(done));
  const element = document.activeElement, box = element.getBoundingClientRect();
  const named = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent ?? "";
  const seen = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const covered = !(seen && (element.contains(seen) || seen.contains(element) || seen.closest("label")));
  window.reached = window.reached ?? 0;
  const mark = element.dataset.reached ??= String(window.reached++);
  return [mark, named.trim(), element.closest("[role=dialog]") !== null, covered];
}"""
TOOLS = [
    *("Previous event", "10 seconds back", "One frame back", "Play", "One frame on", "10 seconds on", "Next event"),
    *("LIVE", "Speed", "Zoom out", "Zoom in", "Mark start", "Mark end", "Bookmark", "Search for motion"),
    *("Export 0:04", "Time"),
]


@pytest.mark.e2e
@pytest.mark.timeout(180)
def test_everything_in_the_playback_is_reached_by_keys_and_axe_finds_nothing_in_its_dialogs(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [], vision=False) as stage:
            cameras = [await add_silent_camera(stage, name) for name in ("Yard", "Door")]
            for camera in cameras:
                await record(stage, camera, [Wish(count=300)], START_MS)
            await _open(stage, cameras)
            await _tab_leads_to_every_tool(stage.page)
            await _export_keeps_the_keys_and_gives_them_back(stage.page)
            await _motion_is_drawn_and_searched(stage.page)
            await _jump_by_words_and_by_the_calendar(stage.page)
            assert stage.problems == []

    asyncio.run(flow())


async def _open(stage: Stage, cameras: list[str]) -> None:
    at_ms = START_MS + 9_000
    marks = f"&from={START_MS + 8_000}&to={START_MS + 12_000}"
    await stage.go(f"/playback?camera={cameras[0]}&cameras={','.join(cameras)}&t={at_ms}&span=60000{marks}")
    await at_rest(stage.page, 2)
    await stage.page.evaluate(axe())


async def _tabbed(page: Page, most: int) -> list[tuple[str, bool]]:
    """What the Tab key leads to until it comes round: name, and whether it is in a dialog. None of it is covered."""
    found: list[tuple[str, bool]] = []
    marks: list[str] = []
    for _ in range(most):
        await page.keyboard.press("Tab")
        mark, name, is_inside, is_covered = await page.evaluate(_FOCUSED)
        if marks and mark == marks[-1]:
            continue  # a field of a date has a stop for each of its parts
        if mark in marks:
            break
        assert not is_covered, f"{name} has the keys and cannot be seen"
        marks.append(mark)
        found.append((name, is_inside))
    return found


async def _tab_leads_to_every_tool(page: Page) -> None:
    names = [name for name, _ in await _tabbed(page, 90)]
    assert all(names), names
    for tool in TOOLS:
        assert any(name.startswith(tool) for name in names), (tool, names)
    for pattern in (r"cameras", r"^Jump to", r"Yard$", r"Door$"):
        assert any(re.search(pattern, name) for name in names), (pattern, names)
    before_ms = await playhead(page)
    await slider(page).focus()
    await page.keyboard.press(".")
    await expect(slider(page)).not_to_have_attribute("data-playhead", str(before_ms))
    await expect(slider(page)).to_have_attribute("aria-valuetext", re.compile(r"\d\d:\d\d:\d\d, Yard, recording"))
    await page.keyboard.press("]")
    await expect(slider(page)).to_have_attribute("aria-valuetext", re.compile(r", Door, recording"))
    await page.keyboard.press("[")
    await expect(slider(page)).to_have_attribute("aria-valuetext", re.compile(r", Yard, recording"))


async def _nothing_wrong(page: Page) -> None:
    """By night and by day."""
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await expect(page.locator(f"html[data-mantine-color-scheme={scheme}]")).to_have_count(1)
        await page.wait_for_timeout(300)
        wrong = [f"{rule['id']}: {rule['nodes'][0]['target'][0]}" for rule in await page.evaluate(RUN_AXE, RULES)]
        assert wrong == [], scheme


async def _opened(page: Page, key: str) -> Locator:
    await slider(page).focus()
    await page.keyboard.press(key)
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    await expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=20_000)
    await page.wait_for_function("() => document.activeElement?.closest('[role=dialog]') !== null")
    return dialog


async def _export_keeps_the_keys_and_gives_them_back(page: Page) -> None:
    dialog = await _opened(page, "e")
    await expect(dialog.locator(".hc-estimate[data-units]").first).to_be_visible(timeout=15_000)
    await expect(dialog.locator("button[type=submit]")).to_be_enabled(timeout=15_000)
    await _nothing_wrong(page)
    stops = await _tabbed(page, 40)
    assert all(name and is_inside for name, is_inside in stops), stops
    for wanted in ("Yard", "Door", "Export"):
        assert any(wanted in name for name, _ in stops), (wanted, stops)
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(slider(page)).to_be_focused()


async def _motion_is_drawn_and_searched(page: Page) -> None:
    dialog = await _opened(page, "m")
    await expect(dialog.locator(".hc-motion-picture img")).to_have_js_property("complete", True, timeout=20_000)
    await _nothing_wrong(page)
    point = dialog.get_by_role("button", name=re.compile("^Point 1 of Region"))
    for _ in range(30):
        if await point.evaluate("element => element === document.activeElement"):
            break
        await page.keyboard.press("Tab")
    await expect(point).to_be_focused()
    before = await point.get_attribute("aria-label")
    await page.keyboard.press("Shift+ArrowLeft")
    await page.keyboard.press("Shift+ArrowUp")
    await expect(point).not_to_have_attribute("aria-label", str(before))
    search = dialog.get_by_role("button", name="Search", exact=True)
    await search.focus()
    await page.keyboard.press("Enter")
    await expect(dialog.locator(".hc-motion-found")).to_have_attribute("data-end", "done", timeout=20_000)
    await expect(dialog.get_by_role("status").filter(has_text=re.compile(r"\w"))).not_to_have_count(0)
    await _nothing_wrong(page)
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(slider(page)).to_be_focused()


async def _jump_by_words_and_by_the_calendar(page: Page) -> None:
    button = page.get_by_role("button", name=re.compile("^Jump to"))
    await button.focus()
    await page.keyboard.press("Enter")
    words = page.get_by_role("textbox", name="Jump to")
    await expect(words).to_be_focused(timeout=10_000)
    await _nothing_wrong(page)
    await words.fill("yesterday 3pm")
    await page.keyboard.press("Enter")
    await expect(slider(page)).to_have_attribute("aria-valuetext", re.compile(r" 15:00:00, Yard"), timeout=15_000)
    await expect(words).to_have_count(0)
    await button.focus()
    await page.keyboard.press("Enter")
    day = page.locator(".hc-jump ~ div button[data-selected]")
    await expect(day).to_be_visible(timeout=10_000)
    await day.focus()
    before_ms = await playhead(page)
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Enter")
    await page.wait_for_function(
        "was => Number(document.querySelector('[role=slider]').dataset.playhead) < was - 80000000", arg=before_ms
    )
