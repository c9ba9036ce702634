"""Programs that send plain RTP, into the result socket: a client opens the way, a program of others sends the video."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from haechi.bus.frames import Run
from haechi.ingest.rtp_push.modules import Attention, Listener, Verdict
from haechi.media.access_unit import AccessUnit, Codec
from haechi.media.push.wire import Frame, Kind
from haechi.media.push.words import KNOCK, Accepted, Announce, Request, read, say
from tests.cameras import until
from tests.ingest.rtp_push.stage import Raw, push_server
from tests.interop.clips import FPS, Clip, made, missing, slices
from tests.interop.programs import ffmpeg, gstreamer, running

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SECONDS = 6
_PAYLOAD_TYPES = {Codec.H264: 96, Codec.H265: 96, Codec.MJPEG: 26}
_PAY = {
    Codec.H264: "h264parse ! rtph264pay config-interval=-1",
    Codec.H265: "h265parse ! rtph265pay config-interval=-1",
    Codec.MJPEG: "jpegparse ! rtpjpegpay",
}


class Keep:
    """A module that keeps the units that it is asked about."""

    def __init__(self) -> None:
        self.units: list[AccessUnit] = []

    async def prepare(self) -> None:
        return

    def attend(self, run: Run, listener: Listener) -> Attention:
        return _Kept(self.units, listener)


class _Kept:
    def __init__(self, units: list[AccessUnit], listener: Listener) -> None:
        self._units = units
        self._listener = listener

    def unit(self, unit: AccessUnit) -> None:
        self._units.append(unit)
        self._listener.judged(Verdict(unit.ref, unit.captured_ns))

    def end(self) -> None:
        self._listener.ended()

    def drop(self) -> None:
        return


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[Codec, Clip]:
    folder = tmp_path_factory.mktemp("clips")
    return {codec: made(folder, codec, None, 12) for codec in _PAYLOAD_TYPES}


def by_ffmpeg(clip: Clip, port: int, own: int) -> Sequence[str]:
    command = ["ffmpeg", "-nostdin", "-loglevel", "warning", "-re", "-i", str(clip.path), "-map", "0:v", "-c", "copy"]
    if clip.codec is not Codec.MJPEG:  # nobody gets a description: the parameter sets must go along
        command += ["-bsf:v", "h264_mp4toannexb" if clip.codec is Codec.H264 else "hevc_mp4toannexb"]
    return [*command, "-f", "rtp", f"rtp://127.0.0.1:{port}?localrtpport={own}&pkt_size=1200"]


def by_gstreamer(clip: Clip, port: int, own: int) -> Sequence[str]:
    chain = f"filesrc location={clip.path} ! matroskademux ! queue ! {_PAY[clip.codec]} pt={_PAYLOAD_TYPES[clip.codec]}"
    return [
        "gst-launch-1.0",
        "-q",
        *chain.split(),
        "!",
        "udpsink",
        "host=127.0.0.1",
        f"port={port}",
        f"bind-port={own}",
    ]


def knock(port: int, secret: bytes) -> int:
    """Open the way for datagrams from a port of ours, which a program takes over; gives its number."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.sendto(KNOCK + secret, ("127.0.0.1", port))
        number: int = one.getsockname()[1]
        return number


@pytest.mark.parametrize("codec", list(_PAYLOAD_TYPES))
@pytest.mark.parametrize("program", [ffmpeg, gstreamer], ids=["ffmpeg", "gstreamer"])
def test_video_that_a_program_pushes_comes_whole(
    tmp_path: Path, clips: dict[Codec, Clip], program: object, codec: Codec
) -> None:
    command_of = by_gstreamer if program is gstreamer else by_ffmpeg
    (gstreamer if program is gstreamer else ffmpeg)()
    clip, keep = clips[codec], Keep()

    async def run() -> None:
        async with push_server(tmp_path, {"keep": keep}) as stage:
            raw = await Raw.connect(stage.port, stage.token)
            raw.say(say(Announce(codec.value, _PAYLOAD_TYPES[codec], transport="udp"), 1))
            accepted = read(await raw.until(Kind.ACCEPTED), Accepted)
            raw.say(say(Request("keep"), 1))
            await raw.until(Kind.GRANTED)
            own = knock(accepted.udp_port, accepted.secret)
            await raw.until(Kind.BOUND)
            async with running(command_of(clip, accepted.udp_port, own), tmp_path / "log"):
                await until(lambda: len(keep.units) >= SECONDS * FPS, SECONDS + 30)
            raw.say(Frame(Kind.PING, b"!").serialise())
            await raw.until(Kind.PONG)
            raw.close()

    asyncio.run(run())
    assert missing([slices(unit.data, codec) for unit in keep.units], clip.pictures) == []
    assert [unit.ref.seq for unit in keep.units] == list(range(len(keep.units)))
