"""Two who want to speak at once, and a phone that loses the server while it is watched: real browsers, one host."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.e2e.test_phone import PATIENCE_MS, begins, paired, phone_in, sees_it_move, stage, watches

pytestmark = [pytest.mark.phones]


async def holds(page: Page) -> None:
    """Press the button, and keep it pressed."""
    box = await page.get_by_role("button", name="Hold to talk").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    await page.mouse.down()


async def says(page: Page, words: str) -> None:
    await expect(page.get_by_text(words)).to_be_visible(timeout=PATIENCE_MS)


def test_two_who_want_to_speak_speak_one_after_the_other(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as (house, browser):
            phone = await phone_in(browser)
            camera = await paired(house, phone)
            await begins(phone)
            one, two = [await watches(house, browser, camera) for _ in range(2)]
            for page in (one, two):
                await sees_it_move(page)
            await holds(one)
            await says(one, "You can be heard")
            await holds(two)
            await says(two, "Somebody else is talking")
            await two.mouse.up()
            await expect(one.get_by_text("You can be heard")).to_be_visible()
            await one.mouse.up()
            await expect(one.get_by_text("You can be heard")).to_be_hidden(timeout=PATIENCE_MS)
            await holds(two)
            await says(two, "You can be heard")
            await two.close()
            await expect(phone.locator(".ph-duty-top")).to_contain_text("admin watches", timeout=PATIENCE_MS)
            await holds(one)
            await says(one, "You can be heard")

    asyncio.run(run())


class Way:
    """The phone's way to the server, which can be cut. What goes to its viewers does not go there."""

    def __init__(self) -> None:
        self.is_cut = False
        self.opened = 0
        self._open: list[WebSocketRoute] = []

    async def lead(self, page: Page) -> None:
        await page.route_web_socket("**/api/phones/camera", self._opened)

    async def cut(self) -> None:
        self.is_cut = True
        for socket in self._open:
            await socket.close(code=1001, reason="cut")
        self._open.clear()

    async def _opened(self, socket: WebSocketRoute) -> None:
        if self.is_cut:
            await socket.close(code=1001, reason="cut")
            return
        self.opened += 1
        self._open.append(socket)
        socket.connect_to_server()


def test_a_phone_that_loses_the_server_is_seen_on_and_finds_it_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as (house, browser):
            phone, way = await phone_in(browser), Way()
            await way.lead(phone)
            camera = await paired(house, phone)
            await begins(phone)
            watcher = await watches(house, browser, camera)
            view = await sees_it_move(watcher)
            await watcher.evaluate("document.querySelector('.ph-view video').dataset.same = 'yes'")
            await way.cut()
            await says(phone, "Server lost, trying again")
            for _ in range(3):
                await sees_it_move(watcher)
            assert (await house.http.get(f"/api/phones/{camera}")).json()["online"] is False
            way.is_cut = False
            await expect(phone.locator(".ph-duty[data-phase=on]")).to_be_visible(timeout=PATIENCE_MS)
            assert way.opened == 2
            await sees_it_move(watcher)
            await expect(view).to_have_attribute("data-way", "direct", timeout=PATIENCE_MS)
            await holds(watcher)
            await says(watcher, "You can be heard")

    asyncio.run(run())
