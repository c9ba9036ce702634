"""The page on which players are given access."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from haechi.camera.virtual.server import VirtualCamera
from tests.cameras import StreamFeed, until
from tests.e2e.stage import staged
from tests.streams import h264_stream

PATIENCE_MS = 60_000


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_token_is_made_shown_once_with_its_addresses_listed_and_revoked(tmp_path: Path) -> None:
    async def flow() -> None:
        feed = StreamFeed(h264_stream(frames=30, fps=15, gop=15), 15)
        async with VirtualCamera({"/live": feed}) as camera, staged(tmp_path, [], vision=False) as stage:
            page, services = stage.page, stage.house.rooms.services
            await until(lambda: bool(services.rtsp.port), 60)
            body = {"name": "Door", "url": camera.url("/live"), "transport": "tcp"}
            made = (await stage.house.http.post("/api/cameras", json=body)).raise_for_status().json()
            await stage.go("/players")
            await page.get_by_role("button", name="New token").first.click(timeout=PATIENCE_MS)
            dialog = page.get_by_role("dialog")
            await dialog.get_by_role("textbox", name="Name").fill("TV in the hall")
            await dialog.get_by_role("button", name="New token").click()
            address = dialog.get_by_text(re.compile(r"^rtsp://rdt_[a-z0-9]+:hrt_[\w-]+@"))
            await expect(address).to_be_visible(timeout=PATIENCE_MS)
            text = await address.inner_text()
            assert text.endswith(f":{services.rtsp.port}/{made['id']}")
            await dialog.get_by_role("button", name="Done").click()
            row = page.get_by_role("row", name=re.compile("TV in the hall"))
            await expect(row).to_be_visible(timeout=PATIENCE_MS)
            token = text.partition("rdt_")[2].partition(":")[2].partition("@")[0]
            assert token not in await page.content()
            await row.get_by_role("button", name="Revoke TV in the hall").click()
            await page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
            await expect(row).to_have_count(0, timeout=PATIENCE_MS)
            assert await services.auth.read_tokens.list() == []
            assert stage.problems == []

    asyncio.run(flow())
