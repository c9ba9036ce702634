"""What a person sees while footage is in danger, what it tells them to do, and that it goes away when they did it.

The disks and the store fail for real: a file system of the tests' own, and an S3 server behind a proxy of theirs.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from haechi.app.settings import RecordSettings, Settings, TierSettings
from haechi.base.clock import NS_PER_MS, NS_PER_S, SystemClock
from haechi.base.ids import CameraId, stream_of
from haechi.bus.frames import GapCause, Run, RunEnded
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.access_unit import UnitRef
from haechi.media.rtsp.server import ServerPolicy
from tests.cameras import StreamFeed
from tests.e2e.browser import chromium
from tests.e2e.stage import page_for
from tests.faultproxy import Fault, FaultProxy
from tests.faults.failing import FailingDisk, failing_disk
from tests.faults.pcfs import can_mount
from tests.program import environment, haechi
from tests.record.archive import JPEG, pictures
from tests.s3 import ACCESS_KEY, BUCKET, S3, SECRET_KEY, s3_server
from tests.server import House, running, settings_for
from tests.streams import h264_stream

FPS = 10
MIB = 1024 * 1024
RESERVE_BYTES = 64 * MIB
"""What a recorder leaves free."""
SOON_MS = 90_000
"""The page asks every 30 s how the storage is."""
DAY_NS = 86_400 * NS_PER_S


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FailingDisk]:
    if reason := can_mount():
        pytest.skip(f"a disk that fails cannot be had here: {reason}")
    with failing_disk(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@asynccontextmanager
async def a_camera() -> AsyncIterator[str]:
    """Where it is."""
    feed = StreamFeed(h264_stream(frames=60, fps=FPS, gop=FPS), FPS)
    async with VirtualCamera({"/live": feed}, ServerPolicy()) as camera:
        yield camera.url("/live")


async def added(house: House, url: str, name: str = "Yard", *, enabled: bool = True) -> CameraId:
    wish = {"name": name, "url": url, "enabled": enabled}
    return CameraId((await house.http.post("/api/cameras", json=wish)).raise_for_status().json()["id"])


async def recorded_until(house: House, camera: CameraId, after_ms: int = 0) -> int:
    """When the newest footage of a camera ends (ms); waits until some ends after ``after_ms``."""
    async with asyncio.timeout(60):
        while True:
            now_ms = SystemClock().wall_ns() // NS_PER_MS
            line = await house.http.get(
                f"/api/cameras/{camera}/timeline?start_ms={now_ms - 600_000}&end_ms={now_ms + 1_000}"
            )
            ends = [int(span["end_ms"]) for span in line.raise_for_status().json()["spans"]]
            if ends and max(ends) > after_ms:
                return max(ends)
            await asyncio.sleep(0.2)


def banner(page: Page) -> Locator:
    return page.locator(".hc-banner[data-alarm]")


async def shows_live(page: Page, house: House, camera: CameraId) -> None:
    """Live pictures go on, on the page and beside it."""
    await page.goto(f"{house.address}/live")
    await expect(page.locator(f".hc-tile[data-camera={camera}]")).to_have_attribute(
        "data-state", "live", timeout=60_000
    )


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_disk_that_failed_is_told_on_every_page_until_it_was_checked(tmp_path: Path, disk: FailingDisk) -> None:
    settings = _on(disk, settings_for(tmp_path, vision=False), min_free_bytes=0)

    async def flow() -> None:
        async with a_camera() as url, chromium() as browser:
            page, camera, end_ms = await _fails(disk, settings, browser, url)
            env = environment(tmp_path, RECORD__FOLDER=str(disk.folder))
            done = await asyncio.to_thread(haechi, "check", "--repair", env=env)
            assert done.returncode == 0, done.stdout + done.stderr
            async with running(settings) as house:
                await recorded_until(house, camera, end_ms)
                await page.goto(f"{house.address}/storage")
                await expect(page.locator("[data-tier=disk]")).to_be_visible(timeout=SOON_MS)
                await expect(page.locator("[data-tier=disk][data-failed]")).to_have_count(0)
                await expect(banner(page)).to_have_count(0)

    asyncio.run(flow())


async def _fails(disk: FailingDisk, settings: Settings, browser: Browser, url: str) -> tuple[Page, CameraId, int]:
    """The page after it; the camera, and until when it is recorded."""
    async with running(settings) as house:
        page = await page_for(browser, house)
        camera = await added(house, url)
        await recorded_until(house, camera)
        await shows_live(page, house, camera)
        await expect(banner(page)).to_have_count(0)
        disk.syncs_fail()
        await expect(banner(page)).to_have_attribute("data-alarm", "disk", timeout=SOON_MS)
        await expect(banner(page)).to_contain_text("Nothing is recorded")
        disk.is_well()
        await shows_live(page, house, camera)
        await expect(banner(page), "it does not mend itself (D10)").to_be_visible(timeout=SOON_MS)
        await banner(page).get_by_role("link", name="Storage").click()
        card = page.locator("[data-tier=disk]")
        await expect(card).to_have_attribute("data-failed", "true", timeout=SOON_MS)
        await expect(card.get_by_role("alert")).to_contain_text("haechi check --repair")
        return page, camera, await recorded_until(house, camera)


def _on(disk: FailingDisk, settings: Settings, *, min_free_bytes: int) -> Settings:
    record = RecordSettings(folder=disk.folder, min_free_bytes=min_free_bytes)
    return settings.model_copy(update={"record": record})


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_disk_full_of_protected_footage_is_told_until_somebody_lets_go_of_some(
    tmp_path: Path, disk: FailingDisk
) -> None:
    settings = _on(disk, settings_for(tmp_path, vision=False), min_free_bytes=RESERVE_BYTES)

    async def flow() -> None:
        async with a_camera() as url, chromium() as browser, running(settings) as house:
            page = await page_for(browser, house)
            camera = await added(house, url)
            await _protected(house, await added(house, url, "Gate", enabled=False))
            await recorded_until(house, camera)
            await shows_live(page, house, camera)
            disk.holds(disk.used_bytes() + RESERVE_BYTES - 300_000)
            await expect(banner(page)).to_have_attribute("data-alarm", "protected", timeout=SOON_MS)
            await expect(banner(page)).to_contain_text("Take protection from some, or add space")
            await shows_live(page, house, camera)
            await banner(page).get_by_role("link", name="Protected footage").click()
            keep = page.get_by_role("switch", name="Keep the footage of")
            await expect(keep).to_have_count(2)
            full_ms = SystemClock().wall_ns() // NS_PER_MS
            await keep.first.click(force=True)
            await expect(keep).to_have_count(1)
            await recorded_until(house, camera, full_ms)
            await expect(banner(page)).to_have_count(0, timeout=SOON_MS)

    asyncio.run(flow())


async def _protected(house: House, camera: CameraId) -> None:
    """Two recordings of 4 MB, long ago, each under a bookmark that keeps it."""
    stream, now_ns = stream_of(camera), SystemClock().wall_ns()
    channel = house.rooms.services.bus.channel(stream)
    for run, start_ns in enumerate((now_ns - 20 * DAY_NS, now_ns - 15 * DAY_NS), 101):
        units = pictures(200, UnitRef(stream, run, 0), start_ns, size=20_000)
        end_ns = units[-1].captured_ns + NS_PER_S
        channel.open_run(Run(stream, run, start_ns, [JPEG]))
        for unit in units:
            channel.publish(unit)
            if unit.is_sync:
                await asyncio.sleep(0.01)
        channel.close_run(RunEnded(stream, run, GapCause.DISABLED, "", end_ns))
        wish = {"camera": camera, "start_ms": start_ns // NS_PER_MS, "end_ms": end_ns // NS_PER_MS, "keep": True}
        (await house.http.post("/api/bookmarks", json=wish)).raise_for_status()
        async with asyncio.timeout(60):
            while not await house.rooms.services.index.spans(stream, start_ns, end_ns):  # noqa: ASYNC110 - of the disk
                await asyncio.sleep(0.1)


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_store_that_is_down_is_told_where_footage_lies_at_once_and_everywhere_after_a_while(
    tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)

    async def flow(proxy: FaultProxy) -> None:
        far = TierSettings(
            name="archive", url=f"s3://{BUCKET}/alarms", after="7d", endpoint=proxy.endpoint, region="us-east-1"
        )
        settings = settings_for(tmp_path, vision=False)
        settings = settings.model_copy(update={"record": settings.record.model_copy(update={"tiers": (far,)})})
        async with chromium() as browser, running(settings) as house:
            page = await page_for(browser, house)
            await page.clock.install()
            await page.goto(f"{house.address}/storage")
            card = page.locator("[data-tier=archive]")
            await expect(card).to_be_visible(timeout=SOON_MS)
            await expect(card).not_to_have_attribute("data-failed", "true", timeout=SOON_MS)
            proxy.set(Fault.BUSY)
            await expect(card).to_have_attribute("data-failed", "true", timeout=2 * SOON_MS)
            await expect(card.get_by_role("alert")).to_contain_text("tried again by itself")
            await expect(banner(page)).to_have_count(0)
            await page.clock.fast_forward("15:00")
            await expect(banner(page)).to_have_attribute("data-alarm", "tier", timeout=SOON_MS)
            await expect(banner(page)).to_contain_text("archive has failed for")
            proxy.set(Fault.NONE)
            await expect(banner(page)).to_have_count(0, timeout=2 * SOON_MS)
            await expect(card).not_to_have_attribute("data-failed", "true")
            assert SECRET_KEY not in await page.content()

    with FaultProxy(s3.port) as proxy:
        asyncio.run(flow(proxy))
