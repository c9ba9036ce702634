"""Cameras for `bench.wall`: those of `bench.cameras`, and under ``/N/small`` a smaller stream of each: 320x180, 10
pictures a second, 250 kbit/s, a sync unit at the start and every 4 s. Their CPU time is not counted.

    python -m bench.wall_cameras --port 9556
"""

from __future__ import annotations

import argparse
import asyncio
import time
from fractions import Fraction

import av
import numpy as np
import uvloop

from bench.cameras import CLIP_S, FPS, GOP_S, Camera, Clip, make_clip, packetise

SMALL_PX = (320, 180)
SMALL_FPS = 10
SMALL_BPS = 250_000


def small_units() -> list[bytes]:
    """Access units (Annex B) of a small moving test picture."""
    encoder = av.CodecContext.create("libx264", "w")
    (encoder.width, encoder.height), encoder.pix_fmt = SMALL_PX, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, SMALL_FPS), Fraction(SMALL_FPS)
    encoder.bit_rate = SMALL_BPS
    gop = SMALL_FPS * GOP_S
    encoder.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:sliced-threads=0",
    }
    rng = np.random.default_rng(2)
    base = rng.integers(0, 255, (SMALL_PX[1] // 6, SMALL_PX[0] // 8, 3), dtype=np.uint8).repeat(6, 0).repeat(8, 1)
    units = []
    for index in range(SMALL_FPS * CLIP_S):
        picture = np.ascontiguousarray(np.roll(base, index * 2, axis=1))
        picture[60:120, 100:200] = rng.integers(0, 60, (60, 100, 3), dtype=np.uint8) + 90
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = index
        units += [bytes(packet) for packet in encoder.encode(frame)]
    return units + [bytes(packet) for packet in encoder.encode(None)]


def small_clip() -> Clip:
    """Played on the beat of the large one: of three beats two have a picture."""
    pictures, sets = [], []
    for index, unit in enumerate(small_units()):
        own, payloads = packetise(unit)
        sets += own
        pictures.append(payloads)
        if index % 2 == 1:
            pictures.append([])
    assert len(pictures) == FPS * CLIP_S
    return Clip(next(s for s in sets if s[0] & 31 == 7), next(s for s in sets if s[0] & 31 == 8), pictures)


class TwoStreams(Camera):
    """A connection to either stream."""

    def __init__(self, clips: tuple[Clip, Clip], players: set[Camera]) -> None:
        super().__init__(clips[0], players)
        self._clips = clips

    def _answer(self, head: str) -> None:
        path = head.split(" ", 2)[1].rstrip("/").removesuffix("/video")
        is_small = path.endswith("/small")
        self._clip = self._clips[is_small]
        if is_small and head.startswith("PLAY"):
            self._picture = 0
        super()._answer(head)


async def serve(port: int) -> None:
    """Serve until ended."""
    clips = make_clip(), small_clip()
    players: set[Camera] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: TwoStreams(clips, players), "127.0.0.1", port, backlog=512)
    print("ready", flush=True)
    async with server:
        while True:
            now_s = time.monotonic()
            for player in list(players):
                player.tick(now_s, 8)
            await asyncio.sleep(0.002)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9556)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
