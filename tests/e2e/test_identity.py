"""The thesis, tested: for every `UnitRef`, what the camera sent is what everyone holds, byte for byte."""

import asyncio
import hashlib
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import websockets

from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.camera.virtual.server import FeedUnit, VirtualCamera
from haechi.media.access_unit import AccessUnit, CodecParams, UnitRef, VideoParams
from haechi.media.rtsp.server import ServerPolicy
from haechi.vision.feed import Demand
from haechi.vision.result import FrameResult
from tests.cameras import until
from tests.server import House, running, settings_for
from tests.streams import CodedUnit, h264_stream, h265_stream

UNITS = 100_000
CAMERAS = 8
FPS = 400
LONGEST_S = 200
DECODED = 100
_SEI = {"h264": b"\x06\x05", "h265": b"\x4e\x01\x05"}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class MarkedFeed:
    """Plays a stream for ever; each unit carries its own number in a user-data SEI, so that no two are alike."""

    def __init__(self, stream: tuple[VideoParams, list[CodedUnit]], fps: float) -> None:
        self._params, self._units = stream
        self._fps = fps

    def tracks(self) -> tuple[CodecParams, ...]:
        return (self._params,)

    async def units(self) -> AsyncIterator[FeedUnit]:
        number = 0
        while True:
            for unit in self._units:
                sei = _SEI[self._params.codec.value] + b"\x18haechi-identity!%08d\x80" % number
                data = struct.pack(">I", len(sei)) + sei + unit.data
                yield FeedUnit(0, data, round(number * 90_000 / self._fps), number / self._fps, unit.is_sync)
                number += 1


class Witnesses:
    """What each station of the walk saw, as hashes by reference."""

    def __init__(self) -> None:
        self.sent: dict[str, list[str]] = {}
        self.bus: dict[UnitRef, tuple[str, int]] = {}
        self.viewer: dict[UnitRef, tuple[str, int]] = {}
        self.decoder: dict[UnitRef, tuple[str, int]] = {}
        self.recording: dict[UnitRef, tuple[str, int]] = {}

    def camera_sent(self, path: str, unit: FeedUnit) -> None:
        self.sent.setdefault(path, []).append(digest(unit.data))

    def decoded(self, result: FrameResult) -> None:
        self.decoder[result.ref] = (result.unit_sha256, result.captured_ns)

    async def follow_bus(self, house: House, stream: StreamId) -> None:
        async for item in house.rooms.services.bus.record(stream):
            if isinstance(item, AccessUnit):
                self.bus[item.ref] = (digest(item.data), item.captured_ns)

    async def watch(self, house: House, streams: list[StreamId]) -> None:
        """An MSE viewer on a real WebSocket: takes the payload out of each chunk's mdat."""
        url = house.address.replace("http", "ws") + "/api/live"
        headers = {"Cookie": house.cookie, "Origin": house.address}
        async with websockets.connect(url, additional_headers=headers, max_size=None, max_queue=None) as socket:
            for number, stream in enumerate(streams):
                camera = stream.partition("/")[0]
                await socket.send(json.dumps({"type": "subscribe", "id": number, "camera": camera}))
            async for message in socket:
                if isinstance(message, bytes) and message[2] == 2:
                    number, _, _, run, seq, captured_ns = struct.unpack_from(">HBBIQQ", message)
                    payload = message[message.index(b"mdat", 24) + 4 :]
                    self.viewer[UnitRef(streams[number], run, seq)] = (digest(payload), captured_ns)

    async def read_recording(self, house: House, stream: StreamId) -> None:
        runs = {ref.run for ref in self.bus if ref.stream == stream}
        for run in runs:
            last = max(ref.seq for ref in self.bus if ref.stream == stream and ref.run == run)
            for first in range(0, last + 1, 2_000):
                held = await house.rooms.services.playback.units(stream, run, first, min(first + 1_999, last))
                for unit in held.units:
                    self.recording[unit.ref] = (digest(unit.data), unit.captured_ns)


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_every_station_of_the_walk_holds_the_same_bytes_under_the_same_name_and_stamp(tmp_path: Path) -> None:
    seen = Witnesses()
    asyncio.run(_walk(tmp_path, seen))
    assert len(seen.bus) >= UNITS
    assert seen.bus == seen.recording
    assert len(seen.viewer) >= 0.5 * UNITS
    assert seen.viewer.items() <= seen.bus.items()
    assert len(seen.decoder) >= DECODED
    assert seen.decoder.items() <= seen.bus.items()
    sent = {path: {number: index for index, number in enumerate(hashes)} for path, hashes in seen.sent.items()}
    for path, order in sent.items():
        assert len(order) == len(seen.sent[path])
    places: dict[tuple[StreamId, int], tuple[str, int]] = {}
    for ref, (sha256, _) in sorted(seen.bus.items()):
        path, first = places.get((ref.stream, ref.run), ("", 0))
        if not path:
            path, first = next((path, order[sha256] - ref.seq) for path, order in sent.items() if sha256 in order)
            places[ref.stream, ref.run] = path, first
        assert seen.sent[path][first + ref.seq] == sha256


async def _walk(folder: Path, seen: Witnesses) -> None:
    variants = [
        h264_stream(frames=30, gop=10, size=(64, 48)),
        h264_stream(frames=60, gop=60, size=(160, 120)),
        h265_stream(frames=30, gop=15, size=(128, 96)),
        h264_stream(frames=25, gop=5, size=(320, 240)),
    ]
    feeds = {f"/cam{number}": MarkedFeed(variants[number % len(variants)], FPS) for number in range(CAMERAS)}
    async with VirtualCamera(feeds, ServerPolicy()) as cameras, running(settings_for(folder)) as house:
        cameras.on_unit = seen.camera_sent
        services = house.rooms.services
        services.vision.on_result(seen.decoded)
        tasks: list[asyncio.Task[None]] = []
        services.bus.on_new_stream(lambda stream: tasks.append(asyncio.create_task(seen.follow_bus(house, stream))))
        streams = [stream_of(await _add(house, cameras.url(path))) for path in feeds]
        tasks.append(asyncio.create_task(seen.watch(house, streams)))
        for stream in streams[:2]:
            services.vision.demand(stream, Demand.FULL)
        await until(lambda: len(seen.bus) >= UNITS and len(seen.decoder) >= DECODED, LONGEST_S)
        for stream in streams:
            await house.http.patch(f"/api/cameras/{stream.partition('/')[0]}", json={"enabled": False})
        await until(lambda: house.rooms.recorder.stats.acknowledged_units >= len(seen.bus), 30)
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in streams:
            await seen.read_recording(house, stream)


async def _add(house: House, url: str) -> CameraId:
    answer = await house.http.post("/api/cameras", json={"name": url[-5:], "url": url})
    answer.raise_for_status()
    return CameraId(answer.json()["id"])
