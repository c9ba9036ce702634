"""RTP as FFmpeg's muxer sends it, taken in by our depacketisers: the same units must come out."""

import io
import socket
from fractions import Fraction

import av
import numpy as np
import pytest

from haechi.media.access_unit import Codec, CodecParams, RawUnit, VideoParams
from haechi.media.depacketise import depacketiser_for
from haechi.media.jpeg import parse_jpeg
from haechi.media.nal import join_annexb, join_lengths, split_annexb, split_lengths
from haechi.media.packetise import track_for
from haechi.media.rtp import RtpPacket
from haechi.media.sdp import MediaTrack
from tests.streams import (
    CodedUnit,
    aac_stream,
    h264_stream,
    h265_stream,
    mjpeg_stream,
    opus_stream,
    pcm_stream,
    picture,
)


def sent_by_ffmpeg(file: bytes, form: str, options: dict[str, str] | None = None) -> tuple[list[bytes], list[bytes]]:
    """(RTP packets, coded packets) of a file that FFmpeg reads and sends over UDP, as fast as it can."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        url = f"rtp://127.0.0.1:{receiver.getsockname()[1]}?pkt_size=1200"
        coded: list[bytes] = []
        packets: list[bytes] = []
        with (
            av.open(io.BytesIO(file), "r", format=form, options=options or {}) as source,
            av.open(url, "w", format="rtp") as target,
        ):
            given = source.streams[0]
            taken = target.add_stream_from_template(given)
            for number, packet in enumerate(source.demux(given)):
                if not packet.size:
                    continue
                coded.append(bytes(packet))
                if packet.pts is None:
                    packet.time_base = Fraction(1, 25)
                    packet.pts = packet.dts = number
                packet.stream = taken
                target.mux(packet)
                packets += waiting(receiver)
        return packets + waiting(receiver), coded


def waiting(receiver: socket.socket) -> list[bytes]:
    found: list[bytes] = []
    while True:
        try:
            found.append(receiver.recv(65_536))
        except BlockingIOError:
            return [packet for packet in found if not 200 <= packet[1] <= 204]


def taken(track: MediaTrack, packets: list[bytes]) -> list[RawUnit]:
    kind = RtpPacket.parse(packets[0]).payload_type
    fields = {name: getattr(track, name) for name in track.__struct_fields__}
    depacketiser = depacketiser_for(MediaTrack(**{**fields, "payload_type": kind}))
    return [unit for packet in packets for unit in depacketiser.feed_data(packet)] + depacketiser.flush()


def without_sets(packet: bytes, codec: Codec) -> bytes:
    kinds = {7, 8, 9} if codec is Codec.H264 else {32, 33, 34, 35}
    nals = split_annexb(packet)
    return join_lengths(n for n in nals if (n[0] & 31 if codec is Codec.H264 else n[0] >> 1 & 63) not in kinds)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_video_comes_out_as_it_went_in(codec: Codec) -> None:
    params, units = (h264_stream if codec is Codec.H264 else h265_stream)(frames=30, gop=10, size=(640, 480))
    groups = [join_annexb([*(params.sets if unit.is_sync else ()), *split_lengths(unit.data)]) for unit in units]
    packets, coded = sent_by_ffmpeg(b"".join(groups), "h264" if codec is Codec.H264 else "hevc", {"framerate": "25"})
    out = taken(track_for(params), packets)
    assert [unit.data for unit in out] == [without_sets(packet, codec) for packet in coded]
    assert [unit.is_sync for unit in out] == [unit.is_sync for unit in units]
    assert isinstance(out[0].params, VideoParams)
    assert out[0].params.sets == params.sets
    assert not any(unit.damaged for unit in out)


def test_pictures_come_out_with_the_same_pixels() -> None:
    params, _ = mjpeg_stream(frames=1)
    packets, coded = sent_by_ffmpeg(pictures(5), "mjpeg")
    out = taken(track_for(params), packets)
    assert out[0].params == params
    assert [parse_jpeg(unit.data).scan for unit in out] == [parse_jpeg(data).scan for data in coded]
    for unit, original in zip(out, coded, strict=True):
        assert np.array_equal(pixels(unit.data), pixels(original))


def pictures(frames: int) -> bytes:
    """JPEG files without restart markers, which FFmpeg's muxer does not know of."""
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.thread_count = 320, 240, "yuvj420p", 1
    context.time_base, context.options = Fraction(1, 25), {"huffman": "default"}
    made = b""
    for number in range(frames):
        frame = picture(number, (320, 240)).reformat(format="yuvj420p")
        frame.pts = number
        made += b"".join(bytes(packet) for packet in context.encode(frame))
    return made + b"".join(bytes(packet) for packet in context.encode(None))


def pixels(file: bytes) -> np.ndarray:
    with av.open(io.BytesIO(file), mode="r", format="mjpeg") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def adts(units: list[CodedUnit]) -> bytes:
    sizes = [len(unit.data) + 7 for unit in units]
    heads = [bytes((0xFF, 0xF1, 0x4C, 0x40 | n >> 11, n >> 3 & 255, (n & 7) << 5 | 31, 0xFC)) for n in sizes]
    return b"".join(head + unit.data for head, unit in zip(heads, units, strict=True))


def in_container(units: list[CodedUnit], name: str, form: str, rate_hz: int) -> bytes:
    """Coded sound in a file, without coding it again."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(name, rate=rate_hz)
        for unit in units:
            packet = av.Packet(unit.data)
            packet.stream = stream
            packet.time_base = Fraction(1, 90_000)
            packet.pts = packet.dts = unit.pts
            container.mux(packet)
    return file.getvalue()


def sound(codec: Codec) -> tuple[CodecParams, list[CodedUnit], bytes, str]:
    if codec is Codec.AAC:
        params, units = aac_stream()
        return params, units, adts(units), "aac"
    if codec is Codec.OPUS:
        params, units = opus_stream()
        return params, units, in_container(units, "libopus", "ogg", 48_000), "ogg"
    law = "ulaw" if codec is Codec.PCMU else "alaw"
    params, units = pcm_stream(law=law)
    return params, units, b"".join(unit.data for unit in units), "mulaw" if law == "ulaw" else "alaw"


@pytest.mark.parametrize("codec", [Codec.AAC, Codec.OPUS, Codec.PCMU, Codec.PCMA])
def test_sound_comes_out_as_it_went_in(codec: Codec) -> None:
    params, _, file, form = sound(codec)
    options = {"sample_rate": "8000"} if codec in (Codec.PCMU, Codec.PCMA) else {}
    packets, coded = sent_by_ffmpeg(file, form, options)
    out = taken(track_for(params), packets)
    expected = [packet[7:] for packet in coded] if codec is Codec.AAC else coded
    found = b"".join(unit.data for unit in out)
    assert b"".join(expected).startswith(found)
    assert len(found) > 0.9 * sum(map(len, expected))  # FFmpeg keeps what waits for a full packet
    if codec in (Codec.AAC, Codec.OPUS):
        assert [unit.data for unit in out] == expected[: len(out)]
