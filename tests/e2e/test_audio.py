"""A camera's sound in a real browser: the tone that the camera sends is the tone that the page plays."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.async_api import Locator, Page, expect

from haechi.base.ids import CameraId, stream_of
from haechi.camera.virtual.server import FeedUnit, VirtualCamera
from haechi.media.access_unit import AudioParams, Codec, CodecParams
from tests.e2e.browser import chromium
from tests.server import PASSWORD, House, running, settings_for
from tests.streams import h264_stream

TONE_HZ = 440
FPS = 15
MOST_OFF_MS = 100
_LOUDEST = """async audio => {
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(audio.srcObject ?? audio.captureStream()).connect(analyser);
  await new Promise(done => setTimeout(done, 1000));
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  const peak = bins.indexOf(Math.max(...bins));
  const hz = peak * context.sampleRate / analyser.fftSize;
  await context.close();
  return [hz, bins[peak]];
}"""


class ToneFeed:
    """A moving picture and a tone of 440 Hz, both for ever."""

    def __init__(self, params: AudioParams, packets: Sequence[bytes], samples: int) -> None:
        """``samples`` are in each of ``packets``."""
        self._picture, self._pictures = h264_stream(frames=60, fps=FPS, gop=15, size=(320, 240))
        self._sound, self.packets, self._samples = params, packets, samples

    def tracks(self) -> tuple[CodecParams, ...]:
        return (self._picture, self._sound)

    async def units(self) -> AsyncIterator[FeedUnit]:
        picture = sound = 0
        while True:
            picture_s, sound_s = picture / FPS, sound * self._samples / self._sound.rate_hz
            if picture_s <= sound_s:
                unit = self._pictures[picture % len(self._pictures)]
                yield FeedUnit(0, unit.data, round(picture_s * 90_000), picture_s, unit.is_sync)
                picture += 1
            else:
                data = self.packets[sound % len(self.packets)]
                yield FeedUnit(1, data, sound * self._samples, sound_s, True)
                sound += 1


def _encoded(name: str, rate_hz: int, seconds: int) -> tuple[list[bytes], bytes, int]:
    """The tone in packets, the encoder's configuration, and samples to a packet."""
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    wanted = "fltp" if name == "aac" else "s16"
    encoder.sample_rate, encoder.layout, encoder.format = rate_hz, "mono", wanted
    encoder.time_base = Fraction(1, rate_hz)
    encoder.open()
    size = encoder.frame_size or rate_hz // 50
    tone = np.sin(np.arange(rate_hz * seconds) * 2 * np.pi * TONE_HZ / rate_hz) * 0.4
    values = tone.astype(np.float32) if wanted == "fltp" else (tone * 32_767).astype(np.int16)
    packets = []
    for start in range(0, len(values) - size + 1, size):
        frame = av.AudioFrame.from_ndarray(values[start : start + size].reshape(1, -1), wanted, "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets, bytes(encoder.extradata or b""), size


def alaw_camera() -> ToneFeed:
    packets, _, size = _encoded("pcm_alaw", 8_000, 1)
    return ToneFeed(AudioParams(Codec.PCMA, 8_000, 1, b"", "alaw"), packets, size)


def aac_camera() -> ToneFeed:
    packets, config, size = _encoded("aac", 16_000, 60)
    return ToneFeed(AudioParams(Codec.AAC, 16_000, 1, config, "mp4a.40.2"), packets, size)


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("make", "codec"), [(alaw_camera, "pcma"), (aac_camera, "aac")])
def test_the_tone_that_a_camera_sends_is_heard_in_the_browser(
    tmp_path: Path, make: Callable[[], ToneFeed], codec: str
) -> None:
    asyncio.run(_listen(tmp_path, make(), codec))


async def _listen(folder: Path, feed: ToneFeed, codec: str) -> None:
    settings = settings_for(folder, vision=False)
    async with VirtualCamera({"/cam": feed}) as cameras, running(settings) as house, chromium() as browser:
        page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        loud = await _add(house, "Loud", cameras.url("/cam"), audio=True)
        quiet = await _add(house, "Quiet", cameras.url("/cam"), audio=False)
        await _log_in(page, house)
        await _silent_until_asked(page, house, loud, quiet, codec)
        await page.keyboard.press("m")
        await _tone_is_heard(page, loud, "webrtc" if codec == "pcma" else "mse")
        await page.keyboard.press("m")
        await expect(page.locator(".hc-sound")).to_have_attribute("data-sound", "off")
        assert await page.locator(".hc-tile audio").evaluate("audio => audio.src") == ""
        await _heard_from_the_wall(page, house, loud)
        await _original_is_recorded(house, loud, feed)
        assert problems == []


async def _add(house: House, name: str, url: str, *, audio: bool) -> str:
    answer = await house.http.post("/api/cameras", json={"name": name, "url": url, "audio": audio})
    answer.raise_for_status()
    return str(answer.json()["id"])


async def _log_in(page: Page, house: House) -> None:
    await page.goto(f"{house.address}/login")
    await page.locator("input[name=username]").fill("admin")
    await page.locator("input[type=password]").fill(PASSWORD)
    await page.locator("button[type=submit]").click()
    await expect(page.locator(".hc-tile[data-state=live]")).to_have_count(2, timeout=30_000)


async def _silent_until_asked(page: Page, house: House, loud: str, quiet: str, codec: str) -> None:
    """Only the camera whose sound is switched on has a button, and nothing plays before it is pressed."""
    await expect(page.locator(f".hc-tile[data-camera={loud}] .hc-sound")).to_be_visible(timeout=30_000)
    await expect(page.locator(f".hc-tile[data-camera={quiet}] .hc-sound")).to_have_count(0)
    listed = (await house.http.get(f"/api/cameras/{loud}")).json()
    assert listed["status"]["audio_codec"] == codec
    await page.locator(f"[data-open={loud}]").dblclick()
    await expect(page.locator(".hc-sound")).to_have_attribute("data-sound", "off", timeout=30_000)
    await expect(page.locator(".hc-tile[data-state=live]")).to_have_count(1, timeout=30_000)


async def _tone_is_heard(page: Page, camera: str, rung: str) -> None:
    """G.711 comes with the picture by WebRTC, which holds the two in step; for AAC both come by MSE."""
    tile = page.locator(f".hc-tile[data-camera={camera}][data-rung={rung}][data-state=live]")
    await expect(tile.locator(".hc-sound")).to_have_attribute("data-sound", "on", timeout=60_000)
    audio = tile.locator("video" if rung == "webrtc" else "audio")
    await expect(audio).to_have_js_property("muted", False)
    await _eventually(partial(_is_the_tone, audio), 60)
    if rung == "webrtc":
        return
    began_s = await audio.evaluate("audio => audio.currentTime")
    await _eventually(partial(_is_in_step, audio), 60)
    await _eventually(_stays_in_step(audio), 60)
    assert await audio.evaluate("audio => audio.currentTime") - began_s > 1.5


async def _heard_from_the_wall(page: Page, house: House, camera: str) -> None:
    """On the wall the key belongs to the picture that has the focus."""
    await page.goto(f"{house.address}/live")
    tile = page.locator(f".hc-tile[data-camera={camera}]")
    await expect(tile.locator(".hc-sound")).to_be_visible(timeout=30_000)
    await page.keyboard.press("m")
    await expect(tile.locator(".hc-sound")).to_have_attribute("data-sound", "off")
    await page.locator(f"[data-open={camera}]").focus()
    await page.keyboard.press("m")
    await expect(tile.locator(".hc-sound")).to_have_attribute("data-sound", "on", timeout=30_000)
    await tile.locator(".hc-sound").click()
    await expect(tile.locator(".hc-sound")).to_have_attribute("data-sound", "off")


async def _original_is_recorded(house: House, camera: str, feed: ToneFeed) -> None:
    """Whatever browsers get, the recording holds what the camera sent, from when it was asked for."""
    services = house.rooms.services
    stream = stream_of(CameraId(camera), "audio")
    assert await services.index.spans(stream, 0, 1 << 62) == [], "sound is recorded only where it is switched on"
    answer = await house.http.put(f"/api/cameras/{camera}/retention", json={"audio": True})
    answer.raise_for_status()

    async def is_recorded() -> bool:
        return bool(await services.index.spans(stream, 0, 1 << 62))

    await _eventually(is_recorded, 20)
    spans = await services.index.spans(stream, 0, 1 << 62)
    found = await services.playback.unit_at(stream, spans[0].end_ns - 1)
    run, last = found.units[-1].ref.run, found.units[-1].ref.seq
    held = await services.playback.units(stream, run, last - 10, last)
    assert held.params == feed.tracks()[1]
    assert all(unit.data in feed.packets for unit in held.units)


async def _is_the_tone(element: Locator) -> bool:
    hz, decibels = await element.evaluate(_LOUDEST)
    return bool(abs(hz - TONE_HZ) < 10 and decibels > -40)


async def _off_ms(audio: Locator) -> int:
    """How far the sound is from the picture by the time at which both were taken, as the player measures it."""
    return int(await audio.evaluate("audio => audio.dataset.offMs ?? 9999"))


async def _is_in_step(audio: Locator) -> bool:
    return abs(await _off_ms(audio)) <= 50


def _stays_in_step(audio: Locator) -> Callable[[], Awaitable[bool]]:
    """For twenty looks in a row; on a busy machine it may take a while until pictures come in time."""
    calm: list[int] = []

    async def look() -> bool:
        off = await _off_ms(audio)
        calm[:] = [*calm, off] if abs(off) <= MOST_OFF_MS else []
        return len(calm) >= 20

    return look


async def _eventually(condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
    for _ in range(int(seconds * 10)):
        if await condition():
            return
        await asyncio.sleep(0.1)
    pytest.fail("it did not come about in time")
