"""Parameter sets and access units of real bitstreams, against what PyAV reads."""

import io

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Invalid, PeerError
from haechi.media import h264, h265
from haechi.media.access_unit import Codec, VideoParams
from haechi.media.annexb import StreamUnit, split_units
from haechi.media.bits import BitReader
from haechi.media.nal import join_annexb, join_lengths, lengths_to_annexb, split_annexb, split_lengths, unescape
from tests.footage import footage, footage_names
from tests.streams import h264_stream, h265_stream

STREAMS = footage_names("h264/*") + footage_names("h265/*")
SETS = {Codec.H264: {7, 8, 9, 13, 15}, Codec.H265: {32, 33, 34, 35}}


def codec_of(name: str) -> Codec:
    return Codec.H265 if name.startswith("h265/") else Codec.H264


def kind_of(codec: Codec, nal: bytes) -> int:
    return nal[0] & 31 if codec is Codec.H264 else nal[0] >> 1 & 63


def pyav_packets(data: bytes, codec: Codec) -> tuple[list[bytes], tuple[int, int]]:
    """Packets without parameter sets and delimiters, and the display size."""
    with av.open(io.BytesIO(data), mode="r", format="hevc" if codec is Codec.H265 else "h264") as container:
        video = container.streams.video[0]
        packets = [bytes(packet) for packet in container.demux(video) if packet.size]
        size = (video.width, video.height)
    kept = ([nal for nal in split_annexb(one) if kind_of(codec, nal) not in SETS[codec]] for one in packets)
    return [join_lengths(nals) for nals in kept], size


@pytest.mark.skipif(not STREAMS, reason="test footage is not part of the repository")
@pytest.mark.parametrize("name", STREAMS)
def test_access_units_and_size_are_those_that_pyav_finds(name: str) -> None:
    data, codec = footage(name).read_bytes(), codec_of(name)
    packets, size = pyav_packets(data, codec)
    units = list(split_units(data, codec))
    assert [unit.data for unit in units] == packets
    assert units[0].params is not None
    assert (units[0].params.width_px, units[0].params.height_px) == size


def test_a_size_change_in_the_stream_gives_new_parameters() -> None:
    units = list(split_units(footage("h264/Error_I_P.264").read_bytes(), Codec.H264))
    sizes = [(unit.params.width_px, unit.params.height_px) for unit in units if unit.params]
    assert sizes[:2] == [(352, 288), (640, 480)]


def test_cropping_is_taken_off() -> None:
    first = next(split_units(footage("h264/CVFC1_Sony_C.jsv").read_bytes(), Codec.H264))
    assert first.params is not None
    assert (first.params.width_px, first.params.height_px) == (300, 168)


def test_the_conformance_window_is_taken_off() -> None:
    first = next(split_units(footage("h265/girlshy.h265").read_bytes(), Codec.H265))
    assert first.params is not None
    assert (first.params.width_px, first.params.height_px) == (316, 240)
    assert first.params.codec_string == "hvc1.1.6.L60.90"


def rejoined(params: VideoParams, units: list[bytes]) -> bytes:
    return join_annexb(params.sets) + b"".join(lengths_to_annexb(unit) for unit in units)


@pytest.mark.parametrize("odd_size", [(322, 242), (320, 240), (1920, 1080), (64, 64)])
def test_what_an_encoder_makes_of_any_size_is_read_back(odd_size: tuple[int, int]) -> None:
    params, units = h264_stream(frames=3, size=odd_size)
    read = list(split_units(rejoined(params, [unit.data for unit in units]), Codec.H264))
    assert read[0].params == params
    assert [unit.data for unit in read] == [unit.data for unit in units]
    assert [unit.is_sync for unit in read] == [unit.is_sync for unit in units]


def test_h265_codec_string_and_size_are_read_back() -> None:
    params, units = h265_stream(frames=3, size=(320, 240))
    read = list(split_units(rejoined(params, [unit.data for unit in units]), Codec.H265))
    assert read[0].params == params
    assert [unit.data for unit in read] == [unit.data for unit in units]


def test_a_codec_without_nal_units_is_refused() -> None:
    with pytest.raises(Invalid):
        list(split_units(b"", Codec.MJPEG))


@given(st.lists(st.binary(min_size=1, max_size=40).map(lambda data: b"\x41" + data + b"\x80"), max_size=8))
def test_lengths_and_start_codes_carry_the_same_nal_units(nals: list[bytes]) -> None:
    safe = [nal.replace(b"\x00\x00", b"\x00\x01") for nal in nals]
    assert list(split_lengths(join_lengths(nals))) == nals
    assert list(split_annexb(join_annexb(safe))) == safe
    assert lengths_to_annexb(join_lengths(safe)) == join_annexb(safe)


@given(st.binary(max_size=200))
def test_noise_as_lengths_is_a_peer_error_or_nal_units(data: bytes) -> None:
    try:
        assert join_lengths(split_lengths(data)) == data
    except PeerError:
        return


@given(st.binary(max_size=300), st.sampled_from([Codec.H264, Codec.H265]))
def test_noise_as_a_byte_stream_is_a_peer_error_or_units(data: bytes, codec: Codec) -> None:
    params, units = (h264_stream if codec is Codec.H264 else h265_stream)(frames=3)
    start = rejoined(params, [units[0].data])
    try:
        found = list(split_units(start + b"\x00\x00\x01" + data, codec))
    except PeerError:
        return
    assert all(isinstance(unit, StreamUnit) for unit in found)


@given(
    st.binary(max_size=80), st.sampled_from([b"\x67", b"\x68", b"\x65", b"\x06", b"\x42\x01", b"\x40\x01", b"\x44\x01"])
)
def test_noise_as_a_parameter_set_is_a_peer_error_or_values(data: bytes, head: bytes) -> None:
    nal = head + data
    for parse in (
        h264.parse_sps,
        h264.parse_pps_ids,
        h264.parse_slice_head,
        h264.has_recovery_point,
        h265.parse_sps,
        h265.parse_pps_ids,
        h265.parse_vps_id,
        h265.parse_slice_pps_id,
    ):
        try:
            parse(nal)
        except PeerError:
            continue


def test_emulation_prevention_is_undone_wherever_it_stands() -> None:
    assert unescape(b"\x67\x00\x00\x03\x01\x00\x00\x03\x00\x00\x03") == b"\x67\x00\x00\x01\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("bits", "value", "signed"), [("1", 0, 0), ("010", 1, 1), ("011", 2, -1), ("00100", 3, 2), ("0001000", 7, 4)]
)
def test_exp_golomb_codes_are_those_of_table_9_1(bits: str, value: int, signed: int) -> None:
    data = int(bits.ljust(8, "0"), 2).to_bytes(1, "big")
    assert BitReader(data).ue() == value
    assert BitReader(data).se() == signed


def test_a_code_that_is_too_long_or_cut_off_or_too_large_is_refused() -> None:
    for data, most in ((b"\x00" * 8, 10), (b"\x00", 10), (b"\x01\xff", 10)):
        with pytest.raises(PeerError):
            BitReader(data).ue(most)


def test_a_recovery_point_is_found_behind_other_messages() -> None:
    other = bytes((5, 3, 1, 2, 3))
    assert h264.has_recovery_point(b"\x06" + other + bytes((6, 1, 0xC4, 0x80)))
    assert not h264.has_recovery_point(b"\x06" + other + bytes((6, 1, 0x44, 0x80)))
    assert not h264.has_recovery_point(b"\x06" + other + b"\x80")
