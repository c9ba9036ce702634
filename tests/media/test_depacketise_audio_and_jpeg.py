"""AAC, G.711, Opus and JPEG over RTP."""

import io
import random

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.errors import Invalid, PeerError
from haechi.media import aac, jpeg
from haechi.media.access_unit import AudioParams, Codec, CodecParams, RawUnit, VideoParams
from haechi.media.depacketise import depacketiser_for
from haechi.media.packetise import RtpSender, track_for
from haechi.media.payload.aac import AacDepacketiser
from haechi.media.payload.base import Depacketiser
from haechi.media.payload.mjpeg import MjpegDepacketiser, MjpegPacketiser
from haechi.media.rtp import RtpPacket
from haechi.media.sdp import MediaTrack
from tests.streams import CodedUnit, aac_stream, mjpeg_stream, opus_stream, pcm_stream


def sent(params: CodecParams, units: list[CodedUnit], step: int) -> list[bytes]:
    sender = RtpSender(track_for(params), params.codec, ssrc=1)
    return [packet for n, unit in enumerate(units) for packet in sender.packetise(unit.data, n * step)]


def feed(depacketiser: Depacketiser, packets: list[bytes]) -> list[RawUnit]:
    return [unit for packet in packets for unit in depacketiser.feed_data(packet)] + depacketiser.flush()


@pytest.mark.parametrize(
    ("stream", "step"),
    [(aac_stream(), 1024), (opus_stream(), 960), (pcm_stream(law="ulaw"), 160), (pcm_stream(law="alaw"), 160)],
)
def test_sound_comes_in_as_it_went_out(stream: tuple[AudioParams, list[CodedUnit]], step: int) -> None:
    params, units = stream
    out = feed(depacketiser_for(track_for(params)), sent(params, units, step))
    assert [unit.data for unit in out] == [unit.data for unit in units]
    assert [unit.rtp_ticks for unit in out] == [n * step for n in range(len(units))]
    assert all(unit.is_sync for unit in out)
    read = out[0].params
    assert isinstance(read, AudioParams)
    assert (read.codec, read.rate_hz, read.config, read.codec_string) == (
        params.codec,
        params.rate_hz,
        params.config,
        params.codec_string,
    )


def test_a_lost_packet_of_sound_is_counted_with_the_next_frame() -> None:
    params, units = pcm_stream()
    packets = sent(params, units, 160)
    out = feed(depacketiser_for(track_for(params)), packets[:5] + packets[7:])
    assert [unit.lost_packets for unit in out][:7] == [0, 0, 0, 0, 0, 2, 0]


AAC_TRACK = MediaTrack("audio", 97, "MPEG4-GENERIC", 48_000, 2, {"mode": "AAC-hbr", "config": "1190"})


def test_several_aac_frames_in_a_packet_are_taken_apart() -> None:
    frames = [bytes([n]) * (100 + n) for n in range(4)]
    heads = b"".join((len(frame) << 3).to_bytes(2, "big") for frame in frames)
    payload = (16 * len(frames)).to_bytes(2, "big") + heads + b"".join(frames)
    out = feed(depacketiser_for(AAC_TRACK), [RtpPacket(97, 0, 2**32 - 1024, 1, True, payload).serialise()])
    assert [unit.data for unit in out] == frames
    assert [unit.rtp_ticks for unit in out] == [2**32 - 1024 + 1024 * n for n in range(4)]


@given(st.integers(1200, 8191), st.integers(160, 1500))
def test_an_aac_frame_over_several_packets_is_put_together(size: int, most: int) -> None:
    frame = random.Random(size).randbytes(size)
    sender = RtpSender(AAC_TRACK, Codec.AAC, ssrc=1, max_payload_bytes=most)
    out = feed(depacketiser_for(AAC_TRACK), sender.packetise(frame, 5) + sender.packetise(b"next", 1029))
    assert [unit.data for unit in out] == [frame, b"next"]


def test_an_aac_frame_with_a_missing_piece_is_dropped_and_the_next_is_whole() -> None:
    sender = RtpSender(AAC_TRACK, Codec.AAC, ssrc=1)
    pieces = sender.packetise(b"x" * 4000, 0)
    out = feed(depacketiser_for(AAC_TRACK), [pieces[0], *pieces[2:], *sender.packetise(b"next", 1024)])
    assert [(unit.data, unit.lost_packets) for unit in out] == [(b"next", 1)]


@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 2)), max_size=12))
def test_noise_as_aac_is_a_peer_error_or_frames(payloads: list[tuple[bytes, int]]) -> None:
    depacketiser = depacketiser_for(AAC_TRACK)
    for n, (payload, timestamp) in enumerate(payloads):
        try:
            depacketiser.feed_data(RtpPacket(97, n, timestamp, 1, True, payload).serialise())
        except PeerError:
            continue


@pytest.mark.parametrize(
    ("config", "rate", "channels", "samples", "name"),
    [
        ("1190", 48_000, 2, 1024, "mp4a.40.2"),
        ("1408", 16_000, 1, 1024, "mp4a.40.2"),
        ("2b8a0800", 44_100, 1, 2048, "mp4a.40.5"),
        ("1194", 48_000, 2, 960, "mp4a.40.2"),
    ],
)
def test_audio_configurations_are_read(config: str, rate: int, channels: int, samples: int, name: str) -> None:
    parsed = aac.parse_config(bytes.fromhex(config))
    assert (parsed.rate_hz, parsed.channels, parsed.samples_per_frame) == (rate, channels, samples)
    assert aac.audio_params(bytes.fromhex(config)).codec_string == name


def test_a_missing_audio_configuration_is_made_from_the_description() -> None:
    track = MediaTrack("audio", 97, "MPEG4-GENERIC", 16_000, 1, {"mode": "AAC-hbr"})
    (unit,) = depacketiser_for(track).feed_data(RtpPacket(97, 0, 0, 1, True, b"\x00\x10\x00\x08a").serialise())
    assert isinstance(unit.params, AudioParams)
    assert unit.params.config == bytes.fromhex("1408")


@given(st.binary(max_size=20))
def test_noise_as_audio_configuration_is_a_peer_error_or_values(data: bytes) -> None:
    try:
        aac.audio_params(data)
    except PeerError:
        return


@pytest.mark.parametrize("fmtp", [{"mode": "celp-cbr"}, {"config": "xyz"}])
def test_aac_that_we_do_not_carry_is_refused(fmtp: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        depacketiser_for(MediaTrack("audio", 97, "MPEG4-GENERIC", 48_000, 2, fmtp))


def test_latm_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="MP4A-LATM"):
        depacketiser_for(MediaTrack("audio", 97, "MP4A-LATM", 48_000, 2))


def test_adts_frames_are_taken_apart() -> None:
    params, units = aac_stream(rate_hz=48_000, channels=1)
    config = aac.build_config(48_000, 1)
    assert config == params.config[:2]
    frames = [unit.data for unit in units[:5]]
    sizes = [len(frame) + 7 for frame in frames]
    heads = [bytes((0xFF, 0xF1, 0x4C, 0x40 | n >> 11, n >> 3 & 255, (n & 7) << 5 | 31, 0xFC)) for n in sizes]
    adts = b"".join(head + frame for head, frame in zip(heads, frames, strict=True))
    assert list(aac.split_adts(adts)) == [(config, frame) for frame in frames]
    with pytest.raises(PeerError):
        list(aac.split_adts(adts[:-1]))


def pixels(file: bytes) -> np.ndarray:
    with av.open(io.BytesIO(file), mode="r", format="mjpeg") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_pictures_come_in_with_the_same_pixels() -> None:
    params, units = mjpeg_stream()
    out = feed(MjpegDepacketiser(26), sent(params, units, 9000))
    assert out[0].params == params
    for unit, original in zip(out, units, strict=True):
        assert np.array_equal(pixels(unit.data), pixels(original.data))
        assert jpeg.parse_jpeg(unit.data) == jpeg.parse_jpeg(original.data)


def by_quality(quality: int, kind: int = 1) -> list[bytes]:
    """A picture as a camera sends it that leaves the tables to the Q value."""
    scan = jpeg.parse_jpeg(mjpeg_stream()[1][0].data).scan
    parts = [scan[at : at + 1000] for at in range(0, len(scan), 1000)]
    return [
        RtpPacket(
            26,
            n,
            0,
            1,
            n == len(parts) - 1,
            b"\x00" + (n * 1000).to_bytes(3, "big") + bytes((kind, quality, 40, 30)) + part,
        ).serialise()
        for n, part in enumerate(parts)
    ]


@pytest.mark.parametrize("quality", [1, 25, 50, 75, 99])
@pytest.mark.parametrize("kind", [0, 1])
def test_the_standard_tables_of_a_quality_make_a_picture_that_decodes(quality: int, kind: int) -> None:
    (unit,) = feed(MjpegDepacketiser(26), by_quality(quality, kind))
    assert unit.params == VideoParams(Codec.MJPEG, 320, 240)
    assert jpeg.parse_jpeg(unit.data).header == jpeg.JpegHeader(kind, 320, 240, jpeg.tables_for_quality(quality))
    if kind == 1:
        assert pixels(unit.data).shape == (240, 320, 3)


def test_quality_50_is_annex_k_itself() -> None:
    tables = jpeg.tables_for_quality(50)
    assert tables[:8] == bytes((16, 11, 12, 14, 12, 10, 16, 14))
    assert tables[64:72] == bytes((17, 18, 18, 24, 21, 24, 47, 26))
    assert (tables[63], tables[127]) == (99, 99)


def test_restart_markers_are_told_to_the_decoder() -> None:
    head = jpeg.JpegHeader(1, 320, 240, jpeg.tables_for_quality(50), restart_interval=20)
    scan = jpeg.parse_jpeg(mjpeg_stream()[1][0].data).scan
    packets = [
        RtpPacket(26, n, 0, 1, marker, payload).serialise()
        for n, (payload, marker) in enumerate(MjpegPacketiser().packetise(head.jfif() + scan + b"\xff\xd9"))
    ]
    (unit,) = feed(MjpegDepacketiser(26), packets)
    assert jpeg.parse_jpeg(unit.data) == jpeg.Jpeg(head, scan)


def test_tables_sent_once_are_used_again_and_unknown_ones_refused() -> None:
    tables = jpeg.tables_for_quality(30)
    first = b"\x00\x00\x00\x00\x01\x80\x28\x1e\x00\x00\x00\x80" + tables + b"scan"
    again = b"\x00\x00\x00\x00\x01\x80\x28\x1e\x00\x00\x00\x00" + b"scan"
    packets = [RtpPacket(26, n, n, 1, True, payload).serialise() for n, payload in enumerate((first, again))]
    out = feed(MjpegDepacketiser(26), packets)
    assert out[0].data == out[1].data
    with pytest.raises(PeerError):
        feed(MjpegDepacketiser(26), packets[1:])


def test_a_picture_with_a_hole_is_damaged_and_one_without_its_beginning_is_not_yielded() -> None:
    params, units = mjpeg_stream(size=(640, 480))
    packets = sent(params, units[:3], 9000)
    per_picture = next(n for n, packet in enumerate(packets) if RtpPacket.parse(packet).marker) + 1
    out = feed(MjpegDepacketiser(26), packets[:2] + packets[3:])
    assert [unit.damaged for unit in out] == [True, False, False]
    assert out[0].lost_packets == 1
    assert [unit.params for unit in out] == [params, params, None]
    out = feed(MjpegDepacketiser(26), packets[:per_picture] + packets[per_picture + 1 :])
    assert [unit.damaged for unit in out] == [False, False]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.binary(max_size=160), st.integers(0, 2), st.booleans()), max_size=8))
def test_noise_as_jpeg_is_a_peer_error_or_pictures(payloads: list[tuple[bytes, int, bool]]) -> None:
    depacketiser = MjpegDepacketiser(26)
    for n, (payload, timestamp, marker) in enumerate(payloads):
        for noise in (payload, b"\x00\x00\x00\x00\x41\xff\x28\x1e" + payload):
            try:
                depacketiser.feed_data(RtpPacket(26, n, timestamp, 1, marker, noise).serialise())
            except PeerError:
                continue


@given(st.integers(0, 900), st.integers(0, 255))
def test_a_jpeg_file_with_a_wrong_byte_is_a_peer_error_or_a_picture(at: int, value: int) -> None:
    file = bytearray(mjpeg_stream()[1][0].data)
    file[at] = value
    try:
        jpeg.parse_jpeg(bytes(file))
    except PeerError:
        return


def test_aac_headers_of_other_widths_are_read() -> None:
    depacketiser = AacDepacketiser(97, AudioParams(Codec.AAC, 8000, 1), ticks_per_frame=1024, size_bits=6, index_bits=2)
    payload = b"\x00\x10" + bytes((3 << 2, 2 << 2)) + b"abcde"
    out = depacketiser.feed_data(RtpPacket(97, 0, 0, 1, True, payload).serialise())
    assert [unit.data for unit in out] == [b"abc", b"de"]
