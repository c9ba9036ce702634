"""Clips whose every picture and sample is known: what comes out of a program is compared with what went in."""

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from msgspec import Struct

from haechi.media.access_unit import Codec
from tests.streams import split_annexb

FPS = 15
GOP = 15
SIZE = (320, 240)
_ENCODERS = {Codec.H264: "libx264", Codec.H265: "libx265", Codec.MJPEG: "mjpeg"}
_SOUNDS = {Codec.AAC: ("aac", 48_000), Codec.PCMU: ("pcm_mulaw", 8_000), Codec.PCMA: ("pcm_alaw", 8_000)}
_FRAME_SAMPLES = {Codec.AAC: 1024, Codec.PCMU: 160, Codec.PCMA: 160}


class Clip(Struct, frozen=True):
    """A file, and what is in it.

    Attributes:
        pictures: What `slices` gives of each picture, in sending order; no two are alike.
        sound: AAC: each frame; G.711: 20 ms each. Empty when it has none.
    """

    path: Path
    codec: Codec
    sound_codec: Codec | None
    pictures: tuple[bytes, ...]
    sound: tuple[bytes, ...]


def made(folder: Path, codec: Codec, sound: Codec | None, seconds: int) -> Clip:
    """Encode a clip into a file: Matroska, or QuickTime for G.711."""
    suffix = "mov" if sound in (Codec.PCMU, Codec.PCMA) else "mkv"
    path = folder / f"{codec.value}-{sound.value if sound else 'silent'}-{seconds}.{suffix}"
    with av.open(str(path), "w") as container:
        video = _video_stream(container, codec)
        audio = _audio_stream(container, sound) if sound else None
        for second in range(seconds):
            for number in range(second * FPS, (second + 1) * FPS):
                frame = _picture(number)
                if codec is Codec.MJPEG:
                    frame = frame.reformat(format="yuvj420p")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(video.encode(frame))
            if audio is not None and sound is not None:
                for tone in _second_of_sound(second, sound):
                    container.mux(audio.encode(tone))
        container.mux(video.encode(None))
        if audio is not None:
            container.mux(audio.encode(None))
    return Clip(path, codec, sound, *_content(path, codec, sound))


def _picture(number: int) -> av.VideoFrame:
    """Grey, with noise that is never twice the same in the middle: no two coded pictures are alike, and most are
    larger than a packet."""
    luma = np.full((SIZE[1], SIZE[0]), 90 + number % 60, np.uint8)
    luma[72:168, 112:208] = np.random.default_rng(number).integers(40, 200, (96, 96), np.uint8)
    chroma = np.full((SIZE[1] // 2, SIZE[0]), 128, np.uint8)
    return av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")


def _video_stream(container: av.container.OutputContainer, codec: Codec) -> av.VideoStream:
    quiet = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0"
    options = {
        Codec.H264: {"preset": "ultrafast", "x264-params": quiet},
        Codec.H265: {"preset": "ultrafast", "x265-params": f"{quiet}:log-level=none:no-open-gop=1"},
        Codec.MJPEG: {"huffman": "default"},  # RFC 2435 sends no tables
    }
    stream = container.add_stream(_ENCODERS[codec], rate=FPS, options=options.get(codec, {}))
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = *SIZE, "yuvj420p" if codec is Codec.MJPEG else "yuv420p"
    stream.codec_context.thread_count = 1
    return stream


def _audio_stream(container: av.container.OutputContainer, sound: Codec) -> av.AudioStream:
    name, rate_hz = _SOUNDS[sound]
    stream = container.add_stream(name, rate=rate_hz, layout="mono")
    assert isinstance(stream, av.AudioStream)
    return stream


def _second_of_sound(second: int, sound: Codec) -> list[av.AudioFrame]:
    """A tone that rises slowly, so that no two pieces are alike."""
    _, rate_hz = _SOUNDS[sound]
    step = _FRAME_SAMPLES[sound]
    begin, end = -(-second * rate_hz // step) * step, (second + 1) * rate_hz
    frames = []
    for start in range(begin, end, step):
        at = np.arange(start, start + step) / rate_hz
        tone = (np.sin(at * (2_000 + 40 * at)) * 0.5).astype(np.float32)
        piece = (tone * 32_767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(piece, "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        frames.append(frame)
    return frames


def _content(path: Path, codec: Codec, sound: Codec | None) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    with av.open(str(path)) as container:
        packets = [(packet.stream.type, bytes(packet)) for packet in container.demux() if packet.size]
    coded = [data for kind, data in packets if kind == "video"]
    heard = [data for kind, data in packets if kind == "audio"]
    if sound not in (None, Codec.AAC):
        joined = b"".join(heard)
        heard = [joined[at : at + 160] for at in range(0, len(joined), 160)]
    pictures = tuple(slices(_lengths(data, codec), codec) for data in coded)
    assert len({*pictures}) == len(pictures), "the pictures of a clip must differ"
    return pictures, tuple(heard)


def _lengths(data: bytes, codec: Codec) -> bytes:
    """What Matroska holds, with a length before each NAL unit; it has those already when it holds H.26x as MP4 does."""
    is_annexb = codec is not Codec.MJPEG and data.startswith((b"\0\0\0\1", b"\0\0\1"))
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in split_annexb(data)) if is_annexb else data


def slices(data: bytes, codec: Codec) -> bytes:
    """The coded slices of a unit as `AccessUnit.data`, without what programs add or leave out; of JPEG the scan."""
    if codec is Codec.MJPEG:
        return _scan(data)
    is_slice: Callable[[int], bool] = (
        (lambda head: head & 31 in (1, 5)) if codec is Codec.H264 else lambda head: head >> 1 & 63 < 32
    )
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        nal = data[at + 4 : at + 4 + size]
        if is_slice(nal[0]):
            found.append(nal.rstrip(b"\0"))
        at += 4 + size
    return b"\0".join(found)


def _scan(data: bytes) -> bytes:
    """The entropy-coded part of a JPEG file: RFC 2435 sends no tables, so receivers write headers of their own."""
    begin = data.index(b"\xff\xda")
    begin += 2 + int.from_bytes(data[begin + 2 : begin + 4], "big")
    return data[begin:].rstrip(b"\0").removesuffix(b"\xff\xd9")


def missing(got: Sequence[bytes], known: Sequence[bytes]) -> list[str]:
    """What is wrong with ``got`` as a run of ``known``, which may be played in a loop: nothing, one hopes."""
    places = {one: number for number, one in enumerate(known)}
    trouble = [f"number {number} is not of the clip" for number, one in enumerate(got) if one not in places]
    steps = itertools.pairwise(places[one] for one in got if one in places)
    return trouble + [f"{a} is followed by {b}" for a, b in steps if (b - a) % len(known) != 1]


def is_part_of(got: Sequence[bytes], known: Sequence[bytes]) -> bool:
    """Whether G.711 in pieces of any size is a part of what was played, in a loop."""
    return b"".join(got) in b"".join(known) * 2
