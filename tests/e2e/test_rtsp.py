"""The whole server watched by RTSP: by programs of others, and by another server of ours."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import Struct

from haechi.base.ids import CameraId, stream_of
from haechi.bus.frames import Subscription
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.access_unit import AccessUnit, Codec
from haechi.media.annexb import split_units
from tests.cameras import StreamFeed, until
from tests.interop.clips import slices
from tests.interop.programs import ffmpeg, gstreamer, running
from tests.server import House, settings_for
from tests.server import running as served
from tests.streams import h264_stream

PATIENCE_S = 90
PICTURES = 20
STREAM = h264_stream(frames=60, fps=15, gop=15)


class Watched(Struct, frozen=True):
    """A server with one camera, and the token of a player."""

    house: House
    source: VirtualCamera
    camera: CameraId
    token_id: str
    token: str

    @property
    def address(self) -> str:
        """What a person would copy from the page."""
        port = self.house.rooms.services.rtsp.port
        return f"rtsp://{self.token_id}:{self.token}@127.0.0.1:{port}/{self.camera}"


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Watched]:
    async with VirtualCamera({"/live": StreamFeed(STREAM, 15)}) as source:
        async with served(settings_for(folder, vision=False)) as house:
            camera = await added(house, source.url("/live"))
            answer = await house.http.post("/api/read-tokens", json={"name": "a player"})
            made = answer.raise_for_status().json()
            services = house.rooms.services
            await until(lambda: bool(services.rtsp.port), PATIENCE_S)
            await until(lambda: services.bus.channel(stream_of(camera)).units > 20, PATIENCE_S)
            addresses = (await house.http.get(f"/api/cameras/{camera}/addresses")).raise_for_status().json()
            assert addresses["rtsp"] == f"rtsp://127.0.0.1:{services.rtsp.port}/{camera}"
            yield Watched(house, source, camera, made["read_token"]["id"], made["token"])


async def added(house: House, url: str) -> CameraId:
    body = {"name": "Door", "url": url, "transport": "tcp"}
    answer = await house.http.post("/api/cameras", json=body)
    return CameraId(answer.raise_for_status().json()["id"])


async def play(command: Sequence[str], log: Path) -> None:
    """Run a program to its end."""
    async with running(command, log) as process:
        try:
            await asyncio.wait_for(process.wait(), PATIENCE_S)
        except TimeoutError:
            pytest.fail(f"it never ended: {log.read_text(errors='replace')[-2000:]}")
        assert process.returncode == 0, log.read_text(errors="replace")[-2000:]


def judge(seen: bytes, way: str) -> None:
    """Fail unless these are the camera's pictures, each once and in order; by UDP a busy machine may lose some."""
    sent = [_slices_of(unit.data) for unit in STREAM[1]]
    got = [slices(unit.data, Codec.H264) for unit in split_units(seen, Codec.H264)]
    assert len(got) >= PICTURES - 2
    if way == "udp":
        assert sum(one in sent for one in got) >= 5
        return
    first = sent.index(got[0])
    assert got == [sent[(first + n) % len(sent)] for n in range(len(got))]


def _slices_of(data: bytes) -> bytes:
    return slices(data, Codec.H264)


@pytest.mark.e2e
@pytest.mark.timeout(400)
def test_programs_of_others_watch_by_tcp_and_udp_over_one_connection_to_the_camera(tmp_path: Path) -> None:
    ffmpeg()
    gstreamer()

    async def flow() -> None:
        async with watched(tmp_path) as yard:
            for way in ("tcp", "udp"):
                seen = tmp_path / f"{way}.h264"
                command = ["ffmpeg", "-nostdin", "-loglevel", "warning", "-rtsp_transport", way, "-i", yard.address]
                command += ["-frames:v", str(PICTURES), "-map", "0:v", "-c", "copy", "-f", "h264", str(seen)]
                await play(command, tmp_path / "ffmpeg.log")
                judge(seen.read_bytes(), way)
                heard = tmp_path / f"{way}-gst.h264"
                command = ["gst-launch-1.0", "-q", "rtspsrc", f"location={yard.address}", f"protocols={way}"]
                command += ["latency=200", "!", "rtph264depay", "!", "h264parse", "!"]
                command += ["video/x-h264,stream-format=byte-stream,alignment=au", "!", "identity"]
                command += [f"eos-after={PICTURES}", "!", "filesink", f"location={heard}"]
                await play(command, tmp_path / "gst.log")
                judge(heard.read_bytes(), way)
            assert (yard.source.accepted, yard.source.connections) == (1, 1)
            log = (await yard.house.http.get("/api/audit")).text
            assert '"detail":"live"' in log.replace(" ", "")
            assert yard.token not in log

    asyncio.run(flow())


@pytest.mark.e2e
@pytest.mark.timeout(400)
def test_another_server_of_ours_records_the_very_same_units_until_the_token_is_revoked(tmp_path: Path) -> None:
    async def flow() -> None:
        async with watched(tmp_path / "a") as yard, served(settings_for(tmp_path / "b", vision=False)) as far:
            before = yard.house.rooms.services.bus.record(stream_of(yard.camera))
            copy = await added(far, yard.address)
            bus, stream = far.rooms.services.bus, stream_of(copy)
            await until(lambda: bus.channel(stream).units > 0, PATIENCE_S)
            after = bus.record(stream)
            got = await _hashes(after, 40)
            sent = await _hashes(before, 1)
            while len(sent) < 40 or sent[-1] != got[-1]:
                sent += await _hashes(before, 1)
            assert _holds(sent, got), "every unit is there, once, byte for byte"
            ledger = bus.ledger
            await until(lambda: ledger.all_totals()[stream].stored > 30, PATIENCE_S)
            assert yard.house.rooms.services.rtsp.players == 1
            assert (yard.source.accepted, yard.source.connections) == (1, 1)
            answer = await yard.house.http.delete(f"/api/read-tokens/{yard.token_id}")
            assert answer.status_code == 204
            await until(lambda: yard.house.rooms.services.rtsp.players == 0, PATIENCE_S)
            status = far.rooms.services.ingest.status
            await until(lambda: status(copy).error_code == "rtsp-unauthorized", PATIENCE_S)

    asyncio.run(flow())


async def _hashes(subscription: Subscription, count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        async for item in subscription:
            if isinstance(item, AccessUnit):
                found.append(hashlib.sha256(item.data).hexdigest())
            if len(found) == count:
                break
    return found


def _holds(whole: list[str], part: list[str]) -> bool:
    """Whether ``part`` is a run of ``whole``."""
    return any(whole[at : at + len(part)] == part for at in range(len(whole) - len(part) + 1))
