"""Detection is switched off: cameras still have pictures."""

import asyncio
from pathlib import Path

import pytest

from haechi.camera.virtual.server import VirtualCamera
from tests.cameras import StreamFeed, until
from tests.server import running, settings_for
from tests.streams import h264_stream


@pytest.mark.e2e
def test_a_server_without_detection_still_shows_stills_and_records(tmp_path: Path) -> None:
    async def run() -> None:
        feed = StreamFeed(h264_stream(frames=30, gop=10), 15)
        async with VirtualCamera({"/a": feed}) as camera, running(settings_for(tmp_path, vision=False)) as house:
            added = await house.http.post("/api/cameras", json={"name": "a", "url": camera.url("/a")})
            await until(lambda: house.rooms.recorder.stats.acknowledged_units > 0, 20)
            still = await house.http.get(f"/api/cameras/{added.json()['id']}/latest.jpg")
            assert still.status_code == 200
            assert still.content.startswith(b"\xff\xd8")
            assert house.rooms.services.vision.status().looked_frames == 0

    asyncio.run(run())
