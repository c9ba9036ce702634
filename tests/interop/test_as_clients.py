"""Programs that read RTSP from our server: every picture and every sample reaches them, once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from haechi.camera.virtual.feed import open_file
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.access_unit import Codec
from haechi.media.annexb import split_units
from haechi.media.rtsp.server import ServerPolicy
from tests.interop.clips import FPS, Clip, is_part_of, made, missing, slices
from tests.interop.programs import ffmpeg, gstreamer, running

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SECONDS = 8
KINDS = [(Codec.H264, Codec.AAC), (Codec.H264, Codec.PCMA), (Codec.H265, Codec.PCMU), (Codec.H265, Codec.AAC)]
_MUXERS = {Codec.H264: "h264", Codec.H265: "hevc", Codec.AAC: "adts", Codec.PCMU: "mulaw", Codec.PCMA: "alaw"}
_DEPAY = {
    Codec.H264: "rtph264depay ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au",
    Codec.H265: "rtph265depay ! h265parse ! video/x-h265,stream-format=byte-stream,alignment=au",
    Codec.AAC: "rtpmp4gdepay ! aacparse ! audio/mpeg,stream-format=adts",
    Codec.PCMU: "rtppcmudepay",
    Codec.PCMA: "rtppcmadepay",
}


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Codec, Codec], Clip]:
    folder = tmp_path_factory.mktemp("clips")
    return {kind: made(folder, *kind, 20) for kind in KINDS}


@asynccontextmanager
async def camera(clip: Clip) -> AsyncIterator[VirtualCamera]:
    """Our own server, with a password, by TCP and UDP."""
    policy = ServerPolicy(username="admin", password="s3cret", udp=True)
    async with VirtualCamera({"/live": open_file(clip.path)}, policy) as served:
        yield served


def with_user(camera: VirtualCamera) -> str:
    return camera.url("/live").replace("://", "://admin:s3cret@")


def nal_lengths(data: bytes, codec: Codec) -> list[bytes]:
    return [slices(unit.data, codec) for unit in split_units(data, codec)]


def adts_frames(data: bytes) -> list[bytes]:
    """The AAC frames of a stream with ADTS headers (ISO/IEC 13818-7, 6.2)."""
    found, at = [], 0
    while at + 7 <= len(data):
        size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        assert data[at] == 0xFF
        found.append(data[at + (7 if data[at + 1] & 1 else 9) : at + size])
        at += size
    return found


def judge(clip: Clip, seen: bytes, heard: bytes) -> None:
    """Fail unless a client got a run of what was played, of the length that was played."""
    got = nal_lengths(seen, clip.codec)[:-1]  # the last one may be cut off
    assert len(got) >= (SECONDS - 2) * FPS
    assert missing(got, clip.pictures) == []
    if clip.sound_codec is Codec.AAC:
        frames = adts_frames(heard)[:-1]
        assert len(frames) >= (SECONDS - 2) * 40
        assert missing(frames, clip.sound) == []
    else:
        assert len(heard) >= (SECONDS - 2) * 8_000
        assert is_part_of([heard], clip.sound)


async def plays_for_a_while(command: Sequence[str], log: Path) -> None:
    """Run a client for as long as the test takes, or until it ends by itself."""
    async with running(command, log) as process:
        try:
            await asyncio.wait_for(process.wait(), SECONDS + 20)
        except TimeoutError:
            process.terminate()
            await process.wait()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(("codec", "sound"), KINDS)
def test_ffmpeg_as_a_client(
    tmp_path: Path, clips: dict[tuple[Codec, Codec], Clip], transport: str, codec: Codec, sound: Codec
) -> None:
    ffmpeg()
    clip = clips[codec, sound]

    async def run() -> None:
        async with camera(clip) as served:
            command = ["ffmpeg", "-nostdin", "-loglevel", "warning", "-rtsp_transport", transport]
            command += ["-i", with_user(served), "-t", str(SECONDS), "-map", "0:v", "-c", "copy"]
            command += ["-f", _MUXERS[codec], str(tmp_path / "seen"), "-t", str(SECONDS), "-map", "0:a", "-c", "copy"]
            await plays_for_a_while([*command, "-f", _MUXERS[sound], str(tmp_path / "heard")], tmp_path / "log")

    asyncio.run(run())
    judge(clip, (tmp_path / "seen").read_bytes(), (tmp_path / "heard").read_bytes())


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(("codec", "sound"), KINDS)
def test_gstreamer_as_a_client(
    tmp_path: Path, clips: dict[tuple[Codec, Codec], Clip], transport: str, codec: Codec, sound: Codec
) -> None:
    gstreamer()
    clip = clips[codec, sound]

    async def run() -> None:
        async with camera(clip) as served:
            command = ["gst-launch-1.0", "-q", "rtspsrc", f"location={served.url('/live')}", f"protocols={transport}"]
            command += ["user-id=admin", "user-pw=s3cret", "latency=200", "name=s"]
            for kind, name in ((codec, "seen"), (sound, "heard")):
                media = "video" if kind.is_video else "audio"
                chain = f"s. ! application/x-rtp,media={media} ! queue ! {_DEPAY[kind]}"
                command += [*chain.split(), "!", "filesink", f"location={tmp_path / name}", "buffer-mode=unbuffered"]
            async with running(command, tmp_path / "log") as process:
                await asyncio.sleep(SECONDS + 2)
                assert process.returncode is None, (tmp_path / "log").read_text()

    asyncio.run(run())
    judge(clip, (tmp_path / "seen").read_bytes(), (tmp_path / "heard").read_bytes())
