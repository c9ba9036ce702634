"""HLS and Motion JPEG from the real server, with a real RTSP camera: a player that follows every rule, and ffmpeg's."""

import asyncio
import io
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import av
import httpx2
import pytest
from playwright.async_api import expect

from haechi.base.ids import CameraId, stream_of
from haechi.camera.virtual.scene import scene
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.access_unit import AccessUnit
from haechi.media.motion_jpeg import MotionJpeg, boundary_of
from tests.cameras import StreamFeed
from tests.e2e.browser import timecode_of
from tests.e2e.stage import ROOM, add_camera, staged
from tests.e2e.test_audio import ToneFeed, aac_camera, alaw_camera
from tests.llhls_rules import Seen, attributes, faults_between, faults_of, joined, read
from tests.server import House, running, settings_for
from tests.streams import mjpeg_stream

PATIENCE_MS = 90_000
MOST_LOOKS, AGREEING = 40, 4
FOLLOWED = 14
"""Parts of each track: two to three segments of 2 s."""


@asynccontextmanager
async def watched(folder: Path, feed: ToneFeed | StreamFeed) -> AsyncIterator[tuple[House, str]]:
    """A server that has one camera, and that camera."""
    async with VirtualCamera({"/cam": feed}) as cameras, running(settings_for(folder, vision=False)) as house:
        wish = {"name": "Front door", "url": cameras.url("/cam"), "audio": isinstance(feed, ToneFeed)}
        answer = await house.http.post("/api/cameras", json=wish)
        answer.raise_for_status()
        yield house, str(answer.json()["id"])


async def text_of(http: httpx2.AsyncClient, path: str) -> str:
    """A playlist, as soon as the camera sends."""
    answer = await http.get(path)
    for _ in range(60):
        if answer.status_code != 503:
            break
        await asyncio.sleep(0.5)
        answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    assert "access-control-allow-origin" not in answer.headers
    return answer.text


def decoded(data: bytes) -> list[float]:
    """When each frame of a piece is shown, in seconds of media time; all of them can be decoded."""
    with av.open(io.BytesIO(data), "r") as piece:
        packets = [packet for packet in piece.demux(piece.streams[0]) if packet.size]
    with av.open(io.BytesIO(data), "r") as piece:
        frames = len(list(piece.decode(piece.streams[0])))
    assert frames == len(packets)
    return [float((packet.pts or 0) * (packet.time_base or 0)) for packet in packets]


class Player:
    """Follows one track: reloads block, each part is asked for by its hint before it is there."""

    def __init__(self, http: httpx2.AsyncClient, playlist: str) -> None:
        self.http = http
        self.playlist = playlist
        self.folder = playlist.rpartition("/")[0]
        self.faults: list[str] = []
        self.parts: dict[str, bytes] = {}
        self.seen: Seen | None = None

    async def get(self, name: str) -> bytes:
        answer = await self.http.get(f"{self.folder}/{name}")
        assert answer.status_code == 200, (name, answer.text)
        return answer.content

    async def follow(self, parts: int) -> None:
        """Read on until so many parts came."""
        self.seen = read(await text_of(self.http, self.playlist))
        self.faults += faults_of(self.seen)
        while len(self.parts) < parts:
            hint = self.seen.hint
            msn = self.seen.msn + len(self.seen.segments)
            growing = len(self.seen.growing.parts) if self.seen.growing is not None else 0
            ask = self.http.get(f"{self.playlist}?_HLS_msn={msn}&_HLS_part={growing}")
            data, answer = await asyncio.gather(self.get(hint), ask)
            self.parts[hint] = data
            assert answer.status_code == 200, answer.text
            now = read(answer.text)
            self.faults += [*faults_of(now), *faults_between(self.seen, now)]
            if hint not in {part.uri for part in now.parts}:
                self.faults.append(f"{hint} was there, and in no playlist")
            self.seen = now

    async def check_segments(self) -> int:
        """Every segment whose parts came is those parts, and can be read; how many there were."""
        assert self.seen is not None
        checked = 0
        for segment in self.seen.segments:
            if not segment.parts or any(part.uri not in self.parts for part in segment.parts):
                continue
            whole = await self.get(segment.uri)
            assert whole == b"".join(self.parts[part.uri] for part in segment.parts)
            times = decoded(await self.get(segment.init) + whole)
            assert times == sorted(set(times))
            assert abs(times[-1] - times[0] - segment.duration_s) < 0.2
            checked += 1
        return checked


@pytest.mark.e2e
@pytest.mark.timeout(180)
def test_a_player_that_follows_apples_rules_finds_none_broken(tmp_path: Path) -> None:
    asyncio.run(_follow(tmp_path))


async def _follow(folder: Path) -> None:
    async with watched(folder, alaw_camera()) as (house, camera):
        await text_of(house.http, f"/{camera}/index.m3u8")
        await _until_it_sounds(house, camera)
        lines = (await text_of(house.http, f"/{camera}/index.m3u8")).splitlines()
        variant = attributes(next(line for line in lines if line.startswith("#EXT-X-STREAM-INF")))
        sound = attributes(next(line for line in lines if line.startswith("#EXT-X-MEDIA")))
        assert (variant["RESOLUTION"], variant["FRAME-RATE"]) == ("320x240", "15.000")
        assert variant["CODECS"].split(",")[1] == "opus"
        pictures = Player(house.http, f"/{camera}/{lines[-1]}")
        heard = Player(house.http, f"/{camera}/{sound['URI']}")
        await asyncio.gather(pictures.follow(FOLLOWED), heard.follow(FOLLOWED))
        assert (pictures.faults, heard.faults) == ([], [])
        assert await pictures.check_segments() >= 1
        assert await heard.check_segments() >= 1
        await _lip_sync(pictures, heard)
        await _delta_is_the_same(house.http, pictures)
        await _bad_reloads(house.http, pictures)
        numbers = (await house.http.get("/metrics")).text
        assert "haechi_hls_streams 1.0" in numbers


async def _until_it_sounds(house: House, camera: str) -> None:
    channel = house.rooms.services.bus.channel(stream_of(CameraId(camera), "audio"))
    for _ in range(200):
        if channel.current is not None:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no sound came")


async def _lip_sync(pictures: Player, heard: Player) -> None:
    """Where the dates of both are the same, so is the media time."""

    async def origin(player: Player) -> float:
        assert player.seen is not None
        segment = player.seen.segments[-1]
        times = decoded(await player.get(segment.init) + await player.get(segment.uri))
        return datetime.fromisoformat(segment.date).timestamp() - times[0]

    assert abs(await origin(pictures) - await origin(heard)) < 0.15


async def _delta_is_the_same(http: httpx2.AsyncClient, player: Player) -> None:
    known = read(await text_of(http, player.playlist))
    msn = known.msn + len(known.segments)
    answer = await http.get(f"{player.playlist}?_HLS_msn={msn}&_HLS_skip=YES")
    delta, whole = read(answer.text), read(await text_of(http, player.playlist))
    assert joined(known, delta)[: len(whole.segments)] == joined(whole, whole)[: len(joined(known, delta))]


async def _bad_reloads(http: httpx2.AsyncClient, player: Player) -> None:
    seen = read(await text_of(http, player.playlist))
    for query in (f"_HLS_msn={seen.msn + 100}", "_HLS_part=1", f"_HLS_msn={seen.msn + 100}&_HLS_part=0"):
        answer = await http.get(f"{player.playlist}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "hls-bad-reload")
    for name in ("video/p999999.m4s", "video/s1.m4s", "video/i99.0.mp4"):
        answer = await http.get(f"{player.folder}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "hls-piece-gone")


@pytest.mark.e2e
@pytest.mark.timeout(180)
def test_ffmpeg_plays_it_with_a_read_token_alone(tmp_path: Path) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("no ffmpeg here")
    asyncio.run(_with_ffmpeg(tmp_path))


async def _with_ffmpeg(folder: Path) -> None:
    async with watched(folder, aac_camera()) as (house, camera):
        await text_of(house.http, f"/{camera}/index.m3u8")
        await _until_it_sounds(house, camera)
        made = await house.http.post("/api/read-tokens", json={"name": "ffmpeg"})
        made.raise_for_status()
        token = made.json()["token"]
        url = f"{house.address}/{camera}/index.m3u8"
        assert (await httpx2.AsyncClient().get(url)).status_code == 401
        seen = await _run("ffprobe", "-v", "error", "-of", "json", "-show_streams", f"{url}?token={token}")
        streams = {one["codec_name"]: one for one in json.loads(seen)["streams"]}
        assert set(streams) == {"h264", "aac"}
        assert (streams["h264"]["width"], streams["h264"]["height"]) == (320, 240)
        await _sound_has_caught_up(house.http, camera)
        wanted = ("-t", "5", "-map", "0:v", "-map", "0:a", "-c:a", "copy", "-f", "framecrc", "-")
        frames = await _run("ffmpeg", "-v", "error", "-i", f"{url}?token={token}", *wanted)
        rows = [line.split(",") for line in frames.splitlines() if not line.startswith("#")]
        assert sum(row[0] == "0" for row in rows) >= 60
        assert sum(row[0] == "1" for row in rows) >= 10


async def _sound_has_caught_up(http: httpx2.AsyncClient, camera: str) -> None:
    """Sound begins when it is asked for, pictures a GOP before: players that begin three segments back want both."""
    while True:
        heard, seen = [read(await text_of(http, f"/{camera}/hls/main/{name}.m3u8")) for name in ("audio", "video")]
        if len(seen.segments) >= 4 and heard.segments[0].date < seen.segments[-4].date:
            return
        await http.get(f"/{camera}/hls/main/video.m3u8?_HLS_msn={seen.msn + len(seen.segments)}")


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        out, said = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, said.decode()) == (0, "")
    return out.decode()


@pytest.mark.e2e
@pytest.mark.timeout(180)
def test_motion_jpeg_is_the_very_units_and_ends_with_the_right_to_watch(tmp_path: Path) -> None:
    asyncio.run(_motion_jpeg(tmp_path))


async def _motion_jpeg(folder: Path) -> None:
    async with watched(folder, StreamFeed(mjpeg_stream(frames=20, size=(320, 240)), 10)) as (house, camera):
        services = house.rooms.services
        await _until_jpeg(house, camera)
        kept = services.bus.record(stream_of(CameraId(camera)))
        refused = await house.http.get(f"/{camera}/index.m3u8")
        assert (refused.status_code, refused.json()["code"]) == (422, "codec-not-playable")
        made = (await house.http.post("/api/read-tokens", json={"name": "frame"})).json()
        async with httpx2.AsyncClient(base_url=house.address, timeout=30) as http:
            async with http.stream("GET", f"/{camera}/live.mjpeg?token={made['token']}") as answer:
                assert answer.status_code == 200
                pictures, seen = MotionJpeg(boundary_of(answer.headers["content-type"])), []
                ended = asyncio.get_running_loop().time() + 60
                async for data in answer.aiter_raw():
                    seen += list(pictures.feed(data))
                    if len(seen) == 5:
                        gone = await house.http.delete(f"/api/read-tokens/{made['read_token']['id']}")
                        assert gone.status_code == 204
                        ended = asyncio.get_running_loop().time()
                withdrawn_s = asyncio.get_running_loop().time() - ended
        sent = {item.data for _ in range(kept.pending()) if isinstance(item := kept.take(), AccessUnit)}
        kept.close()
        assert len(seen) >= 5
        assert all(picture.data in sent and not picture.damaged and picture.sent_us for picture in seen)
        assert withdrawn_s < 5
        assert services.bus.channel(stream_of(CameraId(camera))).subscribers() <= 2


async def _until_jpeg(house: House, camera: str) -> None:
    channel = house.rooms.services.bus.channel(stream_of(CameraId(camera)))
    for _ in range(200):
        if channel.gop():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no picture came")


_EXACT = """() => {
  const { capturedNs } = document.querySelector(".hc-tile").dataset;
  return capturedNs !== undefined && !capturedNs.endsWith("000000");
}"""
"""The picture's stamp is the server's, and not the date of a segment, which is in milliseconds."""


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_a_browser_plays_it_when_told_and_each_picture_has_its_name(tmp_path: Path) -> None:
    asyncio.run(_in_the_browser(tmp_path))


async def _in_the_browser(folder: Path) -> None:
    async with staged(folder, [ROOM], vision=False) as stage:
        camera = CameraId(await add_camera(stage.house, stage.cameras, ROOM))
        await _until_jpeg(stage.house, camera)
        kept = stage.house.rooms.services.bus.record(stream_of(camera))
        page = stage.page
        await page.add_init_script("localStorage.setItem('haechi.player', 'hls')")
        await stage.go(f"/live/{camera}")
        await expect(page.locator(".hc-tile[data-rung=hls][data-state=live]")).to_be_visible(timeout=PATIENCE_MS)
        await page.wait_for_function(_EXACT, timeout=PATIENCE_MS)
        tile = page.locator(".hc-tile")
        video = await tile.locator("video").element_handle()
        assert video is not None
        offsets: Counter[int] = Counter()
        shown: set[tuple[int, int, int]] = set()
        # A picture may change between the reading of the one and of the other, so not every look is believed.
        for _ in range(MOST_LOOKS):
            before = await tile.get_attribute("data-seq")
            await expect(tile).not_to_have_attribute("data-seq", before or "", timeout=PATIENCE_MS)
            code, seq = await timecode_of(video)
            offsets[(seq - code.frame) % scene(ROOM).frames] += 1
            name = await tile.evaluate("tile => [tile.dataset.run, tile.dataset.seq, tile.dataset.capturedNs]")
            shown.add((int(name[0]), int(name[1]), int(name[2])))
            if max(offsets.values()) >= AGREEING:
                break
        assert max(offsets.values()) >= AGREEING, offsets
        units = [item for _ in range(kept.pending()) if isinstance(item := kept.take(), AccessUnit)]
        kept.close()
        assert shown <= {(unit.ref.run, unit.ref.seq, unit.captured_ns) for unit in units}
        assert await video.evaluate("video => video.playbackRate") == 1
        assert stage.problems == []
        assert stage.house.rooms.services.bus.channel(stream_of(camera)).subscribers() <= 3
