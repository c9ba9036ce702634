"""Exports in a real browser: several files where a camera changed its coding, a second try, the time in the picture."""

import asyncio
import re
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.async_api import Locator, expect

from haechi.api.settings import time_zone
from haechi.base.clock import NS_PER_MS, NS_PER_S, SystemClock
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import GapCause, Run, RunEnded
from haechi.media.access_unit import AccessUnit
from haechi.record.exports.burned import time_text
from haechi.vision.burn.worker import draw
from haechi.vision.runtime import Pixels
from tests.e2e.stage import Stage, staged
from tests.streams import h264_stream, stamped

FPS, FRAMES = 15, 90
SIZES = ((320, 240), (640, 360))
"""Before and after somebody changed the camera's settings."""
BAR_PX = 20
"""The text is in the lowest rows of the smaller picture."""
SOON_MS = 60_000


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_range_over_a_change_of_coding_is_several_files_and_a_failed_export_is_tried_again(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [], vision=False) as stage:
            camera, units = await _recorded(stage)
            start_ms, end_ms = units[0].captured_ns // NS_PER_MS, units[-1].captured_ns // NS_PER_MS + 1
            await _ask(stage, camera, (start_ms, end_ms), burn_in=False)
            row = await _done(stage)
            parts = [await _file(stage, row, number) for number in (1, 2)]
            shown = [_pictures(data) for data in parts]
            assert [pictures[0].shape[1::-1] for pictures in shown] == list(SIZES)
            assert sum(map(len, shown)) == len(units)
            await _burned_in(stage, camera, units[:FRAMES], shown[0])
            await _failed_and_again(stage, camera, (start_ms, end_ms))
            assert stage.problems == []

    asyncio.run(flow())


async def _recorded(stage: Stage) -> tuple[CameraId, list[AccessUnit]]:
    """Twelve seconds of a camera whose picture gets another size in the middle; all its units."""
    wish = {"name": "Yard", "url": stage.cameras.url("/yard"), "enabled": False}
    camera = CameraId((await stage.house.http.post("/api/cameras", json=wish)).raise_for_status().json()["id"])
    stream, units = stream_of(camera), list[AccessUnit]()
    start_ns = SystemClock().wall_ns() - 600 * NS_PER_S
    channel = stage.house.rooms.services.bus.channel(stream)
    for run, size in enumerate(SIZES, 101):
        params, coded = h264_stream(frames=FRAMES, fps=FPS, gop=FPS, size=size)
        mine = stamped(coded, stream, run=run, start_ns=start_ns)
        end_ns = start_ns + FRAMES * NS_PER_S // FPS
        channel.open_run(Run(stream, run, start_ns, [params]))
        for unit in mine:
            channel.publish(unit)
        channel.close_run(RunEnded(stream, run, GapCause.STALLED, "", end_ns))
        start_ns = end_ns
        units += mine
    await _is_listed(stage, stream, units[-1].captured_ns)
    return camera, units


async def _is_listed(stage: Stage, stream: StreamId, until_ns: int) -> None:
    async with asyncio.timeout(60):
        while await stage.house.rooms.services.index.newest_captured_ns(stream) < until_ns:  # noqa: ASYNC110 - of the disk
            await asyncio.sleep(0.1)


async def _ask(stage: Stage, camera: CameraId, span_ms: tuple[int, int], *, burn_in: bool) -> None:
    """Through the dialog, as a person would."""
    page, (start_ms, end_ms) = stage.page, span_ms
    await stage.go(f"/playback?camera={camera}&t={start_ms + 500}&from={start_ms}&to={end_ms}")
    await expect(page.locator("canvas").first).to_be_visible(timeout=SOON_MS)
    await page.keyboard.press("e")
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator(".hc-estimate[data-units]")).to_be_visible(timeout=SOON_MS)
    if burn_in:
        await dialog.get_by_role("switch", name="Time in the picture").check(force=True)
    await dialog.get_by_role("button", name=re.compile("^Export")).click()
    await expect(dialog).to_have_count(0)
    await stage.go("/exports")


async def _done(stage: Stage) -> Locator:
    """The newest export, once it is made."""
    row = stage.page.locator("main .hc-job").first
    await expect(row).to_have_attribute("data-state", "done", timeout=2 * SOON_MS)
    return row


async def _file(stage: Stage, row: Locator, number: int) -> bytes:
    links = row.get_by_role("link", name=re.compile("^Download"))
    await expect(links.nth(number - 1)).to_be_visible()
    async with stage.page.expect_download() as loading:
        await links.nth(number - 1).click()
    return await asyncio.to_thread(Path(await (await loading.value).path()).read_bytes)


def _pictures(data: bytes) -> list[Pixels]:
    """What a player shows."""
    with av.open(BytesIO(data), "r") as clip:
        frames = [frame for frame in clip.decode(video=0) if frame.time >= 0]
    return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in frames]


def _differ(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


async def _burned_in(stage: Stage, camera: CameraId, units: list[AccessUnit], plain: list[Pixels]) -> None:
    """Each picture is the same but for its lowest rows, which say when it was taken, as the site tells the time."""
    span_ms = (units[0].captured_ns // NS_PER_MS, units[-1].captured_ns // NS_PER_MS + 1)
    await _ask(stage, camera, span_ms, burn_in=True)
    await expect(stage.page.locator("main .hc-job")).to_have_count(2)
    row = await _done(stage)
    await expect(row).to_contain_text("time in the picture")
    burned = _pictures(await _file(stage, row, 1))
    assert len(burned) == len(plain)
    zone = time_zone((await stage.house.rooms.services.settings.get()).time_zone)
    for unit, before, after in list(zip(units, plain, burned, strict=True))[::11]:
        assert _differ(before[: -2 * BAR_PX], after[: -2 * BAR_PX]) < 8, "the rest is as it was"
        wanted = before.copy()
        draw(wanted, time_text(unit.captured_ns, zone))
        assert _differ(wanted[-BAR_PX:], after[-BAR_PX:]) < 16, "the text reads as it should"
        assert _differ(before[-BAR_PX:], after[-BAR_PX:]) > 2 * _differ(wanted[-BAR_PX:], after[-BAR_PX:])


async def _failed_and_again(stage: Stage, camera: CameraId, span_ms: tuple[int, int]) -> None:
    """A bit in the middle of a recording is wrong, and then it is right again."""
    page = stage.page
    file = next(stage.house.rooms.volume.root.rglob("*_r101.mp4"))
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    wish = {"camera": camera, "start_ms": span_ms[0], "end_ms": span_ms[1], "name": "For the insurance"}
    (await stage.house.http.post("/api/exports", json=wish)).raise_for_status()
    row = page.locator("main .hc-job").filter(has_text="For the insurance")
    await expect(row).to_have_attribute("data-state", "failed", timeout=SOON_MS)
    await expect(row.locator(".hc-job-fault")).not_to_be_empty()
    file.write_bytes(whole)
    await row.get_by_role("button", name="Try again: For the insurance").click()
    made = page.locator("main .hc-job[data-state=done]").filter(has_text="For the insurance")
    await expect(made).to_have_count(1, timeout=SOON_MS)
    await expect(row).to_have_count(1)
    for number in (1, 2):
        assert _pictures(await _file(stage, row, number))
