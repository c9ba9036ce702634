"""What is written: limits, errors, cost."""

import time

import pytest

from haechi.base.errors import Invalid
from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit, AudioParams, Codec, UnitRef, VideoParams
from haechi.media.fmp4.muxer import chunk, fragment, init_segment
from haechi.media.fmp4.reader import samples
from tests.streams import h264_stream, h265_stream, stamped

STREAM = StreamId("cam_test/main")
MJPEG = VideoParams(Codec.MJPEG, 64, 48)


def unit(seq: int, dts: int, data: bytes = b"x", *, pts: int | None = None) -> AccessUnit:
    return AccessUnit(UnitRef(STREAM, 1, seq), dts if pts is None else pts, dts, 10**18 + seq, True, 0, data)


def test_decode_times_that_go_back_are_refused() -> None:
    with pytest.raises(Invalid, match="go back"):
        fragment([unit(0, 100), unit(1, 99)], MJPEG, 1)


def test_a_decode_time_before_the_start_of_the_run_is_refused() -> None:
    with pytest.raises(Invalid):
        fragment([unit(0, -1)], MJPEG, 1)
    with pytest.raises(Invalid):
        chunk(unit(0, -1), MJPEG, 1)


def test_a_fragment_has_at_least_one_unit() -> None:
    with pytest.raises(Invalid, match="at least one"):
        fragment([], MJPEG, 1)


def test_a_presentation_time_too_far_away_is_refused() -> None:
    with pytest.raises(Invalid):
        fragment([unit(0, 0, pts=1 << 31)], MJPEG, 1)
    with pytest.raises(Invalid):
        chunk(unit(0, 0, pts=1 << 31), MJPEG, 1)


def test_a_chunk_and_a_fragment_of_one_unit_tell_the_same() -> None:
    one = unit(7, 4500, b"payload", pts=9000)
    (of_chunk,) = samples(chunk(one, MJPEG, 3, duration_ticks=3000))
    (of_fragment,) = samples(fragment([one], MJPEG, 3, stamps=False, end_dts=7500))
    assert (of_chunk.pts, of_chunk.dts, of_chunk.duration, of_chunk.is_sync) == (9000, 4500, 3000, True)
    assert (of_fragment.pts, of_fragment.dts, of_fragment.duration) == (9000, 4500, 3000)


def test_without_a_known_end_a_video_unit_lasts_as_long_as_the_one_before() -> None:
    written = samples(fragment([unit(0, 0), unit(1, 6000)], MJPEG, 1))
    assert [sample.duration for sample in written] == [6000, 6000]


@pytest.mark.parametrize(
    "params",
    [
        VideoParams(Codec.H264, 320, 240),
        VideoParams(Codec.H264, 320, 240, (b"\x67\x64",)),
        VideoParams(Codec.H264, 320, 240, (b"\x67\x64\x00\x0c\xff", b"")),
        VideoParams(Codec.H264, 320, 240, (b"\x67\x64\x00\x0c", b"\x68\x00")),
        VideoParams(Codec.H265, 320, 240, (b"\x40\x01", b"\x42\x01\x01", b"\x44\x01")),
        VideoParams(Codec.MJPEG, 0, 240),
        VideoParams(Codec.MJPEG, 70_000, 240),
        VideoParams(Codec.AAC, 320, 240),
        AudioParams(Codec.H264, 48_000, 1),
        AudioParams(Codec.AAC, 48_000, 1, bytes(65)),
        AudioParams(Codec.PCMU, 8_000, 0),
        AudioParams(Codec.OPUS, 48_000, 3),
    ],
)
def test_parameters_that_cannot_be_written_are_refused_with_a_reason(params: VideoParams | AudioParams) -> None:
    with pytest.raises(Invalid) as caught:
        init_segment(params)
    assert caught.value.code in {"bad-parameter-sets", "bad-picture-size", "unsupported-codec", "bad-audio-params"}


def test_a_parameter_set_cut_off_anywhere_is_written_or_refused_never_crashed_on() -> None:
    refused = 0
    for params, _ in (h264_stream(), h265_stream()):
        for index, one in enumerate(params.sets):
            for cut in range(len(one)):
                sets = (*params.sets[:index], one[:cut], *params.sets[index + 1 :])
                refused += code_of_refusal(VideoParams(params.codec, 320, 240, sets)) == "bad-parameter-sets"
    assert refused > 20


def code_of_refusal(params: VideoParams) -> str:
    try:
        init_segment(params)
    except Invalid as error:
        return error.code
    return ""


@pytest.mark.slow
def test_a_chunk_costs_less_than_25_microseconds() -> None:
    params, coded = h264_stream()
    units = stamped(coded, STREAM)
    best = min(_time_of_chunks(units, params) for _ in range(20))
    assert best / len(units) < 25e-6


def _time_of_chunks(units: list[AccessUnit], params: VideoParams) -> float:
    start = time.perf_counter()
    for number, one in enumerate(units):
        chunk(one, params, number, duration_ticks=3000)
    return time.perf_counter() - start
