"""Units decoded and coded anew: the codecs that cameras send, the size, the rate, sync units, and noise."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.live.renditions.messages import Coded, Shape, Unit, fit
from haechi.live.renditions.recode import Recoder
from haechi.media.access_unit import Codec, VideoParams
from haechi.media.annexb import StreamUnit, split_units
from tests.streams import CodedUnit, h264_stream, h265_stream, mjpeg_stream, vp8_stream

TILE = Shape(320, 180, 10)
FULL = Shape()
Stream = tuple[VideoParams, list[CodedUnit]]


def recoded(stream: Stream, shape: Shape, hidden: int = 0) -> list[Coded]:
    """What comes of a stream whose first ``hidden`` units are not to be shown."""
    params, units = stream
    recoder = Recoder(params, shape)
    coded: list[Coded] = []
    for number, unit in enumerate(units):
        coded += recoder.feed(Unit(1, number, unit.pts, unit.is_sync, number >= hidden, unit.data))
    assert recoder.damaged == 0
    return coded


def parsed(coded: Sequence[Coded]) -> list[StreamUnit]:
    return list(split_units(b"".join(one.data for one in coded), Codec.H264))


@pytest.mark.parametrize(
    "stream",
    [h264_stream(size=(640, 360)), h265_stream(), vp8_stream(), mjpeg_stream(30)],
    ids=["h264", "h265", "vp8", "mjpeg"],
)
def test_every_codec_of_cameras_comes_out_as_h264_of_the_same_size_picture_by_picture(stream: Stream) -> None:
    coded = recoded(stream, FULL)
    units = parsed(coded)
    assert [one.number for one in coded] == list(range(30))
    assert units[0].is_sync
    assert units[0].params is not None
    assert (units[0].params.width_px, units[0].params.height_px) == (stream[0].width_px, stream[0].height_px)
    assert units[0].params.codec_string.startswith("avc1.42")


def test_a_tile_is_small_and_has_ten_pictures_a_second_at_most() -> None:
    coded = recoded(h264_stream(60, 30, 30, (640, 480)), TILE)
    units = parsed(coded)
    assert units[0].params is not None
    assert (units[0].params.width_px, units[0].params.height_px) == (240, 180)
    assert [one.number for one in coded] == list(range(0, 60, 3))


def test_there_is_a_sync_unit_each_two_seconds_however_seldom_the_camera_sends_one() -> None:
    coded = recoded(h264_stream(50, 10, 50, (320, 240)), FULL)
    syncs = [one.number for one, unit in zip(coded, parsed(coded), strict=True) if unit.is_sync]
    assert syncs == [0, 20, 40]


def test_pictures_that_are_not_shown_are_decoded_for_those_after_them() -> None:
    coded = recoded(h265_stream(30, 15, 30), FULL, hidden=20)
    assert [one.number for one in coded] == list(range(20, 30))
    assert parsed(coded)[0].is_sync


def test_a_camera_that_reorders_its_pictures_is_shown_in_their_order() -> None:
    params, units = h264_stream(30, 15, 15, (320, 240), bframes=2)
    coded = recoded((params, units), FULL)
    shown = [units[one.number].pts for one in coded]
    assert shown == sorted(shown)
    assert len(shown) >= 25


def test_stills_are_jpegs_of_sync_units_each_given_out_at_once() -> None:
    params, units = h265_stream(30, 15, 5, (640, 360))
    recoder = Recoder(params, Shape(320, 180, 0, is_stills=True))
    for number, unit in enumerate(units):
        if unit.is_sync:
            (coded,) = recoder.feed(Unit(1, number, unit.pts, True, True, unit.data))
            assert coded.number == number
            image = cv2.imdecode(np.frombuffer(coded.data, np.uint8), cv2.IMREAD_COLOR)
            assert image is not None
            assert image.shape == (180, 320, 3)


@given(st.integers(1, 8192), st.integers(1, 8192))
def test_a_picture_keeps_its_shape_fits_and_is_never_odd_or_enlarged(width_px: int, height_px: int) -> None:
    wide, high = fit(width_px, height_px, TILE)
    assert wide % 2 == high % 2 == 0
    assert 16 <= wide <= 320
    assert 16 <= high <= 180
    full = fit(width_px, height_px, FULL)
    assert full == (max(16, width_px & ~1), max(16, height_px & ~1))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=6), st.sampled_from([Codec.H264, Codec.H265, Codec.VP8, Codec.MJPEG]))
def test_noise_gives_no_picture_and_no_error(noise: list[bytes], codec: Codec) -> None:
    recoder = Recoder(VideoParams(codec, 320, 240), TILE)
    for number, data in enumerate(noise):
        assert recoder.feed(Unit(1, number, number * 6000, True, True, data)) == ()
