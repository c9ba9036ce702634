"""Film files of the tests' own making, and what libav by itself finds in them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from msgspec import Struct

from tests.streams import picture

FPS = 15


class Packet(Struct, frozen=True):
    """A packet as libav demuxes it: times in 90 kHz ticks."""

    kind: str
    data: bytes
    pts: int
    dts: int


def write_film(
    path: Path,
    *,
    video: str = "libx264",
    sound: str = "",
    seconds: float = 2,
    bframes: int = 0,
    created: str = "",
) -> Path:
    """Encode a film of 320 × 240; the container follows from the ending of ``path``."""
    size = (320, 240)
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"} if created else {}) as container:
        if created:
            container.metadata["creation_time"] = created
        rate = 8_000 if sound.startswith("pcm") else 48_000
        track = container.add_stream(video, FPS) if video else None
        voice = container.add_stream(sound, rate, layout="mono") if sound else None
        if isinstance(track, av.VideoStream):
            track.width, track.height = size
            track.pix_fmt = "yuvj420p" if video == "mjpeg" else "yuv420p"
            track.codec_context.gop_size, track.codec_context.max_b_frames = FPS, bframes
            track.codec_context.thread_count = 1
            for number in range(int(seconds * FPS)):
                frame = picture(number, size)
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(track.encode(frame))
        if isinstance(voice, av.AudioStream):
            _speak(container, voice, seconds)
        for one in (track, voice):
            if isinstance(one, av.VideoStream | av.AudioStream):
                container.mux(one.encode(None))
    return path


def _speak(container: av.container.OutputContainer, voice: av.AudioStream, seconds: float) -> None:
    context = voice.codec_context
    rate, chunk = context.sample_rate, context.frame_size or 960
    for first in range(0, int(seconds * rate), chunk):
        wave = (np.sin(np.arange(first, first + chunk) * 0.06) * 8000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
        resampled = av.AudioResampler(context.format, "mono", rate).resample(frame)
        for one in resampled:
            one.pts, one.time_base = first, Fraction(1, rate)
            container.mux(voice.encode(one))


def packets_of(path: Path, kind: str = "video") -> list[Packet]:
    """What libav demuxes on its own."""
    with av.open(str(path)) as container:
        track = next(stream for stream in container.streams if stream.type == kind)
        found = []
        for packet in container.demux(track):
            if packet.size and packet.time_base is not None:
                scale = packet.time_base * 90_000
                given = packet.pts if packet.pts is not None else packet.dts
                decoded = packet.dts if packet.dts is not None else given
                assert given is not None
                assert decoded is not None
                found.append(Packet(kind, bytes(packet), round(given * scale), round(decoded * scale)))
        return found
