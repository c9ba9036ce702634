"""ffmpeg as a server of RTMP, of Motion JPEG and of HLS: every picture that it sends arrives, bit by bit, once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from haechi.app.sources import openers_over
from haechi.base.clock import SystemClock
from haechi.base.errors import Unavailable
from haechi.fleet.address import parse_address
from haechi.ingest.session import no_note
from haechi.ingest.source import Source
from haechi.ingest.wish import Trial
from haechi.media.access_unit import Codec
from tests.hls import TYPES, ranged
from tests.interop.clips import Clip, made, missing, slices
from tests.interop.programs import ffmpeg, free_port, running
from tests.reach import HERE
from tests.web import Answer, Basket, Site

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SECONDS = 12
ENOUGH = 60


def source(url: str) -> Source:
    wish = Trial(parse_address(url))
    return openers_over(SystemClock(), HERE).of(wish.address).open(wish, no_note)


async def taken(url: str, process: asyncio.subprocess.Process, log: Path) -> Basket:
    """What comes of a server that takes one client, once it listens."""
    basket = Basket(ENOUGH)
    async with asyncio.timeout(60):
        while True:
            run = asyncio.create_task(source(url).run(basket))
            full = asyncio.create_task(basket.full.wait())
            await asyncio.wait({run, full}, return_when=asyncio.FIRST_COMPLETED)
            for task in (run, full):
                task.cancel()
            outcome, _ = await asyncio.gather(run, full, return_exceptions=True)
            if basket.full.is_set():
                return basket
            assert isinstance(outcome, Unavailable), outcome
            assert outcome.code == "tcp-refused", (outcome, log.read_text(errors="replace"))
            assert process.returncode is None, log.read_text(errors="replace")
            await asyncio.sleep(0.1)


def serving(clip: Clip, *out: str) -> Sequence[str]:
    return ["ffmpeg", "-nostdin", "-v", "warning", "-re", "-i", str(clip.path), "-c", "copy", *out]


def compare(basket: Basket, clip: Clip) -> None:
    units = basket.of(0)
    assert {track.codec for track in basket.tracks} == {clip.codec, *([clip.sound_codec] if clip.sound_codec else [])}
    assert not any(unit.damaged for unit in units)
    assert missing([slices(unit.data, clip.codec) for unit in units], clip.pictures) == []
    assert len({unit.data for unit in units}) == len(units)


def test_ffmpeg_as_an_rtmp_server(tmp_path: Path) -> None:
    """In H.264 alone: Debian's puts nothing else into FLV; H.265 is in tests/ingest/test_rtmp.py."""
    ffmpeg()
    clip, log = made(tmp_path, Codec.H264, Codec.AAC, SECONDS), tmp_path / "ffmpeg.log"
    url = f"rtmp://127.0.0.1:{free_port()}/live/cam"

    async def run() -> Basket:
        async with running(serving(clip, "-f", "flv", "-listen", "1", url), log) as process:
            return await taken(url, process, log)

    compare(asyncio.run(run()), clip)


def test_ffmpeg_as_a_camera_that_sends_motion_jpeg(tmp_path: Path) -> None:
    ffmpeg()
    clip, log = made(tmp_path, Codec.MJPEG, None, SECONDS), tmp_path / "ffmpeg.log"
    url = f"http://127.0.0.1:{free_port()}/cam.mjpg"
    kind = "multipart/x-mixed-replace;boundary=ffmpeg"

    async def run() -> Basket:
        command = serving(clip, "-f", "mpjpeg", "-listen", "1", "-content_type", kind, url)
        async with running(command, log) as process:
            return await taken(url, process, log)

    compare(asyncio.run(run()), clip)


class Folder(dict[str, Answer]):
    """What is in a folder at the moment when it is asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def get(self, key: str, default: Answer) -> Answer:  # type: ignore[override]
        file = self._path / key.lstrip("/")
        return ranged(file.read_bytes(), TYPES[file.suffix]) if file.is_file() else default


@pytest.mark.parametrize("kind", ["mpegts", "fmp4"])
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_ffmpeg_as_the_writer_of_a_live_hls_stream(tmp_path: Path, codec: Codec, kind: str) -> None:
    ffmpeg()
    clip, log, folder = made(tmp_path, codec, Codec.AAC, 20), tmp_path / "ffmpeg.log", tmp_path / "web"
    folder.mkdir()
    out = ["-f", "hls", "-hls_time", "1", "-hls_list_size", "5", "-hls_segment_type", kind, f"{folder}/live.m3u8"]
    out = ["-hls_flags", "delete_segments+temp_file", *out]

    async def run() -> Basket:
        async with running(serving(clip, *out), log) as process, Site(Folder(folder)).open() as site:
            async with asyncio.timeout(60):
                while not (folder / "live.m3u8").is_file():  # noqa: ASYNC110 (another process writes it)
                    await asyncio.sleep(0.1)
            return await taken(f"{site.base}/live.m3u8", process, log)

    compare(asyncio.run(run()), clip)
