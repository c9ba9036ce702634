"""Footage over HTTP from a real recording: what a player and a person get is what the camera sent."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from haechi.base.clock import NS_PER_MS
from haechi.base.ids import stream_of
from haechi.media.fmp4.reader import scan
from tests.api.knock import Answer, knock, page_headers
from tests.api.world import World
from tests.record.archive import Archive
from tests.streams import START_NS, h264_stream, stamped

FRAMES, FPS = 150, 15
START_MS = START_NS // NS_PER_MS
TEN_SECONDS = f"start_ms={START_MS}&end_ms={START_MS + 10_000}"


class Recorded:
    """Ten seconds of a camera, recorded, and a viewer who may see them."""

    def __init__(self, world: World, folder: Path) -> None:
        self.camera = world.do(world.registry.add("Front door", "rtsp://192.0.2.1/x", enabled=False)).id
        self.token = world.token(world.user("Vera", cameras=(self.camera,)))
        self.archive = Archive(folder)
        params, coded = h264_stream(frames=FRAMES, fps=FPS, gop=15)
        self.units = stamped(coded, stream_of(self.camera))
        world.playback = self.archive.playback  # type: ignore[assignment]
        self.app = world.app()

        async def record() -> None:
            async with self.archive:
                self.archive.publish(params, self.units)

        asyncio.run(record())

    def ask(self, path: str, **headers: str) -> Answer:
        """Read something of the camera."""
        address = f"/api/cameras/{self.camera}/{path}"
        return asyncio.run(knock(self.app, "GET", address, page_headers(self.token) | headers))

    def get(self, path: str, **headers: str) -> bytes:
        """The same, when it must be there."""
        answer = self.ask(path, **headers)
        assert answer.status in {200, 206}, answer.body
        return answer.body

    def json(self, path: str) -> Any:
        """The same, as values."""
        return self.ask(path).json()


@pytest.fixture
def recorded(world: World, tmp_path: Path) -> Iterator[Recorded]:
    recorded = Recorded(world, tmp_path)
    yield recorded
    recorded.archive.close()


def decoded(data: bytes) -> int:
    """How many frames a player would show."""
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        return len(list(container.decode(video=0)))


def test_a_playlist_and_its_byte_ranges_give_every_unit_bit_exact(recorded: Recorded) -> None:
    text = recorded.get(f"index.m3u8?{TEN_SECONDS}").decode()
    segments = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\S+)", text)
    init = re.search(r'#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)@(\d+)"', text)
    assert segments
    assert init is not None
    data = b""
    for size, offset, uri in [(init[2], init[3], init[1]), *segments]:
        piece = recorded.get(uri, range=f"bytes={offset}-{int(offset) + int(size) - 1}")
        assert len(piece) == int(size)
        data += piece
    found = [unit for fragment in scan(io.BytesIO(data)).fragments for unit in fragment.units]
    assert [unit.captured_ns for unit in found] == [unit.captured_ns for unit in recorded.units]
    bodies = [data[unit.sample.offset : unit.sample.offset + unit.sample.size] for unit in found]
    assert bodies == [unit.data for unit in recorded.units]
    assert decoded(data) == FRAMES


def test_a_clip_is_exact_and_leaves_no_file(recorded: Recorded, tmp_path: Path) -> None:
    clip = recorded.get(f"clip.mp4?start_ms={START_MS + 2000}&end_ms={START_MS + 5000}")
    assert decoded(clip) == 3 * FPS
    assert list(tmp_path.glob("haechi-clip-*")) == []
    nothing = recorded.ask(f"clip.mp4?start_ms={START_MS + 60_000}&end_ms={START_MS + 65_000}")
    assert (nothing.status, nothing.json()["code"]) == (404, "clip-empty")


def test_the_timeline_and_the_days_are_those_of_the_recording(recorded: Recorded) -> None:
    spans = recorded.json(f"timeline?{TEN_SECONDS}")["spans"]
    assert [span["start_ms"] for span in spans] == [START_MS]
    assert abs(spans[0]["end_ms"] - START_MS - FRAMES * 1000 // FPS) <= 1000
    assert recorded.json("days?zone=Asia/Seoul") == {"days": ["2025-11-21"]}
    assert recorded.json("days?zone=Moon/Base")["code"] == "bad-time-zone"
    assert recorded.json(f"timeline?start_ms={START_MS}&end_ms={START_MS}")["code"] == "bad-range"


def test_a_still_of_the_past_is_the_picture_of_that_moment(recorded: Recorded) -> None:
    at_ms = START_MS + 4010
    shown = [unit for unit in recorded.units if unit.captured_ns <= at_ms * NS_PER_MS][-1]
    assert str(shown.ref).encode() in recorded.get(f"still.jpg?at_ms={at_ms}")
    beyond = recorded.ask(f"still.jpg?at_ms={START_MS + 90_000}")
    assert (beyond.status, beyond.json()["code"]) == (404, "unit-not-recorded")
