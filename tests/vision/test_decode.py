"""Units become the frames that their GOP says, and hostile ones become errors."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media.access_unit import Codec, VideoParams
from haechi.vision.decode import Decoded, GopDecoder, annex_b
from tests.footage import footage
from tests.streams import CodedUnit, h264_stream, h265_stream, mjpeg_stream, vp8_stream
from tests.vision.scenes import STREAM, file_units

STREAMS = {
    "h264": lambda: h264_stream(frames=20, gop=20),
    "h264 with reordering": lambda: h264_stream(frames=20, gop=20, bframes=2),
    "h265": lambda: h265_stream(frames=20, gop=20),
    "h265 with reordering": lambda: h265_stream(frames=20, gop=20, bframes=2),
}


def decoded(params: VideoParams, units: Sequence[CodedUnit]) -> list[Decoded]:
    decoder = GopDecoder(params)
    out = [one for number, unit in enumerate(units) for one in decoder.feed(number, unit.pts, unit.data)]
    out += decoder.drain()
    assert decoder.damaged == 0
    return out


@pytest.mark.parametrize("name", STREAMS)
def test_every_unit_gives_its_frame(name: str) -> None:
    params, units = STREAMS[name]()
    frames = decoded(params, units)
    assert sorted(one.index for one in frames) == list(range(20))
    times = [units[one.index].pts for one in frames]
    assert times == sorted(times), "frames come in order of presentation"
    assert {(one.frame.width_px, one.frame.height_px) for one in frames} == {(320, 240)}


def test_the_picture_is_the_one_that_was_coded() -> None:
    params, units = h264_stream(frames=20, gop=20, bframes=2)
    for one in decoded(params, units):
        number = units[one.index].pts // 6000 - units[0].pts // 6000
        grey = one.frame.grey(160)
        bar = (number * 7) % (320 - 16) // 2
        assert grey[40, bar + 4] > 200, "the bright bar stands where the picture of this number has it"


def test_motion_jpeg_decodes_unit_by_unit() -> None:
    params, units = mjpeg_stream(frames=5)
    for unit in units:
        frames = decoded(params, [unit])
        assert frames[0].frame.scaled(64, 48).shape == (48, 64, 3)


def test_vp8_decodes_from_its_key_frame_on() -> None:
    params, units = vp8_stream(frames=15)
    assert [one.index for one in decoded(params, units)] == list(range(15))
    decoder = GopDecoder(params)
    assert not decoder.feed(1, units[1].pts, units[1].data), "nothing can be seen of it without the key frame"
    assert decoder.damaged == 1


def test_a_frame_depends_on_its_gop_alone() -> None:
    params, units = file_units(footage("people/one-by-one-person-detection.mp4"), STREAM, 40)
    starts = [number for number, unit in enumerate(units) if unit.is_sync]
    assert len(starts) > 2
    for start, end in zip(starts, [*starts[1:], len(units)], strict=True):
        gop = [CodedUnit(unit.data, unit.pts, unit.dts, unit.is_sync) for unit in units[start:end]]
        first = {one.index: one.frame.sha256() for one in decoded(params, gop)}
        second = {one.index: one.frame.sha256() for one in decoded(params, gop)}
        assert first == second
        assert len(first) == len(gop)
        cut = len(gop) // 2 + 1
        shorter = {one.index: one.frame.sha256() for one in decoded(params, gop[:cut])}
        assert all(first[index] == digest for index, digest in shorter.items())


def test_a_still_keeps_the_shape_and_is_never_made_larger() -> None:
    params, units = h264_stream(frames=2, gop=2)
    frame = decoded(params, units)[0].frame
    wide, small = frame.jpeg(4000, 80), frame.jpeg(80, 80)
    assert wide.startswith(b"\xff\xd8")
    assert len(small) < len(wide)


def test_a_damaged_unit_is_counted_and_what_follows_still_comes() -> None:
    params, units = h264_stream(frames=20, gop=20)
    decoder = GopDecoder(params)
    frames = []
    for number, unit in enumerate(units):
        data = bytearray(unit.data)
        if number == 5:
            data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
        frames += decoder.feed(number, unit.pts, bytes(data))
    frames += decoder.drain()
    assert {one.index for one in frames} >= {0, 1, 2, 3, 4, 19}


@given(st.binary(max_size=300))
def test_noise_is_no_sequence_of_nal_units_or_becomes_one_of_the_same_size(noise: bytes) -> None:
    size, offset = 0, len(noise)
    try:
        size = len(annex_b(noise))
    except PeerError as error:
        size, offset = len(noise), error.offset
    assert size == len(noise)
    assert 0 <= offset <= len(noise)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8))
def test_lengths_become_start_codes(nals: list[bytes]) -> None:
    data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
    assert annex_b(data) == b"".join(b"\0\0\0\1" + nal for nal in nals)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([Codec.H264, Codec.H265, Codec.VP8, Codec.MJPEG]), st.binary(max_size=400))
def test_the_decoder_survives_noise(codec: Codec, noise: bytes) -> None:
    decoder = GopDecoder(VideoParams(codec, 64, 64, (noise[:40] or b"\x67",)))
    data = noise if not codec.has_nals else len(noise).to_bytes(4, "big") + noise
    if noise:
        decoder.feed(0, 0, data)
    decoder.drain()


def test_frames_of_unlike_formats_are_hashed_by_their_luma() -> None:
    params, units = mjpeg_stream(frames=2)
    one, two = (decoded(params, [unit])[0].frame for unit in units)
    assert one.sha256() != two.sha256()
    assert np.ptp(one.grey(160)) > 50
