"""Two phones' browsers on two hosts find each other through what lies between them, and find each other again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.phones.nat import Kind
from tests.phones.net import SERVER, Net, a_net
from tests.phones.relay import coturn
from tests.phones.stage import PATIENCE_MS, PATIENCE_S, PHONE_HZ, TURN_PORT, VIEWER_HZ, Scene, scene

pytestmark = [pytest.mark.phones]
STUN, TURN = f"stun:{SERVER}:{TURN_PORT}", f"turn:{SERVER}:{TURN_PORT}"


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with a_net() as made:
        yield made


@contextmanager
def a_relay(net: Net, folder: Path) -> Iterator[None]:
    """A TURN server where the server is."""

    def there(work: Callable[[], tuple[str, int]]) -> tuple[str, int]:
        return net.server.host.submit(asyncio.to_thread(work)).result(PATIENCE_S)

    with coturn(folder, SERVER, TURN_PORT, net.server.command, there):
        yield


async def both_are_heard(both: Scene) -> None:
    """The phone's tone at the viewer's; and the other way while the button is held, and not before."""
    await both.hears(both.viewer, "video", PHONE_HZ)
    assert await both.phone.locator("audio").evaluate("audio => audio.srcObject") is None
    await both.viewer.locator(".ph-talk").hover()
    await both.viewer.mouse.down()
    await both.hears(both.phone, "audio", VIEWER_HZ)
    await both.viewer.mouse.up()
    await expect(both.viewer.locator(".ph-view")).to_have_attribute("data-talk", "quiet", timeout=PATIENCE_MS)


def test_in_one_network_both_see_and_hear_each_other_with_no_server_between(net: Net, tmp_path: Path) -> None:
    async def play() -> None:
        async with scene(net, tmp_path, Kind.NONE) as both:
            await both.watch()
            await both.sees("direct")
            await both_are_heard(both)

    asyncio.run(play())


def test_behind_two_routers_they_meet_by_what_stun_finds(net: Net, tmp_path: Path) -> None:
    async def play() -> None:
        async with scene(net, tmp_path, Kind.CONE, STUN) as both:
            await both.watch()
            await both.sees("direct")
            await both_are_heard(both)

    with a_relay(net, tmp_path):
        asyncio.run(play())


def test_behind_symmetric_routers_the_relay_carries_it_and_without_one_that_is_said(net: Net, tmp_path: Path) -> None:
    async def play() -> None:
        async with scene(net, tmp_path, Kind.SYMMETRIC, STUN, TURN) as both:
            await both.watch()
            veil = both.viewer.locator(".ph-veil")
            await expect(both.viewer.locator(".ph-view")).to_have_attribute("data-phase", "no-way", timeout=PATIENCE_MS)
            await expect(veil).to_contain_text("TURN")
            with a_relay(net, tmp_path):
                await both.watch()
                await both.sees("relay")
                await both_are_heard(both)

    asyncio.run(play())


def test_a_phone_whose_page_is_loaded_again_is_seen_again(net: Net, tmp_path: Path) -> None:
    async def play() -> None:
        async with scene(net, tmp_path, Kind.CONE, STUN) as both:
            await both.watch()
            await both.sees("direct")
            await both.mark()
            await both.phone.reload()
            await both.sees_another()
            await both.sees("direct")
            await both.hears(both.viewer, "video", PHONE_HZ)

    with a_relay(net, tmp_path):
        asyncio.run(play())


def test_who_changes_the_network_sees_on_and_is_seen_on(net: Net, tmp_path: Path) -> None:
    async def play() -> None:
        async with scene(net, tmp_path, Kind.CONE, STUN) as both:
            await both.watch()
            await both.sees("direct")
            await asyncio.to_thread(net.viewer.stand, Kind.CONE, "198.51.100.12", "10.12.0.2")
            await both.sees_after(net.viewer)
            await asyncio.to_thread(net.phone.stand, Kind.CONE, "198.51.100.11", "10.11.0.2")
            await both.sees_after(net.phone)
            await both.hears(both.viewer, "video", PHONE_HZ)

    with a_relay(net, tmp_path):
        asyncio.run(play())


def test_a_phone_that_is_recorded_is_watched_as_before_and_is_a_camera_of_the_server_too(
    net: Net, tmp_path: Path
) -> None:
    async def play() -> None:
        async with scene(net, tmp_path, Kind.NONE) as both:
            await both.watch()
            await both.sees("direct")
            await both.is_taken_in("peer")
            await both.ask("PATCH", f"/api/phones/{both.camera}", {"record": True})
            await both.is_taken_in("live")
            await both.sees("direct")
            await both.ask("PATCH", f"/api/phones/{both.camera}", {"record": False})
            await both.is_taken_in("peer")
            await both.sees("direct")

    asyncio.run(play())
