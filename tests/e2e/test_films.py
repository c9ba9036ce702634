"""A film, as a person takes it in: chosen in the browser, seen on its way, watched; broken off and gone on with."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from haechi.app.settings import SiteSettings
from tests.containers import write_film
from tests.e2e.browser import chromium
from tests.e2e.stage import page_for
from tests.pages import Page as WebPage
from tests.pages import serving
from tests.server import running, settings_for

PATIENCE_MS = 60_000
HTML = b"<html><head><title>Harbour</title></head><video src='/film.mp4' type='video/mp4'></video></html>"


@pytest.mark.slow
@pytest.mark.e2e
def test_films_are_uploaded_watched_and_removed_and_a_broken_upload_goes_on(tmp_path: Path) -> None:
    film = write_film(tmp_path / "market square.mp4", seconds=8, created="2024-02-29T12:30:00Z")
    old = write_film(tmp_path / "old.mkv", video="mpeg4")
    film.write_bytes(film.read_bytes() + b"\0\0\0\x08free" * (1 << 20))  # two parts, in boxes that mean nothing

    async def run() -> None:
        async with running(settings_for(tmp_path, vision=False)) as house, chromium() as browser:
            page = await page_for(browser, house)
            page.set_default_timeout(PATIENCE_MS)
            await page.goto(f"{house.address}/cameras/new")
            await page.get_by_role("radio", name="A film", exact=True).click()
            await expect(page).to_have_url(re.compile("way=film"))
            await _break_off(page, film)
            row = page.locator("[data-film]")
            await expect(row).to_contain_text("The upload stands still", timeout=PATIENCE_MS)
            await page.unroute("**/api/films/*/file")
            await page.locator("input[type=file]").first.set_input_files([str(film), str(old)])
            done = page.locator("[data-film][data-state=done]")
            await expect(done).to_contain_text("market square", timeout=PATIENCE_MS)
            failed = page.locator("[data-film][data-state=failed]")
            await expect(failed).to_contain_text("film-codec", timeout=PATIENCE_MS)
            await expect(failed).to_contain_text("mpeg4")
            await expect(row).to_have_count(2)
            await _watch_and_remove(page)

    asyncio.run(run())


async def _break_off(page: Page, film: Path) -> None:
    """The second part never arrives; the page is left with one part safe, and none of it sends any more."""
    parts = 0

    async def first_only(route: Route) -> None:
        nonlocal parts
        parts += 1
        await (route.continue_() if parts == 1 else route.abort())

    await page.route("**/api/films/*/file", first_only)
    await page.locator("input[type=file]").first.set_input_files(str(film))
    await expect(page.locator("[data-film]")).to_contain_text(re.compile("Uploading [1-9]"), timeout=PATIENCE_MS)
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.reload()


async def _watch_and_remove(page: Page) -> None:
    await page.locator("[data-film][data-state=done]").get_by_role("link", name="Watch").click()
    await expect(page.locator(".hc-lane[data-state=shown] video")).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.get_by_text("Feb 29, 2024").first).to_be_visible(timeout=PATIENCE_MS)
    await page.go_back()
    await page.get_by_role("button", name="Remove market square?").click()
    await page.get_by_role("button", name="Remove", exact=True).click()
    await expect(page.locator("[data-film]")).to_have_count(1, timeout=PATIENCE_MS)


@pytest.mark.slow
@pytest.mark.e2e
def test_a_video_of_a_web_site_is_looked_at_and_taken_in(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", seconds=4)
    sites = {"sites": SiteSettings(hosts=("127.0.0.1",))}

    async def run() -> None:
        settings = settings_for(tmp_path, vision=False).model_copy(update=sites)
        pages = {"/watch": WebPage(HTML), "/film.mp4": WebPage(film.read_bytes(), "video/mp4")}
        with serving(pages) as site:
            async with running(settings) as house, chromium() as browser:
                page = await page_for(browser, house)
                page.set_default_timeout(PATIENCE_MS)
                await page.goto(f"{house.address}/cameras/new?way=site")
                await page.get_by_label("Address of the page").fill("https://example.org/film")
                await page.get_by_role("button", name="Look").click()
                await expect(page.get_by_role("alert")).to_contain_text("sites.hosts", timeout=PATIENCE_MS)
                await page.get_by_label("Address of the page").fill(site.url("/watch"))
                await page.get_by_role("button", name="Look").click()
                await expect(page.get_by_text("This is a video")).to_be_visible(timeout=PATIENCE_MS)
                await page.get_by_role("button", name="Take it in").click()
                done = page.locator("[data-film][data-state=done]")
                await expect(done).to_contain_text("Harbour", timeout=PATIENCE_MS)

    asyncio.run(run())
