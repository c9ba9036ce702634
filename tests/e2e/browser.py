"""A real Chromium, and what the tests read from its screen."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.async_api import Browser, ElementHandle, async_playwright

from haechi.camera.virtual.timecode import TimeCode, read_timecode

CHROMIUM = next(
    (path for path in (Path("/usr/bin/chromium"), Path("/usr/bin/chromium-browser")) if path.exists()), None
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
HEARD = """async (element) => {
  const stream = element.srcObject;
  if (stream === null || stream.getAudioTracks().length === 0) return false;
  const context = new AudioContext();
  await context.resume();
  const analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
  new MediaStreamAudioSourceNode(context, { mediaStream: stream }).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  window.heardHz = () => {
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.reduce((best, one, at) => (one > bins[best] ? at : best), 1);
    return bins[loudest] > -60 ? (loudest * context.sampleRate) / analyser.fftSize : 0;
  };
  return true;
}"""
"""Of an element that plays: from then on `window.heardHz()` is its loudest tone; 0: it is too soft."""
_GRAB = """video => {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  const shown = video.closest("[data-seq]")?.dataset.seq ?? "-1";
  return [canvas.toDataURL("image/png").split(",")[1], Number(shown)];
}"""


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """A browser of the test's own, with ``flags`` beside the usual ones; skips where there is none.

    `make test` installs one where it may, and with ``CI`` set it fails where it cannot.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine; make test installs it where it may")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


async def timecode_of(video: ElementHandle) -> tuple[TimeCode, int]:
    """The time code in the picture that the browser shows at this moment, read through a canvas.

    With it the ``seq`` of the unit that the player says is on screen (-1: it does not say).
    """
    encoded, shown = await video.evaluate(_GRAB)
    pixels = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return read_timecode(pixels.astype(np.uint8)), shown
