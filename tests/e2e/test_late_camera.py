"""A camera that comes up while its page is open."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from haechi.app.ports import listen
from haechi.camera.virtual.feed import SceneFeed, default_cache_dir
from haechi.camera.virtual.server import VirtualCamera
from tests.e2e.stage import ROOM, staged

PATIENCE_MS = 60_000


@pytest.mark.e2e
@pytest.mark.timeout(200)
def test_a_camera_that_answers_late_has_no_still_at_first_and_then_its_living_picture(tmp_path: Path) -> None:
    async def flow() -> None:
        held = listen("127.0.0.1", 0)
        port = held.getsockname()[1]
        held.close()
        async with staged(tmp_path, [], vision=False) as stage:
            camera = {"name": "Door", "url": f"rtsp://127.0.0.1:{port}/door", "transport": "tcp"}
            added = (await stage.house.http.post("/api/cameras", json=camera)).raise_for_status().json()
            async with stage.page.expect_event(
                "requestfinished", lambda one: "latest.jpg" in one.url, timeout=PATIENCE_MS
            ) as asked:
                await stage.go(f"/live/{added['id']}")
            answer = await (await asked.value).response()
            assert answer is not None
            assert answer.status >= 400
            await expect(stage.page.locator(".hc-tile-poster")).to_have_count(0, timeout=PATIENCE_MS)
            feed = SceneFeed(ROOM, default_cache_dir())
            feed.start()
            try:
                async with VirtualCamera({"/door": feed}, port=port):
                    tile = stage.page.locator(".hc-tile[data-state=live]")
                    await expect(tile).to_be_visible(timeout=PATIENCE_MS)
            finally:
                feed.close()
            assert stage.problems == []

    asyncio.run(flow())
