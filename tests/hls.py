"""Streams for HLS as libav's muxer writes them: segments and playlist in a folder, and what went in."""

import asyncio
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from haechi.media.access_unit import Codec
from haechi.media.container import VideoPackets
from haechi.media.pieces import PieceUnit
from tests.streams import picture
from tests.web import Answer, page

RATE_HZ = 48_000
TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
}


@dataclass(frozen=True)
class Streamed:
    """A folder with a playlist ``live.m3u8``. ``pictures``: units as they were encoded, in order of decoding."""

    folder: Path
    pictures: tuple[bytes, ...]
    times: tuple[int, ...]

    def answers(self) -> dict[str, Answer]:
        """What a static server would give."""
        return {f"/{file.name}": ranged(file.read_bytes(), TYPES[file.suffix]) for file in self.folder.iterdir()}


def ranged(data: bytes, media_type: str) -> Answer:
    """A file that is given whole or in part (RFC 9110 section 14)."""

    async def write(writer: asyncio.StreamWriter, request: str) -> None:
        line = next((one for one in request.split("\r\n") if one.lower().startswith("range:")), "")
        if not line:
            await page(data, media_type)(writer, request)
            return
        first, last = (int(one) for one in line.partition("=")[2].split("-"))
        part = data[first : last + 1]
        await page(part, media_type, "206 Partial Content", f"Content-Range: bytes {first}-{last}/{len(data)}")(
            writer, request
        )

    return write


def streamed(
    folder: Path,
    *,
    codec: str = "libx264",
    seconds: int = 6,
    fps: int = 10,
    b_frames: int = 2,
    size: tuple[int, int] = (320, 240),
    **options: str,
) -> Streamed:
    """Encode and cut into segments of a second; ``options`` are those of libav's muxer."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {"hls_time": "1", "hls_list_size": "0", "hls_segment_type": "mpegts", **options}
    with av.open(str(folder / "live.m3u8"), "w", format="hls", options=wanted) as out:
        video = out.add_stream(codec, rate=fps)
        assert isinstance(video, av.VideoStream)
        (video.width, video.height), video.pix_fmt, video.gop_size = size, "yuv420p", fps
        video.codec_context.max_b_frames = b_frames
        quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {"sc_threshold": "0"}
        video.options = {"preset": "ultrafast", **quiet}
        sound = out.add_stream("aac", rate=RATE_HZ)
        assert isinstance(sound, av.AudioStream)
        sound.layout = "mono"
        packets: list[av.Packet[av.VideoStream]] = []
        for number in range(seconds * fps):
            frame = picture(number, size)
            frame.pts, frame.time_base = number, Fraction(1, fps)
            coded = video.encode(frame)
            packets += coded
            out.mux(coded)
            out.mux(sound.encode(tone(number, fps)))
        late = [*video.encode(None)]
        out.mux([*late, *sound.encode(None)])
        kind = Codec.H264 if codec == "libx264" else Codec.H265
        reader = VideoPackets(kind, bytes(video.codec_context.extradata or b""))
        pictures = [(reader.unit(bytes(packet)), packet.pts or 0) for packet in (*packets, *late)]
        scale = 90_000 * (*packets, *late)[0].time_base
        found = [(unit.data, round(pts * scale)) for unit, pts in pictures if unit is not None]
    return Streamed(folder, tuple(data for data, _ in found), tuple(at for _, at in found))


def tone(number: int, fps: int) -> av.AudioFrame:
    """The sound of one picture's time."""
    samples = np.sin(np.arange(RATE_HZ // fps) * 0.05 + number)[None].astype(np.float32)
    heard = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
    heard.rate, heard.pts = RATE_HZ, number * RATE_HZ // fps
    return heard


def pictures_of(units: list[PieceUnit]) -> list[bytes]:
    return [unit.data for unit in units if unit.is_video]
