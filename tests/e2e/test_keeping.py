"""What people keep: exports, bookmarks, how long footage stays, who looked at it; in a real browser."""

import asyncio
import re
import time
from pathlib import Path

import av
import pytest
from playwright.async_api import Locator, Page, Route, expect

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import GapCause, Run, RunEnded
from haechi.media.access_unit import UnitRef
from tests.e2e.stage import ROOM, Stage, add_camera, staged
from tests.record.archive import JPEG, pictures
from tests.server import PASSWORD

DAY_MS = 86_400_000
FILE_NAME = r"Stock_room_forbidden_zone_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.\d{3}[+-]\d{4}\.mp4"


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_an_export_outlasts_the_page_and_is_what_was_promised_and_the_log_knows_it(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM], vision=False) as stage:
            camera = await add_camera(stage.house, stage.cameras, ROOM)
            start_ms = await _until_recorded(stage, camera, seconds=7)
            pushed: list[str] = []
            stage.page.on("websocket", lambda socket: socket.on("framereceived", lambda it: pushed.append(str(it))))
            units = await _ask_for_export(stage, camera, start_ms)
            await _leaves_the_page(stage)
            assert any('"type":"export"' in message for message in pushed), "the tray need not ask"
            await _is_downloaded(stage, tmp_path, units)
            await _is_deleted_and_comes_back(stage)
            await _nothing_there_is_said_before(stage, camera)
            await _log_is_whole(stage)
            await _viewer_sees_no_pages_of_administrators(stage, camera)
            assert stage.problems == []

    asyncio.run(flow())


async def _until_recorded(stage: Stage, camera: str, *, seconds: int) -> int:
    """Where the footage begins (ms), once there is so much of it."""
    for _ in range(200):
        now_ms = stage.house.rooms.services.clock.wall_ns() // NS_PER_MS
        line = await stage.ask(f"/api/cameras/{camera}/timeline?start_ms={now_ms - 600_000}&end_ms={now_ms}")
        match line["spans"]:
            case [{"start_ms": int(start), "end_ms": int(end)}, *_] if end - start >= seconds * 1_000:
                return start
            case _:
                await asyncio.sleep(0.2)
    raise AssertionError("nothing is recorded")


async def _ask_for_export(stage: Stage, camera: str, start_ms: int) -> int:
    """From the marks in the playback to the tray; the number of pictures that the dialog promises."""
    page = stage.page
    begins, ends = start_ms + 1_500, start_ms + 5_500
    await stage.go(f"/playback?camera={camera}&t={begins}&from={begins}&to={ends}")
    await expect(page.locator("canvas").first).to_be_visible(timeout=15_000)
    await page.keyboard.press("e")
    dialog = page.get_by_role("dialog")
    estimate = dialog.locator(".hc-estimate[data-units]")
    await expect(estimate).to_contain_text("0:04", timeout=10_000)
    units = int(await estimate.get_attribute("data-units") or 0)
    assert units >= 4 * 15
    size = int(await estimate.get_attribute("data-bytes") or 0)
    assert size > 50_000
    await dialog.get_by_role("button", name=re.compile(r"^Export [\d.]+ [kM]B$")).click()
    await expect(dialog).to_have_count(0)
    await expect(_tray(page)).to_be_visible()
    return units


def _tray(page: Page) -> Locator:
    return page.get_by_role("region", name="Export tray")


async def _leaves_the_page(stage: Stage) -> None:
    page = stage.page
    await page.keyboard.press("g")
    await page.keyboard.press("e")
    await expect(page).to_have_url(re.compile("/events"))
    await expect(_tray(page)).to_be_visible()
    await page.reload()
    await expect(_tray(page)).to_contain_text("1 export ready", timeout=15_000)


async def _is_downloaded(stage: Stage, folder: Path, units: int) -> None:
    page = stage.page
    async with page.expect_download() as loading:
        await _tray(page).get_by_role("link", name="Download").click()
    download = await loading.value
    assert re.fullmatch(FILE_NAME, download.suggested_filename)
    await download.save_as(folder / "clip.mp4")
    with av.open(str(folder / "clip.mp4")) as clip:
        assert sum(1 for packet in clip.demux(video=0) if packet.size) == units
    with av.open(str(folder / "clip.mp4")) as clip:
        assert clip.duration is not None
        assert abs(clip.duration / av.time_base - 4) < 0.1


async def _is_deleted_and_comes_back(stage: Stage) -> None:
    """Ten seconds to think again; what is put away stays away."""
    page = stage.page
    await page.keyboard.press("g")
    await page.keyboard.press("x")
    row = page.locator("main .hc-job")
    await expect(row).to_have_count(1)
    await row.get_by_role("button", name="Delete the export").click()
    await expect(row).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(row).to_have_count(1)
    assert len((await stage.house.http.get("/api/exports")).json()["exports"]) == 1
    await _tray(page).get_by_role("button", name="Put finished exports away").click()
    await expect(_tray(page)).to_have_count(0)
    await page.reload()
    await expect(row).to_have_count(1)
    await expect(_tray(page)).to_have_count(0)


async def _nothing_there_is_said_before(stage: Stage, camera: str) -> None:
    page = stage.page
    then = int(time.time() * 1_000) - 40 * DAY_MS
    await stage.go(f"/playback?camera={camera}&t={then}&from={then}&to={then + 9_000}")
    await expect(page.locator("canvas").first).to_be_visible(timeout=15_000)
    await page.keyboard.press("e")
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator(".hc-estimate")).to_have_text("Nothing was recorded in this time")
    await expect(dialog.locator("button[type=submit]")).to_be_disabled()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)


async def _late(route: Route) -> None:
    await asyncio.sleep(1)
    await route.continue_()


async def _log_is_whole(stage: Stage) -> None:
    """Also: while the page loads, the one that is left remembers its new span, and does not call anybody back."""
    page = stage.page
    await page.route("**/assets/Audit-*.js", _late)
    await page.keyboard.press("+")
    await page.keyboard.press("g")
    await page.keyboard.press("a")
    await expect(page.get_by_role("heading", name="Audit log", level=1)).to_be_visible(timeout=15_000)
    await expect(page).to_have_url(re.compile("/audit"))
    await page.get_by_label("What").select_option("export")
    await expect(page).to_have_url(re.compile("action=export"))
    rows = page.locator(".hc-audit tbody tr")
    await expect(rows.first).to_contain_text("Stock room")
    assert {await row.get_attribute("data-action") for row in await rows.all()} == {"export"}
    await page.get_by_role("button", name="Verify").click()
    count = (await stage.ask("/api/audit/verify"))["entries"]
    await expect(page.get_by_role("status").filter(has_text=f"Unchanged: all {count} entries verified")).to_be_visible()


async def _viewer_sees_no_pages_of_administrators(stage: Stage, camera: str) -> None:
    viewer = {"name": "ann", "password": PASSWORD, "role": "viewer", "cameras": [camera]}
    (await stage.house.http.post("/api/users", json=viewer)).raise_for_status()
    context = await stage.browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    await page.goto(f"{stage.house.address}/login")
    await page.locator("input[name=username]").fill("ann")
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    nav = page.get_by_role("navigation", name="Main")
    await expect(nav.get_by_role("link", name="Exports")).to_be_visible()
    for name in ("Storage", "Users", "Audit log"):
        await expect(nav.get_by_role("link", name=name)).to_have_count(0)
    for place, words in {"storage": "Only administrators see the storage", "audit": "Only administrators read"}.items():
        await page.goto(f"{stage.house.address}/{place}")
        await expect(page.get_by_role("heading", name=words)).to_be_visible()
    await page.goto(f"{stage.house.address}/exports")
    await expect(page.get_by_text("No exports yet")).to_be_visible()
    await context.close()


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_a_policy_says_what_it_would_delete_and_a_bookmark_keeps_its_footage(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM], vision=False) as stage:
            wish = {"name": "Stock room", "url": stage.cameras.url(f"/{ROOM}"), "enabled": False}
            camera = str((await stage.house.http.post("/api/cameras", json=wish)).raise_for_status().json()["id"])
            now_ms = stage.house.rooms.services.clock.wall_ns() // NS_PER_MS
            old, kept = now_ms - 20 * DAY_MS, now_ms - 15 * DAY_MS
            await _footage_of(stage, stream_of(CameraId(camera)), [old, kept])
            await _bookmark_that_keeps(stage, kept)
            await _dry_run_then_save(stage, camera)
            await stage.house.rooms.retention.once()
            assert [await _is_there(stage, camera, at_ms) for at_ms in (old, kept)] == [False, True]
            await _bookmark_lets_go(stage)
            await stage.house.rooms.retention.once()
            assert not await _is_there(stage, camera, kept)
            assert stage.problems == []

    asyncio.run(flow())


async def _footage_of(stage: Stage, stream: StreamId, starts_ms: list[int]) -> None:
    """Ten seconds recorded at each of these times."""
    rooms = stage.house.rooms
    channel = rooms.services.bus.channel(stream)
    for run, start_ms in enumerate(starts_ms, 101):
        units = pictures(100, UnitRef(stream, run, 0), start_ms * NS_PER_MS, size=4_000)
        if channel.current is not None:
            channel.close_run(RunEnded(stream, channel.current.number, GapCause.DISABLED, "", units[0].captured_ns))
        channel.open_run(Run(stream, run, units[0].captured_ns, [JPEG]))
        for unit in units:
            channel.publish(unit)
        end_ns = units[-1].captured_ns + NS_PER_S
        channel.close_run(RunEnded(stream, run, GapCause.DISABLED, "", end_ns))
    for _ in range(100):
        if await _is_there(stage, stream.partition("/")[0], starts_ms[-1]):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the footage did not arrive")


async def _is_there(stage: Stage, camera: str, at_ms: int) -> bool:
    line = await stage.ask(f"/api/cameras/{camera}/timeline?start_ms={at_ms - 1_000}&end_ms={at_ms + 9_000}")
    return line["spans"] != []


async def _bookmark_that_keeps(stage: Stage, at_ms: int) -> None:
    page = stage.page
    await stage.go("/bookmarks")
    await page.get_by_role("button", name="New bookmark").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Note").fill("Parcel taken")
    zone = (await stage.ask("/api/system"))["time_zone"]
    for label, ms in {"From": at_ms + 2_000, "To": at_ms + 5_000}.items():
        await dialog.get_by_label(label, exact=True).fill(await _wall(page, ms, str(zone)))
    await dialog.get_by_role("switch", name="Keep this footage").check(force=True)
    await dialog.get_by_role("button", name="Save bookmark").click()
    row = page.locator(".hc-mark")
    await expect(row).to_contain_text("Parcel taken")
    await expect(row.get_by_role("switch")).to_be_checked()
    await row.get_by_role("button", name="Edit the note").click()
    await page.get_by_role("textbox", name="Note", exact=True).fill("Parcel taken by a fox")
    await page.keyboard.press("Enter")
    await expect(row).to_contain_text("Parcel taken by a fox")
    await row.get_by_role("link", name="in playback").click()
    await expect(page).to_have_url(re.compile(rf"/playback\?.*t={(at_ms + 2_000) // 1_000}\d\d\d"))


async def _wall(page: Page, ms: int, zone: str) -> str:
    """What a field for a time takes: the clock on the wall of the site."""
    script = "([ms, zone]) => new Date(ms).toLocaleString('sv-SE', { timeZone: zone }).replace(' ', 'T')"
    return str(await page.evaluate(script, [ms, zone]))


async def _dry_run_then_save(stage: Stage, camera: str) -> None:
    page = stage.page
    await page.keyboard.press("g")
    await page.keyboard.press("o")
    await page.get_by_role("button", name="How long footage of Stock room").click()
    await expect(page).to_have_url(re.compile(f"policy={camera}"))
    dialog = page.get_by_role("dialog")
    dry = dialog.locator(".hc-dry")
    await expect(dry).to_have_text("Nothing would be deleted now.")
    for name in ("Everything", "With motion", "With an event"):
        await dialog.get_by_label(name).fill("10")
    await expect(dry).to_contain_text("This would delete 1 recording,")
    await expect(dry).to_contain_text("Stock room")
    await dialog.get_by_role("button", name="Save…").click()
    sure = dialog.get_by_role("button", name="Save and delete 1")
    await expect(sure).to_be_disabled()
    unsaved = await stage.ask(f"/api/cameras/{camera}/retention")
    assert unsaved["continuous_days"] is None, "nothing is saved before the count is typed"
    await dialog.get_by_label("Type 1 to delete 1 recording").fill("1")
    await sure.click()
    await expect(dialog).to_have_count(0)
    policy = await stage.ask(f"/api/cameras/{camera}/retention")
    assert [policy[f"{name}_days"] for name in ("continuous", "motion", "event")] == [10, 10, 10]
    await expect(page.locator(f"tr[data-camera={camera}]")).to_contain_text("10 days own")


async def _bookmark_lets_go(stage: Stage) -> None:
    page = stage.page
    await stage.go("/bookmarks?kept=true")
    keep = page.get_by_role("switch", name=re.compile("^Keep the footage of"))
    await expect(keep).to_be_checked()
    await keep.click(force=True)
    await expect(page.get_by_text("No bookmark fits")).to_be_visible()


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_a_motion_search_finds_the_moment_when_somebody_walked_through_the_region(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM]) as stage:
            camera = await add_camera(stage.house, stage.cameras, ROOM)
            start_ms, end_ms = await _somebody_walked(stage)
            await stage.go(f"/playback?camera={camera}&t={start_ms - 2_000}&span=600000")
            await expect(stage.page.locator("canvas").first).to_be_visible(timeout=15_000)
            await _nothing_moves_in_the_corner(stage)
            await _finds(stage, start_ms, end_ms)
            await _accounts_balance(stage, camera)
            assert stage.problems == []

    asyncio.run(flow())


async def _somebody_walked(stage: Stage) -> tuple[int, int]:
    """When the first event began (ms), and up to where it has been seen."""
    for _ in range(240):
        match (await stage.ask("/api/events"))["events"]:
            case [*_, {"start_ms": int(start), "end_ms": end}]:
                return start, end if isinstance(end, int) else start + 1_000
            case _:
                await asyncio.sleep(0.25)
    raise AssertionError("nobody walked into the forbidden zone")


async def _region(dialog: Locator, corners: list[tuple[int, int]]) -> None:
    """Say where by number, in percent of the picture."""
    if not await dialog.get_by_label("Point 1, from the left").is_visible():
        await dialog.get_by_text("Points by number").click()
    for number, corner in enumerate(corners, 1):
        for side, percent in zip(("left", "top"), corner, strict=True):
            await dialog.get_by_label(f"Point {number}, from the {side}").fill(str(percent))


async def _nothing_moves_in_the_corner(stage: Stage) -> None:
    page = stage.page
    await page.keyboard.press("m")
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator(".hc-motion-picture img")).to_have_js_property("complete", True)
    await _region(dialog, [(0, 0), (8, 0), (8, 8), (0, 8)])
    await dialog.get_by_role("button", name="Search", exact=True).click()
    await expect(dialog.locator(".hc-motion-found")).to_have_attribute("data-end", "done", timeout=10_000)
    await expect(dialog.get_by_role("status")).to_contain_text("Nothing moved there.")


async def _finds(stage: Stage, start_ms: int, end_ms: int) -> None:
    """By the points of the outline, then by hand; what is found is shown, and leads there."""
    page = stage.page
    dialog = page.get_by_role("dialog")
    await _region(dialog, [(20, 40), (80, 40), (80, 80), (20, 80)])
    point = dialog.get_by_role("button", name="Point 1 of Region")
    await point.focus()
    await page.keyboard.press("Shift+ArrowRight")
    await expect(point).to_have_accessible_name(re.compile("21 % from the left"))
    await dialog.get_by_role("button", name="Search", exact=True).click()
    found = dialog.locator(".hc-motion-found")
    await expect(found).to_have_attribute("data-end", "done", timeout=10_000)
    hits = await dialog.locator(".hc-hit").all()
    spans = [[int(await hit.get_attribute(f"data-{name}") or 0) for name in ("start", "end", "at")] for hit in hits]
    meets = [number for number, (begins, ends, _) in enumerate(spans) if begins < end_ms and ends > start_ms]
    assert meets, f"{spans} do not meet {start_ms} to {end_ms}"
    await expect(hits[meets[0]].locator("img")).to_have_attribute("data-state", "there", timeout=10_000)
    await hits[meets[0]].focus()
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(page).to_have_url(re.compile(rf"t={spans[meets[0]][2]}\b"))


async def _accounts_balance(stage: Stage, camera: str) -> None:
    page = stage.page
    await stage.go(f"/live/{camera}")
    await page.get_by_role("button", name="Accounts").click()
    await expect(page).to_have_url(re.compile("losses=1"))
    panel = page.locator(".hc-loss")
    expected = int(await panel.get_attribute("data-expected") or 0)
    assert expected > 15 * 4
    missing = int(await panel.get_attribute("data-missing") or 0)
    assert 0 <= missing < expected
    await expect(panel.get_by_text("Expected", exact=True).first).to_be_visible()
