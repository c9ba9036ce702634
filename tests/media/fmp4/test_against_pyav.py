"""A second opinion: what FFmpeg reads of our files is what we put in."""

from collections.abc import Callable
from io import BytesIO

import av
import pytest
from av.container import InputContainer

from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit, AudioParams, CodecParams, VideoParams
from haechi.media.fmp4.muxer import chunk, fragment, init_segment
from haechi.media.fmp4.reader import read_init, scan
from haechi.media.fmp4.stamps import Source
from tests.streams import (
    CodedUnit,
    aac_stream,
    h264_stream,
    h265_stream,
    mjpeg_stream,
    opus_stream,
    pcm_stream,
    stamped,
    vp8_stream,
)

STREAM = StreamId("cam_test/main")
Case = Callable[[], tuple[CodecParams, list[CodedUnit]]]
CASES: dict[str, Case] = {
    "h264": h264_stream,
    "h264 with B-frames": lambda: h264_stream(bframes=2),
    "h265": h265_stream,
    "h265 with B-frames": lambda: h265_stream(bframes=2),
    "vp8": vp8_stream,
    "mjpeg": mjpeg_stream,
    "aac": aac_stream,
    "aac stereo 44.1 kHz": lambda: aac_stream(20, 44_100, 2),
    "opus": opus_stream,
    "pcmu": lambda: pcm_stream(law="ulaw"),
    "pcma": lambda: pcm_stream(law="alaw"),
}
DECODERS = {
    "h264": "h264", "h265": "hevc", "vp8": "vp8", "mjpeg": "mjpeg", "aac": "aac", "opus": "opus", "pcmu": "pcm_mulaw",
    "pcma": "pcm_alaw",
}  # fmt: skip


def opened(file: bytes) -> InputContainer:
    container = av.open(BytesIO(file), "r", format="mp4")
    assert isinstance(container, InputContainer)
    return container


def recorded(params: CodecParams, units: list[AccessUnit], size: int) -> bytes:
    parts = [init_segment(params, Source(STREAM, 1))]
    for number, start in enumerate(range(0, len(units), size), 1):
        rest = units[start + size : start + size + 1]
        parts.append(fragment(units[start : start + size], params, number, end_dts=rest[0].dts if rest else None))
    return b"".join(parts)


@pytest.mark.parametrize("name", CASES)
def test_ffmpeg_reads_every_packet_with_its_bytes_times_and_key_flag(name: str) -> None:
    params, coded = CASES[name]()
    units = stamped(coded, STREAM)
    with opened(recorded(params, units, 15)) as container:
        stream = container.streams[0]
        assert stream.codec_context.name == DECODERS[params.codec]
        if isinstance(params, VideoParams):
            size = (container.streams.video[0].width, container.streams.video[0].height)
            assert size == (params.width_px, params.height_px)
        else:
            assert container.streams.audio[0].sample_rate == params.rate_hz
        packets = [p for p in container.demux(stream) if p.size]
    assert [bytes(p) for p in packets] == [u.data for u in units]
    assert [(p.pts, p.dts, p.is_keyframe) for p in packets] == [(u.pts, u.dts, u.is_sync) for u in units]


@pytest.mark.parametrize("name", CASES)
def test_ffmpeg_decodes_every_frame(name: str) -> None:
    params, coded = CASES[name]()
    units = stamped(coded, STREAM)
    with opened(recorded(params, units, 15)) as container:
        frames = list(container.decode(container.streams[0]))
    if isinstance(params, VideoParams):
        assert len(frames) == len(units)
    else:
        assert sum(frame.samples for frame in frames if isinstance(frame, av.AudioFrame)) > 0


@pytest.mark.parametrize("name", CASES)
def test_live_chunks_after_an_init_segment_are_a_playable_file(name: str) -> None:
    params, coded = CASES[name]()
    units = stamped(coded, STREAM)
    after = [*[unit.dts for unit in units[1:]], units[-1].dts + 3000]
    chunks = [
        chunk(unit, params, number, duration_ticks=end - unit.dts)
        for number, (unit, end) in enumerate(zip(units, after, strict=True), 1)
    ]
    with opened(init_segment(params) + b"".join(chunks)) as container:
        packets = [p for p in container.demux(container.streams[0]) if p.size]
    assert [bytes(p) for p in packets] == [u.data for u in units]
    assert [(p.pts, p.dts, p.is_keyframe) for p in packets] == [(u.pts, u.dts, u.is_sync) for u in units]


@pytest.mark.parametrize("name", CASES)
def test_parameters_come_back_exactly(name: str) -> None:
    params, coded = CASES[name]()
    assert scan(recorded(params, stamped(coded, STREAM), 15)).init.params == params
    live = read_init(init_segment(params))
    assert live.source is None
    assert (live.params.sets if isinstance(live.params, VideoParams) else live.params.config) == (
        params.sets if isinstance(params, VideoParams) else params.config
    )
    if isinstance(params, AudioParams) and isinstance(live.params, AudioParams):
        assert (live.params.rate_hz, live.params.channels) == (params.rate_hz, params.channels)


@pytest.mark.parametrize("name", ["aac", "opus", "pcmu"])
def test_audio_without_a_known_end_lasts_as_long_as_its_frame(name: str) -> None:
    params, coded = CASES[name]()
    units = stamped(coded, STREAM)
    last = scan(recorded(params, units, 1)).fragments[0].units[0].sample
    assert last.duration == units[1].dts - units[0].dts
    assert fragment(units[:1], params, 1) == fragment(units[:1], params, 1, end_dts=units[1].dts)
