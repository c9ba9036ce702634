"""Recorded sound in a real browser: what is heard is what was recorded when the picture on screen was taken."""

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from statistics import median

import av
import numpy as np
import pytest
from playwright.async_api import Locator, Page, expect

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import CameraId, stream_of
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.access_unit import AudioParams, Codec
from tests.e2e.browser import chromium
from tests.e2e.stage import page_for
from tests.e2e.test_audio import ToneFeed
from tests.server import House, running, settings_for

RATE_HZ = 8_000
PACKET = RATE_HZ // 50
BURST_EVERY_S, BURST_PACKETS = 2, 15
MOST_OFF_MS = 40
LOOKS_MS = 40
"""A burst that begins longer than this after the last look does not count."""
_OFF_MS = """() => {
  const video = document.querySelector(".hc-lane video"), audio = document.querySelector(".hc-hearing audio");
  const both = !video.paused && !audio.paused && !video.seeking && !audio.seeking && audio.readyState >= 3;
  return both ? (video.currentTime - audio.currentTime) * 1000 : null;
}"""
_BURSTS = """async wanted => {
  const video = document.querySelector(".hc-lane video"), audio = document.querySelector(".hc-hearing audio");
  const context = new AudioContext(), analyser = context.createAnalyser();
  await context.resume();
  analyser.fftSize = 256;
  const source = context.createMediaElementSource(audio);
  source.connect(analyser);
  source.connect(context.destination);
  const values = new Float32Array(analyser.fftSize), found = [];
  let quiet = 0, before = performance.now();
  const end = before + 40000;
  while (found.length < wanted && performance.now() < end) {
    await new Promise(done => setTimeout(done, 4));
    analyser.getFloatTimeDomainData(values);
    const now = performance.now(), loud = values.some(one => Math.abs(one) > 0.1);
    const steady = now - before < 40 && !video.paused && !audio.paused;
    if (loud && quiet > 20 && steady) found.push(video.currentTime);
    quiet = loud || !steady ? 0 : quiet + 1;
    before = now;
  }
  return found;
}"""


def _law(values: np.ndarray[tuple[int], np.dtype[np.int16]]) -> bytes:
    encoder = av.CodecContext.create("pcm_alaw", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = RATE_HZ, "mono", "s16"
    encoder.open()
    frame = av.AudioFrame.from_ndarray(values.reshape(1, -1), "s16", "mono")
    frame.sample_rate = RATE_HZ
    return b"".join(bytes(packet) for packet in encoder.encode(frame))


def bursts() -> tuple[ToneFeed, bytes]:
    """A camera that is silent but for 0.3 s of a tone every 2 s; and the packet that a burst begins with."""
    count = BURST_EVERY_S * 50
    tone = np.sin(np.arange(PACKET * BURST_PACKETS) * 2 * np.pi * 613 / RATE_HZ + 0.7) * 20_000
    values = np.zeros(PACKET * count, np.int16)
    values[-len(tone) :] = tone.astype(np.int16)
    data = _law(values)
    packets = [data[PACKET * n : PACKET * (n + 1)] for n in range(count)]
    assert packets.count(packets[-BURST_PACKETS]) == 1, "it tells a burst's beginning"
    return ToneFeed(AudioParams(Codec.PCMA, RATE_HZ, 1, b"", "alaw"), packets, PACKET), packets[-BURST_PACKETS]


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.timeout(240)
def test_recorded_sound_is_heard_with_its_picture_and_taken_away_with_it(tmp_path: Path) -> None:
    asyncio.run(_listen(tmp_path))


async def _listen(folder: Path) -> None:
    feed, first = bursts()
    settings = settings_for(folder, vision=False)
    async with VirtualCamera({"/cam": feed}) as cameras, running(settings) as house, chromium() as browser:
        camera = await _added(house, cameras.url("/cam"))
        page = await page_for(browser, house)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        heard_ms = await _recorded(house, camera)
        began = await _bursts_recorded(house, camera, first)
        button = await _opened(page, house, camera, heard_ms - 2_500)
        await _silent_before(page, button)
        await _in_step(page)
        await _bursts_are_heard_when_they_were_captured(page, began)
        await _only_at_its_own_speed(page, button)
        await _remembered_and_turned_off(page, button, heard_ms)
        await _exported(page, house, camera, heard_ms)
        assert problems == []


async def _added(house: House, url: str) -> str:
    """Pictures are recorded a few seconds before sound is."""
    answer = await house.http.post("/api/cameras", json={"name": "Loud", "url": url, "audio": True})
    camera = str(answer.raise_for_status().json()["id"])

    async def has_pictures() -> bool:
        spans = await house.rooms.services.index.spans(stream_of(CameraId(camera)), 0, 1 << 62)
        return bool(spans) and spans[-1].end_ns - spans[0].start_ns > 4 * NS_PER_S

    await _eventually(has_pictures, 60)
    (await house.http.put(f"/api/cameras/{camera}/retention", json={"audio": True})).raise_for_status()
    return camera


async def _recorded(house: House, camera: str) -> int:
    """When sound begins, once there are fourteen seconds of it and of pictures."""
    services = house.rooms.services

    async def is_long() -> bool:
        ends = []
        for role in ("main", "audio"):
            spans = await services.index.spans(stream_of(CameraId(camera), role), 0, 1 << 62)
            ends.append(spans[-1].end_ns if spans else 0)
        sound = await services.index.spans(stream_of(CameraId(camera), "audio"), 0, 1 << 62)
        return bool(sound) and min(ends) - sound[0].start_ns > 14 * NS_PER_S

    await _eventually(is_long, 90)
    spans = await services.index.spans(stream_of(CameraId(camera), "audio"), 0, 1 << 62)
    return spans[0].start_ns // NS_PER_MS


async def _bursts_recorded(house: House, camera: str, first: bytes) -> Callable[[], Awaitable[list[float]]]:
    """Gives when, by their stamps, the recorded bursts began, seconds since the epoch."""
    services = house.rooms.services
    stream = stream_of(CameraId(camera), "audio")

    async def times() -> list[float]:
        spans = await services.index.spans(stream, 0, 1 << 62)
        newest = await services.playback.unit_at(stream, spans[-1].end_ns - 1)
        run, last = newest.units[-1].ref.run, newest.units[-1].ref.seq
        oldest = await services.playback.unit_at(stream, spans[0].start_ns)
        held = await services.playback.units(stream, run, oldest.units[-1].ref.seq, last)
        return [unit.captured_ns / NS_PER_S for unit in held.units if unit.data == first]

    assert len(await times()) > 4
    return times


async def _opened(page: Page, house: House, camera: str, ms: int) -> Locator:
    await page.goto(f"{house.address}/playback?camera={camera}&t={ms}&span=60000")
    button = page.locator(".hc-hearing-button")
    await expect(button).to_have_attribute("data-some", "true", timeout=20_000)
    await expect(button).to_have_attribute("data-sound", "off")
    await expect(page.locator(".hc-lane")).to_have_attribute("data-state", "shown", timeout=30_000)
    return button


async def _silent_before(page: Page, button: Locator) -> None:
    """Where only pictures are recorded they are played all the same; the sound joins when it begins."""
    await page.keyboard.press("s")
    await expect(button).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press(" ")
    await expect(button).to_have_attribute("data-sound", "silent", timeout=20_000)
    await expect(button).to_have_attribute("data-sound", "on", timeout=30_000)


async def _in_step(page: Page) -> None:
    """The sound settles within 40 ms of the picture, by the times of the units that both show."""
    calm: list[float] = []
    seen: list[float | None] = []

    async def is_calm() -> bool:
        off = await page.evaluate(_OFF_MS)
        seen.append(off)
        if off is None or abs(off) > MOST_OFF_MS:
            calm.clear()
        else:
            calm.append(off)
        return len(calm) >= 10

    try:
        await _eventually(is_calm, 40)
    finally:
        print("sound before its picture, ms, each 100 ms:", [None if one is None else round(one) for one in seen])


async def _bursts_are_heard_when_they_were_captured(page: Page, began: Callable[[], Awaitable[list[float]]]) -> None:
    seen_s = await page.evaluate(_BURSTS, 3)
    assert len(seen_s) == 3, seen_s
    true_s = await began()
    off_ms = [min((at - one for one in true_s), key=abs) * 1_000 for at in seen_s]
    print("bursts are heard this long after they were captured, ms:", [round(one) for one in off_ms])
    assert abs(median(off_ms)) <= MOST_OFF_MS + LOOKS_MS, off_ms


async def _only_at_its_own_speed(page: Page, button: Locator) -> None:
    await page.get_by_label("Speed").select_option("2")
    await expect(button).to_have_attribute("data-sound", "still", timeout=20_000)
    assert await page.locator(".hc-hearing audio").evaluate("audio => audio.paused")
    await page.get_by_label("Speed").select_option("1")


async def _remembered_and_turned_off(page: Page, button: Locator, heard_ms: int) -> None:
    await page.keyboard.press("k")
    await page.goto(f"{page.url.split('?')[0]}?t={heard_ms + 1_000}&span=60000")
    await expect(button).to_have_attribute("aria-pressed", "true", timeout=20_000)
    await expect(page.locator(".hc-lane")).to_have_attribute("data-state", "shown", timeout=30_000)
    await page.keyboard.press(" ")
    await expect(button).to_have_attribute("data-sound", "on", timeout=20_000)
    await page.keyboard.press("s")
    await expect(button).to_have_attribute("data-sound", "off")
    assert await page.locator(".hc-hearing audio").evaluate("audio => audio.getAttribute('src')") is None
    await page.keyboard.press("k")


async def _exported(page: Page, house: House, camera: str, heard_ms: int) -> None:
    """The dialog offers the sound, counts it, and the file has it."""
    query = f"camera={camera}&t={heard_ms + 1_000}&from={heard_ms + 1_000}&to={heard_ms + 9_000}"
    await page.goto(f"{house.address}/playback?{query}")
    await expect(page.locator(".hc-lane")).to_have_attribute("data-state", "shown", timeout=30_000)
    await page.keyboard.press("e")
    figures = page.locator(".hc-estimate")
    await expect(page.get_by_label("With sound")).to_be_checked(timeout=20_000)
    both = int(await figures.get_attribute("data-bytes") or 0)
    await page.get_by_label("With sound").click()
    await expect(figures).not_to_have_attribute("data-bytes", str(both))
    assert int(await figures.get_attribute("data-bytes") or 0) < both
    await page.get_by_label("With sound").click()
    await expect(figures).to_have_attribute("data-bytes", str(both))
    await page.locator(".hc-export button[type=submit]").click()
    await expect(page.locator(".hc-export")).to_have_count(0, timeout=20_000)

    async def is_done() -> bool:
        jobs = (await house.http.get("/api/exports")).raise_for_status().json()["exports"]
        assert all(job["state"] != "failed" for job in jobs), jobs
        return bool(jobs) and jobs[0]["state"] == "done"

    await _eventually(is_done, 60)
    job = (await house.http.get("/api/exports")).json()["exports"][0]
    assert job["sound"]
    file = (await house.http.get(f"/api/exports/{job['id']}/file.mp4")).raise_for_status().content
    assert 0.5 * both < len(file) <= 1.02 * both, "silence takes less, as Opus, than the sound that was reckoned with"
    with av.open(BytesIO(file), "r", format="mp4") as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        length_s = sum(packet.duration or 0 for packet in container.demux(audio=0)) / 48_000
    assert length_s == pytest.approx(8, abs=0.2)
    trail = (await house.http.get("/api/audit")).raise_for_status().json()["entries"]
    assert any(f"{job['id']} " in entry["detail"] and "with sound" in entry["detail"] for entry in trail)


async def _eventually(condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
    for _ in range(int(seconds * 10)):
        if await condition():
            return
        await asyncio.sleep(0.1)
    pytest.fail("it did not come about in time")
